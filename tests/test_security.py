"""No pickle, no file that was not registered, no trick in a name, no secret in the store."""

import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tiny_repository as repository
from click.testing import CliRunner
from light_registry import champion, light, promote, register_seed, scorer
from mlflow import MlflowClient
from tiny_model import COUNTS, TEXTS, head, write_project

from latentops import artifacts, build, config
from latentops.artifacts import Vocabulary
from latentops.cli import registry as commands
from latentops.cli.main import cli
from latentops.errors import CHECK_FAILED, IntegrityError, LatentOpsError, SettingsError, StoreError
from latentops.registry import (
    audit,
    candidate,
    fetch,
    promotion,
    reference,
    verify,
    versions,
)
from latentops.registry import seal as sealing
from latentops.registry.candidate import MODEL_FILES
from latentops.registry.register import register
from latentops.registry.settings import Settings
from latentops.service.server import Server
from latentops.stages import register as stage

__all__ = ["light"]  # a fixture
MAIN = "from latentops.cli.main import main; main()"
FILES = sorted(path.name for path in MODEL_FILES)
PARAMS = "evaluate: {seed: 0}\nregistry: {name: tiny, max_loss: {}}\n"


@pytest.fixture
def project(mlflow_store: Path) -> Path:
    write_project(mlflow_store)
    config.PARAMS.write_text(PARAMS)
    return mlflow_store


def dump() -> str:
    """All that the project's database holds."""
    with closing(sqlite3.connect("mlruns/mlflow.db")) as connection:
        return "\n".join(connection.iterdump())


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


# No pickle

PICKLES = {
    b"\x80": "a pickle",
    b"PK": "an archive, as of torch.save",
    b"\x1f\x8b": "compressed",
    b"BZ": "compressed",
    b"\xfd7zXZ": "compressed",
}


def test_nothing_that_registering_writes_is_a_pickle(project: Path) -> None:
    register("tiny", candidate.read())
    written = [path for path in files_below(Path("mlruns")) if "mlflow.db" not in path.name]
    assert {"weights.safetensors", "MLmodel", "pyfunc.py"} <= {path.name for path in written}
    for path in written:
        content = path.read_bytes()
        assert not [told for start, told in PICKLES.items() if content.startswith(start)], path
        if path.suffix == ".safetensors":
            artifacts.read_tensors(path)
        else:
            assert content.decode().isprintable() or "\n" in content.decode()


WATCHED = """
import os, sys
found = []
def watch(event, arguments):
    if event in ("pickle.find_class", "marshal.loads.of.a.file"):
        found.append(arguments)
import tiny_model
from pathlib import Path
from latentops.inference.predictor import Predictor
from latentops.registry import candidate, fetch
from latentops.registry.register import register
sys.addaudithook(watch)
register("tiny", candidate.read())
answers = Predictor.from_folder(fetch.model_folder("tiny@champion")).classify(tiny_model.TEXTS)
assert len(answers) == len(tiny_model.TEXTS)
sys.exit(str(found) if found else 0)
"""


def test_no_class_is_unpickled_by_registering_fetching_and_classifying(project: Path) -> None:
    """With both of MLflow's refusals set, of which this version may know one."""
    environment = {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


class Bomb:
    """What a pickle may do when it is read."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (Path("burst"),))


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_place_of_a_file_is_not_read(project: Path, name: str) -> None:
    """Neither from the registry nor from a folder that a person names."""
    folder = Path("folder")
    folder.mkdir()
    for path in MODEL_FILES:
        shutil.copy(path, folder)
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    found = CliRunner().invoke(cli, ["predict", str(folder), *_asked()])
    assert isinstance(found.exception, LatentOpsError)
    assert not Path("burst").exists()


def _asked() -> list[str]:
    Path("texts.csv").write_text("text\n" + "".join(f"{text}\n" for text in TEXTS))
    return ["--input", "texts.csv", "--output", "answers.csv"]


# Files that are not what was registered


def another(name: str) -> None:
    """The project's file of that name becomes another that can be read as well."""
    place = next(path for path in MODEL_FILES if path.name == name)
    if place == artifacts.WEIGHTS:
        settings = build.read_settings(artifacts.MODEL_SETTINGS)
        vocabulary = artifacts.read_schema(Vocabulary, artifacts.VOCABULARY)
        model = build.model(COUNTS, vocabulary, settings, seed=99)
        artifacts.write_tensors(build.weights(model), place)
    elif place == artifacts.HEAD:
        head(COUNTS, seed=99).save(place.parent)
    else:
        place.write_text(f"{place.read_text()} ")


def tamper(number: int, name: str) -> None:
    """Another file of that name in the stored version."""
    source = MlflowClient(f"sqlite:///{Path.cwd()}/mlruns/mlflow.db").get_model_version(
        "tiny", str(number)
    )
    (stored,) = Path("mlruns").rglob(f"{source.source.removeprefix('models:/')}/**/{name}")
    another(name)
    shutil.copy(next(path for path in MODEL_FILES if path.name == name), stored)


@pytest.fixture
def two(light: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Versions 1, which was champion, 2, which is, and 3, the challenger."""
    config.PARAMS.write_text(PARAMS)
    for seed in range(3):
        register_seed(seed)
    promote(2, force=True)
    monkeypatch.setattr(commands, "_scored", scorer(0.9))
    monkeypatch.setattr(Server, "run", lambda *_: pytest.fail("it is served"))
    return light


def refused(name: str, number: int, *arguments: str) -> None:
    """The command names that file of that version, and moves nothing."""
    found = CliRunner().invoke(cli, arguments)
    assert isinstance(found.exception, IntegrityError), found.output
    assert f"{name} of version {number} of tiny" in str(found.exception)
    assert champion() == 2


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_not_used_and_named(two: Path, name: str) -> None:
    for number in (1, 2, 3):
        tamper(number, name)
    with pytest.raises(IntegrityError, match=f"{name} of version 3 of tiny"):
        fetch.model_folder("tiny/3")
    refused(name, 2, "predict", *_asked())
    refused(name, 2, "serve", "--port", "0")
    refused(name, 3, "predict", "models:/tiny/3", *_asked())
    refused(name, 3, "registry", "promote")
    refused(name, 3, "registry", "promote", "--force")
    refused(name, 1, "registry", "rollback")
    assert not Path("answers.csv").exists()
    failed = [check for check in verify.verify("tiny") if check.state == "failed"]
    assert len(failed) == 3
    assert all(name in check.found for check in failed)


def test_nor_is_a_challenger_measured_against_a_changed_champion(two: Path) -> None:
    tamper(2, "weights.safetensors")
    refused("weights.safetensors", 2, "registry", "promote")


def test_the_program_says_so_with_status_4(two: Path) -> None:
    tamper(2, "vocabulary.json")
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "predict", *_asked()], capture_output=True, text=True
    )
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith("error: vocabulary.json of version 2 of tiny is not what was ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "tag",
    ["{}", "[]", "null", "nonsense", '{"weights.safetensors": 1}', '{"../../etc/passwd": ""}'],
)
def test_a_version_must_say_what_each_of_its_files_was(two: Path, tag: str) -> None:
    set_tag(2, "files_sha256", tag)
    with pytest.raises(IntegrityError, match="files_sha256"):
        fetch.model_folder("tiny@champion")
    with pytest.raises(IntegrityError, match="does not say what each of its files was"):
        fetch.digests(versions.find(reference.parse("tiny@champion")))


def test_whoever_changes_a_file_and_its_digest_is_found_by_the_log(two: Path) -> None:
    for number in (1, 3):
        tamper(number, "vocabulary.json")
        set_tag(number, "files_sha256", candidate.files_sha256())
    for arguments in (["registry", "promote"], ["registry", "rollback"]):
        found = CliRunner().invoke(cli, arguments)
        assert isinstance(found.exception, IntegrityError), found.output
        assert champion() == 2
    assert CliRunner().invoke(cli, ["registry", "verify"]).exit_code == 4


def set_tag(number: int, key: str, value: str) -> None:
    uri = f"sqlite:///{Path.cwd()}/mlruns/mlflow.db"
    MlflowClient(uri, uri).set_model_version_tag("tiny", str(number), key, value)


# Names, aliases, versions and texts with tricks

TRICKS = (
    "",
    " ",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "-rf",
    "--help=x",
    "tiny; touch burst",
    "$(touch burst)",
    "`touch burst`",
    "tiny|touch burst",
    "tiny' or '1'='1",
    "tiny'; DROP TABLE runs; --",
    'tiny" --',
    "tiny`",
    "tiny%",
    "t_ny*",
    "tiny\n",
    "tiny\ttwo",
    "tiny\x1b[2J",
    "%2e%2e%2f",
    "tìny",
    "tiny@",
    "tiny@champion@challenger",
    "tiny@' or '1'='1",
    "tiny@../champion",
    "tiny/",
    "tiny/1/2",
    "tiny/-1",
    "tiny/0x1",
    "tiny/1' or '1'='1",
    "tiny/99999999999999999999",
    "tiny/²",
    "models:/models:/tiny",
    "runs:/tiny",
    "file:///etc/passwd",
    "a" * 10_000,
    "9" * 10_000,
)
ACTS: Mapping[str, Callable[[str], object]] = {
    "register": lambda name: register(name, candidate.read()),
    "list": versions.list_versions,
    "audit": audit.events,
    "verify": verify.verify,
    "heal": verify.heal,
    "seal": sealing.seal,
    "promote": lambda name: promote(name=name),
    "rollback": promotion.rollback,
    "reference": reference.parse,
    "fetch": fetch.model_folder,
    "fetch by URI": lambda name: fetch.model_folder(f"models:/{name}"),
    "find": lambda name: versions.find(reference.Reference(name)),
    "settings": lambda name: Settings(name=name),
}
COMMANDS = (
    "registry list {}",
    "registry show {}",
    "registry diff 1 {}",
    "registry seal {}",
    "registry seal --commit {}",
    "registry promote {}",
    "registry promote tiny {}",
    "registry promote --expect {}",
    "registry rollback {}",
    "registry rollback --to {}",
    "registry audit {}",
    "registry verify {}",
    "registry verify --heal {}",
    "lineage {}",
    "reproduce {}",
    "card {}",
    "serve {}",
    "predict --input texts.csv --output answers.csv {}",
)


def is_name(text: str) -> bool:
    """Whether the trick is harmless as it stands: a reference may have one @ or /."""
    return text.isascii() and text.replace("_", "").isalnum() and len(text) <= 200


@pytest.mark.parametrize("act", ACTS)
def test_a_name_with_tricks_is_refused_and_does_nothing(light: Path, act: str) -> None:
    register_seed(0)
    before, files = dump(), sorted(files_below(Path()))
    for trick in (trick for trick in TRICKS if not is_name(trick)):
        with pytest.raises((StoreError, ValueError)):
            ACTS[act](trick)
    assert dump() == before
    assert sorted(files_below(Path())) == files


@pytest.mark.parametrize("command", COMMANDS)
def test_so_it_is_on_the_command_line(two: Path, command: str) -> None:
    """Each gets it as one argument, as a shell passes what is quoted."""
    _asked()
    repository.git(Path(), "init", "--quiet")
    before = dump()
    there = sorted(path for path in files_below(Path()) if ".git" not in path.parts)
    for trick in TRICKS:
        arguments = [trick if word == "{}" else word for word in command.split()]
        found = CliRunner().invoke(cli, arguments)
        told = f"{trick!r}: {found.output} {found.exception!r}"
        usage = isinstance(found.exception, SystemExit) and found.exit_code == 2
        known = isinstance(found.exception, LatentOpsError)
        failed = isinstance(found.exception, SystemExit) and found.exit_code == CHECK_FAILED
        assert usage or known or (failed and "verify" in command), told
    assert dump() == before
    assert sorted(path for path in files_below(Path()) if ".git" not in path.parts) == there


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if not is_name(trick)])
def test_so_it_is_in_params_yaml(project: Path, trick: str) -> None:
    config.PARAMS.write_text(f"registry: {{name: {json.dumps(trick)}}}\n")
    with pytest.raises(SettingsError, match=r"registry\.name"):
        config.load(stage.Settings)


REASON = "'; DROP TABLE runs; -- $(touch burst) \x1b[2J\x07 <script>alert(1)</script> \u202e | `x`"


def test_a_reason_with_tricks_is_kept_as_it_is_and_shown_without_them(two: Path) -> None:
    promote(3, force=True, reason=REASON)
    assert audit.events("tiny")[-1].reason.startswith(REASON)
    assert all(check.state != "failed" for check in verify.verify("tiny"))
    shown = CliRunner().invoke(cli, ["registry", "audit"]).output
    assert "DROP TABLE" in shown
    assert not [sign for sign in ("\x1b", "\x07", "\u202e") if sign in shown]
    assert not Path("burst").exists()


def test_tags_of_others_with_tricks_are_shown_without_them(two: Path) -> None:
    set_tag(3, "note", REASON)
    set_tag(3, "source", REASON)
    set_tag(3, "elbo_nats", REASON)
    for command in (
        ["registry", "list"],
        ["registry", "show", "tiny/3"],
        ["registry", "diff", "2", "3"],
        ["lineage", "tiny/3"],
        ["lineage", "tiny/3", "--format", "svg"],
        ["lineage", "tiny/3", "--format", "mermaid"],
    ):
        found = CliRunner().invoke(cli, command)
        assert found.exception is None or isinstance(found.exception, SystemExit | LatentOpsError)
        assert not [sign for sign in ("\x1b", "\x07", "\u202e") if sign in found.output], command
        assert "<script>" not in found.output or "svg" not in command


# Secrets of the environment

SECRETS = {
    "MLFLOW_TRACKING_PASSWORD": "secret-of-mlflow",
    "MLFLOW_TRACKING_TOKEN": "secret-of-a-token",
    "AWS_SECRET_ACCESS_KEY": "secret-of-aws",
    "AWS_SESSION_TOKEN": "secret-of-a-session",
    "AZURE_STORAGE_CONNECTION_STRING": "secret-of-azure",
    "GITHUB_TOKEN": "secret-of-github",
    "DATABASE_URL": "postgresql://me:secret-of-a-database@host/db",
    "PIP_EXTRA_INDEX_URL": "https://me:secret-of-an-index@host/simple",
    "HTTPS_PROXY": "http://me:secret-of-a-proxy@host:1",
}
REMOTE = "https://me:secret-of-git@host/project.git"
WORK = """
from pathlib import Path
from latentops import tracking
from latentops.config import Section
from latentops.errors import exit_on_known_error
from latentops.registry import candidate, seal, verify
from latentops.registry.register import register
from light_registry import promote
class Own(Section):
    beta: float = 1.0
with exit_on_known_error():
    with tracking.run("training", Own(), {"train": Path("data/train.safetensors")}) as run:
        run.log(0, {"elbo_nats": -1.0})
    version = register("tiny", candidate.read())
    tracking.log_scores(version.tags["run_id"], {"elbo_nats": -1.0}, [Path("src/train.py")])
    print(seal.seal("tiny"), verify.verify("tiny"))
    promote(1, force=True)
    promote(9, force=True)
"""


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return {**os.environ, **SECRETS, "PYTHONPATH": path, **more}


def test_no_secret_of_the_environment_is_written_or_said(mlflow_store: Path) -> None:
    repository.write(Path())
    repository.git(Path(), "remote", "add", "origin", REMOTE)
    done = subprocess.run(
        [sys.executable, "-c", WORK], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "has no version 9" in done.stderr
    assert "secret-of" not in done.stdout + done.stderr
    assert "sealed_commit" in dump()
    assert "secret-of" not in dump()
    written = list(files_below(Path("mlruns")))
    assert len(written) > 20
    assert not [path for path in written if b"secret-of" in path.read_bytes()]


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:{}@127.0.0.1:1/",
        "https://me:{}@127.0.0.1:1",
        "postgresql://me:{}@127.0.0.1:1/mlflow",
        "postgresql://127.0.0.1:1/mlflow?user=me&password={}",
        "nonsense://me:{}@host",
        "http://[me:{}",
        "{}",
    ],
)
def test_no_message_shows_the_password_of_the_address(project: Path, uri: str) -> None:
    told = uri.format("secret-of-the-address")
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "registry", "list"],
        env=environment(MLFLOW_TRACKING_URI=told, HTTPS_PROXY="", DATABASE_URL=""),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    if uri != "{}":  # there it is no password but the name of a folder
        assert "secret" not in done.stdout + done.stderr
