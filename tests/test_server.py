"""The registry and tracking on an MLflow server: over HTTP, with PostgreSQL behind it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import psycopg
import pytest
import tiny_repository as repository
from click.testing import CliRunner
from light_registry import champion, history, promote, save_files_only, scorer
from mlflow import MlflowClient
from mlflow_server import PASSWORD, USER, Relay, Server
from tiny_model import TEXTS, write_project

from latentops import artifacts, store, tracking
from latentops.cli import registry as commands
from latentops.cli.main import cli
from latentops.config import Section
from latentops.errors import IntegrityError, StoreError
from latentops.inference.predictor import Predictor
from latentops.registry import audit, candidate, fetch, package, promotion, verify, versions
from latentops.registry.register import register
from latentops.registry.versions import Version

MAIN = "from latentops.cli.main import main; main()"
TESTS = Path(__file__).parent
pytestmark = pytest.mark.xdist_group("server")  # `--dist loadgroup`: one server for all
READER, READERS_PASSWORD = "reader", "a-password-of-a-reader"


@pytest.fixture
def server(
    mlflow_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A project in the working directory, and nothing set but what MLflow asks for."""
    for variable in [name for name in os.environ if name.startswith(("MLFLOW_TRACKING_", "DVC_"))]:
        monkeypatch.delenv(variable)
    for variable, value in mlflow_server.variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # only for time
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    write_project(project)
    return mlflow_server


@pytest.fixture
def light(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Whose models are registered without MLflow's own files about them."""
    monkeypatch.setattr(package, "_save", save_files_only)
    return server


def register_seed(name: str, seed: int = 0) -> Version:
    write_project(Path(), seed=seed)
    return register(name, candidate.read())


def assert_sound(name: str, *numbers: int) -> None:
    """Those versions and no other, and a log that says so."""
    assert sorted(version.number for version in versions.list_versions(name)) == [*numbers]
    failed = [check for check in verify.verify(name) if check.state == "failed"]
    assert failed == []


def said(*arguments: str, status: int = 0, **environment: str) -> str:
    """stdout of the program where it succeeds, and stderr where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    if status:
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr
    assert done.stderr == ""
    return done.stdout


# What works with nothing but the address and an account


class _Settings(Section):
    beta: float = 4.0


def test_a_run_is_tracked_and_its_pictures_come_back(server: Server) -> None:
    train = Path("data/train.safetensors")
    with tracking.run("training", _Settings(), {"train": train}) as run:
        run.log(0, {"elbo_nats": -90.0})
        run.log(1, {"elbo_nats": -80.0})
    picture = Path("plots/picture.png")
    picture.parent.mkdir()
    picture.write_bytes(b"of pixels")
    tracking.log_scores(run.id, {"accuracy": 0.9}, [picture])
    client = MlflowClient()
    found = client.get_run(run.id)
    assert found.info.status == "FINISHED"
    assert found.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert found.data.params == {"beta": "4.0"}
    assert found.data.metrics == {"elbo_nats": -80.0, "accuracy": 0.9}
    assert [one.value for one in client.get_metric_history(run.id, "elbo_nats")] == [-90.0, -80.0]
    assert Path(client.download_artifacts(run.id, "plots/picture.png")).read_bytes() == b"of pixels"
    (kept,) = server.artifacts.rglob("picture.png")
    assert kept.read_bytes() == b"of pixels"


def test_a_models_whole_life(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By commands, but for the scores; the last one as a program of its own."""
    monkeypatch.setitem(repository.PARAMS, "registry", {"name": "life", "max_loss": {}})
    monkeypatch.setattr(commands, "_scored", scorer(0.9))
    repository.write(Path())
    first = register("life", candidate.read())
    assert (first.number, first.aliases) == (1, ("challenger", "champion"))
    assert register("life", candidate.read()) == first
    repository.repro(Path(), seed=1)
    commit = repository.commit(Path())
    assert register("life", candidate.read()).number == 2
    assert capsys.readouterr().out == ""

    def run(*arguments: str, status: int = 0) -> str:
        found = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert found.exit_code == status, found.output
        return found.stdout

    assert "no git commit" in run("registry", "promote", status=3)
    assert commit in run("registry", "seal")
    assert json.loads(run("registry", "promote", "--json"))["promoted"]
    assert "version 1 of life is the champion again" in run("registry", "rollback")
    run("registry", "verify")
    assert run("ui") == f"The server has these pages: {server.uri}\n"
    weights = artifacts.read_tensors(Path("model/weights.safetensors"))
    assert '"failed"' not in run("lineage", "life/2", "--format", "json")
    assert artifacts.tensors_sha256(weights) in run("registry", "show", "life/2")

    listed = json.loads(run("registry", "list", "--json"))
    assert [(one["version"], one["aliases"]) for one in listed] == [
        (2, ["challenger"]),
        (1, ["champion"]),
    ]
    events = json.loads(said("registry", "audit", "--json"))
    kinds = [event["kind"] for event in events]
    assert kinds == ["registered", "registered", "refused", "sealed", "promoted", "rolled_back"]
    assert events[-1]["by"].startswith(f"{USER} (")


def test_predict_leaves_no_copy_of_the_model_behind(server: Server, tmp_path: Path) -> None:
    register_seed("predicted")
    Path("params.yaml").write_text("registry: {name: predicted}\n")
    Path("texts.csv").write_text("text\n" + "".join(f"{text}\n" for text in TEXTS))
    (tmp_path / "temporary").mkdir()
    asked = (
        "predict",
        "models:/predicted@champion",
        "--input",
        "texts.csv",
        "--output",
        "answers.csv",
    )
    said(*asked, TMPDIR=str(tmp_path / "temporary"))
    assert len(Path("answers.csv").read_text().splitlines()) == 1 + len(TEXTS)
    assert not list((tmp_path / "temporary").rglob("*.safetensors"))


def test_the_models_files_come_over_http_and_are_what_was_registered(server: Server) -> None:
    before = Predictor.from_folder(_exported()).encode(TEXTS)
    register_seed("fetched")
    folder = fetch.model_folder("models:/fetched@champion")
    assert not folder.is_relative_to(server.artifacts)
    np.testing.assert_array_equal(Predictor.from_folder(folder).encode(TEXTS), before)
    (stored,) = _stored("fetched", server, "vocabulary.json")
    stored.write_text(stored.read_text() + " ")
    with pytest.raises(IntegrityError, match=r"vocabulary\.json of version 1 of fetched"):
        fetch.model_folder("fetched@champion")
    stored.unlink()
    with pytest.raises(IntegrityError, match=r"vocabulary\.json of version 1 of fetched is gone"):
        fetch.model_folder("fetched@champion")


def test_mlflow_loads_it_with_pickles_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_seed("loaded")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    loaded = mlflow.pyfunc.load_model("models:/loaded@champion")
    expected = Predictor.from_folder(_exported()).encode(TEXTS)
    np.testing.assert_array_equal(loaded.predict(TEXTS), expected)


def _exported() -> Path:
    from latentops.inference.folder import export

    export(Path(), Path("exported"))
    return Path("exported")


def _stored(name: str, server: Server, file: str) -> list[Path]:
    source = MlflowClient().get_model_version(name, "1").source.removeprefix("models:/")
    return list(server.artifacts.rglob(f"{source}/**/{file}"))


# Two machines: no lock is common to them


AS_ON_ANOTHER_MACHINE = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from mlflow import MlflowClient
from light_registry import promote, save_files_only
from latentops.errors import exit_on_known_error
from latentops.registry import candidate, package
from latentops.registry.register import register
package._save = save_files_only
me, acts = sys.argv[1], json.loads(sys.argv[2])
for write, act in acts:
    wanted = getattr(MlflowClient, write)
    def together(*args, **kwargs):
        Path(f"{{write}}-{{me}}").touch()
        end = time.monotonic() + 20
        while len(list(Path().glob(f"{{write}}-*"))) < 2 and time.monotonic() < end:
            time.sleep(0.005)
        return wanted(*args, **kwargs)
    setattr(MlflowClient, write, together)
    with exit_on_known_error():
        print(eval(act))
    setattr(MlflowClient, write, wanted)
"""


def on_two_machines(*acts: dict[str, str]) -> list["subprocess.CompletedProcess[str]"]:
    """Each in a process of its own, whose temporary folder, and so its locks, are its own too.

    Key of an act is a write to MLflow, at the first of which the two wait for each other.
    """
    program = AS_ON_ANOTHER_MACHINE.format(tests=str(TESTS))
    started = []
    for number, own in enumerate(acts):
        Path(f"tmp{number}").mkdir()
        command = [sys.executable, "-c", program, str(number), json.dumps([*own.items()])]
        environment = os.environ | {"TMPDIR": str(Path(f"tmp{number}").absolute())}
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)
        )
    done = []
    for process in started:
        out, err = process.communicate(timeout=100)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    for write in acts[0]:
        assert len(list(Path().glob(f"{write}-*"))) == 2
    return done


def test_two_registrations_make_one_version(light: Server) -> None:
    writes = ("create_experiment", "create_registered_model", "create_model_version", "log_param")
    acts = {write: f"register('twice-{write}', candidate.read()).number" for write in writes}
    done = on_two_machines(acts, acts)
    assert [(one.returncode, one.stdout) for one in done] == [(0, "1\n" * len(writes))] * 2, done
    for name in (f"twice-{write}" for write in writes):
        assert_sound(name, 1)
        assert history(name) == [("registered", 1, None, 1)]
        assert champion(name) == 1


def test_of_two_promotions_one_wins_and_the_other_is_refused(light: Server) -> None:
    for seed in range(3):
        register_seed("raced", seed)
    acts = (f"promote({number}, name='raced', force=True).promoted" for number in (2, 3))
    done = on_two_machines(*({"log_param": act} for act in acts))
    assert sorted(one.returncode for one in done) == [0, 3], done
    (lost,) = (one for one in done if one.returncode == 3)
    assert lost.stdout == ""
    assert lost.stderr.count("\n") == 1
    assert "somebody else moved it" in lost.stderr
    won = 2 if done[0].returncode == 0 else 3
    moves = [event for event in history("raced") if event[0] == "promoted"]
    assert moves == [("promoted", won, 1, won)]
    assert champion("raced") == won
    assert_sound("raced", 1, 2, 3)


# A server that does not answer, or not to everybody


def test_a_wrong_password_is_one_line_and_never_shown(server: Server) -> None:
    Path("params.yaml").write_text("registry: {name: any}\n")
    told = said("registry", "list", status=1, MLFLOW_TRACKING_PASSWORD="a-wrong-password")
    assert "MLFLOW_TRACKING_PASSWORD" in told
    assert "a-wrong-password" not in told


@pytest.mark.parametrize(
    ("uri", "sign"),
    [
        (
            "http://somebody:a-secret@127.0.0.1:1",
            "http://somebody:***@127.0.0.1:1 refused: [Errno 111] Connection refused. Start the ",
        ),
        ("http://somebody:a-secret@no-such-host.invalid", "http://somebody:***@no-such-host"),
        ("postgresql://somebody:a-secret@127.0.0.1:1/mlflow", "Connection refused"),
        ("postgresql://somebody:a@secret-part@127.0.0.1:1/mlflow", "somebody:***@"),
        ("postgresql://127.0.0.1:1/mlflow?user=me&password=a-secret", "password=***"),
    ],
)
def test_a_server_that_is_not_there_is_one_line_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, uri: str, sign: str
) -> None:
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    start = time.monotonic()
    with pytest.raises(StoreError) as caught:
        store.connect()
    assert time.monotonic() - start < 10
    assert sign in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_down_ends_the_program_with_status_1(server: Server) -> None:
    Path("params.yaml").write_text("registry: {name: any}\n")
    told = said("registry", "promote", status=1, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert "Start the server" in told


def test_an_account_reads_what_is_of_others_and_moves_it_where_it_may(
    light: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(2):
        register_seed("guarded", seed)
    promote(2, name="guarded", force=True)
    light.add_user(READER, READERS_PASSWORD)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", READER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", READERS_PASSWORD)
    acts: list[Callable[[], Any]] = [
        lambda: promote(1, name="guarded", force=True),
        lambda: promotion.rollback("guarded"),
        lambda: register_seed("guarded", seed=2),
    ]
    assert fetch.model_folder("guarded@champion").is_dir()
    for act in acts:
        with pytest.raises(StoreError, match=r"[Pp]ermission") as caught:
            act()
        assert READERS_PASSWORD not in str(caught.value)
    assert champion("guarded") == 2
    assert_sound("guarded", 1, 2)
    log = store.connect().experiment_id("registry of guarded")
    light.grant(READER, "registered_model", "guarded")
    light.grant(READER, "experiment", log)
    assert promotion.rollback("guarded").number == 1
    assert audit.events("guarded")[-1].by.startswith(f"{READER} (")
    assert_sound("guarded", 1, 2)


def broken(relay: Relay, whole: int, act: Callable[[], object]) -> None:
    """The act is one line of error when the server dies after that many of its requests."""
    relay.requests, relay.whole = 0, whole
    try:
        with pytest.raises(StoreError) as caught:
            act()
        assert PASSWORD not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "when it is up" in str(caught.value)
    finally:
        relay.whole = None


def requests_of(relay: Relay, act: Callable[[], object]) -> int:
    relay.requests = 0
    act()
    return relay.requests


def test_a_server_that_dies_in_the_middle_leaves_nothing_half_registered(
    light: Server, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", relay.uri)
    register_seed("dying")
    count = requests_of(relay, lambda: register_seed("dying", 1))
    broken_off = range(8, count, 12)
    for number, whole in enumerate(broken_off, 3):
        broken(relay, whole, lambda seed=number: register_seed("dying", seed))
        assert register_seed("dying", seed=number).number == number
    numbers = range(1, 3 + len(broken_off))
    assert_sound("dying", *numbers)
    assert [event[:2] for event in history("dying")] == [("registered", n) for n in numbers]


def test_a_server_that_dies_in_the_middle_leaves_a_champion(
    light: Server, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", relay.uri)
    for seed in range(2):
        register_seed("swaying", seed)
    count = requests_of(relay, lambda: promote(2, name="swaying", force=True))
    for left in (4, 10, 16, 22):  # requests before the end: among the writes
        new = 3 - (champion("swaying") or 0)
        broken(relay, count - left, lambda to=new: promote(to, name="swaying", force=True))
        assert champion("swaying") in (1, 2)
        promote(new, name="swaying", force=True)
        assert champion("swaying") == new
    back = requests_of(relay, lambda: promotion.rollback("swaying", to=1))
    broken(relay, back - 6, lambda: promotion.rollback("swaying", to=2))
    assert promotion.rollback("swaying", to=2).number == champion("swaying") == 2
    assert_sound("swaying", 1, 2)


@pytest.mark.parametrize(
    "lost",
    [
        "experiments/create",
        "registered-models/create",
        "model-versions/create",
        "runs/log-parameter",
        "registered-models/alias",
    ],
)
def test_a_reply_that_is_lost_does_nothing_twice(
    light: Server, relay: Relay, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """MLflow asks again by itself, and the server has done it already."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", relay.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    name = f"lost-{lost.replace('/', '.')}"
    relay.lost = lost
    assert register_seed(name).number == 1
    assert relay.lost is None
    assert_sound(name, 1)
    assert [kind for kind, *_ in history(name)] == ["registered"]


# What docs/server.md says


def test_the_page_names_options_and_commands_that_exist() -> None:
    from mlflow.cli import server as mlflow_server_command

    text = (TESTS.parent / "docs/server.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", "")
    (started,) = re.findall(r"^mlflow server (.*)$", blocks, re.MULTILINE)
    known = {option for parameter in mlflow_server_command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", started)) <= known
    for command in re.findall(r"^latentops ([a-z ]+)", blocks, re.MULTILINE):
        found = CliRunner().invoke(cli, [*command.split(), "--help"])
        assert found.exit_code == 0, command


# What the server keeps


def test_no_password_reaches_the_database_or_the_artifacts(
    server: Server, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither that of the environment nor one in the address."""
    register_seed("kept")
    address = relay.uri.removeprefix("http://")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{USER}:{PASSWORD}@{address}")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    assert register_seed("kept", seed=1).number == 2
    promote(2, name="kept", force=True)
    rows = list(_rows(server))
    assert any("files_sha256" in row for row in rows)
    assert not [row for row in rows if PASSWORD in row]
    files = [path for path in server.artifacts.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]


def _rows(server: Server) -> Iterator[str]:
    """Of every table of MLflow's database, as text."""
    with psycopg.connect(server.database_uri) as connection:
        tables = connection.execute(
            "SELECT quote_ident(table_name) FROM information_schema.tables "
            "WHERE table_schema = 'public'"
        ).fetchall()
        for (table,) in tables:
            for (row,) in connection.execute(f"SELECT t::text FROM {table} t"):
                yield row


# PostgreSQL without a server before it


def test_postgresql_is_a_store_too(light: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", light.postgres.make("direct"))
    repository.write(Path())
    assert register_seed("direct").number == 1
    assert register_seed("direct", seed=1).number == 2
    promote(2, name="direct", force=True)
    assert fetch.model_folder("direct@champion").is_relative_to(Path.cwd())
    assert_sound("direct", 1, 2)
    with pytest.raises(StoreError, match="server's") as caught:
        store.relocate()
    assert light.postgres.password not in str(caught.value)
