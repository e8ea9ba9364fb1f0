"""The registry's commands: what they print, as text and JSON, and their exit statuses."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import numpy as np
import pandas as pd
import pytest
import report_samples as samples
import tiny_repository as repository
from click.testing import CliRunner, Result
from light_registry import BAD, COMMIT, GOOD, champion, light, register_seed, scorer, seal
from tiny_model import COUNTS, TEXTS, head, write_project, write_scores

from latentops import artifacts, config, store
from latentops.cli import registry as commands
from latentops.cli.main import cli
from latentops.errors import IntegrityError, RefusedError, StoreError
from latentops.inference.predictor import Predictor
from latentops.registry import audit, candidate
from latentops.registry import reproduce as making
from latentops.registry.register import register
from latentops.registry.reproduce import Proof
from latentops.report.card import CardFacts, files
from latentops.stages import register as stage

__all__ = ["light"]  # a fixture
PARAMS = """\
evaluate: {seed: 0}
registry: {name: tiny, at_least: {accuracy: 0.5}, max_loss: {}}
"""
DAY, SHORT = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", COMMIT[:12]  # in a card
MAIN = "from latentops.cli.main import main; main()"


@pytest.fixture
def two(light: Path) -> Path:
    """Versions 1 (champion) and 2 (challenger) of tiny."""
    config.PARAMS.write_text(PARAMS)
    for seed, elbo_nats in enumerate((-80.0, -79.0)):
        write_project(Path(), seed=seed)
        write_scores(Path(), elbo_nats=elbo_nats)
        register("tiny", candidate.read())
    return light


def run(*arguments: str, status: int = 0) -> Result:
    found = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert found.exit_code == status, found.output
    return found


def printed(*arguments: str, status: int = 0) -> Any:
    """The JSON on stdout, which nothing else shares."""
    return json.loads(run(*arguments, "--json", status=status).stdout)


def error_of(*arguments: str) -> BaseException:
    found = CliRunner().invoke(cli, arguments)
    assert found.exception is not None, found.output
    return found.exception


def status_of(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Of the program itself, in which errors become exit statuses."""
    return subprocess.run([sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True)


def scores_are(monkeypatch: pytest.MonkeyPatch, accuracy: float) -> None:
    monkeypatch.setattr(commands, "_scored", scorer(accuracy))


def weights_of(number: int) -> Path:
    """Where the store keeps them."""
    found = store.connect().client.get_model_version("tiny", str(number))
    (file,) = Path("mlruns").rglob(
        f"{found.source.removeprefix('models:/')}/**/weights.safetensors"
    )
    return file


class TestWhichModel:
    def test_that_of_params_yaml_if_none_is_named(self, two: Path) -> None:
        assert printed("registry", "list") == printed("registry", "list", "tiny")

    def test_an_unknown_one_is_answered_with_those_there_are(self, two: Path) -> None:
        write_project(Path(), seed=5)
        register("other", candidate.read())
        for command in ("list", "show", "seal", "promote", "rollback", "audit"):
            error = error_of("registry", command, "tinny")
            assert isinstance(error, StoreError)
            assert str(error).startswith(
                "No model is registered as 'tinny'. Did you mean 'tiny'? There are: other, tiny. "
            )
            assert "Did you mean" not in str(error_of("registry", command, "quite-another"))

    @pytest.mark.parametrize(
        ("command", "meant"),
        [
            ("registry seal", "registry seal tiny 2"),
            ("registry promote", "registry promote tiny 2"),
            ("registry rollback", "registry rollback --to 2"),
            ("registry show", "registry show tiny/2"),
            ("lineage", "lineage tiny/2"),
        ],
    )
    def test_a_version_without_its_model_is_wrong_usage(
        self, two: Path, command: str, meant: str
    ) -> None:
        said = run(*command.split(), "2", status=2).stderr
        assert f"To name a version: `cli {meant}`." in said
        assert isinstance(error_of("registry", "audit", "2"), StoreError)  # it takes none

    @pytest.mark.parametrize("asked", ["tiny/2", "tiny@challenger", "models:/tiny/2"])
    def test_a_reference_says_the_version_as_a_number_does(
        self, two: Path, monkeypatch: pytest.MonkeyPatch, asked: str
    ) -> None:
        scores_are(monkeypatch, GOOD)
        by_number = error_of("registry", "seal", "tiny", "2")
        assert str(error_of("registry", "seal", asked)) == str(by_number)
        assert printed("registry", "promote", asked, "--force", "--dry-run")["version"] == 2
        assert printed("registry", "promote", "tiny@champion")["already"] is True
        said = run("registry", "promote", asked, "2", status=2).stderr
        assert f"{asked} says which version, and so does 2" in said

    @pytest.mark.parametrize("asked", ["tiny@nobody", "tiny/9"])
    def test_an_unknown_alias_or_version_is_answered_with_those_there_are(
        self, two: Path, asked: str
    ) -> None:
        commands = ("registry show", "registry seal", "registry promote", "lineage", "card")
        for command in commands:
            error = error_of(*command.split(), asked)
            assert isinstance(error, StoreError)
            assert "There are: 1 @champion, 2 @challenger." in str(error)

    @pytest.mark.parametrize("name", ["x' or '1'='1", "../tiny", "tiny;ls", "tiny\n"])
    def test_a_name_with_tricks_is_one_line(self, two: Path, name: str) -> None:
        for command in (("registry", "list"), ("registry", "verify"), ("lineage",)):
            error = error_of(*command, name)
            assert isinstance(error, StoreError)
            assert "\n" not in str(error)


class TestList:
    def test_newest_first_with_scores_and_standing(self, two: Path) -> None:
        newest, oldest = printed("registry", "list")
        assert list(newest) == [
            "version",
            "aliases",
            "sealed_commit",
            "accuracy",
            "elbo_nats",
            "active_units",
            "source",
            "registered_at",
            "reproduced",
        ]
        assert (newest["version"], newest["aliases"]) == (2, ["challenger"])
        assert (newest["elbo_nats"], newest["active_units"]) == (-79.0, 3)
        assert newest["accuracy"] is None
        assert newest["sealed_commit"] is None
        assert newest["registered_at"].endswith("+00:00")
        assert (oldest["version"], oldest["aliases"]) == (1, ["champion"])
        seal(1)
        assert printed("registry", "list")[1]["sealed_commit"] == COMMIT

    def test_as_text_it_fits_a_page(self, two: Path) -> None:
        seal(1)
        head, second, first = run("registry", "list").stdout.splitlines()
        assert head.split()[:5] == ["version", "aliases", "sealed", "accuracy", "elbo_nats"]
        assert second.split()[:3] == ["2", "challenger", "-"]
        assert first.split()[:3] == ["1", "champion", "ccccccc"]
        assert max(map(len, (head, second, first))) <= 105

    def test_a_champion_that_the_log_does_not_know_is_warned_of(self, two: Path) -> None:
        assert run("registry", "list").stderr == ""
        store.connect().client.set_registered_model_alias("tiny", "champion", "2")
        found = run("registry", "list", "--json")
        assert json.loads(found.stdout)[0]["aliases"] == ["challenger", "champion"]
        (line,) = found.stderr.splitlines()
        assert line.startswith("warning: The log of tiny says that version 1 is champion, ")
        assert line.endswith("`latentops registry verify tiny --heal` puts it back.")

    def test_a_version_that_others_registered_is_listed_and_shown(self, two: Path) -> None:
        store.connect().client.create_model_version("tiny", "somewhere/else")
        newest = printed("registry", "list")[0]
        assert (newest["version"], newest["elbo_nats"], newest["source"]) == (3, None, None)
        assert run("registry", "list").stdout.splitlines()[1].split()[:2] == ["3", "-"]
        assert printed("registry", "show", "tiny/3")["settings"] is None
        assert isinstance(error_of("registry", "diff", "1", "3"), StoreError)


class TestShow:
    def test_everything_by_subject(self, two: Path) -> None:
        told = printed("registry", "show", "tiny/2")
        assert (told["name"], told["version"], told["aliases"]) == ("tiny", 2, ["challenger"])
        assert told["settings"]["train.epochs"] == 1
        assert told["scores"] == {"active_units": 3, "elbo_nats": -79.0}
        assert told["data"]["source"] == "tiny-texts"
        assert len(told["data"]["data_md5"]["data/train.safetensors"]) == 32
        assert len(told["weights"]["weights_sha256"]) == 64
        tags = store.connect().client.get_model_version("tiny", "2").tags
        shown = {name for told_of in told.values() if isinstance(told_of, dict) for name in told_of}
        assert set(tags) <= shown
        text = run("registry", "show", "tiny/2").stdout
        assert tags["weights_sha256"] in text

    def test_the_champion_if_none_is_named(self, two: Path) -> None:
        assert printed("registry", "show")["version"] == 1
        assert run("registry", "show").stdout.startswith("version 1 of tiny\n")

    def test_what_a_tag_holds_cannot_drive_the_terminal(self, two: Path) -> None:
        client = store.connect().client
        client.set_model_version_tag("tiny", "1", "note", "a\x1b]0;b\nc")
        client.set_model_version_tag("tiny", "1", "verdict", "| a |\n| \x1b[2J |")
        said = run("registry", "show").stdout
        assert "\x1b" not in said
        assert "| a |\n" in said

    def test_scores_that_are_no_numbers_are_still_json(self, two: Path) -> None:
        client = store.connect().client
        client.set_model_version_tag("tiny", "1", "elbo_nats", "nan")
        assert printed("registry", "show")["scores"]["elbo_nats"] == "nan"
        assert printed("registry", "list")[1]["elbo_nats"] == "nan"

    def test_a_version_whose_settings_were_changed_is_shown_without_them(self, two: Path) -> None:
        (weights_of(1).parent / "settings.json").write_text("{}")
        found = run("registry", "show", "--json")
        assert json.loads(found.stdout)["settings"] is None
        assert "settings.json of version 1 of tiny is not what was registered" in found.stderr


class TestDiff:
    def test_only_what_differs(self, two: Path) -> None:
        found = {
            (row["subject"], row["name"]): row for row in printed("registry", "diff", "1", "2")
        }
        assert found["scores", "elbo_nats"] == {
            "subject": "scores",
            "name": "elbo_nats",
            "first": -80.0,
            "second": -79.0,
            "differs": True,
            "change": 1.0,
        }
        assert ("weights", "weights_sha256") in found
        assert not [subject for subject, _ in found if subject in ("data", "settings")]
        everything = printed("registry", "diff", "1", "2", "--all")
        assert len(everything) > len(found)
        assert [row for row in everything if row["differs"]] == list(found.values())

    def test_settings_are_those_stored_with_each(self, two: Path) -> None:
        settings = Path("model/settings.json")
        settings.write_text(settings.read_text().replace('"epochs": 1', '"epochs": 2'))
        register("tiny", candidate.read())
        rows = printed("registry", "diff", "champion", "tiny/3")
        (row,) = [row for row in rows if row["subject"] == "settings"]
        assert (row["name"], row["first"], row["second"]) == ("train.epochs", 1, 2)

    def test_as_text_versions_head_the_columns(self, two: Path) -> None:
        head, *rows = run("registry", "diff", "1", "challenger").stdout.splitlines()
        assert head.split() == ["subject", "name", "1", "@champion", "2", "@challenger", "change"]
        assert any(row.split() == ["scores", "elbo_nats", "-80", "-79", "1"] for row in rows)

    def test_a_version_does_not_differ_from_itself(self, two: Path) -> None:
        assert run("registry", "diff", "1", "1").stdout == (
            "version 1 of tiny and version 1 of tiny do not differ.\n"
        )
        assert printed("registry", "diff", "1", "1") == []


class TestPromote:
    def test_the_verdict_then_what_was_done(
        self, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seal(2)
        scores_are(monkeypatch, GOOD)
        *table, empty, last = run("registry", "promote").stdout.splitlines()
        assert table[0].split()[:2] == ["Score", "Rule"]
        assert any(line.startswith("Accuracy") for line in table)
        assert empty == ""
        assert last.startswith("promoted: version 2 of tiny: ")
        assert champion() == 2
        assert "| Accuracy |" in printed("registry", "show")["verdict"]
        again = run("registry", "promote")
        assert again.stdout == "version 2 of tiny is the champion already\n"
        assert printed("registry", "promote")["already"] is True

    def test_a_refusal_is_status_3_and_moves_nothing(
        self, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seal(2)
        scores_are(monkeypatch, BAD)
        last = run("registry", "promote", status=3).stdout.splitlines()[-1]
        assert last.startswith("refused: version 2 of tiny: accuracy 0.1 < 0.5")
        assert champion() == 1
        told = printed("registry", "promote", "tiny", "2", status=3)
        assert (told["promoted"], told["champion_before"], told["version"]) == (False, 1, 2)
        assert told["reasons"] == ["accuracy 0.1 < 0.5 (registry.at_least)"]
        assert {gate["rule"]: gate["passed"] for gate in told["gates"]} == {
            "finite": True,
            "sealed": True,
            "collapse": True,
            "at_least": False,
        }
        assert told["event"] == len(printed("registry", "audit"))

    @pytest.mark.parametrize(
        ("accuracy", "force", "status", "said"),
        [
            (GOOD, (), 0, "would be promoted: version 2"),
            (BAD, (), 3, "would be refused: version 2"),
            (BAD, ("--force",), 0, "would be promoted by force, against: version 2"),
        ],
    )
    def test_a_dry_run_says_it_and_writes_nothing(
        self,
        two: Path,
        monkeypatch: pytest.MonkeyPatch,
        accuracy: float,
        force: tuple[str, ...],
        status: int,
        said: str,
    ) -> None:
        seal(2)
        scores_are(monkeypatch, accuracy)
        before = printed("registry", "audit")
        found = run("registry", "promote", "--dry-run", *force, status=status)
        assert found.stdout.splitlines()[-1].startswith(said)
        assert printed("registry", "promote", "--dry-run", *force, status=status)["event"] is None
        assert champion() == 1
        assert printed("registry", "audit") == before

    def test_an_unsealed_version_can_be_forced_and_that_is_written_down(
        self, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scores_are(monkeypatch, GOOD)
        assert "seal" in run("registry", "promote", status=3).stdout
        run("registry", "promote", "--force", "--reason", "the other one is down")
        assert champion() == 2
        event = printed("registry", "audit")[-1]
        assert event["forced"] is True
        assert event["reason"].startswith("the other one is down")

    def test_another_champion_than_expected_refuses(
        self, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seal(2)
        scores_are(monkeypatch, GOOD)
        error = error_of("registry", "promote", "--expect", "2")
        assert isinstance(error, RefusedError)
        assert champion() == 1
        run("registry", "promote", "--expect", "1")
        assert champion() == 2

    def test_it_is_the_projects_test_split_that_both_are_scored_on(self, two: Path) -> None:
        seal(2)
        table = pd.DataFrame({"text": TEXTS, "label": ["light", "music", "music"]})
        artifacts.write_table(table, artifacts.table_path("test"))
        arrays = {"y": np.array([0, 1, 1]), "in_scope": np.ones(3, bool)}
        artifacts.write_tensors(arrays, artifacts.tensors_path("test"))
        found = run("registry", "promote", "--dry-run", "--json")
        assert "scoring the challenger and the champion on the test split" in found.stderr
        told = json.loads(found.stdout)
        assert told["notes"]
        (gate,) = [gate for gate in told["gates"] if gate["rule"] == "at_least"]
        for number, side in enumerate(("champion", "challenger"), start=1):
            answered = Predictor.from_folder(weights_of(number).parent).classify(TEXTS)
            accuracy = (answered["label"] == table["label"]).mean()
            assert gate[side] == pytest.approx(accuracy, abs=1e-5)


class TestRollback:
    def test_to_the_champion_before(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seal(2)
        scores_are(monkeypatch, GOOD)
        run("registry", "promote")
        assert run("registry", "rollback").stdout == "version 1 of tiny is the champion again\n"
        assert champion() == 1
        told = printed("registry", "rollback", "--to", "2", "--reason", "it was fine")
        assert told == {"name": "tiny", "champion": 2, "already": False}
        assert printed("registry", "audit")[-1]["reason"] == "it was fine"

    def test_to_the_champion_is_nothing_to_do(self, two: Path) -> None:
        before = printed("registry", "audit")
        said = run("registry", "rollback", "--to", "1").stdout
        assert said == "version 1 of tiny is the champion already\n"
        assert printed("registry", "rollback", "--to", "1")["already"] is True
        assert printed("registry", "audit") == before

    def test_to_one_that_was_changed_is_refused(
        self, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seal(2)
        scores_are(monkeypatch, GOOD)
        run("registry", "promote")
        file = weights_of(1)
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        error = error_of("registry", "rollback")
        assert isinstance(error, IntegrityError)
        assert "weights.safetensors of version 1" in str(error)
        assert champion() == 2


class TestAudit:
    def test_who_did_what_when_and_why(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seal(2)
        scores_are(monkeypatch, GOOD)
        run("registry", "promote", "--reason", "it is better")
        events = printed("registry", "audit")
        assert [(event["kind"], event["version"]) for event in events] == [
            ("registered", 1),
            ("registered", 2),
            ("sealed", 2),
            ("promoted", 2),
        ]
        assert [event["number"] for event in events] == [1, 2, 3, 4]
        assert events[3]["previous_sha256"] == events[2]["sha256"]
        head, *rows = run("registry", "audit").stdout.splitlines()
        assert head.split("  ")[0] == "number"
        assert "1 -> 2" in rows[-1]
        assert "it is better" in rows[-1]

    def test_an_export_is_what_verify_compares_with(self, two: Path) -> None:
        run("registry", "audit", "--export", "log.jsonl")
        lines = Path("log.jsonl").read_text().splitlines()
        assert [json.loads(line)["kind"] for line in lines] == ["registered", "registered"]
        seal(2)
        run("registry", "verify", "--against", "log.jsonl")
        Path("log.jsonl").write_text("\n".join(lines).replace("the first", "a better one"))
        assert (
            "event 1 was altered"
            in run("registry", "verify", "--against", "log.jsonl", status=4).stdout
        )
        Path("log.jsonl").write_text("not one\n")
        assert "Line 1 of " in str(error_of("registry", "verify", "--against", "log.jsonl"))
        assert "cannot be read" in str(error_of("registry", "verify", "--against", "none"))

    def test_a_reader_that_leaves_early_is_no_error(self, two: Path) -> None:
        script = f"{sys.executable} -c '{MAIN}' registry audit | true"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        assert done.stderr == ""


class TestVerify:
    def test_what_is_whole_is_ok(self, two: Path) -> None:
        told = printed("registry", "verify")
        assert (told["name"], told["ok"], told["healed"]) == ("tiny", True, [])
        assert {check["state"] for check in told["checks"]} == {"ok"}
        assert all(
            line.startswith("ok  ") for line in run("registry", "verify").stdout.splitlines()
        )

    @pytest.mark.parametrize("file", ["weights.safetensors", "vocabulary.json", "settings.json"])
    def test_a_changed_file_is_named_and_status_4(self, two: Path, file: str) -> None:
        path = weights_of(2).parent / file
        path.write_bytes(path.read_bytes() + b" ")
        said = run("registry", "verify", status=4).stdout
        assert f"FAILED  version 2  {file} of version 2 of tiny is not" in said
        assert printed("registry", "verify", status=4)["ok"] is False

    def test_healing_brings_back_what_the_project_holds(self, two: Path) -> None:
        weights_of(2).unlink()
        run("registry", "verify", status=4)
        said = run("registry", "verify", "--heal").stdout.splitlines()
        assert said[0].startswith("healed: ")
        assert printed("registry", "verify", "--heal")["healed"] == []

    def test_healing_a_lost_store_registers_what_the_project_holds(
        self,
        two: Path,
        migrated_database: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (tmp_path / "empty/mlruns").mkdir(parents=True)
        shutil.copy(migrated_database, tmp_path / "empty/mlruns")
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / "empty"))
        monkeypatch.setattr(stage, "main", lambda: register("tiny", candidate.read()))
        assert "this store has no model tiny" in run("registry", "verify", status=4).stdout
        said = run("registry", "verify", "--heal").stdout.splitlines()
        assert said[0].startswith("healed: registered tiny again from the project's files: ")
        assert champion() == 1
        run("registry", "verify", "other", "--heal", status=4)


class TestExitStatuses:
    """Of the program; the other tests see the errors themselves."""

    def test_each_of_them(self, two: Path) -> None:
        for status, arguments in (
            (0, ("registry", "list", "--json")),
            (1, ("registry", "list", "other")),
            (2, ("registry", "promote", "2")),
            (3, ("registry", "promote", "--expect", "2", "--dry-run")),
        ):
            done = status_of(*arguments)
            assert done.returncode == status, done.stderr
            assert bool(done.stderr) == bool(status)
            assert bool(done.stdout) == (not status)
        weights_of(1).write_bytes(b"")
        done = status_of("registry", "promote")
        assert done.returncode == 4
        assert "error: weights.safetensors of version 1 of tiny" in done.stderr
        assert champion() == 1


@pytest.fixture
def committed(light: Path) -> str:
    """Version 1 of tiny in a git repository; the commit that holds its dvc.lock."""
    params = {**repository.PARAMS, "registry": {"name": "tiny"}, "evaluate": {"seed": 0}}
    repository.repro(light, params=params)
    (light / ".gitignore").write_text(repository.IGNORED)
    repository.git(light, "init", "--quiet", "--initial-branch=main")
    commit = repository.commit(light)
    register("tiny", candidate.read())
    return commit


class TestSeal:
    def test_the_commit_that_makes_the_version(self, committed: str) -> None:
        said = run("registry", "seal").stdout
        assert said == f"version 1 of tiny is sealed by commit {committed}\n"
        assert printed("registry", "seal", "tiny", "1") == {
            "name": "tiny",
            "version": 1,
            "sealed_commit": committed,
        }
        assert [event["kind"] for event in printed("registry", "audit")] == ["registered", "sealed"]

    def test_another_commit_refuses(self, committed: str) -> None:
        Path("src/train.py").write_text("# changed\n")
        other = repository.commit(Path())
        error = error_of("registry", "seal")
        assert isinstance(error, RefusedError)
        assert "src/train.py" in str(error)
        assert printed("registry", "list")[0]["sealed_commit"] is None
        run("registry", "seal", "--commit", f"{other}^")
        assert printed("registry", "list")[0]["sealed_commit"] == committed


class TestGitTags:
    @pytest.fixture
    def tagging(self, committed: str, monkeypatch: pytest.MonkeyPatch) -> str:
        """The commit of version 1, in a project that asks for tags."""
        for who in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{who}_NAME", "test")
            monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.org")
        text = config.PARAMS.read_text().replace("name: tiny", "git_tags: true\n  name: tiny")
        config.PARAMS.write_text(text)
        return committed

    def test_where_params_yaml_asks_for_them_a_seal_is_one(self, tagging: str) -> None:
        assert "git tag tiny@v1.0.0" in run("registry", "seal").stderr
        assert repository.git(Path(), "rev-parse", "tiny@v1.0.0^{commit}").strip() == tagging
        assert "git tag" not in run("registry", "seal").stderr

    def test_what_was_done_stands_where_git_cannot(
        self, tagging: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_COMMITTER_NAME", "")
        repository.git(Path(), "config", "user.name", "")
        found = run("registry", "seal", "--json")
        assert json.loads(found.stdout)["sealed_commit"] == tagging
        assert "warning: git tags are not up to date; all else is done. " in found.stderr

    def test_where_it_does_not_there_are_none(self, committed: str) -> None:
        run("registry", "seal")
        assert repository.git(Path(), "tag") == ""


class TestLineage:
    def test_each_link_as_a_line(self, committed: str) -> None:
        run("registry", "seal")
        title, empty, *links = run("lineage", "tiny@champion").stdout.splitlines()
        assert (title, empty) == ("version 1 of tiny", "")
        marks = [link.split("  ")[0] for link in links if not link.startswith(" ")]
        assert set(marks) == {"ok", "absent"}
        assert any(line.split()[:3] == ["ok", "git", "commit"] for line in links)

    def test_a_broken_link_is_status_4_in_every_form(self, committed: str) -> None:
        run("registry", "seal")
        store.connect().client.set_model_version_tag("tiny", "1", "settings_sha256", "0" * 64)
        told = printed("lineage", status=4)
        assert (told["name"], told["version"], told["ok"]) == ("tiny", 1, False)
        states = {check["name"]: check["state"] for check in told["checks"]}
        assert states["settings"] == "failed"
        assert states["weights hash"] == "ok"
        assert json.loads(run("lineage", "--format", "json", status=4).stdout) == told
        assert "FAILED  settings" in run("lineage", status=4).stdout
        assert run("lineage", "--format", "mermaid", status=4).stdout.startswith("flowchart TD\n")
        drawn = ElementTree.fromstring(run("lineage", "--format", "svg", status=4).stdout)
        assert drawn.tag.endswith("svg")
        assert "failed" in "".join(drawn.itertext())

    @pytest.mark.parametrize("form", ["mermaid", "svg"])
    def test_two_forms_at_once_are_wrong_usage(self, two: Path, form: str) -> None:
        found = run("lineage", "--json", "--format", form, status=2)
        assert f"--json and --format {form} are two forms" in found.stderr


class TestCard:
    @pytest.fixture
    def carded(self, light: Path) -> Path:
        config.PARAMS.write_text(PARAMS)
        write_project(light)
        facts = CardFacts(
            name="tiny",
            spec=COUNTS,
            settings=artifacts.read_json(artifacts.MODEL_SETTINGS),
            data={},
            scores=samples.digits().evaluation.scores | {"weights_bytes": 1000.0},
            verdict=samples.digits().verdict,
            head=head(COUNTS).head,
            min_active_units=2,
            lineage=candidate.read().tags(),
        )
        register("tiny", replace(candidate.read(), card=files(facts)))
        return light

    def test_is_markdown_with_where_the_version_stands_today(self, carded: Path) -> None:
        before = run("card").stdout
        assert before.startswith("# Model card: tiny\n")
        assert "by no commit: it cannot be promoted" in before
        seal(1)
        assert f"by commit {COMMIT}" in run("card", "tiny/1").stdout
        assert printed("card")["spec"]["source"] == "tiny-texts"

    def test_it_says_what_was_decided_and_proved(
        self, carded: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scores_are(monkeypatch, GOOD)
        register_seed(1)
        run("registry", "promote", "--force")
        run("registry", "rollback")
        lines = run("card").stdout.splitlines()
        (again,) = [line for line in lines if "Champion again by rollback" in line]
        assert re.search(r"UTC by \S+@\S+\.$", again)
        assert not [line for line in lines if "eproduced" in line]

    @pytest.mark.parametrize(
        ("weights", "passed", "said"),
        [
            ("same", "true", rf"- \*\*Reproduced\*\*: bit for bit on {DAY} from commit {SHORT}\."),
            ("different", "true", rf"- \*\*Reproduced\*\*: on {DAY} from commit {SHORT}: near"),
            (
                "different",
                "false",
                rf"- \*\*Not reproduced\*\*: on {DAY} from commit {SHORT}: near",
            ),
        ],
    )
    def test_it_gives_the_last_proof(
        self, carded: Path, weights: str, passed: str, said: str
    ) -> None:
        opened = store.connect()
        log = audit.require(opened, "tiny")
        for facts in (
            {"commit": "a" * 40, "weights": "same", "passed": "true"},
            {"commit": COMMIT, "weights": weights, "passed": passed},
        ):
            log.append("reproduced", 1, "near", facts=facts)
        (proof,) = [line for line in run("card").stdout.splitlines() if "eproduced" in line]
        assert re.fullmatch(said, proof)

    def test_the_page_is_written_whole_where_the_person_is(
        self, carded: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened: list[str] = []
        monkeypatch.setattr(click, "launch", opened.append)
        Path("below").mkdir()
        monkeypatch.chdir("below")
        found = run("card", "--html", "card.html", "--open")
        page = carded / "below/card.html"
        assert found.stdout == ""
        assert found.stderr == f"{page}\n"
        assert page.read_text().startswith("<!doctype html>")
        run("card", "--open")
        assert opened[0] == str(page)
        assert Path(opened[1]).read_text() == page.read_text()

    def test_a_version_without_one_says_how_to_get_it(self, two: Path) -> None:
        assert "registered without a card" in str(error_of("card"))


class TestReproduce:
    @pytest.fixture
    def proof(self, monkeypatch: pytest.MonkeyPatch) -> Proof:
        """What making it again comes to."""
        proof = Proof(commit=COMMIT, weights="same", cpu="a", torch="2", passed=True, seconds=1.0)
        monkeypatch.setattr(making, "reproduce", lambda version: proof)
        return proof

    def test_what_was_made_is_the_version(self, two: Path, proof: Proof) -> None:
        said = run("reproduce", "tiny/2").stdout
        assert said == f"version 2 of tiny: made again bit for bit from commit {COMMIT[:12]}\n"
        told = printed("reproduce")
        assert told == {"name": "tiny", "version": 1, **proof.model_dump(mode="json")}

    def test_what_is_another_is_status_4(
        self, two: Path, proof: Proof, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = proof.model_copy(update={"weights": "different", "passed": False})
        monkeypatch.setattr(making, "reproduce", lambda version: other)
        assert "other weights" in run("reproduce", status=4).stdout
        assert printed("reproduce", status=4)["passed"] is False

    def test_what_is_not_sealed_cannot_be_made_again(self, two: Path) -> None:
        found = CliRunner().invoke(cli, ["reproduce"])
        assert isinstance(found.exception, RefusedError)
        assert found.stderr == ""
        seal(1)
        assert "its classifier and evaluation ..." in CliRunner().invoke(cli, ["reproduce"]).stderr

    @pytest.mark.parametrize(
        ("weights", "passed", "word"),
        [("same", True, "exactly"), ("different", True, "nearly"), ("different", False, "FAILED")],
    )
    def test_the_list_says_whether_it_could(
        self, two: Path, proof: Proof, weights: str, passed: bool, word: str
    ) -> None:
        told = proof.model_copy(update={"weights": weights, "passed": passed})
        client = store.connect().client
        client.set_model_version_tag("tiny", "1", "reproduced", told.model_dump_json())
        assert [line.split()[-1] for line in run("registry", "list").stdout.splitlines()] == [
            "reproduced",
            "-",
            word,
        ]
        assert printed("registry", "list")[1]["reproduced"]["passed"] is passed
        assert printed("registry", "show", "tiny/1")["reproduced"]["weights"] == weights


class TestRelocate:
    def test_a_store_that_was_moved_leads_to_its_own_files(
        self, two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        moved = tmp_path / "moved"
        shutil.move(two, moved)
        monkeypatch.chdir(moved)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{moved}/mlruns/mlflow.db")
        assert isinstance(error_of("registry", "diff", "1", "2"), StoreError)
        told = printed("relocate")
        assert told["rows"] > 0
        assert told["from"] == f"{two}/mlruns/artifacts"
        assert told["to"] == f"{moved}/mlruns/artifacts"
        run("registry", "diff", "1", "2")
        assert printed("relocate")["rows"] == 0
        assert run("relocate").stdout.endswith(" already.\n")

    def test_a_server_is_left_alone(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        error = error_of("relocate")
        assert isinstance(error, StoreError)
        assert "is a server's" in str(error)
