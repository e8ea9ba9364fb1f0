"""Pictures show the values they were given, in the same bytes each time, whatever the names."""

import io
import struct
import subprocess
import sys
from collections import Counter

import matplotlib
import numpy as np
import pandas as pd
import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text
from sklearn.metrics import confusion_matrix

from latentops.report import canvas, images, pictures, verdict_pictures


def blobs(labels: int, each: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(labels, 2)) * 9
    return pd.DataFrame(
        {
            "x": (centres[:, :1] + rng.normal(size=(labels, each))).ravel(),
            "y": (centres[:, 1:] + rng.normal(size=(labels, each))).ravel(),
            "label": np.repeat([f"class {label:03d}" for label in range(labels)], each),
        }
    )


def predictions(classes: int, each: int = 4, wrong: float = 0.3) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    actual = np.repeat(np.arange(classes), each)
    guess = np.where(
        rng.random(len(actual)) < wrong, rng.integers(classes, size=len(actual)), actual
    )
    names = np.array([f"class {index:03d}" for index in range(classes)])
    return pd.DataFrame({"actual": names[actual], "predicted": names[guess]})


VERDICT = samples.verdict()
PANELS = [(each.setting, each.signals) for each in VERDICT.strangers]
GALLERY = samples.digits().evaluation.gallery
assert GALLERY is not None
FIGURES = {
    "training": lambda: pictures.training_curves(samples.curve(), 9),
    "rate": lambda: pictures.rate_per_dimension(np.array([0.1, 2.0]), np.array([False, True])),
    "map": lambda: pictures.latent_map(blobs(12)),
    "confusion": lambda: pictures.confusion(predictions(5)),
    "accuracy by labels": lambda: verdict_pictures.accuracy_by_labels(VERDICT.budgets),
    "accuracy by cost": lambda: verdict_pictures.accuracy_by_cost(VERDICT.cost),
    "strangers": lambda: verdict_pictures.strangers(PANELS),
    "reconstructions": lambda: images.reconstructions(GALLERY.originals, GALLERY.reconstructions),
    "samples": lambda: images.samples(GALLERY.prior_samples),
    "traversal": lambda: images.traversal(GALLERY.traversal, GALLERY.traversal_dimensions),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_has_the_same_bytes_each_time_whatever_the_matplotlibrc(name):
    first = canvas.png(FIGURES[name]())
    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "pink", "savefig.dpi": 9}):
        assert canvas.png(FIGURES[name]()) == first
    assert struct.unpack(">I", first[16:20]) == (canvas.WIDTH_INCHES * canvas.PIXELS_PER_INCH,)
    assert b"Software" not in first
    assert b"tIME" not in first


def test_a_saved_picture_is_its_bytes(tmp_path):
    figure = FIGURES["rate"]()
    canvas.save(figure, tmp_path / "new" / "rate.png")
    assert (tmp_path / "new" / "rate.png").read_bytes() == canvas.png(figure)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rate.png"]


def test_reporting_loads_neither_torch_nor_pyplot_nor_mlflow():
    code = (
        "import sys, latentops.report.page as page\n"
        "from latentops.report import canvas\n"
        "canvas.png(canvas.blank(1.0))\n"
        "print([name for name in ('torch', 'mlflow', 'matplotlib.pyplot') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_training_curves_show_the_columns_and_mark_the_best_epoch():
    curve = samples.curve()
    elbo, distortion, rate, beta = pictures.training_curves(curve, best_epoch=9).axes
    for axes, quantity in ((elbo, "elbo"), (distortion, "distortion"), (rate, "rate")):
        drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
        assert list(drawn["train"]) == list(curve[f"train_{quantity}_nats"])
        assert list(drawn["valid"]) == list(curve[f"valid_{quantity}_nats"])
        assert set(drawn["best epoch"]) == {0, 1}
        assert set(axes.lines[-1].get_xdata()) == {9}
    assert list(beta.lines[0].get_ydata()) == list(curve["beta"])


def test_one_epoch_is_a_visible_point():
    lines = pictures.training_curves(samples.curve(1), best_epoch=1).axes[0].lines
    assert [line.get_marker() for line in lines[:2]] == ["o", "o"]


def test_rates_fall_from_the_left_and_active_units_have_the_colour():
    rate, active = np.array([0.1, 2.0, 0.5]), np.array([False, True, True])
    axes = pictures.rate_per_dimension(rate, active).axes[0]
    drawn = sorted(
        (bar.get_center()[0], bar.get_height(), to_hex(bar.get_facecolor())) for bar in axes.patches
    )
    assert [height for _, height, _ in drawn] == [2.0, 0.5, 0.1]
    assert [color == canvas.BLUE.lower() for _, _, color in drawn] == [True, True, False]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["z1", "z2", "z0"]
    colors = [to_hex(patch.get_facecolor()) for patch in axes.get_legend().get_patches()]
    assert colors == [canvas.BLUE.lower(), canvas.FAINT.lower()]


@pytest.mark.parametrize("active", [False, True])
def test_all_dimensions_may_be_active_or_none_of_many(active):
    canvas.png(pictures.rate_per_dimension(np.full(500, 1e-9), np.full(500, active)))


def test_few_labels_get_a_legend_in_their_colours():
    figure = pictures.latent_map(blobs(3))
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [
        "class 000",
        "class 001",
        "class 002",
    ]


def test_many_labels_are_written_at_their_medians_without_overlap():
    points = blobs(150)
    figure = pictures.latent_map(points)
    texts = figure.axes[0].texts
    boxes = [text.get_window_extent() for text in texts]
    assert not figure.legends
    assert 5 <= len(texts) <= pictures.MOST_NAMES_ON_MAP
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])
    medians = points.groupby("label")[["x", "y"]].median()
    for text in texts:
        assert text.get_position() == pytest.approx(tuple(medians.loc[text.get_text()]))


def test_a_map_without_labels_is_a_density_that_counts_every_point():
    points = blobs(3).assign(label=None)
    (cells,) = pictures.latent_map(points).axes[0].collections
    assert cells.get_array().sum() == len(points)


def test_points_without_a_label_stay_grey_beside_others():
    points = blobs(2)
    points.loc[:4, "label"] = None
    grey, first, second = pictures.latent_map(points).axes[0].collections
    assert [len(dots.get_offsets()) for dots in (grey, first, second)] == [5, 15, 20]


@pytest.mark.parametrize("labels", [0, 1, 20])
def test_a_collapsed_map_is_still_drawn(labels):
    names = [f"c{index % labels}" if labels else None for index in range(40)]
    canvas.png(pictures.latent_map(pd.DataFrame({"x": 0.0, "y": 0.0, "label": names})))


@pytest.mark.parametrize("classes", [2, 12, 13, 30, 31, 300])
def test_a_confusion_matrix_of_any_size_shows_shares_of_the_actual_class(classes):
    pairs = predictions(classes)
    drawn = pictures.confusion(pairs).axes[0]
    names = [text.get_text() for text in drawn.get_yticklabels()]
    truth = confusion_matrix(
        pairs["actual"],
        pairs["predicted"],
        labels=sorted(set(pairs.to_numpy().ravel())),
        normalize="true",
    )
    chosen = np.searchsorted(sorted(set(pairs["actual"])), names)
    np.testing.assert_allclose(drawn.images[0].get_array(), truth[np.ix_(chosen, chosen)])
    assert len(names) == (classes if classes <= 30 else pictures.MOST_CLASSES_IN_BLOCK)


def test_of_many_classes_the_block_holds_the_most_frequent_confusions():
    pairs = predictions(150, wrong=0.0)
    slips = pd.DataFrame({"actual": ["class 140"] * 3, "predicted": ["class 007"] * 3})
    counts = pictures.confusion_counts(pd.concat([pairs, slips]))
    assert {"class 140", "class 007"} <= set(pictures.classes_in_picture(counts))
    assert len(pictures.classes_in_picture(counts)) == pictures.MOST_CLASSES_IN_BLOCK


def test_confusions_are_counted_and_the_most_frequent_comes_first():
    pairs = predictions(6, each=30)
    truth = Counter(
        (row.actual, row.predicted) for row in pairs.itertuples() if row.actual != row.predicted
    )
    found = pictures.most_confused(pictures.confusion_counts(pairs))
    assert {(actual, predicted): count for actual, predicted, count in found} == dict(truth)
    assert [count for *_, count in found] == sorted(truth.values(), reverse=True)


def test_a_class_that_is_never_predicted_or_never_actual_has_its_row():
    pairs = pd.DataFrame({"actual": ["a", "a"], "predicted": ["b", "a"]})
    counts = pictures.confusion_counts(pairs)
    assert counts.to_numpy().tolist() == [[1, 1], [0, 0]]
    canvas.png(pictures.confusion(pairs))


def curves(axes) -> dict[str, Line2D]:
    """By the color in which they are drawn, without the ends of intervals."""
    return {to_hex(line.get_color()): line for line in axes.lines if line.get_linestyle() != "None"}


def test_accuracy_by_labels_draws_each_score_and_its_interval():
    figure = verdict_pictures.accuracy_by_labels(VERDICT.budgets)
    upper = figure.axes[0]
    lines = curves(upper)
    for place, first in enumerate(VERDICT.budgets[0].scores):
        scores = [budget.scores[place] for budget in VERDICT.budgets]
        line = lines[to_hex(verdict_pictures.LOOKS[first.features].color)]
        assert list(line.get_xdata()) == [budget.labels for budget in VERDICT.budgets]
        assert list(line.get_ydata()) == [score.accuracy for score in scores]
        band = upper.collections[2 * place].get_paths()[0].vertices
        for budget, score in zip(VERDICT.budgets, scores, strict=True):
            ends = band[band[:, 0] == budget.labels, 1]
            assert (ends.min(), ends.max()) == (score.accuracy_low, score.accuracy_high)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:4] == ["TF-IDF of words", "TF-IDF", "LSA", "TF-IDF + LSA"]
    assert all("VAE" in name for name in names[4:])


def test_gains_losses_and_neither_have_marks_of_their_own():
    gains = ((0.02, 0.01), (-0.02, 0.01), (0.002, 0.01))
    labels = {"1 per class": 10, "5 per class": 50, "all": 900}
    budgets = samples.verdict(gains, labels=labels).budgets
    lower = verdict_pictures.accuracy_by_labels(budgets).axes[1]
    marks = {
        float(line.get_ydata()[0]): line.get_marker()
        for line in lower.lines
        if line.get_marker() in ("^", "v", "o")
    }
    assert marks == {0.02: "^", -0.02: "v", 0.002: "o"}


def test_names_of_budgets_that_are_near_each_other_stand_below_one_another():
    labels = {"1 per class": 10, "5 per class": 50, "all": 52}
    budgets = samples.verdict(samples.MIXED[:3], labels=labels).budgets
    figure = verdict_pictures.accuracy_by_labels(budgets)
    figure.draw_without_rendering()
    first, near, last = figure.axes[1].get_xticklabels()
    assert first.get_text() == "1\nper class"
    assert last.get_text() == "\n\nall\n52"
    lines = near.get_window_extent().height / 2
    assert near.get_window_extent().y0 >= last.get_window_extent().y1 - 2 * lines - 4


def test_one_budget_has_its_marks_side_by_side():
    (budget,) = samples.verdict([(0.01, 0.02)], labels={"all": 300}).budgets
    lines = curves(verdict_pictures.accuracy_by_labels([budget]).axes[0]).values()
    places = sorted(float(line.get_xdata()[0]) for line in lines)
    assert len(set(places)) == 8
    assert np.exp(np.mean(np.log(places))) == pytest.approx(300)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_a_study_where_all_are_alike_is_still_drawn(accuracy):
    alike = {"accuracy": accuracy, "accuracy_low": accuracy, "accuracy_high": accuracy}
    for labels in ({"all": 3}, {"1 per class": 2, "all": 3}):
        some = samples.verdict([(0.0, 0.0)] * len(labels), labels=labels).budgets
        budgets = [
            budget.model_copy(
                update={"scores": tuple(s.model_copy(update=alike) for s in budget.scores)}
            )
            for budget in some
        ]
        canvas.png(verdict_pictures.accuracy_by_labels(budgets))
    same = {"accuracy": accuracy, "microseconds_per_example": 3.0, "bytes": 8}
    costs = [cost.model_copy(update=same) for cost in VERDICT.cost]
    canvas.png(verdict_pictures.accuracy_by_cost(costs))


@pytest.mark.parametrize("features", [samples.TEXT_FEATURES, samples.IMAGE_FEATURES])
def test_accuracy_by_cost_marks_each_feature_set_and_hides_no_name(features):
    costs = samples.verdict(features=features).cost
    figure = verdict_pictures.accuracy_by_cost(costs)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    marks = [tuple(dots.get_offsets()[0]) for dots in axes.collections]
    assert marks == [(cost.microseconds_per_example, cost.accuracy) for cost in costs]
    areas = [float(dots.get_sizes()[0]) for dots in axes.collections]
    assert areas == sorted(areas)
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert len(boxes) == len(costs)
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])
    room = axes.get_window_extent()
    assert all(room.x0 <= box.x0 and box.x1 <= room.x1 + 1 for box in boxes)


def test_bars_of_strangers_run_from_chance_to_the_auroc():
    figure = verdict_pictures.strangers(PANELS)
    for axes, (title, signals) in zip(figure.axes, PANELS, strict=True):
        assert axes.get_title(loc="left") == title
        for bar, signal in zip(axes.patches, signals, strict=True):
            assert bar.get_x() == 0.5
            assert bar.get_x() + bar.get_width() == pytest.approx(signal.auroc)
            color = canvas.BLUE if signal.uses_vae else canvas.GREY
            assert to_hex(bar.get_facecolor()) == color.lower()
        ends = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "|"]
        assert ends == [(signal.auroc_low, signal.auroc_high) for signal in signals]
        low, high = axes.get_xlim()
        assert low < min(signal.auroc_low for signal in signals)
        assert high > 1


def test_originals_stand_above_their_reconstructions():
    ones, zeros = np.ones((3, 1, 4, 4)), np.zeros((3, 1, 4, 4))
    axes = images.reconstructions(ones, zeros).axes[0]
    paper = axes.images[0].get_array()
    assert (paper[:4, :4] == 1).all()
    assert (paper[5:, :4] == 0).all()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["original", "returned"]


def test_a_mosaic_keeps_every_pixel_in_its_place_on_white():
    rng = np.random.default_rng(0)
    grey, colour = rng.random((2, 1, 3, 5)), rng.random((1, 3, 3, 5))
    paper = images.mosaic([grey, np.repeat(colour, 1, axis=0)])
    assert paper.shape == (7, 11, 3)
    for channel in range(3):
        np.testing.assert_array_equal(paper[:3, :5, channel], grey[0, 0])
        np.testing.assert_array_equal(paper[:3, 6:, channel], grey[1, 0])
        np.testing.assert_array_equal(paper[4:, :5, channel], colour[0, channel])
    assert (paper[3] == 1).all()
    assert (paper[:, 5] == 1).all()
    assert (paper[4:, 6:] == 1).all()


@pytest.mark.parametrize(
    "name", ["$x^{$", "a_b$", "\\frac", samples.HOSTILE, samples.CHINESE, "", "नमस्ते 🙂"]
)
def test_any_name_can_be_drawn(name):
    shown = canvas.shown([name, "other"])
    pairs = pd.DataFrame({"actual": [name, "other"], "predicted": ["other", name]})
    canvas.png(pictures.confusion(pairs.apply(lambda names: names.map(shown))))


@given(st.lists(st.text(max_size=40) | st.text("#12 …", max_size=5), unique=True, max_size=12))
def test_no_two_names_look_the_same_and_all_fit(names):
    shown = canvas.shown(names)
    assert len(set(shown.values())) == len(names)
    assert max(map(len, shown.values()), default=0) <= canvas.LONGEST_NAME
    for name, short in shown.items():
        assert short == name or "#" in short


def test_ordinary_names_are_left_alone():
    names = ["talk.politics.mideast", "Grüße", "привет", "book_flight"]
    assert canvas.shown(names) == {name: name for name in names}
    assert canvas.shown([samples.CHINESE])[samples.CHINESE] == "#1"


def test_a_legend_leaves_no_label_out():
    shown = canvas.shown(["_yes", "_no"])
    points = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "label": ["_yes", "_no"]})
    figure = pictures.latent_map(points.assign(label=points["label"].map(shown)))
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 2


def test_a_title_ends_as_a_long_path_does_and_has_a_box_for_unknown_letters():
    assert canvas.in_title("data/raw/数据.csv") == "data/raw/□□.csv"
    title = canvas.in_title("data/raw/a_long_folder/utterances.csv")
    assert title.startswith("…")
    assert title.endswith("/utterances.csv")
    assert len(title) == canvas.LONGEST_NAME


def test_bytes_are_a_png():
    from PIL import Image

    picture = Image.open(io.BytesIO(canvas.png(FIGURES["confusion"]())))
    picture.verify()
    assert picture.format == "PNG"
