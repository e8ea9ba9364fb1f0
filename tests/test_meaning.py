"""Meaning: which factors are scored, what is compared with what, and what the report says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest
import report_samples
import tiny_splits
import torch
from tiny_splits import Sample

from latentops import build, portion
from latentops.applications import directions, factors, meaning
from latentops.applications.results import (
    Applications,
    Direction,
    End,
    Factor,
    Meaning,
    ScoredCodes,
    Spread,
)
from latentops.applications.subject import Subject
from latentops.inference.predictor import Predictor
from latentops.metrics import over_seeds
from latentops.metrics.disentanglement import MISSING
from latentops.model import VAE
from latentops.portion import Portion
from latentops.report import markdown
from latentops.report import meaning as section
from latentops.report.document import Document, Picture, Table, Text

MANNERS = ("mood", "voice")


def subject(sample: Sample, with_factors: bool = True, **changes: object) -> Subject:
    """`kind` is the label and `group` a part of it; chance gives the manners."""
    spec = sample.subject.spec
    if with_factors:
        spec = spec.model_copy(update={"factors": ("group", "kind", *MANNERS, "absent")})
    parts = [_known(rows) for rows in (sample.train, sample.valid, sample.test)]
    vocabulary = sample.subject.vocabulary
    predictor = Predictor(another(sample, 0), spec, vocabulary, sample.model, "no head")
    return replace(Subject(predictor, *parts, depth="quick", seed=0), **changes)


def _known(rows: Portion) -> Portion:
    scoped = rows.subset(np.flatnonzero(rows.in_scope))
    rng = np.random.default_rng(len(scoped))
    drawn = {name: rng.choice(["a", "b", "c"], len(scoped)) for name in MANNERS}
    known = {"group": scoped.y // 2, "kind": scoped.y, **drawn}
    return replace(scoped, table=scoped.table.assign(**known))


def another(sample: Sample, seed: int) -> VAE:
    """Untrained, but with means that move: none of its dimensions is dead."""
    spec, vocabulary = sample.subject.spec, sample.subject.vocabulary
    vae = build.model(spec, vocabulary, sample.model, seed).eval()
    with torch.no_grad():
        for parameter in vae.encoder.parameters():
            parameter *= 5
    return vae


class TestFactors:
    def test_are_those_of_the_spec_that_vary_and_one_that_another_says_is_not_scored(self) -> None:
        of = subject(tiny_splits.texts())
        known = factors.of((of.train, of.valid, of.test), of.predictor.spec)
        assert isinstance(known, factors.Factors)
        assert known.names == ("group", "kind", *MANNERS)
        assert known.determined_by == ("kind", "", "", "")
        assert known.scored == [1, 2, 3]
        for portion_, found_NF in zip((of.train, of.valid, of.test), known.each_NF, strict=True):
            for place, name in enumerate(known.names):
                back = [known.values[place][value] for value in found_NF[:, place]]
                assert back == portion_.table[name].map(str).tolist()

    def test_of_two_that_say_the_same_the_first_stays(self) -> None:
        of = subject(tiny_splits.texts())
        spec = of.predictor.spec.model_copy(update={"factors": ("kind", "y")})
        known = factors.of((of.train, of.test), spec)
        assert isinstance(known, factors.Factors)
        assert known.determined_by == ("", "kind")

    def test_rows_without_a_value_are_marked(self) -> None:
        of = subject(tiny_splits.texts())
        holed = of.train.table.assign(mood=of.train.table["mood"].where(of.train.y > 0))
        known = factors.of((replace(of.train, table=holed), of.test), of.predictor.spec)
        assert isinstance(known, factors.Factors)
        found_N = known.each_NF[0][:, known.names.index("mood")]
        assert ((found_N == MISSING) == (of.train.y == 0)).all()

    def test_are_the_label_alone_where_nothing_else_is_known(self) -> None:
        of = subject(tiny_splits.images(), with_factors=False)
        known = factors.of((of.train, of.valid, of.test), of.predictor.spec)
        assert isinstance(known, factors.Factors)
        assert known.names == (factors.LABEL,)
        assert known.values == (of.predictor.spec.classes,)

    @pytest.mark.parametrize(
        ("y", "said"), [(-1, "neither labels nor known factors"), (0, "two values")]
    )
    def test_without_any_a_sentence_says_so(self, y: int, said: str) -> None:
        of = subject(tiny_splits.images(), with_factors=False)
        same = {
            split: replace(getattr(of, split), y=np.full(len(getattr(of, split)), y))
            for split in ("train", "valid", "test")
        }
        found = meaning.measure(replace(of, **same))
        assert said in found.result.reason
        assert not found.images


class TestMeasure:
    def test_compares_the_model_its_repeats_betas_chance_and_lsa(self) -> None:
        sample = tiny_splits.texts()
        by_beta = {beta: [another(sample, seed) for seed in (0, 1)] for beta in (4.0, 1.0)}
        of = subject(sample, repeats=(another(sample, 1),), by_beta=by_beta)
        found = meaning.measure(of).result
        assert [(each.code, each.beta) for each in found.codes] == [
            ("vae", None),
            ("beta", 1.0),
            ("beta", 4.0),
            ("random", None),
            ("lsa", None),
        ]
        seeds = {each.code: len(each.each["mig"]) for each in found.codes}
        assert seeds == {"vae": 2, "beta": 2, "random": 5, "lsa": 1}
        ours, one, four, random, _ = found.codes
        # The same weights, whatever they are called.
        assert one.each == four.each == ours.each
        assert ours.each["mig"] != random.each["mig"][:2]
        assert set(four.gain) == set(one.each)
        assert not one.gain
        assert all(gain.mean == gain.low == gain.high == 0 for gain in four.gain.values())
        assert one.mutual_information_nats is not None
        assert ours.mutual_information_nats is None
        assert len(found.factors[0].information) == tiny_splits.LATENT

    def test_nothing_of_the_test_split_is_shown(self) -> None:
        of = subject(tiny_splits.texts())
        found = meaning.measure(of).result
        shown = {
            text for each in found.directions for end in (each.low, each.high) for text in end.texts
        }
        assert shown
        assert shown <= set(of.valid.table["text"])

    def test_images_move_along_the_dimensions_that_are_named(self) -> None:
        of = subject(tiny_splits.images())
        found = meaning.measure(of)
        z = found.result.directions[2].dimension
        code = torch.zeros(1, tiny_splits.LATENT)
        code[0, z] = 3.0
        with torch.no_grad():
            expected = of.vae.decode(code).mean[0].numpy()
        assert found.images["traversal"][2, -1] == pytest.approx(expected, abs=1e-6)
        assert not found.result.directions[0].low.texts

    def test_the_label_alone_leaves_what_tells_factors_apart_undefined(self) -> None:
        found = meaning.measure(subject(tiny_splits.images(), with_factors=False)).result
        assert found.by_label
        assert set(found.codes[0].mean) == {"mig", "sap", "dci_completeness", "dci_informativeness"}

    def test_dead_dimensions_are_counted_and_say_nothing(self) -> None:
        sample = tiny_splits.texts()
        of = subject(sample)
        with torch.no_grad():
            for parameter in of.vae.encoder.parameters():
                parameter.zero_()
        found = meaning.measure(of).result
        assert found.dead == tiny_splits.LATENT
        assert found.codes[0].mean["mig"].mean == found.codes[0].mean["sap"].mean == 0
        assert set(found.factors[0].information) == {0}

    def test_dimensions_that_hardly_vary_say_nothing(self) -> None:
        """Though what is left of them tells of the factors."""
        of = subject(tiny_splits.texts())
        with torch.no_grad():
            for parameter in list(of.vae.encoder.parameters())[-2:]:
                parameter *= 1e-4
        assert meaning.measure(of).result.codes[0].mean["mig"].mean == 0

    def test_a_factor_that_another_says_changes_no_score(self) -> None:
        of = subject(tiny_splits.texts())
        fewer = of.predictor.spec.model_copy(update={"factors": ("kind", *MANNERS)})
        predictor = Predictor(of.vae, fewer, of.predictor.vocabulary, of.predictor.settings, "")
        with_group, without = (
            meaning.measure(each).result for each in (of, replace(of, predictor=predictor))
        )
        assert len(with_group.factors) == len(without.factors) + 1
        assert with_group.codes == without.codes

    def test_ends_are_those_of_validation_codes(self) -> None:
        of = subject(tiny_splits.texts())
        found = meaning.measure(of).result.directions[0]
        z_N = portion.encode(of.vae, of.valid.examples).mean[:, found.dimension].numpy()
        order = np.argsort(z_N, kind="stable")
        assert found.low.texts[0] == of.valid.table["text"][order[0]]
        assert found.high.texts[0] == of.valid.table["text"][order[-1]]

    @pytest.mark.parametrize(
        "drawn",
        [
            lambda: tiny_splits.texts(classes=2, rows=2),
            lambda: tiny_splits.texts(classes=40, rows=2),
            lambda: tiny_splits.images(classes=2, rows=1),
        ],
        ids=["few rows", "many classes", "a row of each class"],
    )
    @pytest.mark.parametrize("with_factors", [True, False])
    def test_odd_data_stops_nothing(self, drawn: Callable[[], Sample], with_factors: bool) -> None:
        found = meaning.measure(subject(drawn(), with_factors))
        assert found.result.reason or found.result.codes

    def test_the_same_arguments_give_the_same_result(self) -> None:
        results = [meaning.measure(subject(tiny_splits.texts())).result for _ in range(2)]
        assert results[0] == results[1]


class TestDirections:
    def test_of_each_factor_is_the_dimension_that_tells_most_and_then_others(self) -> None:
        share_FZ = np.array([[0.1, 0.5, 0.0, 0.2], [0.3, 0.1, 0.0, 0.4]])
        assert directions.telling(share_FZ) == [(0, 1), (1, 3), (1, 0)]

    def test_ends_are_of_the_lowest_and_the_highest_tenth(self) -> None:
        rows = 40
        table = pd.DataFrame({"text": [f"text {row}" for row in range(rows)]})
        drawn = tiny_splits.texts(classes=2, rows=rows // 2, strangers=0).valid
        of = replace(drawn, table=table)
        values_NF = (np.arange(rows) >= 36).astype(int)[:, None]
        known = factors.Factors(("late",), (("no", "yes"),), ("",), (values_NF,))
        mean_NZ = np.arange(rows, dtype=float)[:, None]
        (found,) = directions.described([(0, 0)], of, mean_NZ, values_NF, known)
        assert found.high == End(
            value="yes", share=1, share_of_all=0.1, texts=("text 39", "text 38", "text 37")
        )
        assert found.low == End(
            value="no", share=1, share_of_all=0.9, texts=("text 0", "text 1", "text 2")
        )

    def test_words_are_those_of_the_dimension(self) -> None:
        of = subject(tiny_splits.texts())
        end = End(value="a", share=1, share_of_all=1)
        asked = Direction(factor="mood", dimension=2, low=end, high=end)
        vocabulary = of.predictor.vocabulary
        (found,) = directions.worded([asked], of.vae, vocabulary)
        code = torch.zeros(1, tiny_splits.LATENT)
        code[0, 2] = 2.0
        with torch.no_grad():
            grown_W = of.vae.decode(code).logits - of.vae.decode(-code).logits
        most = vocabulary.terms[vocabulary.target[int(grown_W.argmax())]]
        assert found.rising[0] == most


class TestOverSeeds:
    def test_the_interval_is_students(self) -> None:
        """Of 1..5 the standard error is sqrt(2.5 / 5), and t at 4 degrees of freedom 2.776."""
        found = over_seeds.mean([1, 2, 3, 4, 5])
        half = 2.7764451 * np.sqrt(0.5)
        assert tuple(found) == pytest.approx((3, 3 - half, 3 + half))

    def test_one_seed_has_no_ends(self) -> None:
        assert np.isnan(over_seeds.mean([0.3])[1:]).all()

    def test_gains_are_paired_and_hold_together(self) -> None:
        """Seeds that differ by far, and gains that hardly do; for two, t at 97.5 %."""
        theirs = [0.1, 0.5, 0.9]
        gains = over_seeds.gains([[0.2, 0.6, 1.0], [0.1, 0.6, 1.1]], theirs)
        assert tuple(gains[0]) == pytest.approx((0.1, 0.1, 0.1))
        half = 6.2053468 * 0.1 / np.sqrt(3)
        assert tuple(gains[1]) == pytest.approx((0.1, 0.1 - half, 0.1 + half))


def of_beta(beta: float, gain: Spread | None) -> ScoredCodes:
    each = dict.fromkeys(section.SCORES, (0.1, 0.12, 0.11))
    return ScoredCodes(
        code="beta",
        beta=beta,
        each=each,
        mean={name: Spread(mean=0.11, low=0.08, high=0.14) for name in each},
        gain={} if gain is None else dict.fromkeys(each, gain),
        active=5,
        mutual_information_nats=3.5,
        total_correlation_nats=0.5,
        dimension_wise_kl_nats=0.25,
    )


def facts(found: Meaning) -> report_samples.Facts:
    pixels = np.zeros((1, 7, 1, 4, 4), dtype=np.float32)
    return replace(
        report_samples.digits(),
        applications=Applications(meaning=found),
        images={"meaning.traversal": pixels},
    )


def sample_of_results(betas: list[ScoredCodes]) -> Meaning:
    own = of_beta(1, None).model_copy(update={"code": "vae", "beta": None})
    end = End(value=report_samples.HOSTILE, share=0.5, share_of_all=0.25, texts=("low",))
    hostile = Factor(
        name=report_samples.HOSTILE, values=3, entropy_nats=1.1, information=(0.25, 0.125)
    )
    return Meaning(
        factors=(hostile, hostile.model_copy(update={"name": "tense", "determined_by": "form"})),
        codes=(own, *betas, own.model_copy(update={"code": "random"})),
        directions=(Direction(factor="tense", dimension=0, low=end, high=end, rising=("up",)),),
        dead=1,
        fitted_rows=2000,
        judged_rows=2216,
    )


class TestReport:
    @pytest.mark.parametrize(
        ("gain", "said"),
        [
            (Spread(mean=0.05, low=0.01, high=0.09), "β = 4 has a DCI disentanglement above"),
            (Spread(mean=0.05, low=-0.01, high=0.11), "No β above 1 was found"),
            (Spread(mean=-0.05, low=-0.09, high=-0.01), "Every β above 1 disentangles less"),
        ],
    )
    def test_the_finding_is_what_the_interval_allows(self, gain: Spread, said: str) -> None:
        low = of_beta(0.5, Spread(mean=0.5, low=0.4, high=0.6))  # below 1: no finding
        found = section.of_betas([low, of_beta(1, None), of_beta(4, gain)])
        assert found.startswith(said)
        assert f"{gain.mean:+.3f} [{gain.low:.3f},\u00a0{gain.high:.3f}] over 3 seeds" in found

    def test_the_section_holds_tables_and_pictures_that_can_be_drawn(self) -> None:
        gain = Spread(mean=0.05, low=0.01, high=0.09)
        found = section.meaning(facts(sample_of_results([of_beta(1, None), of_beta(4, gain)])))
        assert found is not None
        pictures = [block.name for block in found.blocks if isinstance(block, Picture)]
        assert pictures == ["meaning_by_beta", "meaning_information", "meaning_traversal"]
        captions = [block.caption for block in found.blocks if isinstance(block, Table)]
        assert len(captions) == 7
        text = markdown.render(Document("t", (), (found,)), PurePosixPath())
        assert "<script>" not in text
        assert "tense is left out of the scores: form says all of it." in text

    def test_without_betas_and_without_anything(self) -> None:
        found = section.meaning(facts(sample_of_results([])))
        assert found is not None
        assert "meaning_by_beta" not in {getattr(block, "name", "") for block in found.blocks}
        reason = section.meaning(facts(Meaning(reason="Nothing is known.")))
        assert reason is not None
        assert reason.blocks == (Text("Nothing is known."),)
        assert section.meaning(report_samples.digits()) is None
