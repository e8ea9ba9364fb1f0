"""An evaluation as a whole: its scores at known models, which rows it reads, and its pictures."""

import gzip
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import f1_score, recall_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from latentops import build, objectives
from latentops.artifacts import Arrays, Spec, Split, Vocabulary
from latentops.classifier import Classifier, Detector, HeadFile, Rounded, Weighed
from latentops.elbo import Posterior
from latentops.errors import DataError, NumericalError, SettingsError
from latentops.evaluation import scores as scoring
from latentops.evaluation.diagnosis import diagnose
from latentops.evaluation.evaluate import evaluate
from latentops.evaluation.results import Evaluation
from latentops.evaluation.settings import Settings
from latentops.likelihoods import Multinomial
from latentops.model import VAE
from latentops.networks import bow, mlp
from latentops.portion import Prepared, encode, in_scope
from latentops.training import loop
from latentops.training.settings import Settings as TrainSettings

Splits = dict[Split, Prepared]

TOPICS = ("bank", "food", "sport")
WORDS = (*(f"{topic}{number}" for topic in TOPICS for number in range(4)), "the", "rare")
TARGET = tuple(range(13))  # all but "rare"
BOW = bow.Settings(latent=3, hidden=(16,))
MLP = mlp.Settings(latent=4, hidden=(32,), decoder_hidden=(32,))
SETTINGS = Settings(importance_samples=5)
TRAINING = TrainSettings(epochs=25, batch_size=20, learning_rate=0.01, device="cpu")

DOCUMENTS = Spec(source="topics", kind="counts", shape=(len(WORDS),), classes=TOPICS)
VOCABULARY = Vocabulary(
    terms=WORDS, target=TARGET, document_frequency=(1,) * len(WORDS), documents=200
)


def documents(count: int, seed: int) -> Prepared:
    """Three to eight words, most of them of the document's topic."""
    generator = np.random.default_rng(seed)
    y = generator.integers(len(TOPICS), size=count)
    texts = []
    for topic in y:
        length = generator.integers(3, 9)
        own = generator.integers(4 * topic, 4 * topic + 4, size=length)
        other = generator.integers(len(TARGET), size=length)
        columns = np.where(generator.random(length) < 0.8, own, other)
        texts.append(" ".join(WORDS[column] for column in columns))
    return of_texts(texts, y)


def of_texts(texts: list[str], y: np.ndarray) -> Prepared:
    rows = [[text.lower().split().count(word) for word in WORDS] for text in texts]
    csr = scipy.sparse.csr_matrix(np.array(rows, dtype=np.int32))
    arrays = {
        "indptr": csr.indptr.astype(np.int64),
        "indices": csr.indices.astype(np.int32),
        "counts": csr.data,
        "y": y.astype(np.int64),
        "in_scope": np.ones(len(y), dtype=bool),
    }
    return Prepared(arrays, pd.DataFrame({"row": np.arange(len(y)), "text": texts}))


def joined(first: Prepared, second: Prepared, **arrays: np.ndarray) -> Prepared:
    texts = [*first.table["text"], *second.table["text"]]
    both = of_texts(texts, np.concatenate([first.arrays["y"], second.arrays["y"]]))
    return replace(both, arrays={**both.arrays, **arrays})


def with_arrays(prepared: Prepared, **arrays: np.ndarray) -> Prepared:
    return replace(prepared, arrays={**prepared.arrays, **arrays})


def unlabelled(prepared: Prepared) -> Prepared:
    return with_arrays(prepared, y=np.full(len(prepared.arrays["y"]), -1))


def pictures(rows: slice) -> Prepared:
    digits = load_digits()
    arrays: Arrays = {
        "x": digits.images[rows].astype(np.uint8)[:, None],
        "y": digits.target[rows].astype(np.int64),
    }
    arrays["in_scope"] = np.ones(len(arrays["y"]), dtype=bool)
    return Prepared(arrays, pd.DataFrame({"row": np.arange(len(arrays["y"]))}))


DIGITS = Spec(
    source="digits", kind="image", shape=(1, 8, 8), levels=17, classes=tuple("0123456789")
)


def mnist(mirror: Path, part: str) -> Prepared:
    def values(name: str, header: int) -> np.ndarray:
        packed = (mirror / "mnist" / f"{part}-{name}-ubyte.gz").read_bytes()
        return np.frombuffer(gzip.decompress(packed), dtype=np.uint8, offset=header)

    y = values("labels-idx1", header=8).astype(np.int64)
    x = values("images-idx3", header=16).reshape(-1, 1, 28, 28)
    arrays = {"x": x, "y": y, "in_scope": np.ones(len(y), dtype=bool)}
    return Prepared(arrays, pd.DataFrame({"row": np.arange(len(y))}))


DYNAMIC = DIGITS.model_copy(update={"binarization": "dynamic"})


def trained(spec: Spec, vocabulary: Vocabulary, splits: Splits, model: build.Model) -> VAE:
    train, valid = (
        build.examples(spec, vocabulary, splits[split].arrays, model)
        for split in ("train", "valid")
    )
    vae = build.model(spec, vocabulary, model, seed=0, unigram=build.unigram(train))
    loop.fit(vae, train, valid, objectives.Settings(), TRAINING)
    return vae.eval()


@pytest.fixture(scope="module")
def text_splits() -> Splits:
    return {"train": documents(200, 0), "valid": documents(50, 1), "test": documents(60, 2)}


@pytest.fixture(scope="module")
def image_splits() -> Splits:
    cuts = {"train": slice(0, 300), "valid": slice(300, 400), "test": slice(400, 500)}
    return {split: pictures(rows) for split, rows in cuts.items()}


@pytest.fixture(scope="module")
def text_vae(text_splits: Splits) -> VAE:
    return trained(DOCUMENTS, VOCABULARY, text_splits, BOW)


@pytest.fixture(scope="module")
def image_vae(image_splits: Splits) -> VAE:
    return trained(DYNAMIC, Vocabulary(), image_splits, MLP)


def by_margin(classes: tuple[str, ...], threshold: float) -> HeadFile:
    """Strange is a row whose largest logit is below -`threshold`."""
    margin = {"margin": Weighed(weight=1.0, mean=0.0, sd=1.0)}
    detector = Detector(signals=margin, threshold=threshold, refused=0.0, note="")
    return HeadFile(classes=classes, detector=detector)


def topic_classifier() -> Classifier:
    """The topic whose words weigh most; strange where no topic has a weight above 0.5."""
    weights_VC = np.array([[float(word.startswith(topic)) for topic in TOPICS] for word in WORDS])
    bias_C = np.zeros(3, dtype=np.float32)
    return Classifier(by_margin(TOPICS, -0.5), bias_C, terms=Rounded.of(weights_VC))


def nearest_mean_classifier(train: Prepared) -> Classifier:
    """By the means of the classes' pixels: |x - m|^2 orders as m^2 / 2 - x m."""
    pixels = train.arrays["x"].reshape(-1, 64) / 16
    mean_CD = np.stack([pixels[train.arrays["y"] == digit].mean(0) for digit in range(10)])
    bias_C = -0.5 * np.square(mean_CD).sum(1)
    return Classifier(by_margin(DIGITS.classes, 0.0), bias_C, pixels_DC=mean_CD.T)


def of_documents(
    vae: VAE,
    splits: Splits,
    spec: Spec = DOCUMENTS,
    classifier: Classifier | None = None,
    **settings: Any,
) -> Evaluation:
    chosen = SETTINGS.model_copy(update=settings)
    return evaluate(vae, classifier, spec, VOCABULARY, splits, BOW, chosen)


def of_images(
    vae: VAE, splits: Splits, spec: Spec = DYNAMIC, classifier: Classifier | None = None
) -> Evaluation:
    return evaluate(vae, classifier, spec, Vocabulary(), splits, MLP, SETTINGS)


@pytest.fixture(scope="module")
def text_evaluation(text_vae: VAE, text_splits: Splits) -> Evaluation:
    return of_documents(text_vae, text_splits, classifier=topic_classifier())


@pytest.fixture(scope="module")
def image_evaluation(image_vae: VAE, image_splits: Splits) -> Evaluation:
    return of_images(image_vae, image_splits)


class SamePosterior(nn.Module):
    """The same means and a variance of one, whatever is read."""

    def __init__(self, mean_Z: torch.Tensor) -> None:
        super().__init__()
        self.mean_Z = mean_Z

    def forward(self, rows: torch.Tensor, generator: torch.Generator | None = None) -> Posterior:
        mean_BZ = self.mean_Z.expand(rows.shape[0], -1)
        return Posterior(mean_BZ, torch.zeros_like(mean_BZ))


class LinearWords(nn.Module):
    def __init__(self, weight_ZW: torch.Tensor, bias_W: torch.Tensor) -> None:
        super().__init__()
        self.weight_ZW = weight_ZW
        self.bias_W = bias_W

    def forward(self, z: torch.Tensor, generator: torch.Generator | None = None) -> Multinomial:
        return Multinomial(z @ self.weight_ZW + self.bias_W)


def collapsed_model(unigram_W: np.ndarray) -> VAE:
    """Every posterior is the prior, and every document is drawn from the unigram."""
    log_unigram_W = torch.tensor(np.log(unigram_W), dtype=torch.float32)
    decoder = LinearWords(torch.zeros(3, len(unigram_W)), log_unigram_W)
    return VAE(SamePosterior(torch.zeros(3)), decoder, latent=3)


def test_a_collapsed_model_has_the_perplexity_of_the_unigram(text_splits: Splits) -> None:
    test = text_splits["test"].arrays
    dense = scipy.sparse.csr_matrix((test["counts"], test["indices"], test["indptr"])).toarray()
    unigram_W = np.arange(1.0, len(TARGET) + 1)
    counts_NW = np.pad(dense, ((0, 0), (0, len(TARGET) - dense.shape[1])))
    nll_N = -counts_NW @ np.log(unigram_W / unigram_W.sum())
    tokens_N = counts_NW.sum(1)

    found = of_documents(collapsed_model(unigram_W), text_splits)
    scores = found.scores
    assert scores["rate_nats"] == 0
    assert scores["distortion_nats"] == pytest.approx(nll_N.mean(), rel=1e-5)
    assert scores["elbo_nats"] == pytest.approx(-nll_N.mean(), rel=1e-5)
    assert scores["nll_is_nats"] == pytest.approx(nll_N.mean(), rel=1e-5)
    for suffix in ("elbo", "is"):
        per_document = math.exp((nll_N / tokens_N).mean())
        assert scores[f"perplexity_doc_{suffix}"] == pytest.approx(per_document, rel=1e-5)
        corpus = math.exp(nll_N.sum() / tokens_N.sum())
        assert scores[f"perplexity_corpus_{suffix}"] == pytest.approx(corpus, rel=1e-5)
    assert scores["active_units"] == 0
    assert scores["mutual_information_nats"] == pytest.approx(0, abs=1e-9)
    assert not found.active.any()


def test_codes_of_a_collapsed_model_are_worth_nothing(text_splits: Splits) -> None:
    found = of_documents(collapsed_model(np.ones(len(TARGET))), text_splits)
    assert found.scores["distortion_shuffled_nats"] == pytest.approx(
        found.scores["distortion_nats"], rel=1e-6
    )
    assert found.use.gain_nats == pytest.approx(0, abs=1e-5)
    assert diagnose(found.use, {}).state == "ignored"


def test_a_used_code_has_not_collapsed_unless_more_was_asked_for(
    text_vae: VAE, text_splits: Splits, text_evaluation: Evaluation
) -> None:
    scores, use = text_evaluation.scores, text_evaluation.use
    assert scores["active_units"] >= 2
    assert scores["distortion_shuffled_nats"] > scores["distortion_nats"] + 1
    assert (use.split, use.rows, use.latent) == ("validation", 50, BOW.latent)
    assert diagnose(use, {}).state != "ignored"
    with_one_dead = use.active_units + 1
    more = of_documents(text_vae, text_splits, min_active_units=99).use
    assert (diagnose(more, {}).state == "ignored") == (with_one_dead <= BOW.latent)


def test_the_scores_hang_together(text_evaluation: Evaluation) -> None:
    scores = text_evaluation.scores
    rate, distortion = scores["rate_nats"], scores["distortion_nats"]
    assert scores["elbo_nats"] == pytest.approx(-(rate + distortion))
    assert scores["nll_is_nats"] < -scores["elbo_nats"]
    assert scores["nll_is_samples"] == 5
    assert rate == pytest.approx(text_evaluation.rate_per_dimension_nats.sum(), rel=1e-5)
    of_aggregate = scores["total_correlation_nats"] + scores["dimension_wise_kl_nats"]
    assert scores["aggregate_kl_nats"] == pytest.approx(of_aggregate)
    assert scores["mutual_information_nats"] + of_aggregate == pytest.approx(rate, abs=0.5)
    assert scores["mutual_information_rows"] == scores["test_rows"] == 60
    assert scores["active_units"] == text_evaluation.active.sum()


def test_the_size_is_that_of_the_weights(text_vae: VAE, text_evaluation: Evaluation) -> None:
    encoder = 14 * 16 + 16 + 16 * 6 + 6
    decoder = 3 * 13 + 13
    assert text_evaluation.scores["parameters"] == encoder + decoder
    assert text_evaluation.scores["weights_bytes"] == 4 * (encoder + decoder)


def test_the_accuracies_are_of_the_shipped_classifier(
    text_splits: Splits, text_evaluation: Evaluation
) -> None:
    """Against scikit-learn's TF-IDF, with the idf of the vocabulary, and its scores."""
    test = text_splits["test"].arrays
    counts = scipy.sparse.csr_matrix(
        (test["counts"], test["indices"], test["indptr"]), shape=(60, len(WORDS))
    )
    assert set(VOCABULARY.document_frequency) == {1}, "so that all terms have the same idf"
    tfidf_NV = TfidfTransformer(use_idf=False, sublinear_tf=True).fit_transform(counts).toarray()
    predicted = tfidf_NV[:, :12].reshape(60, 3, 4).sum(2).argmax(1)
    y, scores = test["y"], text_evaluation.scores
    assert 0.8 < scores["accuracy"] < 1
    assert scores["accuracy"] == pytest.approx((predicted == y).mean())
    assert scores["recall_macro"] == pytest.approx(recall_score(y, predicted, average="macro"))
    assert scores["f1_macro"] == pytest.approx(f1_score(y, predicted, average="macro"))
    shown = text_evaluation.confusion
    assert shown["actual"].tolist() == [TOPICS[index] for index in y]
    assert shown["predicted"].tolist() == [TOPICS[index] for index in predicted]
    assert "out_of_scope_auroc" not in scores


@pytest.mark.parametrize("model", [BOW, MLP], ids=["bow", "mlp"])
def test_a_learned_prior_is_the_one_that_codes_are_held_against(
    text_splits: Splits, image_splits: Splits, model: build.Model
) -> None:
    """Dimension by dimension against torch.distributions, at the moments of the whole mixture."""
    texts = model.kind == "bow"
    splits, spec = (text_splits, DOCUMENTS) if texts else (image_splits, DIGITS)
    words = VOCABULARY if texts else Vocabulary()
    mixed = model.model_copy(update={"prior": "mixture", "prior_parts": 3})
    vae = build.model(spec, words, mixed, seed=0).eval()
    found = evaluate(vae, None, spec, words, splits, mixed, SETTINGS)

    parts = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=vae.prior.logits.detach().expand(model.latent, 3)),
        torch.distributions.Normal(
            vae.prior.mean.detach().T, (vae.prior.log_variance.detach() / 2).exp().T
        ),
    )
    posterior = encode(vae, in_scope("test", splits["test"], spec, words, mixed, 0).examples)
    kl_NZ = torch.distributions.kl_divergence(
        torch.distributions.Normal(posterior.mean, (posterior.log_variance / 2).exp()),
        torch.distributions.Normal(parts.mean, parts.stddev),
    )
    np.testing.assert_allclose(found.rate_per_dimension_nats, kl_NZ.mean(0), rtol=1e-4)
    assert found.scores["elbo_nats"] == pytest.approx(
        -found.scores["rate_nats"] - found.scores["distortion_nats"]
    )


def test_images_are_classified_too(image_splits: Splits) -> None:
    train, test = image_splits["train"].arrays, image_splits["test"].arrays
    mean_CD = [train["x"][train["y"] == digit].mean(0).ravel() for digit in range(10)]
    nearest = KNeighborsClassifier(1).fit(mean_CD, np.arange(10))
    vae = build.model(DIGITS, Vocabulary(), MLP, seed=0).eval()
    shipped = nearest_mean_classifier(image_splits["train"])
    scores = of_images(vae, image_splits, DIGITS, shipped).scores
    assert scores["accuracy"] == nearest.score(test["x"].reshape(-1, 64), test["y"])
    assert "accuracy_unseen" not in scores


def test_strangers_in_test_are_told_from_rows_in_scope(
    text_vae: VAE, text_splits: Splits, text_evaluation: Evaluation
) -> None:
    """A topic's word alone has the logit 1, beside another word the root of 1/2, others 0."""
    known = of_texts(["bank0", "food1", "sport2", "the bank0"], np.array([0, 1, 2, 0]))
    strange = unlabelled(of_texts(["rare", "the", "the bank0"], np.zeros(3, int)))
    in_scope = np.arange(7) < 4
    test = joined(known, strange, in_scope=in_scope)
    found = of_documents(
        text_vae, {**text_splits, "test": test}, classifier=topic_classifier()
    ).scores
    strangeness = -np.array([1, 1, 1, 0.5**0.5, 0, 0, 0.5**0.5])
    assert found["out_of_scope_auroc"] == pytest.approx(roc_auc_score(~in_scope, strangeness))
    assert found["out_of_scope_recall"] == pytest.approx(2 / 3)
    assert found["in_scope_refused"] == 0
    assert found["test_rows"] == 4
    assert found["accuracy"] == 1
    assert not [name for name in text_evaluation.scores if "scope" in name]


def test_a_second_evaluation_is_the_same_and_leaves_the_global_generators_alone(
    text_vae: VAE, text_splits: Splits, image_vae: VAE, image_splits: Splits
) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = of_documents(text_vae, text_splits), of_images(image_vae, image_splits)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert of_documents(text_vae, text_splits).scores == first[0].scores
    assert of_images(image_vae, image_splits).scores == first[1].scores


def test_another_seed_moves_the_samples(text_vae: VAE, text_splits: Splits) -> None:
    first, second = (of_documents(text_vae, text_splits, seed=seed).scores for seed in (0, 1))
    assert first["distortion_nats"] != second["distortion_nats"]
    assert first["rate_nats"] == second["rate_nats"]


def test_rows_out_of_scope_change_nothing(
    text_vae: VAE, text_splits: Splits, text_evaluation: Evaluation
) -> None:
    strange = unlabelled(of_texts(["rare rare rare rare", "the"], np.zeros(2, int)))
    widened = {}
    for split, prepared in text_splits.items():
        in_scope = np.arange(len(prepared.arrays["y"]) + 2) < len(prepared.arrays["y"])
        widened[split] = joined(prepared, strange, in_scope=in_scope)
    found = of_documents(text_vae, widened, classifier=topic_classifier()).scores
    for name, value in text_evaluation.scores.items():
        assert found[name] == pytest.approx(value), name


def test_test_labels_choose_nothing(
    text_vae: VAE, text_splits: Splits, text_evaluation: Evaluation
) -> None:
    wrong = (text_splits["test"].arrays["y"] + 1) % 3
    shuffled = with_arrays(text_splits["test"], y=wrong)
    splits: Splits = {**text_splits, "test": shuffled}
    found = of_documents(text_vae, splits, classifier=topic_classifier())
    assert list(found.confusion["predicted"]) == list(text_evaluation.confusion["predicted"])
    assert found.scores["accuracy"] < 0.2


def test_rows_without_a_label_are_encoded_but_not_counted_as_right_or_wrong(
    text_vae: VAE, text_splits: Splits, text_evaluation: Evaluation
) -> None:
    splits = {
        split: joined(prepared, unlabelled(documents(10, 7)))
        for split, prepared in text_splits.items()
    }
    found = of_documents(text_vae, splits, classifier=topic_classifier())
    assert found.scores["test_rows"] == 70
    assert len(found.confusion) == 60
    assert found.scores["accuracy"] == text_evaluation.scores["accuracy"]
    assert "" in set(found.latent_map["label"])


@pytest.mark.parametrize("classifier", [None, topic_classifier()], ids=["no", "a"])
def test_without_labels_there_are_scores_but_no_accuracies(
    text_vae: VAE, text_splits: Splits, classifier: Classifier | None
) -> None:
    splits = {split: unlabelled(prepared) for split, prepared in text_splits.items()}
    unnamed = DOCUMENTS.model_copy(update={"classes": ()})
    found = of_documents(text_vae, splits, unnamed, classifier)
    assert not [name for name in found.scores if "accuracy" in name or "macro" in name]
    assert list(found.confusion.columns) == ["actual", "predicted"]
    assert found.confusion.empty
    assert set(found.latent_map["label"]) == {""}
    assert found.neighbours[0].label == ""


def test_documents_without_a_target_word_have_no_perplexity(
    text_vae: VAE, text_splits: Splits, text_evaluation: Evaluation
) -> None:
    mute = of_texts(["rare", "rare rare", "unknown"], np.zeros(3, int))
    found = of_documents(text_vae, {**text_splits, "test": joined(text_splits["test"], mute)})
    assert found.scores["test_rows"] == 63
    assert found.scores["documents_scored"] == text_evaluation.scores["documents_scored"] == 60
    only_mute = of_documents(text_vae, {**text_splits, "test": mute})
    assert only_mute.scores["documents_scored"] == 0
    assert "perplexity_doc_elbo" not in only_mute.scores


@pytest.mark.parametrize("with_text", [True, False], ids=["texts", "ready counts"])
def test_test_rows_that_stand_in_train_are_counted_and_left_out(
    text_vae: VAE, text_splits: Splits, with_text: bool
) -> None:
    copied = text_splits["train"].table["text"][:20].str.upper() + " "
    wrong = (text_splits["train"].arrays["y"][:20] + 1) % 3
    test = joined(text_splits["test"], of_texts(list(copied), wrong))
    splits: Splits = {**text_splits, "test": test}
    shipped = topic_classifier()
    apart = of_documents(text_vae, text_splits, classifier=shipped).scores
    if not with_text:
        splits = {split: replace(p, table=p.table[["row"]]) for split, p in splits.items()}
    found = of_documents(text_vae, splits, classifier=shipped)
    if with_text:
        assert found.scores["test_rows_also_in_train"] == 20 + apart["test_rows_also_in_train"]
    else:
        assert found.scores["test_rows_also_in_train"] >= 20
        assert found.neighbours == []
    assert found.scores["accuracy"] < found.scores["accuracy_unseen"]
    assert found.scores["accuracy_unseen"] == pytest.approx(apart["accuracy_unseen"], abs=0.1)


def test_a_split_with_nothing_in_scope_is_refused(text_vae: VAE, text_splits: Splits) -> None:
    nothing = with_arrays(text_splits["test"], in_scope=np.zeros(60, dtype=bool))
    with pytest.raises(DataError, match=r"test split of 'topics' has no row in scope"):
        of_documents(text_vae, {**text_splits, "test": nothing})


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_score_that_is_not_finite_is_named(text_splits: Splits, part: str) -> None:
    vae = build.model(DOCUMENTS, VOCABULARY, BOW, seed=0).eval()
    with torch.no_grad():
        next(getattr(vae, part).parameters()).fill_(float("nan"))
    with pytest.raises(NumericalError, match="elbo_nats is nan"):
        of_documents(vae, text_splits)


def test_terms_rise_and_fall_with_the_decoders_weights(text_splits: Splits) -> None:
    weight_ZW = torch.zeros(3, 13)
    weight_ZW[1] = torch.arange(13.0).roll(5)
    encoder = SamePosterior(torch.tensor([0.1, 3.0, 0.2]))
    vae = VAE(encoder, LinearWords(weight_ZW, torch.arange(13.0)), latent=3)
    dimensions = of_documents(vae, text_splits).dimensions
    first = dimensions[0]
    assert first.index == 1
    assert first.rising == tuple(WORDS[index] for index in (4, 3, 2, 1, 0, 12, 11, 10))
    assert first.falling == tuple(WORDS[index] for index in (5, 6, 7, 8, 9, 10, 11, 12))
    assert first.rate_nats == pytest.approx(0.5 * 3.0**2)
    assert [dimension.index for dimension in dimensions] == [1, 2, 0]


def test_the_nearest_text_of_a_copy_is_its_original(text_vae: VAE, text_splits: Splits) -> None:
    copies = of_texts(list(text_splits["train"].table["text"][:30]), np.zeros(30, int))
    found = of_documents(text_vae, {**text_splits, "valid": copies}).neighbours
    assert len(found) == 5
    for neighbours in found:
        texts = [text for text, _, _ in neighbours.nearest]
        cosines = [cosine for _, _, cosine in neighbours.nearest]
        assert len(set(texts)) == 3
        assert cosines == sorted(cosines, reverse=True)
        assert cosines[0] == pytest.approx(1.0, abs=1e-5)
        assert sorted(neighbours.text.split()) in [sorted(text.split()) for text in texts]


def test_the_map_keeps_every_class_of_a_large_split(text_vae: VAE, text_splits: Splits) -> None:
    many = documents(2_400, 5)
    y = np.where(np.arange(2_400) < 3, 2, np.arange(2_400) % 2)
    found = of_documents(text_vae, {**text_splits, "valid": with_arrays(many, y=y)}).latent_map
    assert len(found) == 2_000
    assert {"bank", "food", "sport"} == set(found["label"])


def test_the_map_holds_the_first_principal_components(
    text_splits: Splits, text_vae: VAE, text_evaluation: Evaluation
) -> None:
    examples = build.examples(DOCUMENTS, VOCABULARY, text_splits["valid"].arrays, BOW)
    with torch.no_grad():
        mean_NZ = text_vae.encode(examples.batch(torch.arange(50)).input).mean.numpy()
    expected = PCA(2).fit_transform(mean_NZ).std(0)
    found = text_evaluation.latent_map[["x", "y"]].to_numpy().std(0)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_one_latent_dimension_still_has_a_map(text_splits: Splits) -> None:
    narrow = BOW.model_copy(update={"latent": 1})
    vae = build.model(DOCUMENTS, VOCABULARY, narrow, seed=0).eval()
    found = evaluate(vae, None, DOCUMENTS, VOCABULARY, text_splits, narrow, SETTINGS)
    assert (found.latent_map["y"] == 0).all()
    assert found.latent_map["x"].std() > 0


def test_images_are_scored_in_bits_and_squared_error(
    image_evaluation: Evaluation, image_splits: Splits
) -> None:
    scores = image_evaluation.scores
    assert scores["bits_per_dim"] == pytest.approx(-scores["elbo_nats"] / 64 / math.log(2))
    assert 0 < scores["mse_pixel"] < 0.25
    assert not [name for name in scores if name.startswith(("perplexity", "test_rows_"))]
    assert image_evaluation.dimensions == []
    assert image_evaluation.neighbours == []


def test_principal_components_are_scikit_learns_on_the_pixels_in_train(
    image_splits: Splits,
) -> None:
    vae = build.model(DIGITS, Vocabulary(), MLP, seed=0).eval()
    x_train, x_test = (
        image_splits[split].arrays["x"].reshape(-1, 64) / 16 for split in ("train", "test")
    )
    pca = PCA(4).fit(x_train)
    expected = np.square(pca.inverse_transform(pca.transform(x_test)) - x_test).mean()
    found = of_images(vae, image_splits, DIGITS).scores
    assert found["mse_pixel_pca"] == pytest.approx(expected, rel=1e-3)


def test_images_without_labels_have_a_gallery(image_vae: VAE, image_splits: Splits) -> None:
    splits = {split: unlabelled(prepared) for split, prepared in image_splits.items()}
    found = of_images(image_vae, splits)
    assert "mse_pixel_pca" in found.scores
    assert found.gallery is not None


def test_nothing_of_the_test_split_is_shown(
    image_vae: VAE, image_splits: Splits, text_vae: VAE, text_splits: Splits
) -> None:
    fewer = {**image_splits, "valid": pictures(slice(300, 310))}
    found = of_images(image_vae, fewer)
    assert found.gallery is not None
    shown = build.examples(DYNAMIC, Vocabulary(), fewer["valid"].arrays, MLP).frozen(SETTINGS.seed)
    images = shown.batch(torch.arange(10)).input.numpy()
    np.testing.assert_array_equal(found.gallery.originals, images)
    assert len(found.latent_map) == 10
    valid = set(text_splits["valid"].table["text"])
    assert {example.text for example in of_documents(text_vae, text_splits).neighbours} <= valid


def test_the_gallery_shows_images_and_what_the_decoder_makes_of_codes(
    image_vae: VAE, image_splits: Splits, image_evaluation: Evaluation
) -> None:
    gallery = image_evaluation.gallery
    assert gallery is not None
    assert gallery.originals.shape == gallery.reconstructions.shape == (16, 1, 8, 8)
    assert gallery.prior_samples.shape == (32, 1, 8, 8)
    assert gallery.traversal.shape == (4, 7, 1, 8, 8)
    rates = image_evaluation.rate_per_dimension_nats
    assert gallery.traversal_dimensions == tuple(np.argsort(-rates))
    assert set(np.unique(gallery.originals)) == {0.0, 1.0}
    for decoded in (gallery.reconstructions, gallery.prior_samples, gallery.traversal):
        assert 0 <= decoded.min() <= decoded.max() <= 1
    np.testing.assert_allclose(gallery.traversal[:, 3], gallery.traversal[:1, 3].repeat(4, 0))
    code = torch.zeros(1, 4)
    code[0, gallery.traversal_dimensions[0]] = -3.0
    with torch.no_grad():
        np.testing.assert_allclose(
            gallery.traversal[0, 0], image_vae.decode(code).mean[0].numpy(), atol=1e-6
        )


def test_a_cap_holds_the_rows_that_principal_components_are_fitted_on(
    image_vae: VAE, image_splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = in_scope("train", image_splits["train"], DIGITS, Vocabulary(), MLP, seed=0)
    test = in_scope("test", image_splits["test"], DIGITS, Vocabulary(), MLP, seed=0)
    fitted: list[int] = []
    fit = PCA.fit
    monkeypatch.setattr(PCA, "fit", lambda self, x: fitted.append(len(x)) or fit(self, x))
    monkeypatch.setattr("latentops.evaluation.scores._PCA_PIXELS", 64 * 120)
    scoring.pca_scores(train, test, size=4, seed=0)
    assert fitted == [120]


def test_mutual_information_is_against_the_whole_split_however_large(
    text_vae: VAE, text_splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = of_documents(text_vae, text_splits).scores
    limit = "latentops.evaluation.scores._PAIRS_TIMES_DIMENSIONS"
    monkeypatch.setattr(limit, 60 * 30 * BOW.latent)
    found = of_documents(text_vae, text_splits).scores
    assert found["mutual_information_rows"] == exact["mutual_information_rows"] == 60
    name = "mutual_information_nats"
    assert found[name] != exact[name]
    assert found[name] == pytest.approx(exact[name], rel=0.2)


def test_settings_refuse_no_samples() -> None:
    with pytest.raises(ValueError, match="importance_samples"):
        Settings(importance_samples=0)


def test_data_of_another_kind_than_the_model_are_refused(
    text_vae: VAE, text_splits: Splits
) -> None:
    with pytest.raises(SettingsError, match="mlp"):
        evaluate(text_vae, None, DOCUMENTS, VOCABULARY, text_splits, MLP, SETTINGS)


def test_principal_components_of_mnist_restore_it_as_published(mirror: Path) -> None:
    """Squared error .0341 for 10 components."""
    splits: Splits = {"train": mnist(mirror, "train"), "test": mnist(mirror, "t10k")}
    spec = DIGITS.model_copy(update={"shape": (1, 28, 28), "levels": 256})
    train, test = (in_scope(split, splits[split], spec, Vocabulary(), MLP, 0) for split in splits)
    found = scoring.pca_scores(train, test, size=10, seed=0)
    assert found == {"mse_pixel_pca": pytest.approx(0.0341, abs=0.0001)}
