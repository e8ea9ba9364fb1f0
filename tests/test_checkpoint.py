"""Checkpoints: a training that was killed ends with the weights of one that was not."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from test_training import NEUTRAL, StopHereError, assert_equal, copied, real

from latentops import objectives
from latentops.data.batches import Examples
from latentops.errors import ArtifactError
from latentops.model import VAE
from latentops.training import checkpoint as checkpoints
from latentops.training import loop
from latentops.training.checkpoint import Checkpoint
from latentops.training.settings import Settings

STATE = {"weights": {"w": torch.arange(1000.0)}, "history": [{"epoch": 1, "beta": 0.5}], "step": 7}


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoint:
    checkpoint = Checkpoint(tmp_path / "train", "this")
    checkpoint.save(STATE)
    return checkpoint


def test_what_was_saved_comes_back_as_it_was(saved: Checkpoint) -> None:
    state = Checkpoint(saved.folder, "this").load()
    assert state is not None
    assert_equal(state.pop("weights"), STATE["weights"])
    assert state == {"history": STATE["history"], "step": 7}


def test_where_nothing_was_saved_there_is_nothing_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = Checkpoint(tmp_path, "this")
    assert checkpoint.load() is None
    assert checkpoint.notes == {}
    assert capsys.readouterr().err == ""


def test_a_state_of_another_experiment_is_left_aside_in_one_line(
    saved: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Checkpoint(saved.folder, "other").load() is None
    said = capsys.readouterr().err
    assert said.endswith("belongs to another experiment: training starts from the beginning.\n")
    assert said.count("\n") == 1


def flip_a_bit_of_a_tensor(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(torch.arange(1000.0).numpy().tobytes()) + 402] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def write_junk(path: Path) -> None:
    path.write_bytes(b"\x80\x04junk" * 50)


def write_another_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("hello", "world")


def write_another_content(path: Path) -> None:
    torch.save({"nothing": 1}, path)


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit_of_a_tensor,
        cut,
        empty,
        write_junk,
        write_another_archive,
        write_another_content,
    ],
)
def test_a_damaged_state_is_left_aside_in_one_line(
    damage: object, saved: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(damage)
    damage(saved.folder / "state.pt")
    assert saved.load() is None
    said = capsys.readouterr().err
    assert said.endswith("state.pt is damaged: training starts from the beginning.\n")
    assert said.count("\n") == 1


def test_notes_are_there_for_the_next_process_before_anything_is_saved(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path / "train", "this")
    first.note(run_id="abc")
    first.note(experiment="digits")
    assert Checkpoint(tmp_path / "train", "this").notes == {"run_id": "abc", "experiment": "digits"}


def test_notes_of_another_experiment_are_not_seen_and_are_replaced(tmp_path: Path) -> None:
    Checkpoint(tmp_path, "this").note(run_id="abc", more="x")
    other = Checkpoint(tmp_path, "other")
    assert other.notes == {}
    other.note(run_id="def")
    assert other.notes == {"run_id": "def"}


@pytest.mark.parametrize("content", ["", "[]", '{"fingerprint": "this"}', "\0"])
def test_damaged_notes_are_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text(content)
    assert Checkpoint(tmp_path, "this").notes == {}


def test_remove_leaves_nothing_and_may_be_called_twice(saved: Checkpoint) -> None:
    saved.note(run_id="abc")
    saved.remove()
    assert not saved.folder.exists()
    saved.remove()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to write to")
def test_a_full_disk_leaves_the_state_before(saved: Checkpoint) -> None:
    partial = saved.folder / f".state.pt.{os.getpid()}.partial"
    partial.symlink_to("/dev/full")
    with pytest.raises(ArtifactError, match="No space is left"):
        saved.save(STATE | {"step": 8, "large": torch.zeros(1_000_000)})
    state = saved.load()
    assert state is not None
    assert state["step"] == 7
    assert [path.name for path in saved.folder.iterdir()] == ["state.pt"]


def fingerprint(vae: VAE, settings: Settings, digest: str = "data") -> str:
    return checkpoints.fingerprint(vae, [settings, NEUTRAL], [digest])


def test_the_fingerprint_changes_with_settings_shapes_and_data() -> None:
    image_vae, word_vae, settings = real("mlp")[0], real("bow")[0], Settings()
    prints = {
        fingerprint(image_vae, settings),
        fingerprint(word_vae, settings),
        fingerprint(image_vae, Settings(seed=1)),
        fingerprint(image_vae, settings, "other data"),
        checkpoints.fingerprint(image_vae, [settings, objectives.Settings(beta=2)], ["data"]),
    }
    assert len(prints) == 5
    assert fingerprint(real("mlp")[0], Settings()) in prints


# Going on


def run(
    kind: str, settings: Settings, folder: Path | None, stop_in: int | None = None
) -> tuple[loop.Fit | None, dict[str, torch.Tensor], list[float]]:
    """Train; `stop_in` raises out of that epoch. Gives fit, weights and the epochs logged."""
    vae, examples = real(kind)
    logged: list[float] = []

    def log(step: int, row: dict[str, float]) -> None:
        logged.append(row["epoch"])
        if row["epoch"] == stop_in:
            raise StopHereError

    checkpoint = Checkpoint(folder, fingerprint(vae, settings)) if folder else None
    valid: Examples = examples.subset(torch.arange(20))
    try:
        fit = loop.fit(vae, examples, valid, NEUTRAL, settings, log, checkpoint)
    except StopHereError:
        return None, copied(vae), logged
    return fit, copied(vae), logged


@pytest.mark.parametrize("kind", ["mlp", "bow", "bow-norm"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_training_goes_on_where_the_last_whole_epoch_ended(
    kind: str, optimizer: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {"epochs": 6, "batch_size": 16, "schedule": "cosine", "learning_rate": 0.01}
        | {"optimizer": optimizer, "patience": 4}
    )
    whole, weights, _ = run(kind, settings, None)
    folder = tmp_path / "train"
    assert run(kind, settings, folder, stop_in=3)[2] == [1, 2, 3]
    assert run(kind, settings, folder, stop_in=5)[2] == [3, 4, 5]
    resumed, weights_after, logged = run(kind, settings, folder)
    assert logged == [5, 6]
    assert_equal(weights, weights_after)
    assert whole is not None
    assert resumed is not None
    assert resumed.history == whole.history
    assert resumed.best_epoch == whole.best_epoch


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    settings = Settings(epochs=2, batch_size=16)
    first, weights, _ = run("mlp", settings, tmp_path)
    again, weights_again, logged = run("mlp", settings, tmp_path)
    assert logged == []
    assert again == first
    assert_equal(weights, weights_again)


def test_a_changed_setting_starts_afresh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("mlp", Settings(epochs=2, batch_size=16), tmp_path)
    fit, _, logged = run("mlp", Settings(epochs=2, batch_size=16, seed=1), tmp_path)
    assert logged == [1, 2]
    assert fit is not None
    assert "belongs to another experiment" in capsys.readouterr().err


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, "tests")
import torch
torch.set_num_threads(1)  # a forked process may not use the threads of its parent
import test_checkpoint as t
from latentops.artifacts import tensors_sha256

folder, settings = Path(sys.argv[1]), t.Settings(epochs=40, batch_size=4, patience=0)

def train(checkpoint, out):
    _, weights, _ = t.run("bow", settings, checkpoint)
    out.write_text(tensors_sha256({name: value.numpy() for name, value in weights.items()}))

def train_and_be_killed(after_seconds):
    pid = os.fork()
    if pid == 0:
        train(folder / "train", folder / "killed")
        os._exit(0)
    time.sleep(after_seconds)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL

train(folder / "first", folder / "whole")
started = time.perf_counter()
train(folder / "second", folder / "whole")
span = time.perf_counter() - started
moments, kills = random.Random(), 0
while train_and_be_killed(moments.uniform(0.05, 0.4) * span):
    kills += 1
print(kills, (folder / "whole").read_text(), (folder / "killed").read_text())
"""


def test_a_training_killed_again_and_again_ends_with_the_same_weights(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    kills, whole, killed = done.stdout.split()
    assert int(kills) >= 1
    assert whole == killed


def test_the_state_is_readable_without_pickle_and_the_notes_are_json(tmp_path: Path) -> None:
    settings = Settings(epochs=1, batch_size=16)
    run("mlp", settings, tmp_path)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert set(state) == {"fingerprint", "state"}
    Checkpoint(tmp_path, state["fingerprint"]).note(run_id="abc")
    assert json.loads((tmp_path / "notes.json").read_text())["notes"] == {"run_id": "abc"}
