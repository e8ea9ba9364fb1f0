"""Two ranks against one process: what they learn, what they draw, what they say and write."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ranks_at_work
import torch
import yaml
from conftest import ROOT
from mlflow import MlflowClient

from latentops import artifacts
from latentops.errors import SettingsError
from latentops.stages import prepare, train
from latentops.training import distributed

LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
EPOCHS = 30

Seen = dict[str, Any]


def launched(*program: str) -> "subprocess.Popen[str]":
    paths = os.pathsep.join((str(ROOT / "src"), str(ROOT / "tests")))
    return subprocess.Popen(
        [*LAUNCHER, *program],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit status and all that it and its ranks said."""
    said, _ = process.communicate(timeout=100)
    return process.returncode, said


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Seen]:
    """What each of two ranks saw of `ranks_at_work.all_of`."""
    folder = tmp_path_factory.mktemp("ranks")
    status, said = ended(launched(str(ROOT / "tests/ranks_at_work.py"), str(folder)))
    assert status == 0, said
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


def assert_close(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-6)


def assert_equal(one: object, other: object) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0)


# Against one process. Shares are unequal in all of these, and one is empty in the last batch.


@pytest.mark.parametrize("case", ranks_at_work.CASES, ids="-".join)
def test_the_gradient_is_that_of_the_whole_batch(
    case: tuple[str, str], ranks: Sequence[Seen]
) -> None:
    alone = ranks_at_work.gradients(*case)
    assert any(gradient.abs().max() > 0.01 for gradient in alone.values())
    for rank in ranks:
        assert_close(rank["gradients"][case], alone)


def test_a_rank_without_rows_has_the_gradient_of_the_batch(ranks: Sequence[Seen]) -> None:
    alone = ranks_at_work.gradients("mlp", "elbo", rows=1)
    for rank in ranks:
        assert_close(rank["gradients of one row"], alone)


@pytest.mark.parametrize("case", ranks_at_work.CASES, ids="-".join)
def test_without_noise_two_ranks_learn_what_one_process_learns(
    case: tuple[str, str], ranks: Sequence[Seen]
) -> None:
    alone = ranks_at_work.trained(*case)
    for rank in ranks:
        assert_close(rank["trained"][case], alone)
    assert_equal(ranks[0]["trained"][case], ranks[1]["trained"][case])


def test_a_rank_without_a_row_to_score_knows_the_score(ranks: Sequence[Seen]) -> None:
    alone = ranks_at_work.trained("bow", "elbo", valid_rows=1)
    for rank in ranks:
        assert_close(rank["one valid row"], alone)


# Among the ranks


def test_no_row_gets_the_noise_of_another(ranks: Sequence[Seen]) -> None:
    first, second = (rank["noise"] for rank in ranks)
    assert len(first) == len(second) == 4  # two epochs, each of a batch and a validation
    drawn = torch.cat([*first[:3], *second[:3]])
    distances = torch.cdist(drawn, drawn) + torch.eye(len(drawn))
    assert distances.min() > 1e-4
    assert_close(first[1], first[3])  # the validation's is the same after each epoch
    assert_close(second[1], second[3])


def test_a_value_that_is_not_finite_on_one_rank_stops_both(ranks: Sequence[Seen]) -> None:
    assert sorted(rank["spoilt"]["read"] for rank in ranks) == [False, True]
    said = {rank["spoilt"]["said"] for rank in ranks}
    assert len(said) == 1
    assert said.pop().startswith("NumericalError: The loss stopped being finite at step ")
    for rank in ranks:
        assert all(weight.isfinite().all() for weight in rank["spoilt"]["weights"].values())
    assert_equal(*(rank["spoilt"]["weights"] for rank in ranks))


@pytest.mark.parametrize("kind", ["mlp", "bow-norm"])
def test_a_training_goes_on_where_the_last_whole_epoch_ended(
    kind: str, ranks: Sequence[Seen]
) -> None:
    for rank in ranks:
        whole, resumed = rank["gone on"][kind]["weights"]
        assert_equal(whole, resumed)
        assert_equal(whole, ranks[0]["gone on"][kind]["weights"][0])


def test_only_the_first_rank_logs_and_writes(ranks: Sequence[Seen]) -> None:
    first, second = (rank["gone on"]["mlp"] for rank in ranks)
    assert (first["logged"], second["logged"]) == ([1, 2, 3, 4, 3, 4], [])
    assert (first["wrote"], second["wrote"]) == (True, False)


def test_ranks_with_other_data_are_refused_by_all(ranks: Sequence[Seen]) -> None:
    assert [rank["same"] for rank in ranks] == ["", ""]
    for rank in ranks:
        assert rank["other"].startswith("SettingsError: Rank 1 has other settings, data, code")


def test_the_cores_are_shared_out(ranks: Sequence[Seen]) -> None:
    part = max(1, len(os.sched_getaffinity(0)) // 2)
    assert [rank["threads"] for rank in ranks] == [[part, 1, part]] * 2


# The start of the ranks


@pytest.mark.parametrize("size", [None, "1"])
def test_without_torchrun_there_is_one_rank(
    size: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if size:
        monkeypatch.setenv("WORLD_SIZE", size)
    with distributed.ranks(torch.device("cpu")) as ranks:
        assert ranks is distributed.ALONE
        assert ranks.first


def test_a_number_of_ranks_without_a_launcher_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with (
        pytest.raises(SettingsError, match=r"RANK, .* is not set\. Start them with torchrun"),
        distributed.ranks(torch.device("cpu")),
    ):
        pass


def test_more_ranks_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "LOCAL_RANK": "1", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(SettingsError, match="--nproc-per-node=1"),
        distributed.ranks(torch.device("cuda")),
    ):
        pass


# The stage


@pytest.fixture
def project(mlflow_store: Path) -> Iterator[Path]:
    """A prepared project whose training takes seconds."""
    (mlflow_store / "data/raw").mkdir(parents=True)
    (mlflow_store / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (mlflow_store / "src").symlink_to(ROOT / "src")
    rows = [
        (" ".join(f"{label}{word}" for word in words), label)
        for label in ("house", "garden", "street")
        for words in combinations("abcdefgh", 4)
    ]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("data/raw/mine.csv", index=False)
    settings = yaml.safe_load((ROOT / "recipes/intents.yaml").read_text())
    settings["data"] |= {"source": "data/raw/mine.csv", "valid_fraction": 0.3}
    settings["model"] |= {"latent": 2, "hidden": [8], "mean_scale": 0.6}
    settings["train"] |= {"epochs": EPOCHS, "batch_size": 16, "patience": 0, "device": "cpu"}
    settings["train"] |= {"learning_rate": 0.02}
    change(settings, {})
    prepare.main()
    return mlflow_store


def change(settings: Seen, train_settings: Seen) -> None:
    settings["train"] |= train_settings
    Path("params.yaml").write_text(yaml.safe_dump(settings))


def ranks_of(launcher: int) -> list[int]:
    """The processes that a launcher started, by rank."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    environments = {child: Path(f"/proc/{child}/environ").read_bytes() for child in children}
    by_rank = {
        field[len(b"RANK=") :]: int(child)
        for child, environment in environments.items()
        for field in environment.split(b"\0")
        if field.startswith(b"RANK=")
    }
    return [by_rank[str(rank).encode()] for rank in range(len(by_rank))]


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 90
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs() -> dict[str, str]:
    """The status of each MLflow run."""
    client = MlflowClient(f"sqlite:///{Path('mlruns/mlflow.db').absolute()}")
    experiments = [each.experiment_id for each in client.search_experiments()]
    return {run.info.run_id: run.info.status for run in client.search_runs(experiments)}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds ranks by /proc")
def test_a_killed_rank_ends_all_and_the_next_start_goes_on_to_the_score_of_one_process(
    project: Path,
) -> None:
    killed = launched("-m", "latentops.stages.train")
    wait_for(train.CHECKPOINT / "state.pt", killed)
    os.kill(ranks_of(killed.pid)[1], signal.SIGKILL)
    assert ended(killed)[0] == 1
    assert not artifacts.WEIGHTS.exists()
    (run_id,) = runs()

    status, said = ended(launched("-m", "latentops.stages.train"))
    assert status == 0, said
    assert "training starts from the beginning" not in said
    assert runs() == {run_id: "FINISHED"}
    made = artifacts.read_json(artifacts.RUN)
    assert made["run_id"] == run_id
    assert made["cpu"].endswith(", ranks 2")
    history = pd.read_csv(artifacts.TRAINING_CURVE)
    assert history["epoch"].tolist() == list(range(1, EPOCHS + 1))
    assert not train.CHECKPOINT.exists()

    together = artifacts.read_json(artifacts.TRAIN_METRICS)["valid_elbo_nats"]
    train.main()
    alone = artifacts.read_json(artifacts.TRAIN_METRICS)["valid_elbo_nats"]
    assert together == pytest.approx(alone, abs=0.9)  # seeds of one process differ by 0.2
    assert together > history["valid_elbo_nats"].iloc[0] + 1.0
    assert ", ranks" not in artifacts.read_json(artifacts.RUN)["cpu"]


def test_a_stage_whose_loss_is_not_finite_says_so_and_leaves_with_1(project: Path) -> None:
    settings = yaml.safe_load(Path("params.yaml").read_text())
    change(settings, {"learning_rate": 1e30, "optimizer": "sgd"})
    status, said = ended(launched("-m", "latentops.stages.train"))
    assert status == 1
    assert "error: The loss stopped being finite at step " in said
    assert "NumericalError" not in said  # no traceback
    assert list(runs().values()) == ["FAILED"]
