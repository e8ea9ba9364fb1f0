"""Compression as a person meets it: tasks, commands, what is measured, and the report's section."""

import dataclasses
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_samples
from click.testing import CliRunner
from tiny_model import COUNTS, IMAGES, TEXTS, write_project
from tiny_splits import Sample, images, texts

from latentops.applications import compression, lossy
from latentops.applications.results import Applications, Compression, Lossless, OfCount
from latentops.applications.subject import Subject
from latentops.artifacts import Spec
from latentops.cli.main import cli
from latentops.codec import container
from latentops.errors import DataError, LatentOpsError
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.report import compression as report
from latentops.report.document import Picture, Table, Text, Warned

LEVELS = np.random.default_rng(0).integers(0, 256, (7, 1, 3, 2), dtype=np.uint8)
BINARY = IMAGES.model_copy(update={"levels": 2})


def model_folder(folder: Path, spec: Spec = IMAGES, seed: int = 0) -> Path:
    name = f"model-{spec.levels}-{seed}"
    write_project(folder / "project" / name, spec, seed)
    export(folder / "project" / name, folder / name)
    return folder / name


# The tasks


def test_the_tasks_give_back_what_they_took(tmp_path: Path) -> None:
    predictor = Predictor.from_folder(model_folder(tmp_path))
    packed = predictor.predict(LEVELS, "compress")
    assert isinstance(packed, np.ndarray)
    assert (packed.dtype, packed.shape[:3]) == (np.uint8, (1, 1, 1))
    np.testing.assert_array_equal(predictor.predict(packed, "decompress"), LEVELS)
    np.testing.assert_array_equal(predictor.predict(packed.ravel(), "decompress"), LEVELS)


@pytest.mark.parametrize(
    "raw",
    [LEVELS[:, 0], LEVELS.astype(np.int64), LEVELS / np.float32(255), LEVELS.tolist()],
    ids=["without channel", "integers", "shares", "lists"],
)
def test_images_come_in_many_forms_and_back_as_levels(tmp_path: Path, raw: Any) -> None:
    predictor = Predictor.from_folder(model_folder(tmp_path))
    np.testing.assert_array_equal(predictor.decompress(predictor.compress(raw)), LEVELS)


def test_shares_between_two_levels_are_refused(tmp_path: Path) -> None:
    predictor = Predictor.from_folder(model_folder(tmp_path))
    with pytest.raises(DataError, match="between two of the 256 levels"):
        predictor.compress(np.full((1, 3, 2), 0.3))


def test_black_and_white_come_back_in_the_values_they_had(tmp_path: Path) -> None:
    predictor = Predictor.from_folder(model_folder(tmp_path, BINARY))
    for white in (1, 255):
        given = (LEVELS > 99).astype(np.uint8) * np.uint8(white)
        np.testing.assert_array_equal(predictor.decompress(predictor.compress(given)), given)


def test_texts_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    of_texts = Predictor.from_folder(model_folder(tmp_path, COUNTS))
    for task in ("compress", "decompress"):
        with pytest.raises(DataError, match="of images; this model reads texts"):
            of_texts.predict(TEXTS, task)
    of_images = Predictor.from_folder(model_folder(tmp_path))
    for wrong in (LEVELS, np.zeros(9)):
        with pytest.raises(DataError, match="bytes of one compressed file"):
            of_images.predict(wrong, "decompress")


def test_only_the_same_weights_and_settings_read_a_file(tmp_path: Path) -> None:
    ours, other = (Predictor.from_folder(model_folder(tmp_path, seed=seed)) for seed in (0, 1))
    packed = ours.compress(LEVELS)
    again = Predictor.from_folder(model_folder(tmp_path))
    np.testing.assert_array_equal(again.decompress(packed), LEVELS)
    with pytest.raises(DataError, match="only the very same weights"):
        other.decompress(packed)
    again.settings = again.settings.model_copy(update={"activation": "relu"})
    with pytest.raises(DataError, match="only the very same weights"):
        again.decompress(packed)


# The commands


def invoke(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def compressed(model: Path, folder: Path, name: str = "images.npz") -> Path:
    save = np.savez if name.endswith("npz") else np.save
    save(folder / name, **({"x": LEVELS} if name.endswith("npz") else {"arr": LEVELS}))
    said = invoke("compress", model, "--input", folder / name, "--output", folder / "file.lops")
    size = (folder / "file.lops").stat().st_size
    assert f"7 images in {size} bytes, {8 * size / 42:.3f} bits per dimension" in said
    return folder / "file.lops"


def saved(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path)
    with np.load(path) as arrays:
        return arrays["x"]


@pytest.mark.parametrize("name", ["images.npy", "images.npz"])
def test_a_file_goes_through_the_commands(tmp_path: Path, name: str) -> None:
    model = model_folder(tmp_path)
    file = compressed(model, tmp_path, name)
    for target in (tmp_path / "again.npy", tmp_path / "again.npz"):
        invoke("decompress", model, "--input", file, "--output", target)
        np.testing.assert_array_equal(saved(target), LEVELS)


def test_another_process_reads_the_file(tmp_path: Path) -> None:
    model = model_folder(tmp_path)
    file = compressed(model, tmp_path)
    target = tmp_path / "again.npy"
    paths = ["--input", str(file), "--output", str(target)]
    script = "from latentops.cli.main import main; main()"
    command = [sys.executable, "-c", script, "decompress", str(model), *paths]
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "2"}, check=True)
    np.testing.assert_array_equal(np.load(target), LEVELS)


@pytest.mark.parametrize("damage", ["cut", "flipped", "another model", "no file", "not ours"])
def test_a_file_that_cannot_be_read_leaves_nothing(tmp_path: Path, damage: str) -> None:
    model = model_folder(tmp_path)
    file = compressed(model, tmp_path)
    data = bytearray(file.read_bytes())
    data[-3] ^= 64 if damage == "flipped" else 0
    file.write_bytes({"cut": data[:-4], "not ours": b"something else"}.get(damage, bytes(data)))
    if damage == "no file":
        file.unlink()
    if damage == "another model":
        model = model_folder(tmp_path, seed=1)
    target = tmp_path / "again.npy"
    with pytest.raises(LatentOpsError) as refused:
        invoke("decompress", model, "--input", file, "--output", target)
    assert "\n" not in str(refused.value)
    assert not target.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((2, 5, 5), np.uint8), "shape"),
        (np.zeros((0, 3, 2), np.uint8), "no image"),
        (np.full((1, 3, 2), 300), "0 to 255"),
        (np.full((1, 3, 2), np.nan), "finite"),
    ],
    ids=["another size", "none", "too high", "not finite"],
)
def test_images_that_cannot_be_coded_leave_nothing(
    tmp_path: Path, given: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "images.npy", given)
    target = tmp_path / "file.lops"
    paths = "--input", tmp_path / "images.npy", "--output", target
    with pytest.raises(DataError, match=message):
        invoke("compress", model_folder(tmp_path), *paths)
    assert not target.exists()


def test_an_output_that_is_the_input_or_has_another_ending_is_refused(tmp_path: Path) -> None:
    model = model_folder(tmp_path)
    file = compressed(model, tmp_path)
    source = tmp_path / "images.npz"
    with pytest.raises(LatentOpsError, match=r"should end in \.lops\. Found '\.npz'"):
        invoke("compress", model, "--input", source, "--output", source)
    (tmp_path / "same.npz").symlink_to(source)
    with pytest.raises(LatentOpsError, match="is the input itself"):
        invoke("decompress", model, "--input", source, "--output", tmp_path / "same.npz")
    with pytest.raises(LatentOpsError, match=r"should end in \.npy, \.npz\. Found '\.csv'"):
        invoke("decompress", model, "--input", file, "--output", tmp_path / "again.csv")


# What is measured


def subject_of(sample: Sample, depth: str = "full") -> Subject:
    parts = sample.subject.spec, sample.subject.vocabulary, sample.model
    predictor = Predictor(sample.subject.vae, *parts, "none")
    rows = sample.train, sample.valid, sample.test
    return Subject(predictor, *rows, depth=depth, seed=0)  # type: ignore[arg-type]


@pytest.fixture
def without_lossy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lossy, "measure", lambda subject: None)


def test_the_coder_meets_the_bound_of_the_same_images(without_lossy: None) -> None:
    subject = subject_of(images(rows=500))
    found = compression.measure(subject).result.lossless
    assert found is not None
    assert found.identical
    assert found.rows == len(subject.test)
    assert [each.images for each in found.by_count] == [1, 10, 100, 1000, found.rows]
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.bound < found.high
    assert found.by_count[-1].vae == pytest.approx(found.bound, rel=0.01)
    assert found.by_count[0].vae > found.bound
    assert found.decoder_bytes == 4 * ((4 + 1) * 5 + (5 + 1) * 32)


def test_quick_codes_few_rows(without_lossy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_ROWS_QUICK", 30)
    found = compression.measure(subject_of(images(), "quick")).result.lossless
    assert found is not None
    assert found.rows == 30


def test_texts_say_why_they_have_no_lossless_code(without_lossy: None) -> None:
    found = compression.measure(subject_of(texts())).result
    assert found.lossless is None
    assert "for images" in found.without_lossless


def test_pixels_that_do_not_come_back_are_told(
    without_lossy: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    decompress = container.decompress
    monkeypatch.setattr(container, "decompress", lambda *given: decompress(*given) // 2)
    found = compression.measure(subject_of(images())).result.lossless
    assert found is not None
    assert not found.identical


def idx_pixels(path: Path) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)


def bits(pixels: np.ndarray, levels: int) -> list[float]:
    return [
        compression.bits_per_dim(compress, pixels, levels)
        for compress in compression.OTHERS.values()
    ]


def test_general_compressors_are_counted_as_the_published_tables_count(mirror: Path) -> None:
    """MNIST binarized by chance, and Fashion-MNIST in grey levels; gzip, bz2 and xz."""
    mnist = idx_pixels(mirror / "mnist/t10k-images-idx3-ubyte.gz")
    fashion = idx_pixels(next((mirror / "fashion-mnist").glob("t10k-images-idx3-ubyte*")))
    thresholds = np.random.default_rng(0).integers(0, 255, mnist.size)
    assert bits(mnist > thresholds, 2) == pytest.approx([0.328, 0.250, 0.278], abs=1e-3)
    assert bits(fashion, 256) == pytest.approx([4.47, 4.12, 3.87], abs=5e-3)


# The report


def found(saved: float = 0.25, **changes: Any) -> Lossless:
    counts = [
        OfCount(images=count, vae=(1 - saved) + 1 / count, gzip=1.4, bz2=1.0, xz=1.2)
        for count in (1, 10, 100, 1000)
    ]
    return Lossless(
        rows=1000,
        dimensions=784,
        levels=2,
        identical=True,
        bound=1 - saved,
        low=0.7,
        high=0.8,
        by_count=tuple(counts),
        decoder_bytes=1_000_000,
        encoder_bytes=1_000_000,
        compressed_per_second=1234.0,
        decompressed_per_second=2345.0,
    ).model_copy(update=changes)


def section(result: Compression | None) -> Any:
    facts = report_samples.digits()
    return report.compression(
        dataclasses.replace(facts, applications=Applications(compression=result))
    )


def said(result: Compression) -> str:
    return " ".join(block.text for block in section(result).blocks if isinstance(block, Text))


def test_the_section_says_the_gain_the_bound_and_what_it_takes() -> None:
    text = said(Compression(lossless=found()))
    assert "0.751 bits per dimension, 24.9\u00a0% less than by bz2" in text
    assert "-ELBO, is 0.750 [0.700,\u00a00.800]: the coder is 0.13\u00a0% above it" in text
    assert "All came back to the bit." in text
    assert f"from {8 * 2e6 / (0.249 * 784):,.0f} images on" in text
    assert "1,234 images per second" in text


def test_the_section_has_a_table_and_a_picture() -> None:
    blocks = section(Compression(lossless=found())).blocks
    (table,) = [block for block in blocks if isinstance(block, Table)]
    assert table.rows[0] == ("1", "1.750", "1.400", "1.000", "1.200")
    assert [block.name for block in blocks if isinstance(block, Picture)] == ["compression"]


def test_what_is_worse_than_bz2_is_said_to_be() -> None:
    text = said(Compression(lossless=found(saved=-0.5)))
    assert "50.1\u00a0% more than by bz2" in text
    assert "Nothing is saved" in text


def test_images_that_did_not_come_back_are_a_warning() -> None:
    result = Compression(lossless=found(identical=False))
    assert isinstance(section(result).blocks[0], Warned)
    assert "came back to the bit" not in said(result)


def test_one_image_has_no_interval_and_no_picture() -> None:
    one = found(low=None, high=None, by_count=found().by_count[:1], rows=1)
    blocks = section(Compression(lossless=one)).blocks
    assert not [block for block in blocks if isinstance(block, Picture)]
    assert "[" not in blocks[0].text


def test_a_section_without_a_code_says_why_and_one_that_is_off_is_none() -> None:
    assert said(Compression(without_lossless="It reads texts.")) == "It reads texts."
    assert said(Compression(reason="Nothing.")) == "Nothing."
    assert section(None) is None
