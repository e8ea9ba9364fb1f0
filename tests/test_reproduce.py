"""A version is made again from its commit, and compared with what was recorded."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import test_pipeline as pipeline
import tiny_model
import tiny_repository as repository
import yaml

from latentops import artifacts, store
from latentops.errors import GitError, IntegrityError, RefusedError, StoreError
from latentops.registry import audit, candidate, reproduce, versions
from latentops.registry.reference import Reference
from latentops.registry.register import register
from latentops.registry.reproduce import Made, Proof
from latentops.registry.seal import seal
from latentops.registry.versions import Version

NAME = "tiny"
HERE = {"cpu": "a processor, threads 1", "torch": "2.13.0"}


def version(name: str = NAME) -> Version:
    return versions.find(Reference(name, 1))


# The comparison


TAGS = {
    "weights_sha256": "w",
    "head_sha256": "h",
    "elbo_nats": "-100.0",
    "accuracy": "0.8",
    "active_units": "40",
    **HERE,
}
SCORES = {"elbo_nats": -100.0, "accuracy": 0.8, "active_units": 40}


def proof(weights: str = "other", made_on: dict[str, str] = HERE, **scores: float) -> Proof:
    made = Made(weights, "h", **made_on, scores=SCORES | scores)
    return reproduce.compare("c" * 40, TAGS, made, seconds=1.23)


ELSEWHERE = {"cpu": "another", "torch": "2.13.0"}
NEWER = {**HERE, "torch": "2.14.0"}


def test_the_same_tensors_are_the_proof_wherever_they_were_made() -> None:
    for made_on in (HERE, ELSEWHERE, NEWER):
        found = proof("w", made_on)
        assert (found.passed, found.weights, found.tolerance) == (True, "same", None)
        assert str(found) == f"made again bit for bit from commit {'c' * 12}"


def test_the_classifier_is_part_of_the_proof() -> None:
    made = Made("w", "another", **HERE, scores=SCORES)
    assert not reproduce.compare("c" * 40, TAGS, made, seconds=1.0).passed


def test_other_tensors_on_the_same_processor_fail_whatever_the_scores() -> None:
    found = proof()
    assert (found.passed, found.weights, found.tolerance) == (False, "different", None)
    assert str(found) == "other weights on the same processor and torch: no score differs"


GPU = {"cpu": "cuda: NVIDIA H100", "torch": "2.13.0"}
RANKS = {"cpu": "a processor, threads 1, ranks 2", "torch": "2.13.0"}


@pytest.mark.parametrize(
    ("made_on", "elbo_percent", "accuracy", "units"),
    [(ELSEWHERE, 0.1, 0.01, 1), (NEWER, 2.0, 0.03, 4), (GPU, 2.0, 0.03, 4), (RANKS, 2.0, 0.03, 4)],
)
def test_elsewhere_scores_may_differ_by_the_tolerance(
    made_on: dict[str, str], elbo_percent: float, accuracy: float, units: int
) -> None:
    """Of an ELBO of -100 nats, per cent are nats."""
    near, far = 0.999, 1.001
    for scores, passed in (
        ({}, True),
        ({"elbo_nats": -100 - near * elbo_percent}, True),
        ({"elbo_nats": -100 + near * elbo_percent}, True),
        ({"elbo_nats": -100 - far * elbo_percent}, False),
        ({"elbo_nats": -100 + far * elbo_percent}, False),
        ({"accuracy": 0.8 - near * accuracy}, True),
        ({"accuracy": 0.8 - far * accuracy}, False),
        ({"accuracy": 0.8 + far * accuracy}, False),
        ({"active_units": 40 - units}, True),
        ({"active_units": 39 - units}, False),
        ({"elbo_nats": -100.05, "accuracy": 0.1}, False),
    ):
        found = proof("other", made_on, **scores)
        assert found.passed == passed, scores
        assert {one.score for one in found.differences} == set(scores)
        assert ("beyond" in str(found)) == (not passed)


def test_few_active_units_may_be_one_off() -> None:
    tags = TAGS | {"active_units": "3"}
    made = Made("other", "h", **ELSEWHERE, scores=SCORES | {"active_units": 2})
    assert reproduce.compare("c" * 40, tags, made, seconds=1.0).passed


def test_a_gpu_adds_in_any_order() -> None:
    made = Made("other", "h", **GPU, scores=SCORES)
    for recorded in (GPU, HERE):
        found = reproduce.compare("c" * 40, TAGS | recorded, made, seconds=1.0)
        assert (found.passed, found.tolerance) == (True, reproduce.REDRAWN)


def test_a_version_that_does_not_say_where_it_was_made_may_be_from_elsewhere() -> None:
    made = Made("other", "h", **HERE, scores=SCORES)
    tags = {name: value for name, value in TAGS.items() if name not in HERE}
    assert reproduce.compare("c" * 40, tags, made, seconds=1.0).passed


@pytest.mark.parametrize("name", ["elbo_nats", "accuracy"])
def test_a_score_that_one_of_them_lacks_fails(name: str) -> None:
    fewer = {key: value for key, value in SCORES.items() if key != name}
    made = Made("other", "h", **ELSEWHERE, scores=fewer)
    assert not reproduce.compare("c" * 40, TAGS, made, seconds=1.0).passed
    tags = {key: value for key, value in TAGS.items() if key != name}
    made = Made("other", "h", **ELSEWHERE, scores=SCORES)
    assert not reproduce.compare("c" * 40, tags, made, seconds=1.0).passed


def test_without_labels_accuracy_is_not_asked_for() -> None:
    fewer = {key: value for key, value in SCORES.items() if key != "accuracy"}
    tags = {key: value for key, value in TAGS.items() if key != "accuracy"}
    made = Made("other", "h", **ELSEWHERE, scores=fewer)
    assert reproduce.compare("c" * 40, tags, made, seconds=1.0).passed


# Around the stages: these are played by a few files


VERDICT = artifacts.VERDICT.as_posix()


@pytest.fixture
def project(mlflow_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sealed version in a DVC project; temporary folders are made beside it."""
    repository.write(mlflow_store)
    stages = yaml.safe_load((mlflow_store / "dvc.yaml").read_text())
    stages["stages"] |= {
        "verdict": {"cmd": "run verdict", "outs": [VERDICT]},
        "evaluate": {"cmd": "run evaluate", "deps": ["data/test.safetensors", VERDICT]},
    }
    (mlflow_store / "dvc.yaml").write_text(yaml.safe_dump(stages))
    (mlflow_store / ".dvc").mkdir()
    (mlflow_store / ".dvc/config").write_text("")
    (mlflow_store / ".dvc/.gitignore").write_text("/config.local\n/cache\n/tmp\n")
    repository.commit(mlflow_store)
    made_on()
    register(NAME, candidate.read())
    seal(NAME)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return mlflow_store


def made_on(folder: Path = Path(), cpu: str = HERE["cpu"]) -> None:
    known = {"run_id": "0" * 32, "weights_sha256": "", "cpu": cpu, "torch": HERE["torch"]}
    artifacts.write_json(known, folder / artifacts.RUN)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[Any, ...]]]:
    """Have a function stand for the stages; the commands that DVC would have got."""
    commands: list[tuple[Any, ...]] = []

    def play(make: Callable[[Path], object], fails: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        def dvc(folder: Path, *arguments: str) -> bool:
            commands.append(arguments)
            if arguments[0] == "repro":
                make(folder)
            return not any(argument in fails for argument in arguments)

        monkeypatch.setattr(reproduce, "_ends_well", dvc)
        return commands

    return play


def same(folder: Path) -> None:
    tiny_model.write_project(folder)
    made_on(folder)


def another(folder: Path) -> None:
    tiny_model.write_project(folder, seed=1)
    made_on(folder)


def nothing_is_left(project: Path) -> bool:
    listed = repository.git(project, "worktree", "list", "--porcelain").count("worktree ")
    left = sorted(path.name for path in Path(tempfile.gettempdir()).iterdir())
    assert left == []
    return listed == 1


def proofs() -> list[dict[str, str]]:
    return [event.facts for event in audit.events(NAME) if event.kind == "reproduced"]


def test_the_proof_stands_on_the_version_and_in_the_log(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    commands = played(same)
    head = repository.git(project, "rev-parse", "HEAD").strip()
    found = reproduce.reproduce(version())
    assert found.passed
    assert found.commit == head
    assert commands[0][:2] == ("checkout", "--quiet")
    assert "data/train.safetensors" in commands[0]
    assert commands[1][-3:] == ("train", "head", "evaluate")
    assert Proof.model_validate_json(version().tags["reproduced"]) == found
    assert proofs() == [{"commit": head, "weights": "same", "passed": "true"}]
    assert nothing_is_left(project)


def test_a_proof_that_failed_is_recorded_too(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    played(another)
    assert not reproduce.reproduce(version()).passed
    assert [(facts["weights"], facts["passed"]) for facts in proofs()] == [("different", "false")]
    played(same)
    assert reproduce.reproduce(version()).passed
    assert [facts["passed"] for facts in proofs()] == ["false", "true"]
    assert json.loads(version().tags["reproduced"])["passed"]


def test_it_is_made_from_its_commit_whatever_the_project_is_like_now(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    sealed = (project / "src/train.py").read_text()
    (project / "src/train.py").write_text("# another\n")
    repository.commit(project)
    (project / "src/train.py").write_text("# a third\n")
    seen = []

    def make(folder: Path) -> None:
        seen.append((folder / "src/train.py").read_text())
        seen.append(str(folder))
        same(folder)

    played(make)
    assert reproduce.reproduce(version()).passed
    assert seen[0] == sealed
    assert (project / "src/train.py").read_text() == "# a third\n"
    assert not Path(seen[1]).is_relative_to(project)


def fails(folder: Path) -> None:
    raise KeyboardInterrupt


def makes_nothing(folder: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "failing", "kind", "said"),
    [
        (fails, (), KeyboardInterrupt, None),
        (same, ("repro",), StoreError, "`dvc repro --force --single-item"),
        (
            same,
            ("checkout", "pull"),
            StoreError,
            "neither in DVC's cache nor.*`dvc push --all-commits`",
        ),
        (makes_nothing, (), Exception, "model/run.json is missing"),
    ],
)
def test_nothing_is_left_of_what_did_not_end_well(
    project: Path,
    played: Callable[..., list[tuple[Any, ...]]],
    make: Callable[[Path], None],
    failing: tuple[str, ...],
    kind: type[BaseException],
    said: str | None,
) -> None:
    played(make, failing)
    with pytest.raises(kind, match=said):
        reproduce.reproduce(version())
    assert nothing_is_left(project)
    assert proofs() == []
    assert "reproduced" not in version().tags


def test_data_that_the_cache_lacks_is_pulled(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    commands = played(same, ("checkout",))
    assert reproduce.reproduce(version()).passed
    assert [command[0] for command in commands] == ["checkout", "pull", "repro"]


def test_a_verdict_that_nobody_kept_is_reached_again(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    commands = played(same, (VERDICT,))
    assert reproduce.reproduce(version()).passed
    assert [command[0] for command in commands] == ["checkout", "pull", "checkout", "repro"]
    assert commands[-1][-4:] == ("train", "head", "verdict", "evaluate")  # there are no others


def test_no_hook_of_the_repository_runs(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """`dvc install` puts one there that would check out all data into the copy."""
    hook = project / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{project}/ran'\nexit 1\n")
    hook.chmod(0o755)
    played(same)
    assert reproduce.reproduce(version()).passed
    assert not (project / "ran").exists()


def test_a_version_that_is_not_sealed_is_refused(project: Path) -> None:
    repository.repro(project, seed=1)
    register(NAME, candidate.read())
    with pytest.raises(RefusedError, match=r"is not sealed.*`latentops registry seal tiny 2`"):
        reproduce.reproduce(versions.find(Reference(NAME, 2)))


def sealed_by(commit: str) -> None:
    """As if git had been asked."""
    found = store.connect()
    audit.require(found, NAME).append("sealed", 1, facts={"commit": commit})
    found.client.set_model_version_tag(NAME, "1", "sealed_commit", commit)


def test_a_commit_that_is_not_here_is_one_line(project: Path) -> None:
    sealed_by("0" * 40)
    with pytest.raises(GitError, match="git fetch --unshallow"):
        reproduce.reproduce(version())


def test_a_seal_that_the_log_does_not_know_proves_nothing(project: Path) -> None:
    store.connect().client.set_model_version_tag(NAME, "1", "sealed_commit", "0" * 40)
    with pytest.raises(IntegrityError, match="The log knows no seal of version 1"):
        reproduce.reproduce(version())


def test_a_log_that_could_not_take_the_proof_is_said_before_the_work(
    project: Path, played: Callable[..., list[tuple[Any, ...]]]
) -> None:
    commands = played(same)
    found = store.connect()
    experiment = found.client.get_experiment_by_name(f"registry of {NAME}").experiment_id
    for run in found.client.search_runs([experiment], "tags.number = '1'"):
        found.client.set_tag(run.info.run_id, "event", "{}")
    with pytest.raises(IntegrityError, match="event 1 was altered"):
        reproduce.reproduce(version())
    assert commands == []


def test_the_stages_see_nothing_of_the_callers_project_and_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hidden = [
        *("PYTHONPATH", "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_STAGE"),
        *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_REGISTRY_URI"),
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"),
    ]
    for name in hidden:
        monkeypatch.setenv(name, "of the caller")
    monkeypatch.setenv("LATENTOPS_MIRROR", "kept")
    found = reproduce._environment()
    assert not set(hidden) & set(found)
    assert found["LATENTOPS_MIRROR"] == "kept"
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


@pytest.mark.parametrize("cache", [None, "../elsewhere", "/absolute"])
def test_cache_and_remotes_are_those_of_the_project(
    project: Path, tmp_path: Path, cache: str | None
) -> None:
    said = "[core]\n    remote = disk\n" + (f"[cache]\n    dir = {cache}\n" if cache else "")
    said += "['remote \"disk\"']\n    url = ../../remote\n"
    said += "['remote \"far\"']\n    url = s3://bucket/x\n    region = eu\n"
    (project / ".dvc/config").write_text(said)
    (project / ".dvc/config.local").write_text("['remote \"far\"']\n    access_key_id = k\n")
    copy = tmp_path / "copy"
    copy.mkdir()
    reproduce._configure(project, copy, tmp_path)
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "config", "--list"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = project / ".dvc" / (cache or "cache")
    assert f"cache.dir={expected.resolve()}" in shown
    assert f"remote.disk.url={(tmp_path / 'remote').resolve()}" in shown
    assert {"core.remote=disk", "remote.far.url=s3://bucket/x"} < set(shown.splitlines())
    assert {"remote.far.region=eu", "remote.far.access_key_id=k"} < set(shown.splitlines())


# Real


INTERRUPTED = """
from latentops.registry import reproduce, versions
from latentops.registry.reference import Reference
reproduce.reproduce(versions.find(Reference("tiny", 1)))
"""


def test_ctrl_c_ends_the_stage_and_removes_the_copy(project: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    stages = {
        name: {"cmd": f"echo $$ > '{started}'; exec sleep 100"}
        for name in ("prepare", *reproduce.STAGES)
    }
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    sealed_by(repository.commit(project))
    environment = os.environ | {"TMPDIR": tempfile.gettempdir()}
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], env=environment, stderr=subprocess.PIPE, text=True
    )
    until(lambda: started.exists() and started.read_text().strip())
    stage = int(started.read_text())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert "Running stage 'train'" in said
    assert nothing_is_left(project)
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after `dvc repro`, `git commit` and `latentops registry seal`."""
    folder = pipeline.copy_project(tmp_path_factory.mktemp("a project") / "in it")
    pipeline.git(folder, "init", "--quiet")
    pipeline.git(folder, "add", "--all")
    pipeline.git(folder, "commit", "--quiet", "-m", "project")
    pipeline.succeed(folder, "dvc", "repro")
    pipeline.git(folder, "add", "--all")
    pipeline.git(folder, "commit", "--quiet", "-m", "first model")
    return folder


@pytest.fixture
def inside(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.chdir(trained)
    return trained


DIGITS = "latentops-digits"
OUTPUTS = ("model", "data/train.safetensors", "data/test.parquet", "plots", "metrics", "reports")


def clear(folder: Path) -> None:
    for name in OUTPUTS:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def test_a_real_model_is_made_again_bit_for_bit_without_its_outputs(inside: Path) -> None:
    sealed = seal(DIGITS)
    assert sealed.sealed_commit == pipeline.git(inside, "rev-parse", "HEAD").strip()
    (inside / "src/latentops/elbo.py").write_text("broken here, not there")
    clear(inside)
    cached, runs = files(inside / ".dvc/cache"), pipeline.rows(inside, "select count(*) from runs")
    found = reproduce.reproduce(version(DIGITS))
    assert (found.passed, found.weights, found.differences) == (True, "same", ())
    assert found.cpu == sealed.tags["cpu"]
    assert files(inside / ".dvc/cache") == cached
    assert not (inside / "model").exists()
    ((before,),) = runs
    assert pipeline.rows(inside, "select count(*) from runs") == [(before + 1,)]  # the event
    assert pipeline.git(inside, "worktree", "list").count("\n") == 1


def test_a_processor_that_rounds_otherwise_makes_other_bits_and_the_same_model(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch and MKL are told to do without the instructions that they used."""
    recorded = seal(DIGITS).tags["cpu"]
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = reproduce.reproduce(version(DIGITS))
    if found.cpu == recorded:
        pytest.skip("this processor has no other instructions to do without")
    assert found.weights == "different"
    assert (found.passed, found.tolerance) == (True, reproduce.ROUNDED)


def test_with_the_cache_gone_its_data_comes_from_a_remote_on_disk(inside: Path) -> None:
    seal(DIGITS)
    pipeline.git(inside, "checkout", "--quiet", "--", ".")
    pipeline.succeed(inside, "dvc", "checkout", "dvc.yaml")
    pipeline.succeed(inside, "dvc", "remote", "add", "--default", "disk", "../remote")
    pipeline.succeed(inside, "dvc", "push")
    shutil.rmtree(inside / ".dvc/cache")
    clear(inside)
    assert reproduce.reproduce(version(DIGITS)).passed
    shutil.rmtree(inside / ".dvc/cache")
    shutil.rmtree(inside.parent / "remote")
    with pytest.raises(
        StoreError, match=r"data/.*neither in DVC's cache nor.*`dvc push --all-commits`"
    ):
        reproduce.reproduce(version(DIGITS))
