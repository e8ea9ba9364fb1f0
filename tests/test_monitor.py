"""A window beside a profile: the statistics against other people's, the command against windows."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from click.testing import CliRunner, Result
from light_registry import save_files_only
from prometheus_client.parser import text_string_to_metric_families
from tiny_model import COUNTS, IMAGES, TEXTS, VOCABULARY, write_project

from latentops import artifacts, config, observations
from latentops.cli.main import cli
from latentops.data import familiarity
from latentops.errors import CHANGED, ArtifactError, DataError, IntegrityError, SettingsError
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.monitor import (
    compare,
    counted,
    histogram,
    holm,
    latent,
    observe,
    permutation,
    profile,
    prometheus,
    watch,
    webhook,
)
from latentops.monitor.results import Comparison
from latentops.observations import About, Observations, Row
from latentops.registry import candidate, package
from latentops.registry.register import register
from latentops.release import Release
from latentops.report import html, window
from latentops.runtime import loading
from latentops.scoring import window as scoring_window
from latentops.stages import window_profile

LEVEL = 0.05
MONTE_CARLO = 0.02  # four standard errors of a p-value of 9,999 draws
HOSTILE = '<script>alert("x")</script>\n\\ {"}'


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestPermutation:
    def test_a_p_value_is_the_share_that_is_as_large(self) -> None:
        found = permutation.p_value(0.9, random().random)
        assert found == pytest.approx(0.1, rel=0.3)

    def test_the_arrangement_itself_is_one_of_them(self) -> None:
        assert permutation.p_value(2.0, random().random) == 1 / (permutation.MOST_DRAWS + 1)

    def test_rounding_does_not_part_what_is_equal(self) -> None:
        assert permutation.p_value(0.1 + 0.2, lambda draws: np.full(draws, 0.3)) == 1.0

    def test_a_small_one_is_told_as_large_as_the_draws_leave_open(self) -> None:
        found = [permutation.p_value(0.998, random(seed).random) for seed in range(200)]
        assert np.mean(np.array(found) < 0.002) < 0.1

    def test_few_draws_suffice_where_it_is_large(self) -> None:
        asked: list[int] = []

        def draw(draws: int) -> np.ndarray:
            asked.append(draws)
            return random().random(draws)

        permutation.p_value(0.3, draw)
        assert sum(asked) < permutation.MOST_DRAWS / 10


REFERENCE = np.array([3, 1, 2, 0])
WINDOW = np.array([0, 1, 1, 2])


def exact(test: counted.Statistic) -> float:
    """Over every way to choose the window's rows."""
    pooled = REFERENCE + WINDOW
    rows = np.repeat(np.arange(4), pooled)
    places = np.arange(4)
    observed = test(WINDOW, pooled, places)
    ways = [
        test(np.bincount(rows[list(chosen)], minlength=4), pooled, places)
        for chosen in combinations(range(len(rows)), int(WINDOW.sum()))
    ]
    return float(np.mean(np.array(ways) >= observed - 1e-9))


class TestCounted:
    TESTS = (
        (counted.chi_square, counted._pearson),
        (counted.anderson_darling, counted._integrated),
        (counted.mean_difference, counted._shift),
    )

    @pytest.mark.parametrize(("test", "statistic"), TESTS)
    def test_the_p_value_is_that_of_all_permutations(
        self, test: Any, statistic: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(permutation, "EXCEEDED", permutation.MOST_DRAWS + 1)
        monkeypatch.setattr(permutation, "_MARGIN", 0.0)
        assert test(REFERENCE, WINDOW, random()).p == pytest.approx(
            exact(statistic), abs=MONTE_CARLO
        )

    def test_chi_square_is_scipys(self) -> None:
        expected = scipy.stats.chi2_contingency([REFERENCE, WINDOW], correction=False)
        assert counted.chi_square(REFERENCE, WINDOW, random()).statistic == pytest.approx(
            expected.statistic
        )

    def test_anderson_darling_is_scipys_before_it_is_standardised(self) -> None:
        """Which subtracts 1 and divides by a number that depends on the pooled sample alone."""
        few = scipy.stats.PermutationMethod(n_resamples=9)  # else it warns of its table of p-values
        pooled = REFERENCE + WINDOW
        ratios = []
        for window_C in (WINDOW, np.array([3, 0, 1, 0]), np.array([1, 1, 1, 1])):
            samples = [np.repeat(np.arange(4), part) for part in (pooled - window_C, window_C)]
            theirs = scipy.stats.anderson_ksamp(samples, variant="right", method=few).statistic
            ours = counted.anderson_darling(pooled - window_C, window_C, random()).statistic
            ratios.append((ours - 1) / theirs)
        assert ratios == pytest.approx([ratios[0]] * 3)

    def test_the_difference_of_means_is_in_bins(self) -> None:
        found = counted.mean_difference(np.array([4, 0, 0, 0]), np.array([0, 0, 0, 4]), random())
        assert found.statistic == pytest.approx(3.0)

    @pytest.mark.parametrize(("test", "_"), TESTS)
    def test_one_class_alone_is_no_difference(self, test: Any, _: Any) -> None:
        assert test(np.array([5]), np.array([7]), random()) == (0.0, 1.0)

    @pytest.mark.parametrize(("test", "_"), TESTS)
    def test_unchanged_windows_raise_no_more_alarms_than_the_level(self, test: Any, _: Any) -> None:
        draw = random(1)
        shares = draw.dirichlet(np.full(12, 0.5))
        alarms = sum(
            test(draw.multinomial(90, shares), draw.multinomial(40, shares), draw).p < LEVEL
            for _ in range(300)
        )
        assert alarms <= scipy.stats.binom.ppf(0.999, 300, LEVEL)


class TestHistogram:
    def test_every_row_is_in_a_bin_and_the_bins_are_shared(self) -> None:
        values = random().normal(3, 2, 500)
        known = histogram.of(values)
        before, now = histogram.beside(known, np.array([-50.0, 3.0, 90.0]))
        assert (before.sum(), now.sum(), now[0], now[-1]) == (500, 3, 1, 1)
        own = histogram.beside(known, values)
        np.testing.assert_array_equal(*own)

    @pytest.mark.parametrize("spread", [1e-6, 1.0, 1e6])
    def test_a_wild_row_makes_no_more_bins(self, spread: float) -> None:
        values = np.append(random().normal(0, spread, 200), 1e12)
        assert len(histogram.of(values, 1e-7 * spread).counts) <= 161

    def test_equal_values_have_a_bin(self) -> None:
        assert histogram.of(np.full(30, 2.5)).counts == (30,)


def codes(rows: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Of six dimensions that depend on each other."""
    draw = random(seed)
    mixing = random(99).normal(size=(6, 6))
    z = draw.normal(size=(rows, 6)) @ mixing * scale
    z[:, 0] += shift
    return z.astype(np.float32)


class TestLatent:
    def test_the_statistic_is_that_of_discriminants_made_without_each_group(self) -> None:
        x = codes(9, 0).astype(np.float64)
        side = np.repeat([-1 / 5, 1 / 4], [5, 4])
        white = (x - x.mean(0)) @ latent._whitening(x)
        found = latent._tested(white, side, random()).statistic
        without = [
            side[group] * white[group] @ (np.delete(side, group) @ np.delete(white, group, axis=0))
            for group in range(9)
        ]
        assert found == pytest.approx(sum(without))

    def test_groups_are_kept_to_half_a_step(self) -> None:
        z = codes(300, 0)
        known = latent.reference(z, random())
        groups = latent.grouped(latent.features(z, known.dimensions), known.group_rows, random())
        kept = latent._unpacked(known) * known.step + known.middle
        assert kept.shape == groups[: len(kept)].shape
        assert np.all(np.abs(kept - groups[: len(kept)]) <= 0.51 * np.array(known.step))

    def test_every_row_is_in_one_group(self) -> None:
        features = np.arange(20.0)[:, None]
        groups = latent.grouped(features, 5, random())
        assert groups.mean() == pytest.approx(features.mean())
        assert len(latent.grouped(features, 6, random())) == 3

    @pytest.mark.parametrize("changed", [codes(400, 5, shift=2.0), codes(400, 5, scale=0.6)])
    def test_a_shift_is_told_and_so_is_a_code_that_says_less(self, changed: np.ndarray) -> None:
        known = latent.reference(codes(2000, 0), random())
        assert latent.tell_apart(known, changed, random()).tested.p < 0.01
        assert latent.tell_apart(known, codes(400, 5), random()).tested.p > 0.01

    def test_the_chance_is_that_of_two_normals(self) -> None:
        known = latent.reference(random(0).normal(size=(3000, 4)), random())
        shifted = random(1).normal(size=(3000, 4)) + np.array([1.0, 0, 0, 0])
        told = latent.tell_apart(known, shifted, random())
        assert told.chance == pytest.approx(scipy.stats.norm.cdf(1 / np.sqrt(2)), abs=0.05)
        scores = latent.features(shifted, known.dimensions) @ told.direction_F
        assert scores[shifted[:, 0] > 2].mean() > scores[shifted[:, 0] < 0].mean()

    def test_unchanged_windows_raise_no_more_alarms_than_the_level(self) -> None:
        alarms = 0
        for seed in range(120):
            known = latent.reference(codes(150, seed), random(seed))
            alarms += latent.tell_apart(known, codes(60, 999 + seed), random(seed)).tested.p < LEVEL
        assert alarms <= scipy.stats.binom.ppf(0.999, 120, LEVEL)

    def test_a_collapsed_latent_tells_nothing(self) -> None:
        known = latent.reference(np.zeros((100, 3), np.float32), random())
        assert latent.tell_apart(known, np.zeros((100, 3)), random()).tested.p == 1.0


def test_holm_is_that_of_a_worked_example() -> None:
    """statsmodels.stats.multitest.multipletests(..., method="holm") of these."""
    assert holm.adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm.adjusted([0.9, 0.8]) == [1.0, 1.0]
    assert holm.adjusted([]) == []


def rows(many: int, seed: int = 0, classes: int = 3, latent_size: int = 6) -> Observations:
    """As a model would have seen them."""
    draw = random(seed)
    words = draw.integers(3, 12, many)
    return Observations(
        words_N=words,
        unknown_words_N=draw.binomial(words, 0.05),
        nats_per_word_N=draw.gamma(9, 1, many),
        label_N=np.array([f"class {y}" for y in draw.integers(0, classes, many)], dtype=object),
        out_of_scope_N=(draw.random(many) < 0.05).astype(np.int8),
        z_NZ=draw.normal(size=(many, latent_size)).astype(np.float32),
    )


def found_in(seen: Observations, **changes: Any) -> dict[str, bool]:
    known = profile.of(rows(1000))
    findings = compare.compare(known, replace(seen, **changes)).findings
    return {one.test: one.changed for one in findings}


class TestProfile:
    def test_it_takes_20_kb_at_most(self) -> None:
        seen = rows(20_000, classes=1_000, latent_size=500)
        seen = replace(
            seen,
            label_N=np.array([label * 20 for label in seen.label_N], dtype=object),
            nats_per_word_N=np.exp(random().normal(0, 4, 20_000)),
        )
        text = profile.to_json(profile.of(seen))
        assert len(text) <= profile.MOST_BYTES
        assert profile.Profile.model_validate_json(text) == profile.of(seen)

    def test_rows_without_something_are_left_out_of_it(self) -> None:
        seen = rows(100)
        seen.words_N[:50] = 0
        seen.nats_per_word_N[:30] = np.nan
        seen.label_N[:20] = None
        seen.out_of_scope_N[:10] = -1
        seen.z_NZ[:5] = np.nan
        known = profile.of(seen)
        assert known.unknown_share is not None
        assert known.nats_per_word is not None
        assert known.classes is not None
        assert known.out_of_scope is not None
        assert known.unknown_share.rows == 50
        assert known.nats_per_word.rows == 70
        assert sum(known.classes.rows.values()) == 80
        assert sum(known.out_of_scope) == 90

    def test_a_few_rows_are_none(self) -> None:
        with pytest.raises(DataError, match="20 validation rows or more, and there are 19"):
            profile.of(rows(19))


class TestCompare:
    def test_the_same_rows_are_no_change(self) -> None:
        assert not any(found_in(rows(1000)).values())

    @pytest.mark.parametrize(
        ("test", "changes"),
        [
            ("unknown_words", {"unknown_words_N": random(3).binomial(rows(300, 7).words_N, 0.2)}),
            ("nats_per_word", {"nats_per_word_N": random(3).gamma(9, 1, 300) + 3}),
            ("classes", {"label_N": np.array(["class 1"] * 200 + ["class 0"] * 100, dtype=object)}),
            ("out_of_scope", {"out_of_scope_N": (random(3).random(300) < 0.2).astype(np.int8)}),
            ("latent", {"z_NZ": rows(300, 7).z_NZ + 0.7}),
        ],
    )
    def test_what_changed_is_told_and_nothing_else(self, test: str, changes: Any) -> None:
        found = found_in(rows(300, 7), **changes)
        assert {name for name, changed in found.items() if changed} == {test}

    def test_a_class_that_validation_never_saw_is_a_change(self) -> None:
        assert found_in(rows(100, 7), label_N=np.array(["new"] * 100, dtype=object))["classes"]

    def test_the_classes_that_moved_are_named_with_their_shares(self) -> None:
        labels = np.array(["class 1"] * 200 + ["class 0"] * 50 + ["class 2"] * 50, dtype=object)
        known = profile.of(rows(1000))
        findings = compare.compare(known, replace(rows(300, 7), label_N=labels)).findings
        (moved,) = [one.moved for one in findings if one.test == "classes"]
        assert moved[0].name == "class 1"
        assert moved[0].now == pytest.approx(2 / 3)
        assert moved[0].before == pytest.approx(1 / 3, abs=0.05)

    def test_what_is_missing_is_not_tested_and_said_why(self) -> None:
        seen = rows(12, 7)
        found = compare.compare(
            profile.of(rows(1000)),
            replace(seen, out_of_scope_N=np.full(12, -1), words_N=np.full(12, -1)),
        )
        assert {one.test: one.reason for one in found.untested} == {
            "unknown_words": compare.NOT_IN_WINDOW,
            "out_of_scope": compare.NOT_IN_WINDOW,
        }
        few = compare.compare(profile.of(rows(20_000, latent_size=100)), rows(5, 7, 3, 100))
        assert "needs 80 rows that have a code, and the window has 5" in str(few.untested)
        bare = replace(rows(100), label_N=np.full(100, None), out_of_scope_N=np.full(100, -1))
        without = compare.compare(profile.of(bare), rows(100, 7))
        assert {one.test for one in without.untested} == {"classes", "out_of_scope"}

    def test_the_same_window_gets_the_same_answer(self) -> None:
        known = profile.of(rows(1000))
        assert compare.compare(known, rows(90, 7))[:2] == compare.compare(known, rows(90, 7))[:2]

    def test_codes_of_another_model_are_refused(self) -> None:
        with pytest.raises(DataError, match="has 6 latent dimensions, and those of the window 9"):
            compare.compare(profile.of(rows(1000)), rows(300, 7, latent_size=9))

    def test_a_window_without_rows_is_refused(self) -> None:
        with pytest.raises(DataError, match="no rows"):
            compare.compare(profile.of(rows(100)), rows(100).subset(np.array([], dtype=int)))


ABOUT = About(name="tiny", version="3", lineage_key="k", rows_seen=40)
SEEN = [
    Row(3, 1, 4.5, "light", True, [0.0, 1.0, 2.0]),
    Row(None, None, None, None, None, None),
    Row(0, 0, None, "music", False, [1.0, 1.0, 1.0]),
]


class TestObservations:
    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "window.parquet"
        observations.write(SEEN, ABOUT, path)
        assert observations.is_window(path)
        found, about = observations.read(path)
        assert about == ABOUT
        assert found.words_N.tolist() == [3, -1, 0]
        assert found.unknown_words_N.tolist() == [1, -1, 0]
        np.testing.assert_array_equal(found.nats_per_word_N, [4.5, np.nan, np.nan])
        assert found.label_N.tolist() == ["light", None, "music"]
        assert found.out_of_scope_N.tolist() == [1, -1, 0]
        np.testing.assert_array_equal(found.z_NZ[0], [0, 1, 2])
        assert np.isnan(found.z_NZ[1]).all()

    def test_no_rows_are_a_window(self, tmp_path: Path) -> None:
        observations.write([], ABOUT, tmp_path / "window.parquet")
        assert len(observations.read(tmp_path / "window.parquet")[0]) == 0

    def test_anything_else_is_none(self, tmp_path: Path) -> None:
        pd.DataFrame({"text": TEXTS}).to_parquet(tmp_path / "texts.parquet")
        (tmp_path / "texts.csv").write_text("text\n")
        for name in ("texts.parquet", "texts.csv", "absent"):
            assert not observations.is_window(tmp_path / name)
            with pytest.raises(DataError, match="no window that the service counted"):
                observations.read(tmp_path / name)

    def test_codes_of_unequal_length_are_refused(self, tmp_path: Path) -> None:
        rows_ = [SEEN[0], SEEN[0]._replace(z=[1.0])]
        observations.write(rows_, ABOUT, tmp_path / "window.parquet")
        with pytest.raises(DataError, match="codes of 1 and of 3 dimensions"):
            observations.read(tmp_path / "window.parquet")

    def test_nats_are_by_known_word(self) -> None:
        found = observations.nats_per_word(
            np.array([-8.0, -1.0]), np.array([5, 2]), np.array([1, 2])
        )
        np.testing.assert_array_equal(found, [2.0, np.nan])


WORDS = VOCABULARY.terms
KNOWN_TEXTS = [" ".join(random(seed).choice(WORDS, 4)) for seed in range(300)]
OTHER_TEXTS = [f"{text} zebra {'quark' * (row % 3)}" for row, text in enumerate(KNOWN_TEXTS)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An exported folder with the profile of `KNOWN_TEXTS`."""
    write_project(tmp_path / "project")
    export(tmp_path / "project", tmp_path / "model")
    seen = observe.texts(loading.load(tmp_path / "model"), KNOWN_TEXTS)
    (tmp_path / "model" / profile.FILE).write_bytes(profile.to_json(profile.of(seen)))
    return tmp_path / "model"


def run(*arguments: object, status: int = 0) -> Result:
    found = CliRunner().invoke(cli, ["monitor", *map(str, arguments)], catch_exceptions=False)
    assert found.exit_code == status, found.output
    return found


def error_of(*arguments: object) -> str:
    found = CliRunner().invoke(cli, ["monitor", *map(str, arguments)])
    assert isinstance(found.exception, ArtifactError | DataError | SettingsError), found.output
    return str(found.exception)


def csv(folder: Path, texts: list[str]) -> Path:
    path = folder / "window.csv"
    pd.DataFrame({"text": texts}).to_csv(path, index=False)
    return path


class TestObserve:
    def test_words_are_counted_as_the_vocabulary_has_them(self) -> None:
        assert familiarity.word_counts("Turn on the LAMP, lamp!", VOCABULARY) == (5, 2)
        assert familiarity.word_counts("…", VOCABULARY) == (0, 0)
        ngrams = VOCABULARY.model_copy(update={"words": False, "characters": (2, 3)})
        assert familiarity.word_counts("turn", ngrams) == (-1, -1)
        assert observe.unknown_words("the lamp and the lamp", VOCABULARY) == ["lamp", "and"]

    def test_it_is_what_the_tasks_answer(self, model: Path) -> None:
        predictor = Predictor.from_folder(model)
        seen = observe.texts(predictor, TEXTS)
        answered = predictor.classify(TEXTS)
        assert seen.label_N.tolist() == answered["label"].tolist()
        assert seen.out_of_scope_N.tolist() == answered["out_of_scope"].astype(int).tolist()
        np.testing.assert_allclose(seen.z_NZ, predictor.encode(TEXTS), rtol=1e-5)
        words = [len(text.split()) for text in TEXTS]
        np.testing.assert_allclose(
            seen.nats_per_word_N, -predictor.score(TEXTS)["elbo_nats"] / words, rtol=1e-5
        )


class TestCommand:
    def test_an_unchanged_window_is_status_0(self, model: Path, tmp_path: Path) -> None:
        found = run(csv(tmp_path, KNOWN_TEXTS[:200]), "--model", model)
        assert "No change was found. 200 rows, beside 300 validation rows" in found.stdout

    def test_a_changed_one_is_status_5_and_what_changed_is_named(
        self, model: Path, tmp_path: Path
    ) -> None:
        page, metrics = tmp_path / "page.html", tmp_path / "window.prom"
        window_file = csv(tmp_path, [*OTHER_TEXTS[:200], " "])
        found = run(
            window_file, "--model", model, "--html", page, "--prometheus", metrics, status=CHANGED
        )
        assert "Yes: unknown words" in found.stdout
        assert "1 more have no text" in found.stdout
        for told in (found.stdout, page.read_text()):
            assert "zebra" in told
            assert "unknown: zebra, quark" in told
        assert 'test="unknown_words"} 1\n' in metrics.read_text()

    def test_json_is_one_document_and_holds_no_text_where_none_may_be_told(
        self, model: Path, tmp_path: Path
    ) -> None:
        window_file = csv(tmp_path, OTHER_TEXTS[:200])
        told = json.loads(run(window_file, "--model", model, "--json", status=CHANGED).stdout)
        assert "unknown_words" in told["changed"]
        assert {one["test"] for one in told["examples"]} == set(told["changed"])
        silent = run(window_file, "--model", model, "--json", "--no-texts", status=CHANGED).stdout
        assert "zebra" not in silent
        kept = {
            key: value for key, value in told.items() if key not in ("examples", "unknown_words")
        }
        assert kept.items() <= json.loads(silent).items()

    def test_what_the_service_counted_is_tested_as_the_texts_are(
        self, model: Path, tmp_path: Path
    ) -> None:
        seen = observe.texts(loading.load(model), OTHER_TEXTS[:200])
        counted_file = tmp_path / "counted.parquet"
        write(seen, About(name="model", version="0", lineage_key="", rows_seen=900), counted_file)
        of_texts, of_rows = (
            json.loads(run(path, "--model", model, "--json", status=CHANGED).stdout)
            for path in (csv(tmp_path, OTHER_TEXTS[:200]), counted_file)
        )
        assert [one["p"] for one in of_rows["findings"]] == pytest.approx(
            [one["p"] for one in of_texts["findings"]]
        )
        assert of_rows["rows_seen"] == 900
        assert of_rows["examples"] == []

    def test_what_another_version_counted_is_refused(self, model: Path, tmp_path: Path) -> None:
        observations.write(SEEN, ABOUT, tmp_path / "counted.parquet")
        told = error_of(tmp_path / "counted.parquet", "--model", model)
        assert "counted by version 3 of tiny" in told
        assert "--model tiny/3" in told

    def test_images_are_a_window_too(self, tmp_path: Path) -> None:
        write_project(tmp_path / "project", IMAGES)
        export(tmp_path / "project", tmp_path / "model")
        draw = random()
        levels = draw.integers(0, 256, (400, 1, 3, 2), dtype=np.uint8)
        seen = observe.images(loading.load(tmp_path / "model"), levels)
        (tmp_path / "model/monitor.json").write_bytes(profile.to_json(profile.of(seen)))
        dark = draw.integers(0, 20, (200, 3, 2), dtype=np.uint8)
        np.savez(tmp_path / "light.npz", x=levels[:200])
        np.savez(tmp_path / "dark.npz", x=dark)
        assert "Unknown words" in run(tmp_path / "light.npz", "--model", tmp_path / "model").stdout
        found = run(tmp_path / "dark.npz", "--model", tmp_path / "model", status=CHANGED)
        assert "nats per word" in found.stdout.splitlines()[0]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("utterance\nhello\n", "has no column 'text'"),
            ("text\n", "holds no text in its 0 rows"),
            ("text,n\n,1\n ,2\n", "holds no text in its 2 rows"),
            ("", "is empty"),
        ],
    )
    def test_a_window_that_cannot_be_read_is_one_line(
        self, model: Path, tmp_path: Path, content: str, said: str
    ) -> None:
        (tmp_path / "window.csv").write_text(content)
        told = error_of(tmp_path / "window.csv", "--model", model)
        assert said in told
        assert "\n" not in told

    @pytest.mark.parametrize("level", ["0", "1", "-1", "0.0001", "2", "inf", "nan", "x", ""])
    def test_a_level_out_of_range_is_refused_before_anything_is_read(
        self, tmp_path: Path, level: str
    ) -> None:
        page = tmp_path / "page.html"
        given = ["monitor", "absent.csv", "--level", level, "--html", str(page)]
        found = CliRunner().invoke(cli, given)
        assert found.exit_code == 2
        (told,) = (line for line in found.stderr.splitlines() if line.startswith("Error: "))
        assert "'--level'" in told
        assert found.stdout == ""
        assert not page.exists()

    def test_a_folder_without_a_profile_says_how_to_get_one(
        self, model: Path, tmp_path: Path
    ) -> None:
        (model / profile.FILE).unlink()
        told = error_of(csv(tmp_path, TEXTS), "--model", model)
        assert f"{model} holds no monitor.json" in told

    def test_a_long_window_is_read_in_blocks(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        window_file = csv(tmp_path, KNOWN_TEXTS[:50] + OTHER_TEXTS[:51])
        whole = run(window_file, "--model", model, "--json", status=CHANGED).stdout
        monkeypatch.setattr(scoring_window, "_ROWS_AT_ONCE", 7)
        assert run(window_file, "--model", model, "--json", status=CHANGED).stdout == whole

    @pytest.mark.parametrize("altered", ["weights.safetensors", profile.FILE])
    def test_an_exported_folder_is_what_was_exported(
        self, model: Path, tmp_path: Path, altered: str
    ) -> None:
        sha256s = {path.name: artifacts.sha256(path) for path in model.iterdir()}
        Release("tiny", "1", "", model, sha256s).write()
        window_file = csv(tmp_path, KNOWN_TEXTS)
        run(window_file, "--model", model)
        with (model / altered).open("ab") as file:
            file.write(b" ")
        found = CliRunner().invoke(cli, ["monitor", str(window_file), "--model", str(model)])
        assert isinstance(found.exception, IntegrityError)
        assert f"{altered} is not what was recorded" in str(found.exception)

    @pytest.mark.parametrize("option", ["--html", "--prometheus"])
    def test_a_folder_to_write_into_is_refused_before_anything_is_read(
        self, tmp_path: Path, option: str
    ) -> None:
        told = error_of(tmp_path / "absent.csv", option, tmp_path)
        assert told == f"{tmp_path} is a folder. Name a file in it that is to be written."
        for others in (["explore", "-o"], ["serve", "--window"]):
            found = CliRunner().invoke(cli, [*others, str(tmp_path)])
            assert str(found.exception) == told

    def test_a_registered_version_brings_its_own(
        self,
        mlflow_store: Path,
        model: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(package, "_save", save_files_only)
        write_project(mlflow_store)
        config.PARAMS.write_text("data: {source: digits}\nregistry: {name: tiny}\n")
        register("tiny", candidate.read())
        window_file = csv(tmp_path, OTHER_TEXTS[:200])
        assert "registered without a card that has monitor.json" in error_of(window_file)
        described = {profile.FILE: (model / profile.FILE).read_bytes()}
        register("tiny", replace(candidate.read(), card=described))
        told = json.loads(run(window_file, "--json", status=CHANGED).stdout)
        assert (told["name"], told["version"]) == ("tiny", "1")


def write(seen: Observations, about: About, path: Path) -> None:
    """As the service does."""
    kept = zip(
        seen.words_N.tolist(),
        seen.unknown_words_N.tolist(),
        seen.nats_per_word_N.tolist(),
        seen.label_N.tolist(),
        (seen.out_of_scope_N == 1).tolist(),
        seen.z_NZ.tolist(),
        strict=True,
    )
    observations.write([Row(*each) for each in kept], about, path)


def changed_comparison(**about: str) -> Comparison:
    seen = rows(300, 7)
    strange = replace(seen, unknown_words_N=seen.words_N, z_NZ=seen.z_NZ + 1)
    told = About(**{"name": "tiny", "version": "1", "lineage_key": "", **about}, rows_seen=300)
    texts = [f"{HOSTILE} {row}" for row in range(300)]
    given = watch.Window("w.csv", strange, told, texts=texts, vocabulary=VOCABULARY)
    return watch.watch(profile.of(rows(1000)), given)


class TestTelling:
    def test_prometheus_reads_the_text(self) -> None:
        found = changed_comparison(name=HOSTILE)
        families = list(text_string_to_metric_families(prometheus.text(found)))
        samples = {
            (sample.name, sample.labels.get("test")): sample
            for family in families
            for sample in family.samples
        }
        assert {family.type for family in families} == {"gauge"}
        assert samples["latentops_window_changed", "latent"].value == 1
        assert samples["latentops_window_changed", "classes"].value == 0
        assert samples["latentops_window_rows", None].labels["model"] == HOSTILE
        (latent_,) = [one for one in found.findings if one.test == "latent"]
        assert samples["latentops_window_p_value_holm", "latent"].value == pytest.approx(
            latent_.p_holm
        )

    def test_the_page_shows_hostile_texts_as_text(self) -> None:
        found = changed_comparison(name=HOSTILE)
        page = html.render(window.compose(found))
        assert found.examples[0].text.startswith("<script>")
        assert "<script" not in page
        assert "&lt;script&gt;" in page

    def test_the_signature_is_that_of_the_standards_own_example(self, tmp_path: Path) -> None:
        """From the tests of the libraries of standardwebhooks.com."""
        (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        found = webhook.signature(
            webhook.secret(tmp_path / "secret"),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def no_such_host(*_: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Listener(BaseHTTPRequestHandler):
    """Answers with the status that its server was told, and keeps what it was sent."""

    server: "Hook"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.headers, body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.address)
        self.end_headers()

    def do_GET(self) -> None:
        self.server.requests.append((self.headers, b"followed"))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


class Hook(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.status = 204
        self.requests: list[tuple[Message, bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


KEY = bytes(range(24))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"whsec_{base64.b64encode(KEY).decode()}\n")
    return path


class TestWebhook:
    def test_it_is_told_of_a_change_signed_and_without_a_word(
        self, model: Path, tmp_path: Path, hook: Hook, secret: Path
    ) -> None:
        options = ("--model", model, "--webhook", hook.address, "--webhook-secret-file", secret)
        run(csv(tmp_path, OTHER_TEXTS[:200]), *options, status=CHANGED)
        run(csv(tmp_path, KNOWN_TEXTS[:200]), *options)
        ((headers, body),) = hook.requests
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert "unknown_words" in json.loads(body)["changed"]
        assert b"zebra" not in body

    @pytest.mark.parametrize("status", [302, 401, 500])
    def test_a_failure_is_told_and_the_report_is_kept(
        self, model: Path, tmp_path: Path, hook: Hook, secret: Path, status: int
    ) -> None:
        hook.status = status
        page = tmp_path / "page.html"
        options = ("--webhook", hook.address, "--webhook-secret-file", secret, "--html", page)
        found = run(csv(tmp_path, OTHER_TEXTS[:200]), "--model", model, *options, status=CHANGED)
        assert found.stderr.startswith("warning: The webhook at 127.0.0.1 was not told")
        assert page.is_file()
        assert len(hook.requests) == 1

    @pytest.mark.parametrize("fault", ["refused", "unknown host", "no host name", "spaces"])
    def test_what_cannot_be_reached_is_one_line_and_the_report_is_kept(
        self,
        model: Path,
        tmp_path: Path,
        secret: Path,
        monkeypatch: pytest.MonkeyPatch,
        fault: str,
    ) -> None:
        with Hook() as server:
            address = server.address  # where nobody listens any more
        if fault == "unknown host":
            monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
        others = {"no host name": f"http://{'a' * 70}.example/", "spaces": f"{address}/a b"}
        page = tmp_path / "page.html"
        hooked = ("--webhook", others.get(fault, address), "--webhook-secret-file", secret)
        window_file = csv(tmp_path, OTHER_TEXTS[:200])
        found = run(window_file, "--model", model, *hooked, "--html", page, status=CHANGED)
        (line,) = found.stderr.splitlines()
        assert line.startswith("warning: The webhook at ")
        assert "was not told: " in line
        assert "unknown: zebra, quark" in found.stdout
        assert "zebra" in page.read_text()

    @pytest.mark.parametrize(
        "url",
        [
            "file:///etc/passwd",
            "example.org/hook",
            "//example.org/hook",
            "http://",
            "http://[::1",
            "http://a:b",
            "",
        ],
    )
    def test_what_is_no_address_is_refused_before_anything_is_computed(
        self, tmp_path: Path, secret: Path, url: str
    ) -> None:
        told = error_of(tmp_path / "absent.csv", "--webhook", url, "--webhook-secret-file", secret)
        assert "should be an address" in told
        assert "\n" not in told

    @pytest.mark.parametrize("content", ["", "plain words", "whsec_c2hvcnQ=", "whsec_%%%"])
    def test_a_weak_secret_is_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "weak").write_text(content)
        with pytest.raises(SettingsError, match="16 random bytes or more"):
            webhook.secret(tmp_path / "weak")
        assert "go together" in error_of(tmp_path / "w.csv", "--webhook", "https://example.org")


class TestStage:
    def write_valid(self, table: pd.DataFrame) -> None:
        artifacts.write_table(table, artifacts.table_path("valid"))

    def test_the_profile_is_of_the_rows_of_validation(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_project(tmp_path)
        self.write_valid(pd.DataFrame({"text": KNOWN_TEXTS}))
        files = window_profile.files(COUNTS)
        known = profile.Profile.model_validate_json(files[profile.FILE])
        assert known.rows == len(KNOWN_TEXTS)
        assert known.unknown_share is not None
        assert known.unknown_share.mean == 0
        assert files == window_profile.files(COUNTS)

    def test_of_images_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write_project(tmp_path, IMAGES)
        levels = random().integers(0, 256, (30, 1, 3, 2), dtype=np.uint8)
        artifacts.write_tensors({"x": levels}, artifacts.tensors_path("valid"))
        known = profile.Profile.model_validate_json(window_profile.files(IMAGES)[profile.FILE])
        assert (known.rows, known.unknown_share) == (30, None)

    def test_where_there_can_be_none_the_stage_goes_on_and_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        write_project(tmp_path)
        self.write_valid(pd.DataFrame({"row": range(50)}))
        assert window_profile.files(COUNTS) == {}
        self.write_valid(pd.DataFrame({"text": TEXTS}))
        assert window_profile.files(COUNTS) == {}
        told = capsys.readouterr().err.splitlines()
        assert [line.startswith("monitor.json is not written: ") for line in told] == [True, True]
