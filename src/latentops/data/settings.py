"""The `data` section of params.yaml. Stage prepare alone reads it."""

from typing import Literal

import pydantic

from latentops.artifacts import LONGEST
from latentops.config import Section


class Settings(Section):
    """Which data, how it is cut, and which terms or grey values a model sees.

    What the kind of data has no use for is not read (`words` on images, `strip` beside 20news),
    but for `binarize`: on text, or on pixels that are black or white already, it is refused.
    """

    source: str = pydantic.Field(
        "intents", min_length=1, description="a name from `latentops data list`, or a path"
    )
    seed: int = pydantic.Field(
        0, ge=0, lt=2**32, description="generated corpus, cuts and static binarization"
    )
    valid_fraction: float = pydantic.Field(
        0.1, gt=0, lt=1, description="cut from train where the source has no validation split"
    )
    test_fraction: float = pydantic.Field(
        0.2, gt=0, lt=1, description="cut where the source has no test split"
    )

    text_column: str = pydantic.Field("text", min_length=1)
    label_column: str | None = pydantic.Field("label", min_length=1, description="null: no labels")
    unlabelled: bool = pydantic.Field(
        True, description="imdb: the unlabelled half joins the training split, y = -1"
    )
    strip: bool = pydantic.Field(
        True, description="20news: headers, footers and quotes are removed; they leak the label"
    )

    words: bool = pydantic.Field(True, description="Unicode words are terms")
    word_pairs: bool = pydantic.Field(
        False, description="pairs of neighbouring words are terms too"
    )
    characters: tuple[int, int] | None = pydantic.Field(
        None, description="shortest and longest character n-gram inside a word, or null"
    )
    min_documents: int = pydantic.Field(
        2, ge=1, description="training documents in which a term must stand"
    )
    vocabulary_size: int = pydantic.Field(
        20_000,
        ge=1,
        description="most words, and as many pairs and character n-grams: the commonest of each",
    )
    target_size: int = pydantic.Field(
        2_000, ge=1, description="terms that the decoder reconstructs: the commonest words"
    )
    target_pairs: int = pydantic.Field(
        0, ge=0, description="pairs of words that the decoder reconstructs beside them"
    )
    stop_words: Literal["none", "english"] = pydantic.Field(
        "none", description="left out of the target, as are pairs of two of them"
    )

    tokens: Literal["none", "spaces", "words", "bpe"] = pydantic.Field(
        "none",
        description="texts as sequences too: of what stands between spaces, of lower-cased words "
        "and marks, or of byte pairs",
    )
    tokens_size: int = pydantic.Field(
        10_000, ge=1, description="most words, or byte pairs and bytes, beside 4 special tokens"
    )
    tokens_min_count: int = pydantic.Field(
        2, ge=1, description="times that a word, or a pair, must stand in the training texts"
    )
    tokens_longest: int = pydantic.Field(
        100, ge=1, lt=LONGEST, description="tokens of a text; what is longer is cut"
    )

    binarize: Literal["none", "static", "dynamic"] = pydantic.Field(
        "none", description="images: drawn once in prepare, or again at each epoch"
    )

    @pydantic.model_validator(mode="after")
    def _some_term_is_wanted(self) -> "Settings":
        if not self.words and self.characters is None:
            raise ValueError(
                "words: false needs characters, such as [2, 5]; else there are no terms"
            )
        if self.word_pairs and not self.words:
            raise ValueError("word_pairs: true needs words: true")
        if self.target_pairs and not self.word_pairs:
            raise ValueError("target_pairs needs word_pairs: true; else set it to 0")
        return self

    @pydantic.model_validator(mode="after")
    def _every_byte_is_a_token(self) -> "Settings":
        if self.tokens == "bpe" and self.tokens_size < 256:
            raise ValueError("tokens: bpe needs tokens_size of 256 or more: that many bytes")
        return self

    @pydantic.field_validator("characters")
    @classmethod
    def _lengths_rise(cls, lengths: tuple[int, int] | None) -> tuple[int, int] | None:
        if lengths and not 1 <= lengths[0] <= lengths[1]:
            raise ValueError("the shortest length must be 1 or more and not above the longest")
        return lengths
