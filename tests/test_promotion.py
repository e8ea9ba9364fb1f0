"""Promoting and going back: the gates' decision carried out, recorded, and safe from kills."""

import json
import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from light_registry import (
    BAD,
    COMMIT,
    POLICY,
    Killed,
    champion,
    history,
    killed_at,
    light,
    promote,
    register_seed,
    scorer,
    seal,
    settle,
    tags,
)
from mlflow import MlflowClient

from latentops.errors import IntegrityError, RefusedError, StoreError
from latentops.registry import audit, promotion, versions

__all__ = ["light"]  # a fixture
NAME = "tiny"


@pytest.fixture
def two(light: Path) -> Path:
    """Version 1 is champion, version 2 a sealed challenger."""
    register_seed(0)
    register_seed(1)
    seal(2)
    return light


def weights(client: MlflowClient, number: int) -> Path:
    source = client.get_model_version(NAME, str(number)).source.removeprefix("models:/")
    return next(Path("mlruns/artifacts").rglob(f"{source}/artifacts/artifacts/weights.safetensors"))


# Promotion


def test_a_good_challenger_becomes_champion_with_its_verdict(two: Path) -> None:
    done = promote(reason="looks good")
    assert (done.promoted, done.forced) == (True, False)
    assert (done.version.number, done.champion.number if done.champion else None) == (2, 1)
    assert champion() == 2
    event = done.event
    assert event is not None
    assert event == audit.events(NAME)[-1]
    assert event.reason.startswith("looks good; ")
    assert {gate["rule"]: gate["passed"] for gate in event.gates} == {
        "finite": True,
        "sealed": True,
        "collapse": True,
        "at_least": True,
    }
    assert tags(2)["verdict"] == "table"


def test_who_reads_the_scores_is_told_of_other_test_data(two: Path) -> None:
    known = tags(2)["test_md5"]
    assert promote(dry_run=True, test_md5=known).notes == ()
    first, second = promote(dry_run=True, test_md5="of other data").notes
    assert first.startswith("Version 2 of tiny was registered with other test data")
    assert second.startswith("Version 1 of tiny")


def test_a_refusal_moves_nothing_and_is_recorded(two: Path) -> None:
    done = promote(accuracy=BAD)
    assert not done.promoted
    assert champion() == 1
    assert history()[-1] == ("refused", 2, 1, 1)
    assert "accuracy 0.1 < 0.5" in audit.events(NAME)[-1].reason


def test_an_unsealed_version_is_promoted_by_force_only_and_force_is_recorded(light: Path) -> None:
    register_seed(0)
    register_seed(1)
    assert not promote().promoted
    assert "seal" in audit.events(NAME)[-1].reason
    done = promote(force=True, reason="the site is down")
    assert (done.promoted, done.forced) == (True, True)
    last = audit.events(NAME)[-1]
    assert (last.kind, last.forced, champion()) == ("promoted", True, 2)
    assert last.reason.startswith("the site is down; ")


def test_force_where_the_gates_agree_is_no_force(two: Path) -> None:
    assert not promote(force=True).forced
    assert not audit.events(NAME)[-1].forced


def test_a_tag_that_says_sealed_is_not_believed_without_the_log(
    light: Path, client: MlflowClient
) -> None:
    register_seed(0)
    register_seed(1)
    client.set_model_version_tag(NAME, "2", "sealed_commit", COMMIT)
    assert not promote().promoted


@pytest.mark.parametrize("accuracy", [BAD, 0.9])
def test_a_dry_run_decides_and_writes_nothing(two: Path, accuracy: float) -> None:
    before = history()
    assert promote(accuracy=accuracy, dry_run=True).promoted is (accuracy > 0.5)
    assert (history(), champion()) == (before, 1)
    assert "verdict" not in tags(2)


def test_promoting_the_champion_does_nothing(two: Path) -> None:
    promote()
    before = history()
    again = promote(2)
    assert again.promoted
    assert again.decision is None
    assert history() == before


def test_another_champion_than_expected_is_refused(two: Path) -> None:
    with pytest.raises(RefusedError, match="version 7 was expected to be champion, and 1 is"):
        promote(expect=7)
    assert (history()[-1], champion()) == (("refused", 2, 1, 1), 1)
    assert promote(expect=1).promoted


def test_a_version_that_is_not_there(two: Path) -> None:
    with pytest.raises(
        StoreError, match=r"tiny has no version 9. There are: 1 @champion, 2 @chall"
    ):
        promote(9)


def test_whoever_scores_longer_loses_the_race(two: Path) -> None:
    register_seed(2)
    seal(3)

    def slow(challenger: Path, champion: Path | None) -> Any:
        promote(2)  # another process, meanwhile
        return light_scorer(challenger, champion)

    light_scorer = scorer(0.9)
    with pytest.raises(RefusedError, match="was version 1 when this was decided and is version 2"):
        promotion.promote(NAME, POLICY, slow, lambda _: "", 3)
    assert (champion(), history()[-1]) == (2, ("refused", 3, 2, 2))
    assert "verdict" not in tags(3)


RACE = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from light_registry import promote
from latentops.errors import RefusedError
Path("ready" + sys.argv[2]).touch()
while not Path("go").exists():
    time.sleep(0.005)
try:
    print(promote(int(sys.argv[2]), expect=1).promoted)
except RefusedError as error:
    print(error)
"""


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(two: Path) -> None:
    register_seed(2)
    seal(3)
    here = str(Path(__file__).parent)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, here, number],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in ("2", "3")
    ]
    while not (Path("ready2").exists() and Path("ready3").exists()):
        assert all(worker.poll() is None for worker in workers)
        time.sleep(0.01)
    Path("go").touch()
    said = [worker.communicate() for worker in workers]
    outputs = sorted(output.strip() for output, _ in said)
    assert [error for _, error in said] == ["", ""]
    assert outputs[0] == "True" or outputs[1] == "True"
    refusal = next(output for output in outputs if output != "True")
    assert "champion" in refusal
    assert [event.kind for event in audit.events(NAME)].count("promoted") == 1


# Tampering


@pytest.mark.parametrize("number", [1, 2])
def test_changed_weights_of_either_stop_a_promotion(
    two: Path, client: MlflowClient, number: int
) -> None:
    damage(client, number)
    with pytest.raises(IntegrityError, match=rf"weights.safetensors of version {number} of tiny"):
        promote(force=number == 2)
    assert (history()[-1][:2], champion()) == (("refused", 2), 1)


def test_a_damaged_champion_is_replaced_by_force_and_the_log_says_so(
    two: Path, client: MlflowClient
) -> None:
    damage(client, 1)
    done = promote(force=True)
    assert (done.promoted, done.forced, champion()) == (True, True, 2)
    last = audit.events(NAME)[-1]
    assert last.forced
    assert "weights.safetensors of version 1" in last.facts["notes"]


def test_a_version_that_the_log_does_not_know_is_not_promoted(
    light: Path, client: MlflowClient
) -> None:
    register_seed(0)
    with suppress(Killed), killed_at(7, after=True):
        register_seed(1)
    assert len(versions.list_versions(NAME)) == 2
    assert [event.version for event in audit.events(NAME)] == [1]
    with pytest.raises(IntegrityError, match="Version 2 is not in the log"):
        promote(2, force=True)
    assert champion() == 1


def damage(client: MlflowClient, number: int) -> None:
    path = weights(client, number)
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")


def test_changed_digests_beside_changed_weights_do_not_help(
    two: Path, client: MlflowClient
) -> None:
    path = weights(client, 2)
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    digests = json.loads(tags(2)["files_sha256"])
    from latentops import artifacts

    digests["weights.safetensors"] = artifacts.sha256(path)
    client.set_model_version_tag(NAME, "2", "files_sha256", json.dumps(digests))
    with pytest.raises(IntegrityError, match="Tag files_sha256 of version 2"):
        promote()
    assert champion() == 1


def test_one_does_not_go_back_to_changed_weights(two: Path, client: MlflowClient) -> None:
    promote()
    path = weights(client, 1)
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(IntegrityError, match=r"weights\.safetensors of version 1"):
        promotion.rollback(NAME)
    assert (history()[-1], champion()) == (("refused", 1, 2, 2), 2)


# Back


def test_back_through_the_champions(two: Path) -> None:
    promote()
    register_seed(2)
    seal(3)
    promote()
    assert champion() == 3
    assert promotion.rollback(NAME, reason="too slow").number == 2
    assert promotion.rollback(NAME).number == 1
    with pytest.raises(StoreError, match="no champion before"):
        promotion.rollback(NAME)
    assert promotion.rollback(NAME, to=3).number == 3
    assert promotion.rollback(NAME).number == 1
    assert champion() == 1
    backs = [event for event in audit.events(NAME) if event.kind == "rolled_back"]
    assert [event.reason for event in backs] == ["too slow", "", "", ""]


def test_one_goes_back_only_to_what_was_champion(two: Path) -> None:
    with pytest.raises(StoreError, match=r"Version 2 of tiny was never champion.*were: 1\."):
        promotion.rollback(NAME, to=2)
    assert promotion.rollback(NAME, to=1).number == 1
    assert history()[-1][0] == "sealed"  # nothing was written


# Kills


def test_killed_at_any_write_the_next_command_completes_or_undoes(two: Path) -> None:
    """Every write of a promotion, before and after it."""
    for write in range(8):
        for after in (False, True):
            before = history()
            with suppress(Killed), killed_at(write, after):
                promote()
            assert champion() in (1, 2)
            counted = len(audit.events(NAME)) > len(before)
            versions_now = promotion.rollback(NAME) if counted else None
            assert champion() == 1
            assert versions_now is None or versions_now.number == 1


@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills_lose_nothing(light: Path, seed: int) -> None:
    """Twenty in each of ten models, at a random write of a random command."""
    draw = random.Random(seed)
    known: list[tuple[str, int, int | None, int | None]] = []
    register_seed(0)
    kills = 0
    while kills < 20:
        try:
            with killed_at(draw.randrange(12), draw.random() < 0.5):
                _random_command(draw)
        except Killed:
            kills += 1
        now = history()
        assert now[: len(known)] == known
        assert champion() is not None
        known = now
    chain = settle()
    assert (chain.fault, chain.unfinished) == (None, ())
    assert champion() == chain.champion


def _random_command(draw: random.Random) -> None:
    numbers = [version.number for version in versions.list_versions(NAME)]
    kind = draw.choice(["register", "seal", "promote", "promote", "force", "rollback"])
    if kind == "register":
        register_seed(draw.randrange(4))
    elif kind == "seal":
        seal(draw.choice(numbers))
    elif kind == "rollback":
        try:
            promotion.rollback(NAME)
        except StoreError as error:
            assert "no champion before" in str(error)  # noqa: PT017
    else:
        try:
            promote(draw.choice(numbers), draw.choice([BAD, 0.9]), force=kind == "force")
        except IntegrityError as error:  # a kill kept the version from the log
            assert "is not in the log" in str(error)  # noqa: PT017


SLAIN = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from light_registry import Killed, killed_at, promote
try:
    with killed_at(int(sys.argv[2]), True):
        promote(2)
except Killed:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_by_the_system_between_two_writes(two: Path) -> None:
    """Right after the number of its event is its own, and the alias has not moved."""
    here = str(Path(__file__).parent)
    slain = subprocess.run([sys.executable, "-c", SLAIN, here, "2"])
    assert slain.returncode == -9
    assert champion() == 1
    assert audit.events(NAME)[-1].kind == "promoted"
    register_seed(0)  # any command that writes
    assert champion() == 2
