"""What the card of a version says, read from the files that the version is made from."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from latentops import artifacts
from latentops.artifacts import Spec
from latentops.classifier import HeadFile
from latentops.inference.folder import export
from latentops.inference.predictor import Predictor
from latentops.registry.candidate import Candidate
from latentops.registry.settings import Settings
from latentops.report import card
from latentops.report.card import CardFacts, Example
from latentops.verdict.results import Verdict

RECONSTRUCTIONS = Path("plots/evaluation/pictures/reconstructions.png")  # where there are images
DATA_PARTS = ("rows", "refused", "labels", "duplicates", "vocabulary")  # without histograms
ASKED = 300  # validation texts, of which the card shows a few
RIGHT, WRONG, STRANGE = 3, 1, 1


def read(policy: Settings, scored: Candidate, origin: Mapping[str, str]) -> CardFacts:
    """Of the folder that holds dvc.yaml, and what the version's tags say of its making.

    No example is of the test split.
    """
    report = artifacts.read_json(artifacts.DATA_REPORT)
    return CardFacts(
        name=policy.name,
        spec=scored.spec,
        settings=artifacts.read_json(artifacts.MODEL_SETTINGS),
        data={part: told for part, told in report.items() if part in DATA_PARTS},
        scores=scored.scores,
        verdict=artifacts.read_schema(Verdict, artifacts.VERDICT),
        head=artifacts.read_schema(HeadFile, artifacts.HEAD_FACTS),
        min_active_units=policy.min_active_units,
        lineage=dict(origin),
        examples=_examples(scored.spec),
        picture=_picture(scored.spec),
    )


def _picture(spec: Spec) -> str:
    shown = spec.kind == "image" and RECONSTRUCTIONS.is_file()
    return card.encoded(RECONSTRUCTIONS.read_bytes()) if shown else ""


def _examples(spec: Spec) -> tuple[Example, ...]:
    """Texts of validation, drawn by chance, and what the model says of them."""
    valid = artifacts.read_table(artifacts.table_path("valid"))
    if spec.kind == "image" or "text" not in valid:
        return ()
    asked = valid[["text", "label", "in_scope"]].fillna({"label": ""})
    drawn = asked.sample(min(ASKED, len(asked)), random_state=0).reset_index(drop=True)
    shown = chosen(drawn.join(_answers(drawn["text"].tolist())))
    rows = shown.assign(text=shown["text"].map(card.cut)).to_dict("records")
    return tuple(Example.model_validate(row) for row in rows)


def chosen(answered: pd.DataFrame) -> pd.DataFrame:
    """A few right answers, a mistake and a row out of scope, where there are."""
    if "predicted" not in answered:
        return answered.head(RIGHT + WRONG + STRANGE)
    labelled = answered["in_scope"] & (answered["label"] != "")
    right = (answered["predicted"] == answered["label"]) & ~answered["out_of_scope"]
    kinds = (
        (labelled & right, RIGHT),
        (labelled & ~right, WRONG),
        (~answered["in_scope"], STRANGE),
    )
    return pd.concat([answered[kind].head(count) for kind, count in kinds])


def _answers(texts: list[str]) -> pd.DataFrame:
    """The fields of an example that are the model's."""
    with tempfile.TemporaryDirectory() as folder:
        export(Path(), Path(folder))
        predictor = Predictor.from_folder(Path(folder))
        if isinstance(predictor.head, str):
            told = pd.DataFrame(predictor.reconstruct(texts))
            return told if "words" in told else _as_words(told["text"])
        answered = predictor.classify(texts).rename(columns={"label": "predicted"})
        return answered.drop(columns="out_of_scope_score")


def _as_words(sentences: "pd.Series[str]") -> pd.DataFrame:
    return pd.DataFrame({"words": [(sentence,) for sentence in sentences]})
