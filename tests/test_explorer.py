"""What the page of `latentops explore` holds, without a browser; and the command."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import explored_models as models
import numpy as np
import pytest
from click.testing import CliRunner
from explored_models import Project
from mlflow import MlflowClient
from tiny_model import write_project

from latentops import artifacts, build, config
from latentops.artifacts import Arrays
from latentops.classifier import Classifier
from latentops.cli.main import cli
from latentops.data.prepared import Prepared as Ready
from latentops.errors import ArtifactError, DataError
from latentops.explorer import page, payload, projection, rows, weights
from latentops.explorer.payload import Payload
from latentops.networks import bow
from latentops.registry import audit, candidate, fetch
from latentops.registry.register import register
from latentops.stages import explored
from latentops.store import connect

SETTINGS = bow.Settings(latent=3, hidden=(5,))
LEAST_CONTRAST = 3.0  # of marks and edges beside their background: WCAG 2.2, 1.4.11
TEXT_CONTRAST = 4.5  # 1.4.3


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "data").mkdir()
    rooms = ("kitchen", "cellar", "garden", "attic", "hall", "office")
    asked = {"light": "turn on the light in the {} {}", "music": "play some music in the {} {}"}
    lines = [
        f"{phrase.format(room, when)},{label}"
        for label, phrase in asked.items()
        for room in rooms
        for when in ("now", "today", "soon", "at noon", "tonight", "later")
    ]
    (folder / "mine.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    changed = {"vocabulary_size": 60, "target_size": 20, "source": str(folder / "mine.csv")}
    return models.project(folder, "intents", **changed)


@pytest.fixture
def shown(texts: Project, monkeypatch: pytest.MonkeyPatch) -> Payload:
    monkeypatch.chdir(texts.folder)
    return models.payload_of(models.untrained(texts, SETTINGS))


def test_a_payload_comes_back_as_it_was(shown: Payload) -> None:
    columns_first = np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3))
    shown = replace(shown, tensors={**shown.tensors, "columns first": columns_first})
    again = payload.unpacked(shown.packed())
    assert again.facts == shown.facts
    assert again.tensors.keys() == shown.tensors.keys()
    for name, array in shown.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], array)
        assert again.tensors[name].dtype == array.dtype


@pytest.mark.parametrize("damage", ["", "!!!", "AAAA", "short"])
def test_a_damaged_payload_is_one_line(damage: str, shown: Payload) -> None:
    text = shown.packed()[:400] if damage == "short" else damage
    with pytest.raises(ArtifactError, match="cannot be read") as found:
        payload.unpacked(text)
    assert "\n" not in str(found.value)


def test_a_page_gives_back_its_models_and_is_the_same_again(shown: Payload) -> None:
    text = page.render([shown, shown.of_version(7)])
    assert [each.facts.version for each in page.models_of(text)] == [None, 7]
    assert text == page.render([shown, shown.of_version(7)])
    with pytest.raises(ArtifactError, match="no page"):
        page.models_of("<html></html>")


def test_the_policy_allows_the_script_of_the_page_and_no_other(shown: Payload) -> None:
    text = page.render([replace(shown, facts=shown.facts.model_copy(update={"name": "<b>&x"}))])
    policy = re.search(r'Policy" content="([^"]*)"', text)
    assert policy
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy[1]
    assert "<b>" not in text
    assert not re.search(r'(?:src|href)="', text)


def test_a_row_of_weights_is_wrong_by_half_a_step_at_most() -> None:
    drawn = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32) ** 3
    drawn[2] = 0
    steps, scale = weights.by_row(drawn)
    assert steps.dtype == np.int8
    assert (np.abs(steps * scale[:, None] - drawn) <= scale[:, None] / 2 + 1e-7).all()
    assert np.abs(steps).max(axis=1).tolist() == [127, 127, 0, 127, 127, 127, 127]


def test_the_terms_that_matter_most_are_left() -> None:
    tensors: Arrays = {
        "encoder.bag.weight": np.diag([127, 127, 127, 127]).astype(np.int8),
        "encoder.bag.weight.scale": np.array([1.0, 5.0, 1.0, 0.1], dtype=np.float32),
        "other": np.ones(2, dtype=np.float32),
    }
    frequency = {"encoder.bag.weight": np.array([3, 1, 2, 9])}
    left = weights.without_rare(tensors, 0.5, frequency)
    assert left["encoder.bag.weight.at"].tolist() == [0, 1]
    assert left["encoder.bag.weight.scale"].tolist() == [1.0, 5.0]
    again = weights.without_rare(left, 0.5, {"encoder.bag.weight": np.array([3, 1])})
    assert again["encoder.bag.weight.at"].tolist() == [1]
    assert left["other"] is tensors["other"]


def test_what_is_left_fits_and_what_cannot_fit_is_refused(shown: Payload) -> None:
    whole = len(shown.packed())
    bare = len(payload.fitted(shown, whole - 600).packed())
    assert bare <= whole - 600
    twice = payload.fitted(payload.fitted(shown, whole - 300), whole - 600)
    assert len(twice.packed()) <= whole - 600
    assert twice.facts.kept_terms < 1
    assert twice.facts.agreement is None
    assert payload.fitted(shown, whole) is shown
    with pytest.raises(ArtifactError, match="even without its terms"):
        payload.fitted(shown, 100)


def test_a_page_of_a_large_model_has_at_most_6_mb(shown: Payload) -> None:
    terms = 30_000
    draw = np.random.default_rng(0)
    large = {
        "encoder.bag.weight": draw.integers(-127, 128, (terms, 400)).astype(np.int8),
        "encoder.bag.weight.scale": np.ones(terms, dtype=np.float32),
        "terms.frequency": draw.integers(1, 99, terms + 1).astype(np.int32),
        "terms.read": np.arange(terms, dtype=np.int32),
    }
    without_head = {name: t for name, t in shown.tensors.items() if name != "head.terms"}
    text = page.render([replace(shown, tensors=without_head | large)])
    assert 5_000_000 < len(text.encode()) <= page.MOST_BYTES
    (held,) = page.models_of(text)
    assert 0.2 < held.facts.kept_terms < 0.5


def test_only_validation_rows_are_shown_cut_and_not_too_many(
    texts: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rows, "MOST_ROWS", 4)
    ready = _long_texts(texts.ready)
    models.write(tmp_path, ready)
    found = models.payload_of(models.untrained(texts, SETTINGS)).facts
    assert len(found.texts) == 4 < found.rows_in_all == len(ready.tables["valid"])
    assert {len(text) for text in found.texts} == {rows.LONGEST_TEXT + 1}
    assert all(text.endswith("…") and "\n" not in text for text in found.texts)


def _long_texts(ready: Ready) -> Ready:
    table = ready.tables["valid"].assign(text="one\n two " * 60)
    return replace(ready, tables={**ready.tables, "valid": table})


def test_an_empty_validation_split_is_refused(
    texts: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    none = {name: array[:0] for name, array in texts.ready.arrays["valid"].items()}
    none["indptr"] = np.zeros(1, dtype=np.int64)
    empty = replace(
        texts.ready,
        arrays={**texts.ready.arrays, "valid": none},
        tables={**texts.ready.tables, "valid": texts.ready.tables["valid"][:0]},
    )
    models.write(tmp_path, empty)
    with pytest.raises(DataError, match="has no row"):
        models.payload_of(models.untrained(texts, SETTINGS))


def test_directions_are_principal_components() -> None:
    draw = np.random.default_rng(0)
    codes = draw.normal(size=(500, 4)) * [1, 5, 0.1, 2] + [9, 0, 0, 0]
    found = projection.of(codes)
    assert np.argmax(np.abs(found.axes_2Z), axis=1).tolist() == [1, 3]
    assert (found.axes_2Z.max(axis=1) > 0.99).all()
    assert found.explained == pytest.approx(29 / 30.01, abs=0.02)
    single = projection.of(draw.normal(size=(9, 1)))
    assert single.axes_2Z.tolist() == [[1.0], [0.0]]
    assert projection.of(np.zeros((5, 3))).explained == 0.0


def test_neighbours_stay_neighbours() -> None:
    draw = np.random.default_rng(0)
    group = np.repeat(np.arange(3), 20)
    codes = 6.0 * np.eye(5)[group] + draw.normal(size=(60, 5))
    near = projection.neighbourhoods(codes, projection.of(codes))
    assert near is not None
    assert np.abs(near).max() == 1
    distance = np.linalg.norm(near[:, None] - near[None], axis=-1) + 9 * np.eye(60)
    assert (group[distance.argmin(axis=1)] == group).mean() > 0.95
    again = projection.neighbourhoods(codes, projection.of(codes))
    np.testing.assert_array_equal(near, again)
    assert projection.neighbourhoods(codes[:7], projection.of(codes[:7])) is None
    assert projection.neighbourhoods(np.zeros((9, 2)), projection.of(np.zeros((9, 2)))) is None


# Colours


def _colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", css))


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2: of relative luminances."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def test_marks_and_texts_stand_out_in_light_and_dark() -> None:
    css = (Path(page.__file__).parent / "style.css").read_text(encoding="utf-8")
    light, dark = css.split("@media (prefers-color-scheme: dark)")[:2]
    for found in (_colours(light), _colours(dark.split("* { box-sizing")[0])):
        for mark in (*(f"c{at}" for at in range(7)), "edge"):
            assert _contrast(found[mark], found["card"]) >= LEAST_CONTRAST, mark
        for text in ("ink", "muted", "accent", "warned"):
            for paper in ("card", "tint"):
                assert _contrast(found[text], found[paper]) >= TEXT_CONTRAST, (text, paper)
        assert _contrast(found["warned"], found["warned-tint"]) >= TEXT_CONTRAST


# The registry and the command


@pytest.fixture
def registered(texts: Project, mlflow_store: Path) -> Path:
    """A project with a model of the texts, and not yet a version of it."""
    write_project(mlflow_store)  # the files around a model
    ready, predictor = texts.ready, models.untrained(texts, SETTINGS)
    models.write(mlflow_store, ready)
    artifacts.write_json(ready.spec, artifacts.SPEC)
    artifacts.write_json(ready.vocabulary, artifacts.VOCABULARY)
    settings = {"model": SETTINGS.model_dump(mode="json"), "objective": {"beta": 2.5}}
    artifacts.write_json(settings, artifacts.MODEL_SETTINGS)
    artifacts.write_tensors(build.weights(predictor.vae), artifacts.WEIGHTS)
    assert isinstance(predictor.head, Classifier)
    predictor.head.save(artifacts.HEAD.parent)
    config.PARAMS.write_text("registry: {name: tiny}\n")
    Path("dvc.yaml").touch()
    return mlflow_store


def explore(*arguments: str) -> str:
    found = CliRunner().invoke(cli, ["explore", *arguments], catch_exceptions=False)
    assert found.exit_code == 0
    return found.stderr


def test_a_version_has_its_page_and_the_command_finds_it(registered: Path, texts: Project) -> None:
    scored = candidate.read()
    version = register("tiny", replace(scored, card=explored.files("tiny", scored)))
    logged = fetch.card(version, page.NAME).read_text(encoding="utf-8")
    (held,) = page.models_of(logged)
    assert held.facts.version is None
    assert held.facts.lineage_key == scored.lineage.key
    assert held.facts.beta == 2.5
    assert held.facts.scores["elbo_nats"] == scored.scores["elbo_nats"]
    valid, test = (set(texts.ready.tables[split]["text"]) for split in ("valid", "test"))
    assert valid
    assert set(held.facts.texts) == valid
    assert not set(held.facts.texts) & test
    artifacts.tensors_path("valid").unlink()  # the command needs no data
    explore("tiny", "--against", "tiny/1", "-o", "both.html")
    both = page.models_of(Path("both.html").read_text(encoding="utf-8"))
    assert [each.facts.version for each in both] == [1, 1]
    assert "tiny-1.html" in explore()


def test_registering_again_logs_no_second_page(
    registered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        pytest.fail("the page was logged again")

    scored = candidate.read()
    first = register("tiny", replace(scored, card=explored.files("tiny", scored)))
    monkeypatch.setattr(MlflowClient, "log_model_artifacts", write)
    again = register("tiny", replace(scored, card=explored.files("tiny", scored)))
    assert again == first
    assert len(connect().client.search_model_versions("name='tiny'")) == 1
    assert [event.kind for event in audit.events("tiny")] == ["registered"]


def test_a_version_without_a_page_gets_one_where_its_data_are(registered: Path) -> None:
    register("tiny", candidate.read())
    assert "made.html" in explore("-o", "made.html")
    (held,) = page.models_of(Path("made.html").read_text(encoding="utf-8"))
    assert held.facts.version == 1
    artifacts.write_tensors({"y": np.zeros(1)}, artifacts.tensors_path("valid"))
    found = CliRunner().invoke(cli, ["explore", "-o", "other.html"])
    assert isinstance(found.exception, ArtifactError)
    assert "is not what it was made of" in str(found.exception)
    assert not Path("other.html").exists()


def test_what_is_common_to_all_pages_leaves_room_for_a_model(shown: Payload) -> None:
    held = page.models_of(page.render([shown]))[0].packed()
    assert len(page.render([shown])) - len(held) < page.MOST_BYTES - page.room(1)
