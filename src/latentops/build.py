"""Settings to model: the only place that pairs a kind of data with networks and a likelihood."""

from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
import torch
from torch import Tensor

from latentops import artifacts
from latentops.artifacts import Arrays, Spec, Vocabulary
from latentops.data import batches, weighting
from latentops.errors import ArtifactError, SettingsError
from latentops.model import VAE
from latentops.networks import bow, conv, images, mlp, recurrent, seq, transformer
from latentops.priors import Mixture, Prior, SoftmaxDirichlet

Model = Annotated[
    mlp.Settings | conv.Settings | bow.Settings | seq.Settings,
    pydantic.Field(discriminator="kind"),
]
"""Section `model`."""


class _Saved(artifacts.Schema):
    """model/settings.json: the sections that stage train reads."""

    model_config = pydantic.ConfigDict(extra="ignore")

    model: Model


def read_settings(path: Path) -> Model:
    """The section `model` of the settings that stand beside some weights."""
    return artifacts.read_schema(_Saved, path).model


def model(
    spec: Spec,
    vocabulary: Vocabulary,
    settings: Model,
    seed: int,
    unigram: np.ndarray | None = None,
) -> VAE:
    """Initial weights, on the CPU, drawn with `seed` alone.

    `unigram` [W] says how often each target word stands in training; see `unigram`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return _assemble(spec, vocabulary, settings, unigram)


def load_model(spec: Spec, vocabulary: Vocabulary, settings: Model, weights: Arrays) -> VAE:
    """The trained model in evaluation mode."""
    with torch.device("meta"):
        vae = _assemble(spec, vocabulary, settings, None)
    tensors = {name: torch.tensor(array) for name, array in weights.items()}
    try:
        vae.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        first = str(error).partition("\n")[2].strip().partition("\n")[0]
        raise ArtifactError(
            f"The weights do not fit the model's settings and data: {first} Stage 'train' writes "
            "weights and settings together: run `dvc repro train`."
        ) from error
    return vae.eval()


def weights(vae: VAE) -> Arrays:
    """A copy of every parameter."""
    return {name: tensor.cpu().numpy().copy() for name, tensor in vae.state_dict().items()}


def examples(
    spec: Spec, vocabulary: Vocabulary, arrays: Arrays, settings: Model
) -> batches.Examples:
    """The tensors of a split as the model of these settings reads them."""
    _check_kind(spec, settings)
    if isinstance(settings, images.Settings):
        pixels = torch.tensor(arrays["x"])
        return batches.Images(pixels, spec.levels_stored, dynamic=spec.binarization == "dynamic")
    if isinstance(settings, seq.Settings):
        return batches.sequenced(arrays)
    return _bags(batches.counted(arrays, spec.shape[0]), vocabulary, settings)


def reading(settings: Model) -> tuple[object, ...]:
    """What of the settings decides the tensors of `examples`: where it is equal, they are."""
    if isinstance(settings, images.Settings | seq.Settings):
        return ()
    weighted = None if settings.reads_counts else (settings.input, settings.input_scale)
    return settings.terms, weighted, settings.target, settings.thinning


def unigram(examples: batches.Examples) -> np.ndarray | None:
    """How often each target word, or token, stands in `examples`, [W]; none for images."""
    if isinstance(examples, batches.Sequences):
        return np.bincount(examples.tokens.cpu().numpy())
    if not isinstance(examples, batches.Bags):
        return None
    target = examples.target.to("cpu")
    return np.bincount(target.columns.numpy(), target.values.numpy(), minlength=target.width)


def _assemble(
    spec: Spec, vocabulary: Vocabulary, settings: Model, unigram: np.ndarray | None
) -> VAE:
    _check_kind(spec, settings)
    if isinstance(settings, seq.Settings):
        return _sentence_model(_tokens(spec), settings, unigram)
    if isinstance(settings, bow.Settings):
        return _document_model(spec, vocabulary, settings, _log_share(unigram))
    network = conv if isinstance(settings, conv.Settings) else mlp
    encoder = network.Encoder(spec.shape, settings, binary=spec.levels_read == 2)
    decoder = network.Decoder(spec.shape, settings, _image_head(spec, settings))
    return VAE(encoder, decoder, settings.latent, _mixture(settings))


def _sentence_model(tokens: int, settings: seq.Settings, unigram: np.ndarray | None) -> VAE:
    network = transformer if settings.network == "transformer" else recurrent
    seen = None if unigram is None else np.pad(unigram, (0, tokens - len(unigram)))
    encoder = network.Encoder(tokens, settings)
    return VAE(encoder, network.Decoder(tokens, settings, _log_share(seen)), settings.latent)


def _image_head(spec: Spec, settings: images.Settings) -> images.Head:
    levels = spec.levels_read
    if settings.likelihood == "logistic" or (settings.likelihood == "auto" and levels > 2):
        if settings.mixtures == 1:
            return images.LogisticHead(spec.shape, levels)
        return images.LogisticMixtureHead(spec.shape, levels, settings.mixtures)
    if levels > 2:
        raise SettingsError(
            f"model.likelihood 'bernoulli' needs binary pixels, but those of {spec.source!r} have "
            f"{levels} levels. Set data.binarize to static or dynamic, or model.likelihood to auto."
        )
    if settings.mixtures > 1:
        raise SettingsError(
            f"model.mixtures {settings.mixtures} is for grey pixels, but those that are read of "
            f"{spec.source!r} are binary. Set it to 1, or model.likelihood to logistic."
        )
    return images.BernoulliHead(spec.shape)


def _check_kind(spec: Spec, settings: Model) -> None:
    fitting = {"image": ("mlp", "conv"), "counts": ("bow", "seq")}[spec.kind]
    if settings.kind not in fitting:
        raise SettingsError(
            f"model.kind {settings.kind!r} cannot read {spec.source!r}, whose examples are of kind "
            f"{spec.kind!r}. Set model.kind to {' or '.join(fitting)}."
        )


def _tokens(spec: Spec) -> int:
    """How many kinds of token there are."""
    if spec.tokens is None:
        raise SettingsError(
            f"model.kind: seq reads sentences, but {spec.source!r} was prepared as bags of words "
            "alone. Set data.tokens to words, or model.kind to bow."
        )
    return spec.tokens


def _terms_read(spec: Spec, vocabulary: Vocabulary, settings: bow.Settings) -> int:
    """How many terms the encoder reads."""
    if settings.terms == "all":
        return spec.shape[0]
    words = len(weighting.single_words(vocabulary).terms)
    if not words:
        raise SettingsError(
            f"model.terms: words needs words, but the {spec.shape[0]} terms of {spec.source!r} are "
            "character n-grams. Set model.terms: all, or data.words: true."
        )
    return words


def _bags(counts: batches.Rows, vocabulary: Vocabulary, settings: bow.Settings) -> batches.Bags:
    target = batches.restricted(counts, vocabulary.target)
    columns = _columns_read(counts.width, vocabulary, settings)
    read = batches.restricted(counts, columns)
    return batches.Bags(
        input=read if settings.reads_counts else _weighted(read, vocabulary, settings),
        target=batches.presence(target) if settings.target == "presence" else target,
        thinning=_thinning(columns, vocabulary.target, settings),
    )


def _columns_read(terms: int, vocabulary: Vocabulary, settings: bow.Settings) -> tuple[int, ...]:
    if settings.terms == "all":
        return tuple(range(terms))
    return tuple(weighting.word_columns(vocabulary).tolist())


def _thinning(
    read: tuple[int, ...], target: tuple[int, ...], settings: bow.Settings
) -> batches.Thinning | None:
    if settings.thinning == 0:
        return None
    if unread := set(target) - set(read):
        raise SettingsError(
            "model.thinning drops the same words from what is read and what is reconstructed, but "
            f"with model.terms: {settings.terms} {len(unread)} terms are reconstructed and not "
            "read. Set model.terms: all, or model.thinning: 0."
        )
    in_target = torch.from_numpy(np.isin(read, target))
    return batches.Thinning(settings.thinning, in_target)


def _weighted(counts: batches.Rows, vocabulary: Vocabulary, settings: bow.Settings) -> batches.Rows:
    if settings.input == "log1p":
        return batches.log1p_weighted(counts, settings.input_scale)
    read = vocabulary if settings.terms == "all" else weighting.single_words(vocabulary)
    return batches.tfidf_weighted(counts, read, settings.input_scale)


def _document_model(
    spec: Spec, vocabulary: Vocabulary, settings: bow.Settings, log_unigram: Tensor | None
) -> VAE:
    encoder = bow.Encoder(_terms_read(spec, vocabulary, settings), settings)
    kind = bow.TopicDecoder if settings.decoder == "topics" else bow.Decoder
    decoder = kind(len(vocabulary.target), settings, log_unigram)
    if settings.tied:
        _check_tied(_columns_read(spec.shape[0], vocabulary, settings), vocabulary.target)
        encoder.tie(decoder.words)
    return VAE(encoder, decoder, settings.latent, _document_prior(settings))


def _check_tied(read: tuple[int, ...], target: tuple[int, ...]) -> None:
    if read != target:
        raise SettingsError(
            "model.tied: true has the decoder's weights advise the encoder, which reads "
            f"{len(read)} terms, but the decoder gives {len(target)} words. They must be the same "
            "ones: set data.target_size and model.terms so, or model.tied: false."
        )


def _document_prior(settings: bow.Settings) -> Prior | None:
    """None: the standard normal."""
    if settings.prior == "dirichlet":
        return SoftmaxDirichlet(settings.latent, settings.concentration)
    return _mixture(settings)


def _mixture(settings: bow.Settings | images.Settings) -> Mixture | None:
    """None where the settings do not ask for it."""
    if settings.prior == "mixture":
        return Mixture(settings.latent, settings.prior_parts)
    return None


def _log_share(unigram: np.ndarray | None) -> Tensor | None:
    """Log of the shares that add up to 1; a word never seen counts as half of the rarest."""
    if unigram is None or not unigram.any():
        return None
    floor = unigram[unigram > 0].min() / 2
    floored = np.maximum(unigram, floor)
    return torch.tensor(np.log(floored / floored.sum()), dtype=torch.float32)
