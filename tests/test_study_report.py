"""What people see of a study: pictures, page, and runs in MLflow, read back by its own client."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import study_samples as samples
import yaml
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.contour import ContourSet
from matplotlib.path import Path as MplPath
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from study_samples import BETA, LATENT

from latentops import tracking
from latentops.metrics.rate_distortion import front
from latentops.report import canvas, html, markdown, study_page, study_pictures
from latentops.report.document import Document, Lead, Picture, Table, Warned

ROOT = Path(__file__).resolve().parents[1]
PLANE = ["rate_nats", "distortion_nats"]
NOTHING = pd.DataFrame({"setting": [], "importance": []})


def best(trials: pd.DataFrame, chosen: int, **changed: Any) -> dict[str, Any]:
    """tune/best.json of these trials."""
    row = trials[trials["trial"] == chosen].iloc[0].to_dict()
    states = trials["state"].value_counts()
    settings = {name: row[name] for name in trials if "." in name}
    scores = ("score", "rate_nats", "distortion_nats", "elbo_nats", "active_units", "accuracy")
    return {
        "study": "abc123",
        "mode": "score",
        "score_name": "elbo",
        "pick": "best",
        "trial": chosen,
        "settings": settings,
        "default": dict.fromkeys(settings, 1),
        **{name: row[name] for name in scores},
        "macro_recall": None,
        "rate_budget_nats": None,
        "trials": int(states["complete"]),
        "pruned": int(states.get("pruned", 0)),
        "failed": int(states.get("failed", 0)),
        "source": "intents",
        "data_md5": "0",
        "fixed": {"model.kind": "bow"},
    } | changed


SEARCH = {
    "trials": 40,
    "epochs": 10,
    "sampler": "tpe",
    "pruner": "median",
    "space": {
        BETA: {"low": 0.05, "high": 20.0, "log": True, "step": None, "choices": None, "when": {}},
        LATENT: {"low": 4, "high": 128, "log": True},
        "model.hidden": {"choices": [[256], None], "when": {LATENT: [8, 16]}},
    },
}


def odd(kind: str) -> pd.DataFrame:
    """Tables that a study may leave, none of which may break a picture."""
    trials = samples.trials(40)
    changes: dict[str, Mapping[str, Any]] = {
        "equal": dict.fromkeys([*PLANE, "elbo_nats", "score", BETA, LATENT], 1.0),
        "no latent in use": {"active_units": pd.array([0] * 40, "Int64"), "rate_nats": 0.0},
        "infinite": {
            "distortion_nats": trials["distortion_nats"].where(trials["trial"] != 0, math.inf)
        },
        "conditional": {LATENT: trials[LATENT].where(trials["trial"] % 2 == 0).astype(float)},
        "texts": {BETA: "[1]", LATENT: "null"},
        "negative": {BETA: np.linspace(-1, 1, 40)},
        "yes or no": {BETA: trials["trial"] % 2 == 0},
        "tiny": {BETA: np.geomspace(1e-12, 1e12, 40)},
    }
    if kind in changes:
        return trials.assign(**changes[kind])
    if kind == "no beta":
        return trials.drop(columns=BETA)
    if kind == "neither":
        return trials.drop(columns=[BETA, LATENT])
    if kind == "all failed but one":
        return pd.concat([trials.head(1), trials[trials["state"] == "failed"]])
    return samples.trials(int(kind), failed=0)


KINDS = (
    "equal", "no latent in use", "infinite", "conditional", "texts", "negative", "yes or no",
    "tiny", "no beta", "neither", "all failed but one", "1", "2", "3", "40", "2000",
)  # fmt: skip


class TestPictures:
    @pytest.mark.parametrize("kind", KINDS)
    def test_any_study_can_be_drawn(self, kind: str) -> None:
        trials = odd(kind)
        curves, chosen = samples.curves(trials), samples.chosen(trials)
        placed = study_pictures.placed(trials, curves)
        found = study_pictures.drawn(placed, samples.importance(), curves, best(trials, chosen))
        assert {"rate_distortion", "active_units", "importance", "learning_curves"} <= set(found)
        assert all(png.startswith(b"\x89PNG") and len(png) > 5_000 for png in found.values())

    def test_what_there_is_nothing_for_is_left_out(self) -> None:
        trials = samples.trials(3, failed=2)
        curves = samples.curves(trials).head(0)
        found = study_pictures.drawn(trials, NOTHING, curves, best(trials, 0))
        assert set(found) == {"rate_distortion", "active_units"}

    def test_alone_they_say_that_there_is_nothing(self) -> None:
        empty = samples.trials(5).head(0)
        for figure in (
            study_pictures.rate_distortion(empty, 0),
            study_pictures.active_units(empty, 0),
            study_pictures.importance(NOTHING),
            study_pictures.contour(empty, "elbo"),
            study_pictures.learning_curves(samples.curves(samples.trials(5)).head(0), 0),
        ):
            assert figure.texts[0].get_text().startswith("Nothing to draw: ")

    def test_every_complete_trial_is_seen_and_the_front_joins_the_best(self) -> None:
        trials = samples.trials(60)
        chosen = samples.chosen(trials)
        axes = study_pictures.rate_distortion(trials, chosen).axes[0]
        complete = trials[trials["state"] == "complete"][PLANE].astype(float)
        points = axes.collections[0].get_offsets()
        np.testing.assert_array_equal(points, complete)
        assert (within(axes, complete.to_numpy())).all()
        line = axes.lines[0].get_xydata()
        np.testing.assert_array_equal(line, front(complete).to_numpy())

    def test_the_dotted_line_is_where_the_elbo_is_that_of_the_chosen(self) -> None:
        trials = samples.trials(60)
        chosen = samples.chosen(trials)
        row = trials[trials["trial"] == chosen].iloc[0]
        axes = study_pictures.rate_distortion(trials, chosen).axes[0]
        (line,) = (line for line in axes.lines if str(line.get_label()).startswith("ELBO"))
        assert line.get_label() == f"ELBO {row['elbo_nats']:.1f} nats"
        (x, y), slope = line.get_xy1(), line.get_slope()  # type: ignore[attr-defined]
        assert (x + y, slope) == (pytest.approx(-row["elbo_nats"]), -1)

    def test_a_pruned_trial_stands_where_it_stopped(self) -> None:
        trials = samples.trials(40)
        curves = samples.curves(trials)
        placed = study_pictures.placed(trials, curves)
        last = curves[(curves["state"] == "pruned") & (curves["epoch"] == 3)].set_index("trial")
        pruned = placed[placed["state"] == "pruned"].set_index("trial")
        np.testing.assert_array_equal(pruned["rate_nats"], last["valid_rate_nats"])
        np.testing.assert_array_equal(pruned["elbo_nats"], last["valid_elbo_nats"])
        others = placed["state"] != "pruned"
        pd.testing.assert_frame_equal(placed[others], trials[others])

    def test_the_contour_is_the_function_that_was_sampled(self) -> None:
        """Linear in both logarithms, so that the areas between trials are exact."""
        beta, latent = np.meshgrid(np.geomspace(0.1, 10, 5), [4, 8, 16, 32, 64])
        score = 2 * np.log10(beta.ravel()) - np.log10(latent.ravel())

        def low(band: MplPath) -> float:
            return float((band.vertices[band.codes != MplPath.CLOSEPOLY] @ (2, -1)).min())

        def high(band: MplPath) -> float:
            return float((band.vertices[band.codes != MplPath.CLOSEPOLY] @ (2, -1)).max())

        trials = pd.DataFrame(
            {"state": "complete", BETA: beta.ravel(), LATENT: latent.ravel(), "score": score}
        )
        axes = study_pictures.contour(trials, "elbo").axes[0]
        (areas,) = (each for each in axes.collections if isinstance(each, ContourSet))
        below, *bands = areas.get_paths()
        step = areas.levels[1] - areas.levels[0]
        assert len(bands) == len(areas.levels) - 1
        for level, band in zip(areas.levels, bands, strict=False):
            assert low(band) >= level - 1e-6
            assert high(band) <= level + step + 1e-6
        assert high(below) <= areas.levels[0] + 1e-6
        assert low(below) == pytest.approx(score.min())

    @pytest.mark.parametrize(
        ("beta", "latent"),
        [
            ([1.0, 2.0, 4.0], [4, 8, 4]),
            ([1.0, 2.0, 4.0, 8.0], [4, 8, 16, 32]),
            ([1.0] * 4, [4, 5, 6, 7]),
        ],
        ids=["three", "on a line", "one beta"],
    )
    def test_trials_that_span_no_area_are_points(
        self, beta: list[float], latent: list[int]
    ) -> None:
        score = np.arange(len(beta), dtype=float)
        trials = pd.DataFrame({"state": "complete", BETA: beta, LATENT: latent, "score": score})
        axes = study_pictures.contour(trials, "elbo").axes[0]
        assert [len(each.get_offsets()) for each in axes.collections] == [len(beta)]

    def test_a_trial_that_went_wrong_does_not_take_all_colours(self) -> None:
        trials = samples.trials(40, pruned=0, failed=0)
        wrong = trials.assign(score=trials["score"].where(trials["trial"] != 3, -1e9))
        (low, high), (same, as_high) = (
            study_pictures.contour(each, "elbo").axes[0].collections[-1].get_clim()
            for each in (trials, wrong)
        )
        assert high == as_high
        assert high - same < 2 * (high - low)

    def test_the_two_settings_that_matter_most_are_drawn_where_beta_is_not_searched(self) -> None:
        trials = samples.trials(20, failed=0).drop(columns=BETA)
        trials = trials.assign(
            **{"train.a": np.arange(20), "train.b": np.arange(20.0), "train.c": "x"}
        )
        table = pd.DataFrame(
            {"setting": ["train.b", "train.a", LATENT], "importance": [0.6, 0.1, 0.3]}
        )
        assert study_pictures.most_important_pair(trials, table) == ("train.b", LATENT)
        one = trials.drop(columns=["train.a", "train.b"])
        assert study_pictures.most_important_pair(one, table) is None

    def test_a_pruned_curve_ends_where_it_was_pruned(self) -> None:
        trials = samples.trials(40)
        curves, chosen = samples.curves(trials), samples.chosen(trials)
        axes = study_pictures.learning_curves(curves, chosen).axes[0]
        finished, pruned = (each for each in axes.collections if isinstance(each, LineCollection))
        assert {line[-1][0] for line in finished.get_segments()} == {10}
        assert {line[-1][0] for line in pruned.get_segments()} == {3}
        states = trials["state"].value_counts()
        assert len(finished.get_segments()) == states["complete"] - 1
        assert len(pruned.get_segments()) == states["pruned"]

    def test_the_most_important_setting_is_on_top(self) -> None:
        table = pd.DataFrame({"setting": ["a.b", "c.d", "e.f"], "importance": [0.1, 0.7, 0.2]})
        axes = study_pictures.importance(table).axes[0]
        names = [label.get_text() for label in axes.get_yticklabels()]
        assert names == ["a.b", "e.f", "c.d"]
        assert [bar.get_width() for bar in axes.patches] == pytest.approx([10, 20, 70])  # type: ignore[attr-defined]

    def test_the_same_study_gives_the_same_bytes(self) -> None:
        trials = samples.trials(12)
        first, second = (canvas.png(study_pictures.contour(trials, "elbo")) for _ in range(2))
        assert first == second


def within(axes: Axes, points: np.ndarray) -> np.ndarray:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    x, y = points.T
    return (left <= x) & (x <= right) & (low <= y) & (y <= high)


def page(trials: pd.DataFrame, chosen: int, **changed: Any) -> Document:
    compare = changed.pop("compare", None)
    importance = changed.pop("importance", NOTHING)
    told = best(trials, chosen, **changed)
    return study_page.page(told, trials, importance, compare, {}, SEARCH)


def tables(document: Document) -> list[Table]:
    return [
        block
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Table)
    ]


COMPARED = {
    "study": "abc123",
    "trial": 0,
    "verdict": "helped",
    "sentence": "Tuning helped: ELBO +0.8 (95 % interval +0.3 to +1.3, 5 seeds).",
    "caveat": "The seeds are new.",
}


class TestPage:
    def test_the_files_stand_on_their_own(self, tmp_path: Path) -> None:
        trials = samples.trials(40)
        told = best(trials, samples.chosen(trials))
        study_page.write(
            told, trials, samples.importance(), samples.curves(trials), SEARCH, None, tmp_path
        )
        written = (tmp_path / "report.html").read_text()
        assert written.count("data:image/png;base64,") == 5
        assert "://" not in written.replace("http://www.w3.org", "")
        text = (tmp_path / "report.md").read_text()
        for name in ("rate_distortion", "active_units", "importance", "contour", "learning_curves"):
            assert f"(pictures/{name}.png)" in text
            assert (tmp_path / f"pictures/{name}.png").read_bytes().startswith(b"\x89PNG")
        drawn = pd.read_csv(tmp_path / "rate_distortion.csv")
        assert len(drawn) == 40
        assert drawn[drawn["state"] != "failed"][PLANE].notna().all(axis=None)

    def test_dvc_finds_what_it_is_told_to_plot(self, tmp_path: Path) -> None:
        trials = samples.trials(20)
        told, curves = best(trials, samples.chosen(trials)), samples.curves(trials)
        study_page.write(told, trials, samples.importance(), curves, SEARCH, None, tmp_path)
        curves.to_csv(tmp_path / "curves.csv")
        samples.importance().to_csv(tmp_path / "importance.csv")
        pipeline = yaml.safe_load((ROOT / "tune/dvc.yaml").read_text())
        for plot in pipeline["plots"]:
            if isinstance(plot, str):
                assert (tmp_path / plot).is_dir()
                continue
            for name, told_of in plot.items():
                assert {told_of["x"], told_of["y"]} <= set(pd.read_csv(tmp_path / name))

    def test_the_choice_stands_beside_what_was_there_before(self) -> None:
        trials = samples.trials(12, pruned=0)
        row = trials.iloc[0]
        document = page(trials, 0, default={BETA: 4.0, LATENT: 64})
        lead = document.opening[0]
        assert isinstance(lead, Lead)
        assert lead.answer == f"{BETA} {row[BETA]:.4g}, {LATENT} {row[LATENT]}"
        assert tables(document)[0].rows == (
            (BETA, "4", f"{row[BETA]:.4g}"),
            (LATENT, "64", str(row[LATENT])),
        )

    def test_the_space_is_told_with_scales_choices_and_conditions(self) -> None:
        space = next(
            table for table in tables(page(samples.trials(5), 0)) if table.header[1] == "Values"
        )
        assert space.rows == (
            (BETA, "0.05 to 20, log scale", ""),
            (LATENT, "4 to 128, log scale", ""),
            ("model.hidden", "one of [256], null", f"{LATENT} is 8 or 16"),
        )

    def test_the_best_ten_are_listed_and_the_chosen_wherever_it_stands(self) -> None:
        trials = samples.trials(40, pruned=0)
        order = trials.sort_values("score", ascending=False)["trial"]
        for place, rows in ((4, 10), (20, 11)):
            table = tables(page(trials, order.iloc[place]))[-1]
            (marked,) = table.marked
            assert len(table.rows) == rows
            assert table.rows[marked][0] == str(order.iloc[place])
            assert [row[0] for row in table.rows[:10]] == [str(trial) for trial in order[:10]]

    def test_the_commonest_error_is_told_as_somebody_saw_it(self) -> None:
        trials = samples.trials(9, failed=4, pruned=0)
        errors = ["", "", "", "", "", "No memory.", "nan at step 40.", "nan at step 7.", "Odd."]
        failed = trials.assign(error=errors)
        assert study_page.commonest(failed) == "nan at step 40."
        assert "The commonest error: nan at step 40." in markdown_of(page(failed, 0))

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({BETA: 20.0}, "objective.beta 20 lies at its upper bound"),
            ({BETA: 0.052}, "objective.beta 0.052 lies at its lower bound"),
            ({LATENT: 128}, "model.latent 128 lies at its upper bound"),
            ({BETA: 0.3, LATENT: 32}, None),
            ({"model.hidden": [256]}, None),
        ],
    )
    def test_a_choice_at_a_bound_asks_for_wider_ones(
        self, settings: dict[str, Any], said: str | None
    ) -> None:
        trials = samples.trials(9)
        found = [*study_page.warnings(best(trials, 0, settings=settings), trials, SEARCH)]
        assert [line[: len(said)] for line in found] == [said] if said else found == []

    def test_a_collapsed_choice_is_a_warning(self) -> None:
        opening = page(samples.trials(9), 0, active_units=0).opening
        assert any(isinstance(block, Warned) and "collapsed" in block.text for block in opening)

    @pytest.mark.parametrize(
        ("verdict", "answer"),
        [("helped", "Yes"), ("no clear difference", "It cannot"), ("made it worse", "No")],
    )
    def test_a_comparison_is_told(self, verdict: str, answer: str) -> None:
        lead = page(samples.trials(9), 0, compare=COMPARED | {"verdict": verdict}).opening[1]
        assert isinstance(lead, Lead)
        assert lead.answer.startswith(answer)
        assert "95 % interval +0.3 to +1.3" in lead.text

    @pytest.mark.parametrize("other", [{"study": "other"}, {"trial": 1}])
    def test_a_comparison_of_another_choice_is_not(self, other: dict[str, Any]) -> None:
        text = markdown_of(page(samples.trials(9), 0, compare=COMPARED | other))
        assert "95 % interval" not in text
        assert "latentops tune compare" in text

    def test_hostile_names_are_text(self) -> None:
        trials = samples.trials(9).assign(error="<script>alert(1)</script> | `x`")
        document = page(trials, 0, source="<b>|`")
        assert "<script>" not in html.render(document) + markdown_of(document)
        assert "<b>" not in html.render(document)

    @pytest.mark.parametrize("mode", ["pareto", "budget", "score"])
    @pytest.mark.parametrize("pick", ["best", "knee", "budget"])
    def test_every_mode_and_pick_has_its_words(self, mode: str, pick: str) -> None:
        over = samples.trials(9).assign(score=np.nan) if mode == "budget" else samples.trials(9)
        changed = {"score_name": "accuracy+elbo", "rate_budget_nats": 12.0, "score": 0.1}
        text = markdown_of(page(over, 0, mode=mode, pick=pick, **changed))
        assert "Searched for" in text
        assert "nan" not in text.replace("becam", "").split("The commonest error")[0]

    def test_every_picture_has_a_caption_that_says_how_to_read_it(self) -> None:
        trials = samples.trials(20)
        curves = samples.curves(trials)
        told = best(trials, 0)
        pictures = study_pictures.drawn(trials, samples.importance(), curves, told)
        document = study_page.page(told, trials, samples.importance(), None, pictures, SEARCH)
        found = [b for s in document.sections for b in s.blocks if isinstance(b, Picture)]
        assert {picture.name for picture in found} == set(pictures)
        assert all(len(picture.caption) > 100 and picture.alt for picture in found)


def markdown_of(document: Document) -> str:
    return markdown.render(document, Path("pictures"))  # type: ignore[arg-type]


# MLflow


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the store's writes, in order."""
    seen: list[str] = []
    names = (
        "create_run", "log_batch", "log_metric", "log_param", "set_tag", "update_run_info",
        "log_inputs",
    )  # fmt: skip
    for name in names:
        monkeypatch.setattr(SqlAlchemyStore, name, noted(name, seen))
    return seen


def noted(name: str, seen: list[str]) -> Any:
    write = getattr(SqlAlchemyStore, name)

    def wrapped(self: SqlAlchemyStore, *args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        return write(self, *args, **kwargs)

    return wrapped


CURVE = [
    {"epoch": epoch, "valid_elbo_nats": -100 + 50 * math.sin(epoch / 1000), "valid_rate_nats": 3.0}
    for epoch in range(1, 5001)
]


def study(name: str = "abc", **more: Any) -> Any:
    return tracking.study(name, "digits", {"model.kind": "mlp"}, {}, **more)


def below(client: MlflowClient, parent: str) -> dict[str, Run]:
    of = client.get_run(parent).info.experiment_id
    found = client.search_runs([of], f"tags.`mlflow.parentRunId` = '{parent}'")
    return {run.data.tags["trial"]: run for run in found}


class TestTracking:
    @pytest.mark.parametrize("curve", [[], CURVE[:5], CURVE])
    def test_a_trial_is_three_writes(
        self, client: MlflowClient, writes: list[str], curve: list[dict[str, float]]
    ) -> None:
        with study() as observed:
            writes.clear()
            observed.trial(7, "complete", {BETA: 0.5}, {"score": -1.0, "accuracy": None}, curve)
            assert writes == ["create_run", "log_batch", "update_run_info"]
        run = below(client, observed.id)["7"]
        assert run.data.params == {BETA: "0.5"}
        assert run.data.metrics["score"] == -1
        assert "accuracy" not in run.data.metrics
        assert (run.info.run_name, run.info.status) == ("trial 7", "FINISHED")

    def test_a_long_curve_keeps_its_first_last_and_best_epoch(self, client: MlflowClient) -> None:
        with study() as observed:
            observed.trial(0, "complete", {}, {"score": 1.0}, CURVE)
        run_id = below(client, observed.id)["0"].info.run_id
        history = client.get_metric_history(run_id, "valid_elbo_nats")
        kept = {metric.step: metric.value for metric in history}
        best_epoch = max(CURVE, key=lambda row: row["valid_elbo_nats"])["epoch"]
        assert {1, 5000, best_epoch} <= set(kept)
        assert 490 <= len(kept) <= 500
        assert np.diff(sorted(kept)).max() <= 11
        assert kept[5000] == CURVE[-1]["valid_elbo_nats"]

    def test_pruned_and_failed_trials_are_shown_as_such(self, client: MlflowClient) -> None:
        with study() as observed:
            observed.trial(1, "pruned", {}, {}, CURVE[:2], tags={"worker": "host:1"})
            observed.trial(2, "failed", {}, {}, [], "The loss became nan.")
        runs = below(client, observed.id)
        shown = {
            number: (run.info.run_name, run.info.status, run.data.tags["state"])
            for number, run in runs.items()
        }
        assert shown == {
            "1": ("trial 1 · pruned", "FINISHED", "pruned"),
            "2": ("trial 2 · failed", "FAILED", "failed"),
        }
        assert runs["1"].data.tags["worker"] == "host:1"
        assert runs["2"].data.tags["error"] == "The loss became nan."

    def test_a_resumed_study_has_one_run_and_each_trial_once(
        self, client: MlflowClient, writes: list[str]
    ) -> None:
        ids = set()
        for attempt in range(3):
            with study(tags={"mode": "score", "trials": str(attempt)}) as observed:
                ids.add(observed.id)
                for number in range(attempt + 1):
                    observed.trial(number, "complete", {}, {"score": float(number)})
        assert len(ids) == 1
        assert writes.count("create_run") == 1 + 3
        assert set(below(client, observed.id)) == {"0", "1", "2"}
        parent = client.get_run(observed.id)
        assert (parent.data.tags["mode"], parent.data.tags["trials"]) == ("score", "2")
        assert parent.info.run_name == "study abc"
        with study("another") as other:
            assert other.id != observed.id

    def test_a_store_that_is_away_costs_the_record_and_not_the_study(
        self,
        client: MlflowClient,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def away(*args: object, **kwargs: object) -> None:
            raise MlflowException("connection refused")

        with study() as observed:
            for refused in ("create_run", "log_batch", "set_terminated"):
                with monkeypatch.context() as patch:
                    patch.setattr(MlflowClient, refused, away)
                    observed.trial(3, "complete", {}, {"score": 1.0})
            assert caplog.text.count("did not record trial 3") == 3
            observed.trial(3, "complete", {}, {"score": 1.0})
            observed.trial(3, "complete", {}, {"score": 1.0})
        runs = client.search_runs([client.get_run(observed.id).info.experiment_id])
        assert len(runs) == 2
        assert below(client, observed.id)["3"].info.status == "FINISHED"

    def test_what_mlflow_would_refuse_is_cut_or_left_out(self, client: MlflowClient) -> None:
        scores = {"score": 1.0, "rate_nats": math.nan, "elbo_nats": -math.inf}
        rows = [{"epoch": 1, "valid_elbo_nats": math.nan}, {"epoch": 2, "valid_elbo_nats": -3.0}]
        with study() as observed:
            params = {"model.hidden": list(range(5000))}
            observed.trial(0, "failed", params, scores, rows, "x" * 10_000)
        run = below(client, observed.id)["0"]
        assert len(run.data.params["model.hidden"]) == 6000
        assert run.data.params["model.hidden"].endswith("…")
        assert len(run.data.tags["error"]) == 8000
        assert run.data.metrics == {"score": 1.0, "valid_elbo_nats": -3.0}
        assert json.loads(run.data.tags["trial"]) == 0
