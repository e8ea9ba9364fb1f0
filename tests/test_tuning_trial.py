"""A trial of a study on real digits, the scores of its head, and what makes a study another."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import grimp
import numpy as np
import pytest
import tiny_splits
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.preprocessing import StandardScaler
from tiny_study import SECTIONS, run, tune

from latentops import artifacts, build, objectives
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.errors import NumericalError, SettingsError, StudyError
from latentops.training import loop
from latentops.tuning import identity, probe, trial
from latentops.tuning import study as studies
from latentops.tuning.outcome import Outcome, Row
from latentops.tuning.probe import Probe
from latentops.tuning.space import BETA, LATENT, Choice
from latentops.tuning.trial import Data, Trainer

ROOT = Path(__file__).resolve().parents[1]


def digits(rows: slice) -> Arrays:
    images, y = load_digits(return_X_y=True)
    x = images[rows].astype(np.uint8).reshape(-1, 1, 8, 8)
    return {"x": x, "y": y[rows].astype(np.int64), "in_scope": np.ones(len(x), bool)}


DATA = Data(
    spec=Spec(source="digits", kind="image", shape=(1, 8, 8), levels=17),
    vocabulary=Vocabulary(),
    train=digits(slice(400)),
    valid=digits(slice(400, 600)),
)


def chosen(beta: float, latent: int) -> Choice:
    return {BETA: beta, LATENT: latent}


def trained(choice: Choice, data: Data = DATA, **values: Any) -> Outcome:
    """Without the seconds, which differ from one training to the next."""
    found = Trainer(data, SECTIONS, tune(**({"epochs": 4} | values)))(choice, lambda *_: None)
    assert found.seconds > 0
    return dataclasses.replace(found, seconds=0.0)


def reported(choice: Choice, **values: Any) -> list[tuple[Row, float | None]]:
    rows: list[tuple[Row, float | None]] = []
    trainer = Trainer(DATA, SECTIONS, tune(**({"epochs": 4} | values)))
    trainer(choice, lambda row, value: rows.append((row, value)))
    return rows


def with_rows_out_of_scope(arrays: Arrays) -> Arrays:
    """Three bright images without a label at the front."""
    strange = {
        "x": np.full((3, 1, 8, 8), 16, np.uint8),
        "y": np.full(3, -1),
        "in_scope": [False] * 3,
    }
    return {name: np.concatenate([strange[name], array]) for name, array in arrays.items()}


class TestTrainer:
    def test_the_elbo_has_no_beta_in_it(self) -> None:
        weak, strong = trained(chosen(0.1, 4)), trained(chosen(50.0, 4))
        for found in (weak, strong):
            total_nats = found.rate_nats + found.distortion_nats
            assert found.elbo_nats == pytest.approx(-total_nats, rel=1e-6)
            assert found.epochs == 4
        assert weak.rate_nats > 1 > 0.1 > strong.rate_nats >= 0
        assert weak.distortion_nats < strong.distortion_nats
        assert weak.active_units > strong.active_units == 0

    def test_the_choice_is_what_is_trained_and_tune_epochs_how_long(self) -> None:
        choice = {
            "model.hidden": [8, 4],
            "model.activation": "tanh",
            "objective.free_nats": 0.1,
            "train.learning_rate": 0.01,
            "train.seed": 5,
        }
        model = SECTIONS["model"].model_copy(update={"hidden": (8, 4), "activation": "tanh"})
        settings = SECTIONS["train"].model_copy(
            update={"epochs": 2, "learning_rate": 0.01, "seed": 5}
        )
        train, valid = (
            build.examples(DATA.spec, DATA.vocabulary, arrays, model)
            for arrays in (DATA.train, DATA.valid)
        )
        vae = build.model(DATA.spec, DATA.vocabulary, model, settings.seed)
        objective = objectives.Settings(free_nats=0.1)
        fit = loop.fit(vae, train, valid, objective, settings)
        assert trained(choice, epochs=2).elbo_nats == fit.valid_elbo_nats

    def test_the_parts_of_the_rate_are_weighed_as_chosen(self) -> None:
        plain, weighed = (
            trained({"objective.total_correlation": weight}, epochs=3) for weight in (1.0, 30.0)
        )
        assert plain.elbo_nats == trained({}, epochs=3).elbo_nats
        assert weighed.rate_nats != plain.rate_nats

    def test_the_same_choice_gives_the_same_outcome_whatever_was_tried_before(self) -> None:
        trainer = Trainer(DATA, SECTIONS, tune(epochs=2))
        first, other, again = (
            trainer(chosen(beta, latent), lambda *_: None)
            for beta, latent in ((1.0, 2), (4.0, 6), (1.0, 2))
        )
        assert dataclasses.replace(first, seconds=0.0) == dataclasses.replace(again, seconds=0.0)
        assert first.elbo_nats != other.elbo_nats

    @pytest.mark.parametrize("score", ["elbo", "accuracy"])
    def test_rows_out_of_scope_change_nothing(self, score: str) -> None:
        data = dataclasses.replace(
            DATA,
            train=with_rows_out_of_scope(DATA.train),
            valid=with_rows_out_of_scope(DATA.valid),
        )
        choice = chosen(0.5, 4)
        assert trained(choice, data, score=score) == trained(choice, score=score)

    def test_accuracy_is_of_a_head_on_validation(self) -> None:
        found = trained(chosen(0.1, 8), score="accuracy", epochs=10).accuracy
        assert found is not None
        assert 0.5 < found <= 1  # chance is 0.1
        shuffled = {**DATA.valid, "y": np.roll(DATA.valid["y"], 1)}
        data = dataclasses.replace(DATA, valid=shuffled)
        by_chance = trained(chosen(0.1, 8), data, score="accuracy", epochs=10).accuracy
        assert by_chance is not None
        assert by_chance < 0.3

    @pytest.mark.parametrize("split", ["train", "valid"])
    def test_a_score_of_labels_without_labels_is_refused(self, split: str) -> None:
        unlabelled = {**DATA.train, "y": np.full(400, -1)}
        data = dataclasses.replace(DATA, **{split: unlabelled})
        for score in (["accuracy"], ["elbo", "macro_recall"]):
            with pytest.raises(SettingsError, match="needs labels: 'digits' has") as refused:
                Trainer(data, SECTIONS, tune(score=score))
            assert "\n" not in str(refused.value)
        Trainer(data, SECTIONS, tune(score="elbo"))
        Trainer(data, SECTIONS, tune(score="accuracy", mode="pareto"))

    def test_a_training_that_diverges_is_a_failed_trial(self) -> None:
        wild = SECTIONS | {"train": SECTIONS["train"].model_copy(update={"learning_rate": 1e30})}
        settings = tune(epochs=1, trials=2)
        records = run(settings, Trainer(DATA, wild, settings))
        with pytest.raises(StudyError, match="All 2 trials failed, 2 of them like this: The"):
            studies.require_success(records)

    def test_settings_that_contradict_each_other_are_refused(self) -> None:
        both = {"objective.free_nats": 0.5, "objective.capacity_nats": 5.0}
        with pytest.raises(SettingsError, match=r"^objective: free_nats and capacity_nats"):
            trained(both)

    def test_what_a_model_reads_is_made_anew_where_it_is_searched(self) -> None:
        sample = tiny_splits.texts()
        assert sample.train.counts is not None
        data = Data(
            sample.subject.spec,
            sample.subject.vocabulary,
            counted(sample.train),
            counted(sample.valid),
        )
        sections = SECTIONS | {"model": sample.model}
        trainer = Trainer(data, sections, tune(epochs=1))
        fresh = Trainer(data, sections, tune(epochs=1))
        inputs = [{"model.input": name} for name in ("tfidf", "log1p", "tfidf")]
        found = [trainer(choice, lambda *_: None).elbo_nats for choice in inputs]
        assert found[0] == found[2] != found[1]
        assert found[1] == fresh(inputs[1], lambda *_: None).elbo_nats

    @pytest.mark.parametrize(
        ("asked", "share", "expected"), [(1, 4, 1), (8, 2, 2), (None, 3, 3), (2, 2, 2)]
    )
    def test_it_takes_no_more_threads_than_its_share(
        self, monkeypatch: pytest.MonkeyPatch, asked: int | None, share: int, expected: int
    ) -> None:
        class Seen(Exception):  # noqa: N818  no error
            pass

        def fit(*arguments: Any) -> None:
            raise Seen(arguments[4].threads)

        monkeypatch.setattr(trial.loop, "fit", fit)
        sections = SECTIONS | {"train": SECTIONS["train"].model_copy(update={"threads": asked})}
        with pytest.raises(Seen) as seen:
            Trainer(DATA, sections, tune(), share)(chosen(1.0, 2), lambda *_: None)
        assert seen.value.args == (expected,)


def counted(portion: Any) -> Arrays:
    return {
        "indptr": portion.counts.indptr.astype(np.int64),
        "indices": portion.counts.indices,
        "counts": portion.counts.data,
        "y": portion.y,
        "in_scope": portion.in_scope,
    }


class TestMemory:
    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        ],
        ids=["CUDA", "CPU"],
    )
    def test_a_model_that_does_not_fit_is_a_failed_trial(
        self, error: RuntimeError, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(loop, "fit", full)
        with pytest.raises(NumericalError, match="do not fit into the memory"):
            trained(chosen(1.0, 2))

    def test_another_error_is_a_bug(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def wrong(*_: Any, **__: Any) -> None:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

        monkeypatch.setattr(loop, "fit", wrong)
        with pytest.raises(RuntimeError, match="shapes"):
            trained(chosen(1.0, 2))


class TestReports:
    """By what trials compare while they train."""

    def test_the_elbo_of_each_epoch(self) -> None:
        rows = reported(chosen(4.0, 2), pruner="median")
        assert [row["epoch"] for row, _ in rows] == [1, 2, 3, 4]
        assert [value for _, value in rows[:-1]] == [row["valid_elbo_nats"] for row, _ in rows[:-1]]

    def test_nothing_at_the_last_epoch_which_is_paid_for(self) -> None:
        for search in ({}, {"score": "accuracy"}, {"mode": "budget", "rate_nats": 1.0}):
            *_, (row, value) = reported(chosen(4.0, 2), pruner="median", **search)
            assert (row["epoch"], value) == (4, None)

    def test_nothing_before_the_warm_up_is_over(self) -> None:
        rows = reported(chosen(4.0, 2) | {"objective.warmup": 0.5}, pruner="median")
        assert [value is None for _, value in rows] == [True, False, False, True]

    def test_the_distortion_with_what_it_is_above_the_budget(self) -> None:
        far, within = (
            reported(chosen(0.1, 4), mode="budget", rate_nats=rate_nats, pruner="median")
            for rate_nats in (0.5, 1000.0)
        )
        for (row, value), (_, distortion) in zip(far[:-1], within[:-1], strict=True):
            assert distortion == -row["valid_distortion_nats"]
            assert value is not None
            above_nats = row["valid_rate_nats"] - 0.5
            assert value < distortion - above_nats

    def test_a_heads_score_at_two_epochs(self) -> None:
        rows = reported(chosen(0.1, 4), score="accuracy", pruner="hyperband", epochs=9)
        told = {row["epoch"]: value for row, value in rows if value is not None}
        assert [*told] == [1, 3]
        assert all(0.1 < value <= 1 for value in told.values())

    def test_looking_at_a_trial_changes_nothing(self) -> None:
        search = {"score": "accuracy", "epochs": 3}
        seen, unseen = (
            trained(chosen(0.1, 4), pruner=pruner, **search) for pruner in ("hyperband", "none")
        )
        assert seen == unseen

    def test_nothing_where_none_is_pruned(self) -> None:
        assert {value for _, value in reported(chosen(1.0, 2), score="accuracy")} == {None}


def pixels(arrays: Arrays) -> torch.Tensor:
    return torch.from_numpy(arrays["x"].reshape(-1, 64).astype(np.float32))


class TestProbe:
    def scores(self, y: tuple[np.ndarray, np.ndarray], **values: Any) -> dict[str, float]:
        found = Probe("digits", y, tune(**values))
        return found.scores(pixels(DATA.train), pixels(DATA.valid))

    def test_it_is_about_what_scikit_learn_finds(self) -> None:
        scores = self.scores((DATA.train["y"], DATA.valid["y"]), score=["accuracy", "macro_recall"])
        scale = StandardScaler().fit(pixels(DATA.train))
        train, valid = (scale.transform(pixels(arrays)) for arrays in (DATA.train, DATA.valid))
        models = [
            LogisticRegression(C=c, max_iter=2000).fit(train, DATA.train["y"])
            for c in (0.001, 0.01, 0.1, 1.0)
        ]
        accuracies = [model.score(valid, DATA.valid["y"]) for model in models]
        best = models[int(np.argmax(accuracies))].predict(valid)
        recall = recall_score(DATA.valid["y"], best, average="macro")
        assert scores["accuracy"] == pytest.approx(max(accuracies), abs=0.03)
        assert scores["macro_recall"] == pytest.approx(recall, abs=0.03)

    def test_macro_recall_weighs_every_class_alike(self) -> None:
        """Nothing tells the classes apart, and one is ten times the other."""
        generator = np.random.default_rng(0)
        train, valid = (
            torch.from_numpy(generator.normal(size=(n, 3)).astype(np.float32)) for n in (400, 200)
        )
        y = tuple((np.arange(n) % 11 == 0).astype(np.int64) for n in (400, 200))
        values = tune(score=["accuracy", "macro_recall"])
        scores = Probe("noise", (y[0], y[1]), values).scores(train, valid)
        assert scores["accuracy"] > 0.85
        assert 0.4 < scores["macro_recall"] < 0.6

    def test_a_budget_is_so_many_labels_of_each_class(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fitted: list[np.ndarray] = []
        choose = probe.heads.choose

        def noted(blocks: Any, y: np.ndarray, *more: Any) -> Any:
            fitted.append(np.bincount(y))
            assert len(blocks["vae"]) == len(y)
            return choose(blocks, y, *more)

        monkeypatch.setattr(probe.heads, "choose", noted)
        y = (DATA.train["y"], DATA.valid["y"])
        few = self.scores(y, score="accuracy", labels=2)
        assert len(fitted) > 1
        assert all((counts == 2).all() for counts in fitted)
        assert few["accuracy"] < self.scores(y, score="accuracy")["accuracy"]
        assert fitted[-1].sum() == 400

    def test_rows_without_a_label_are_left_out(self) -> None:
        y = DATA.train["y"].copy(), DATA.valid["y"].copy()
        y[0][::2], y[1][::2] = -1, -1
        found = self.scores(y, score="accuracy")
        half = Probe("digits", (y[0][1::2], y[1][1::2]), tune(score="accuracy"))
        expected = half.scores(pixels(DATA.train)[1::2], pixels(DATA.valid)[1::2])
        assert found == expected

    def test_a_mean_that_is_not_finite_is_a_failed_trial(self) -> None:
        means = pixels(DATA.train)
        means[3, 3] = math.nan
        found = Probe("digits", (DATA.train["y"], DATA.valid["y"]), tune(score="accuracy"))
        with pytest.raises(NumericalError, match="A latent mean is not finite"):
            found.scores(means, pixels(DATA.valid))


def shared(files: tuple[Path, ...] = (), sections: Any = SECTIONS, **values: Any) -> Any:
    return identity.experiment("digits", files, sections, tune(**values))


def name(files: tuple[Path, ...] = (), sections: Any = SECTIONS, **values: Any) -> str:
    common = shared(files, sections, **values)
    return identity.study_name(common, tune(**values), sections)


def changed(section: str, **values: Any) -> Any:
    return SECTIONS | {section: SECTIONS[section].model_copy(update=values)}


class TestIdentity:
    def test_the_code_of_a_trial_is_its_import_closure(self) -> None:
        graph = grimp.build_graph("latentops", cache_dir=None)
        modules = {"latentops.tuning.trial"}
        modules |= graph.find_upstream_modules("latentops.tuning.trial")
        found = {
            ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
            for path in identity.trial_code()
        }
        assert {name for name in found if not name.endswith(".__init__")} == modules
        assert "latentops.__init__" in found
        assert "latentops.data.__init__" in found

    @pytest.mark.parametrize(
        "values",
        [
            {"space": {BETA: {"low": 0.1, "high": 9.0, "log": True}}},
            {"sampler": "random"},
            {"sampler": "grid"},
            {"seed": 1},
            {"score": "accuracy"},
            {"mode": "pareto"},
            {"pruner": "median"},
            {"epochs": 9},
        ],
        ids=str,
    )
    def test_another_search_is_another_study(self, values: dict[str, Any]) -> None:
        assert name(**values) != name()

    @pytest.mark.parametrize(
        "values",
        [{"trials": 50}, {"workers": 7}, {"pick": "knee", "mode": "pareto"}],
        ids=str,
    )
    def test_how_many_who_and_which_in_the_end_are_not(self, values: dict[str, Any]) -> None:
        same = {"mode": values["mode"]} if "mode" in values else {}
        assert name(**values) == name(**same)

    def test_a_setting_that_the_mode_reads_is_part_of_the_name_and_another_is_not(self) -> None:
        assert name(labels=5) == name()
        assert name(score="accuracy", labels=5) != name(score="accuracy")
        pareto = {"mode": "pareto"}
        assert name(score="accuracy", rate_nats=3.0, **pareto) == name(**pareto)
        budget = {"mode": "budget", "rate_nats": 3.0}
        assert name(score="accuracy", labels=5, **budget) == name(**budget)
        assert name(**budget | {"rate_nats": 4.0}) != name(**budget)

    def test_the_number_of_trials_is_part_of_a_grid_alone(self) -> None:
        for sampler in ("tpe", "qmc", "random", "gp"):
            assert name(trials=5, sampler=sampler) == name(trials=50, sampler=sampler)
        assert name(trials=5, sampler="grid") != name(trials=50, sampler="grid")

    def test_what_is_fixed_matters_and_what_is_searched_does_not(self) -> None:
        assert name() == name(sections=changed("model", latent=99))
        assert name() == name(sections=changed("objective", beta=7.0))
        assert name() == name(sections=changed("train", epochs=7))
        assert name() != name(sections=changed("model", activation="tanh"))
        assert name() != name(sections=changed("objective", free_nats=0.1))
        assert name() != name(sections=changed("train", seed=7))
        seeds = {"train.seed": {"low": 0, "high": 9}}
        assert name(space=seeds) == name(sections=changed("train", seed=7), space=seeds)
        assert name(space=seeds) != name(sections=changed("model", latent=99), space=seeds)

    def test_other_data_or_code_is_another_study(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(identity, "trial_code", lambda: [tmp_path / "code.py"])
        names = set()
        for data, code in ((b"1", b"1"), (b"2", b"1"), (b"1", b"2"), (b"1", b"1")):
            (tmp_path / "data").write_bytes(data)
            (tmp_path / "code.py").write_bytes(code)
            names.add(name((tmp_path / "data",)))
        assert len(names) == 3


class TestNews:
    def told(self, folder: Path, files: tuple[Path, ...] = (), **values: Any) -> list[str]:
        found = identity.parts(shared(files, **values), tune(**values), SECTIONS)
        return [*identity.news(name(files, **values), found, folder)]

    def test_another_study_says_since_which_and_why(self, tmp_path: Path) -> None:
        folder, file = tmp_path / "studies", tmp_path / "data"
        folder.mkdir()
        file.write_bytes(b"1")
        assert self.told(folder, (file,)) == []
        assert self.told(folder, (file,)) == []
        before = name((file,))
        file.write_bytes(b"2")
        [line] = self.told(folder, (file,), seed=1)
        assert f"the last one, {before}, for these are not the same: data, search." in line
        assert "The trials of both are kept" in line
        assert self.told(folder, (file,), seed=1) == []

    def test_more_points_of_a_grid_are_told_too(self, tmp_path: Path) -> None:
        assert self.told(tmp_path, trials=4, sampler="grid") == []
        [line] = self.told(tmp_path, trials=9, sampler="grid")
        assert "these are not the same: grid." in line

    def test_no_test_split_is_part_of_a_study(self) -> None:
        from latentops.tuning import prepared

        assert not {artifacts.tensors_path("test"), artifacts.table_path("test")} & {*prepared.DATA}
