"""The command line, on small projects."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_model import write_project, write_scores

from latentops import artifacts, config
from latentops.artifacts import Spec, Vocabulary
from latentops.cli.main import cli
from latentops.errors import ArtifactError, IntegrityError, SettingsError, StoreError
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.registry import candidate
from latentops.registry.register import register
from latentops.release import Release
from latentops.service.server import Server

ROOT = Path(__file__).resolve().parents[1]
PARAMS = """\
data: {source: digits}
model:
  kind: mlp
  latent: 2                   # of z
  hidden: [8]
objective:
  beta: 1.0                   # weight of the rate
train: {batch_size: 20}
registry: {name: tiny}
"""


def run(*arguments: str) -> Result:
    """What a command that succeeds printed."""
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def error_of(*arguments: str) -> BaseException:
    found = CliRunner().invoke(cli, arguments)
    assert found.exception is not None, found.output
    return found.exception


def test_help_of_every_command_needs_no_heavy_import() -> None:
    text = """
import sys
from click.testing import CliRunner
from latentops.cli.main import cli

def walk(command, path):
    found = CliRunner().invoke(cli, [*path, "--help"])
    assert found.exit_code == 0, found.output
    for name, sub in getattr(command, "commands", {}).items():
        walk(sub, [*path, name])

walk(cli, [])
heavy = {"torch", "mlflow", "pandas", "numpy", "optuna", "sklearn", "matplotlib", "fastapi"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_command_and_option_is_explained() -> None:
    def unexplained(command: click.Command, name: str) -> list[str]:
        options = [option for option in command.params if isinstance(option, click.Option)]
        found = [f"{name} --{option.name}" for option in options if not option.help]
        if not command.help:
            found.append(name)
        for sub_name, sub in getattr(command, "commands", {}).items():
            found += unexplained(sub, f"{name} {sub_name}")
        return found

    assert unexplained(cli, "latentops") == []


class TestMain:
    def test_a_known_error_is_one_line_and_status_1(self, tmp_path: Path) -> None:
        command = [
            sys.executable,
            "-c",
            "from latentops.cli.main import main; main()",
            "data",
            "list",
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr == (
            f"error: Neither {tmp_path} nor a folder above it is a project (dvc.yaml beside "
            "params.yaml). Go to one and run the command again.\n"
        )

    def test_what_does_not_exist_is_a_usage_error(self) -> None:
        found = run("tuen")
        assert found.exit_code == 2
        assert "No such command 'tuen'" in found.output

    def test_the_version_is_that_of_the_package(self) -> None:
        assert run("--version").output.startswith("latentops, version ")


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    """Some handwritten digits, prepared, and settings beside them; it is the working directory."""
    generator = np.random.default_rng(0)
    config.PARAMS.write_text(PARAMS)
    Path("dvc.yaml").write_text("stages: {}\n")
    Path("tune").mkdir()
    Path("tune/dvc.yaml").write_text("stages: {}\n")
    spec = Spec(source="digits", kind="image", shape=(1, 4, 4), levels=17)
    artifacts.write_json(spec, artifacts.SPEC)
    artifacts.write_json(Vocabulary(), artifacts.VOCABULARY)
    for split in ("train", "valid"):
        x = generator.integers(0, 17, (40, 1, 4, 4), dtype=np.uint8)
        arrays = {"x": x, "y": np.full(40, -1), "in_scope": np.ones(40, bool)}
        artifacts.write_tensors(arrays, artifacts.tensors_path(split))
    return mlflow_store


class TestProject:
    @pytest.mark.parametrize("place", [".", "data", "tune", "a/b"])
    def test_commands_work_anywhere_inside(
        self, project: Path, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        Path("reports").mkdir()
        artifacts.REPORT_PAGE.write_text("<html>")
        Path("a/b").mkdir(parents=True)
        monkeypatch.chdir(place)
        assert run("report").output == f"{project / artifacts.REPORT_PAGE}\n"

    def test_a_report_that_is_not_there_is_named(self, project: Path) -> None:
        assert "`dvc repro evaluate` writes it" in str(error_of("report"))
        assert isinstance(error_of("report"), ArtifactError)

    def test_ui_opens_the_store_of_the_project(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[Any] = []
        monkeypatch.setattr(os, "execv", lambda *command: started.append(command))
        run("ui", "--port", "5001")
        (program, words), *more = started
        assert not more
        assert program == sys.executable
        assert words[1:4] == ["-m", "mlflow", "ui"]
        assert words[5].endswith("mlruns/mlflow.db")
        assert words[-2:] == ["--port", "5001"]


class TestDataList:
    def test_every_source_with_its_licence_and_whether_it_is_here(self, project: Path) -> None:
        listed = json.loads(run("data", "list", "--json").output)
        by_name = {entry["name"]: entry for entry in listed}
        assert {"intents", "digits", "mnist", "clinc150", "imdb"} <= set(by_name)
        assert all(entry["licence"] and entry["origin"] for entry in listed)
        assert by_name["intents"]["here"] == "package"

    def test_columns_are_aligned(self, project: Path) -> None:
        head, *rows = run("data", "list").output.splitlines()
        start = head.index("licence")
        assert all(row[start - 1] == " " != row[start] for row in rows)


@pytest.fixture
def registered(mlflow_store: Path) -> Path:
    """Versions 1 (champion) and 2 (challenger) of one model, the second a little better."""
    Path(config.PARAMS).write_text(PARAMS)
    for number, elbo_nats in enumerate((-80.0, -79.0)):
        write_project(Path(), seed=number)
        write_scores(Path(), elbo_nats=elbo_nats)
        register("tiny", candidate.read())
    return mlflow_store


class TestServe:
    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Release, str, int]]:
        """What would be served, and where."""
        calls: list[tuple[Release, str, int]] = []

        def run(self: Server, sockets: list[socket.socket]) -> None:
            host, port = sockets[0].getsockname()
            calls.append((self.service.current.source.current(), host, port))

        monkeypatch.setattr(Server, "run", run)
        return calls

    @pytest.mark.parametrize(
        "model", [(), ("tiny",), ("tiny@champion",), ("models:/tiny@champion",), ("tiny/1",)]
    )
    def test_a_registered_model_is_found(
        self, registered: Path, served: list[tuple[Release, str, int]], model: tuple[str, ...]
    ) -> None:
        run("serve", *model, "--port", "0")
        [(release, host, _)] = served
        assert host == "127.0.0.1"
        assert (release.name, release.version) == ("tiny", "1")
        assert Predictor.from_folder(release.folder).spec.source == "tiny-texts"
        assert {artifacts.sha256(release.folder / name) for name in release.sha256s} == set(
            release.sha256s.values()
        )

    def test_a_folder_is_taken_as_it_is_named(
        self,
        tmp_path: Path,
        served: list[tuple[Release, str, int]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)  # no project
        write_project(Path())
        export(Path(), Path("model folder"))
        run("serve", "model folder", "--host", "0.0.0.0", "--port", "0")
        [(release, host, _)] = served
        assert (release, host) == (
            Release("model folder", "0", "", Path("model folder")),
            "0.0.0.0",
        )

    def test_a_port_that_is_taken_is_one_line(
        self, registered: Path, served: list[tuple[Release, str, int]]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            for command in ("serve", "ui"):
                error = error_of(command, "--port", port)
                assert isinstance(error, SettingsError)
                assert "Choose another --port" in str(error)
        assert isinstance(error_of("serve", "--host", "no such host"), SettingsError)
        assert not served

    def test_a_folder_without_a_model_is_one_line(
        self, tmp_path: Path, served: list[tuple[Release, str, int]]
    ) -> None:
        for folder in (tmp_path, tmp_path / "nowhere"):
            error = error_of("serve", str(folder))
            assert isinstance(error, ArtifactError)
            assert "no model folder" in str(error)
            assert "\n" not in str(error)
        assert not served

    @pytest.mark.parametrize(
        ("token", "told"), [("short", "It has 5"), ("é" * 40, "printable ASCII"), (None, "cannot")]
    )
    def test_a_token_that_guards_nothing_is_refused(
        self, tmp_path: Path, served: list[tuple[Release, str, int]], token: str | None, told: str
    ) -> None:
        write_project(tmp_path / "project")
        export(tmp_path / "project", tmp_path / "model")
        if token is not None:
            (tmp_path / "token").write_text(token)
        error = error_of("serve", str(tmp_path / "model"), "--token-file", str(tmp_path / "token"))
        assert isinstance(error, SettingsError | ArtifactError)
        assert told in str(error)
        assert token is None or token not in str(error)
        assert not served

    @pytest.mark.parametrize(
        ("model", "there"),
        [
            ("models:/tiny@nobody", "There are: 1 @champion, 2 @challenger."),
            ("models:/none/1", "There are: tiny."),
            ("models:/tiny/9", "There are: 1 @champion, 2 @challenger."),
        ],
    )
    def test_a_version_that_does_not_exist_is_answered_with_those_there_are(
        self, registered: Path, served: list[tuple[Release, str, int]], model: str, there: str
    ) -> None:
        file = str(registered / "in.csv")
        Path(file).write_text("text\n")
        for command in (
            ("serve", "--port", "0"),
            ("predict", "--input", file, "--output", "out.csv"),
        ):
            error = error_of(*command, model)
            assert isinstance(error, StoreError)
            assert there in str(error)
        assert not served

    def test_a_model_that_was_changed_is_refused_with_the_file_named(
        self, registered: Path, served: list[tuple[Release, str, int]]
    ) -> None:
        for file in registered.glob("mlruns/**/head.safetensors"):
            file.write_bytes(file.read_bytes() + b" ")
        error = error_of("serve", "--port", "0")
        assert isinstance(error, IntegrityError)
        assert "head.safetensors of version 1 of tiny" in str(error)
        assert not served


class TestPredict:
    @pytest.mark.parametrize("model", [(), ("models:/tiny@champion",), ("models:/tiny/1",)])
    def test_files_are_found_from_where_the_person_is(
        self, registered: Path, model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("below").mkdir()
        Path("dvc.yaml").touch()
        monkeypatch.chdir("below")
        Path("in.csv").write_text("text,id\nturn on,1\n,2\n")
        options = ("--input", "in.csv", "--output", "out.csv", "--batch-size", "1")
        said = run("predict", *model, *options).output
        assert "out.csv: 2 rows, 1 of them without a text, " in said
        assert re.search(r" rows per second, by \S+\n$", said)
        rows = (registered / "below/out.csv").read_text().splitlines()
        assert rows[0] == "text,id,label,probability,out_of_scope,out_of_scope_score"
        assert rows[2] == ",2,,,,"

    def test_a_folder_the_column_and_the_task_are_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)  # no project
        write_project(Path())
        export(Path(), Path("model folder"))
        Path("in.jsonl").write_text('{"said": "turn on"}\n')
        options = ("--task", "encode", "--text-column", "said")
        run("predict", "model folder", "--input", "in.jsonl", "--output", "out.jsonl", *options)
        (line,) = Path("out.jsonl").read_text().splitlines()
        assert list(json.loads(line)) == ["said", "z0", "z1", "z2"]

    def test_a_useless_output_is_said_before_a_model_is_looked_for(self, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("text\na\n")
        path = str(tmp_path / "in.csv")
        error = error_of("predict", "models:/none/1", "--input", path, "--output", path)
        assert isinstance(error, SettingsError)
        assert "is the input itself" in str(error)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "given",
    [
        ["serve", "--deadline-seconds"],
        ["serve", "--poll-seconds"],
        ["generate", "--temperature"],
        ["monitor", "absent.csv", "--level"],
    ],
)
def test_a_number_that_is_none_is_refused(given: list[str], number: str) -> None:
    found = CliRunner().invoke(cli, [*given, number])
    assert found.exit_code == 2
    assert f"'{given[-1]}'" in found.stderr.splitlines()[-1]
