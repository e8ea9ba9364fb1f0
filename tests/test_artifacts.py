"""Files between stages: whole or not at all, and named when they are not there."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from latentops import artifacts
from latentops.artifacts import Spec, Vocabulary
from latentops.errors import ArtifactError


class TestWholeFile:
    def test_the_file_changes_in_one_step(self, tmp_path: Path) -> None:
        path = tmp_path / "made/at/once.txt"
        with artifacts.whole_file(path) as partial:
            partial.write_text("new")
            assert not path.exists()
        assert path.read_text() == "new"
        assert os.listdir(path.parent) == ["once.txt"]

    def test_a_failure_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("old")

        def fail() -> None:
            with artifacts.whole_file(path) as partial:
                partial.write_text("half")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["file"]

    def test_a_kill_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("old")
        text = f"""
import os, signal
from pathlib import Path
from latentops import artifacts
with artifacts.whole_file(Path({str(path)!r})) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
        assert subprocess.run([sys.executable, "-c", text]).returncode == -signal.SIGKILL
        assert path.read_text() == "old"

    @pytest.mark.parametrize(
        ("number", "said"),
        [
            (errno.ENOSPC, "No space is left to write .*file. The file was left as it was"),
            (errno.EDQUOT, "No space is left"),
            (errno.EACCES, "file cannot be written: Permission denied"),
            (errno.EROFS, "file cannot be written: Read-only file system"),
        ],
    )
    def test_a_disk_that_refuses_is_one_line(self, tmp_path: Path, number: int, said: str) -> None:
        path = tmp_path / "file"
        path.write_text("old")

        def refused() -> None:
            with artifacts.whole_file(path):
                raise OSError(number, os.strerror(number))

        with pytest.raises(ArtifactError, match=said) as error:
            refused()
        assert "\n" not in str(error.value)
        assert path.read_text() == "old"

    def test_a_full_disk_is_one_line(self) -> None:
        """/dev/full refuses every write; Python meets it when the text is flushed."""
        if not Path("/dev/full").exists():
            pytest.skip("this system has no /dev/full")

        def write() -> None:
            with artifacts.whole_file(Path("anything")), open("/dev/full", "w") as full:
                full.write("x" * 100_000)

        with pytest.raises(ArtifactError, match="No space is left to write anything"):
            write()


class TestJson:
    def test_every_character_comes_back(self, tmp_path: Path) -> None:
        path = tmp_path / "file.json"
        value = {"text": "é 灯を \u2028 \\ \x00", "numbers": [1, 2.5, None, True]}
        artifacts.write_json(value, path)
        assert artifacts.read_json(path) == value
        assert "灯を" in path.read_text(encoding="utf-8")

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_numbers_that_json_has_not_are_refused(self, tmp_path: Path, value: float) -> None:
        path = tmp_path / "file.json"
        path.write_text("{}")
        with pytest.raises(ArtifactError, match="a number that is not finite"):
            artifacts.write_json({"elbo_nats": value}, path)
        assert path.read_text() == "{}"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('{"source": "x"}', r"does not fit this version \(kind: Field required\)"),
            (
                '{"source": "x", "kind": "image", "shape": [1], "new": 1}',
                r"does not fit this version \(new: Extra inputs are not permitted\)",
            ),
            ("[]", r"does not fit this version \(: Input should be a valid dictionary"),
            ('{"source": ', r"cannot be read \(Expecting value"),
            ("", r"cannot be read \(Expecting value"),
        ],
    )
    def test_a_file_of_another_version_or_cut_short(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        artifacts.SPEC.parent.mkdir()
        artifacts.SPEC.write_text(text)
        with pytest.raises(ArtifactError, match=rf"^data/spec\.json {said}") as error:
            artifacts.read_schema(Spec, artifacts.SPEC)
        assert str(error.value).endswith("Stage 'prepare' writes it: run `dvc repro prepare`.")
        assert "\n" not in str(error.value)

    def test_schemas_come_back_as_they_went(self, tmp_path: Path) -> None:
        spec = Spec(source="x", kind="image", shape=(1, 2, 3), levels=2, classes=("a",))
        vocabulary = Vocabulary(terms=("a", "b"), target=(1,), characters=(2, 5), documents=3)
        for value in (spec, vocabulary):
            artifacts.write_json(value, tmp_path / "file.json")
            assert artifacts.read_schema(type(value), tmp_path / "file.json") == value


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        (artifacts.SPEC, "prepare"),
        (artifacts.tensors_path("train"), "prepare"),
        (artifacts.table_path("test"), "prepare"),
        (artifacts.WEIGHTS, "train"),
        (artifacts.RUN, "train"),
        (artifacts.TRAIN_METRICS, "train"),
        (artifacts.TRAINING_CURVE, "train"),
        (artifacts.EVAL_METRICS, "evaluate"),
        (artifacts.REGISTERED, "register"),
        (artifacts.STUDY_BEST, "tune/dvc.yaml:tune"),
    ],
    ids=str,
)
def test_a_missing_file_names_the_stage_that_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path, stage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = f"{path} is missing. Stage '{stage}' writes it: run `dvc repro {stage}`."
    for read in (artifacts.read_json, artifacts.read_table, artifacts.read_tensors, artifacts.md5):
        with pytest.raises(ArtifactError) as error:
            read(path)
        assert str(error.value) == expected


@pytest.mark.parametrize("content", [b"", b"\x89PNG\xff\x00 junk", b"PAR1"])
def test_binary_junk_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for read in (artifacts.read_json, artifacts.read_table, artifacts.read_tensors):
        with pytest.raises(ArtifactError, match="cannot be read") as error:
            read(path)
        assert "\n" not in str(error.value)


class TestTables:
    @pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
    def test_a_table_comes_back(self, tmp_path: Path, name: str) -> None:
        table = pd.DataFrame({"row": [0, 1], "text": ['a "quoted", text', "灯を"], "x": [0.1, 2.0]})
        artifacts.write_table(table, tmp_path / name)
        pd.testing.assert_frame_equal(artifacts.read_table(tmp_path / name), table)

    def test_an_empty_table_keeps_its_header(self, tmp_path: Path) -> None:
        artifacts.write_table(pd.DataFrame({"row": [], "reason": []}), tmp_path / "refused.csv")
        assert (tmp_path / "refused.csv").read_text() == "row,reason\n"


ARRAYS = st.dictionaries(
    st.text("abc.", min_size=1),
    stn.arrays(
        st.sampled_from([np.float32, np.int64, np.uint8, np.bool_]),
        stn.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    max_size=3,
)


class TestTensors:
    @given(arrays=ARRAYS)
    def test_arrays_come_back_bit_for_bit(
        self, tmp_path_factory: pytest.TempPathFactory, arrays: artifacts.Arrays
    ) -> None:
        path = tmp_path_factory.mktemp("tensors") / "file.safetensors"
        artifacts.write_tensors(arrays, path)
        found = artifacts.read_tensors(path)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
            assert found[name].tobytes() == array.tobytes()

    def test_torch_reads_what_a_strided_array_becomes(self, tmp_path: Path) -> None:
        array = np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]
        artifacts.write_tensors({"x": array}, tmp_path / "file")
        found = safetensors.torch.load_file(tmp_path / "file")["x"]
        assert torch.equal(found, torch.tensor(array.copy()))

    def test_the_digest_is_of_names_types_shapes_and_values(self) -> None:
        x = np.arange(6, dtype=np.float32)
        same = artifacts.tensors_sha256({"a": x, "b": x.reshape(2, 3)})
        assert same == artifacts.tensors_sha256({"b": x.reshape(2, 3).copy(order="F"), "a": x})
        changed: list[dict[str, Any]] = [
            {"a": x, "c": x.reshape(2, 3)},
            {"a": x, "b": x.reshape(3, 2)},
            {"a": x.view(np.int32), "b": x.reshape(2, 3)},
            {"a": -x, "b": x.reshape(2, 3)},
            {"a": x},
        ]
        digests = {artifacts.tensors_sha256(arrays) for arrays in changed}
        assert len(digests | {same}) == 1 + len(changed)

    def test_the_digest_is_what_versions_were_tagged_with(self) -> None:
        expected = hashlib.sha256(b"w||u1|(2,)|" + b"\x01\x02").hexdigest()
        assert artifacts.tensors_sha256({"w": np.array([1, 2], np.uint8)}) == expected


def test_md5_is_that_of_dvc(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello\n")
    assert artifacts.md5(tmp_path / "file") == "b1946ac92492d2347c6235b4d2611184"
