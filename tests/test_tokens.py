"""Tokens against counting by hand, and every text of a byte-level tokenizer against itself."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentops.artifacts import END, PAD, START, UNKNOWN
from latentops.data import sources, tokens
from latentops.data.prepared import prepare
from latentops.data.settings import Settings
from latentops.data.summary import summarize
from latentops.errors import DataError, SettingsError

TEXTS = ("the cat sat", "The dog sat down", "a cat <unk> the end", "sat </s> <pad> sat")
SPLITS = ("train", "valid", "test")


def chosen(kind="spaces", **changed):
    return Settings(**{"tokens": kind, "tokens_size": 300, "tokens_min_count": 1} | changed)


def rows(texts, tokenizer):
    encoded = tokens.encode(texts, tokenizer)
    return [row.tolist() for row in np.split(encoded["tokens"], encoded["tokens_indptr"][1:-1])]


def spelled(text, tokenizer):
    """The name of each token."""
    names = tokens.names(tokenizer)
    return [names[token] for token in rows([text], tokenizer)[0]]


class TestWords:
    def test_are_the_commonest_behind_the_special_ones_ties_by_alphabet(self):
        """Counter and sorted say what the library should have found."""
        counts = Counter(word for text in TEXTS for word in text.split() if word != "<unk>")
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        found = tokens.names(tokens.train(TEXTS, chosen()))
        assert found == (" pad", "<unk>", " start", " end", *ranked)
        assert (PAD, UNKNOWN, START, END) == (0, 1, 2, 3)

    @pytest.mark.parametrize("size", [1, 3])
    @pytest.mark.parametrize("unknown", ["<unk>", "cat"])
    def test_as_many_are_kept_as_asked_for_whether_or_not_the_texts_hold_unk(self, size, unknown):
        texts = (*TEXTS, 9 * f"{unknown} ")
        assert tokens.kinds(tokens.train(texts, chosen(tokens_size=size))) == 4 + size

    def test_rare_ones_are_unknown(self):
        tokenizer = tokens.train(TEXTS, chosen(tokens_min_count=2))
        assert spelled("the cat sat down unheard", tokenizer) == ["the", "cat", "sat"] + 2 * [
            "<unk>"
        ]

    def test_unk_in_the_text_is_the_unknown_token(self):
        assert rows(["<unk>"], tokens.train(TEXTS, chosen())) == [[UNKNOWN]]

    @pytest.mark.parametrize("kind", ["spaces", "words"])
    def test_a_sentence_with_an_unknown_word_is_read_again_as_it_was(self, kind):
        tokenizer = tokens.train(["play some music", "play the music"], chosen(kind))
        assert rows(["play <unk> music"], tokenizer) == rows(["play jazz music"], tokenizer)

    def test_spaces_keep_case_and_marks(self):
        assert spelled("The cat", tokens.train(TEXTS, chosen())) == ["The", "cat"]
        assert spelled("cat, sat", tokens.train(TEXTS, chosen())) == ["<unk>", "sat"]

    def test_words_are_lower_cased_and_marks_stand_alone(self):
        text = "Don\u2019t STOP (really?) 3.5% caf\u00e9 \ufb01n #x"
        tokenizer = tokens.train([text], chosen("words"))
        expected = ["don't", "stop", "(", "really", "?", ")", "3", ".", "5", "%"]
        assert spelled(text, tokenizer) == [*expected, "caf\u00e9", "fin", "#", "x"]

    def test_scripts_without_spaces_are_taken_by_character(self):
        tokenizer = tokens.train(["我想查账单 ok"], chosen("words"))
        assert spelled("我想查账单 ok", tokenizer) == [*"我想查账单", "ok"]

    def test_sentences_read_as_they_were_written(self):
        text = "don't stop, really? yes."
        tokenizer = tokens.train([text], chosen("words"))
        assert tokens.decode(rows([text], tokenizer), tokenizer) == [text]

    def test_no_word_that_is_common_enough_is_an_error(self):
        with pytest.raises(
            DataError, match=r"No word stands 9 times .* Lower data\.tokens_min_cou"
        ):
            tokens.train(TEXTS, chosen(tokens_min_count=9))


class TestPieces:
    TOKENIZER = tokens.train(TEXTS, chosen("bpe"))

    @given(st.text(max_size=40))
    def test_any_text_comes_back_as_it_was(self, text):
        """Nothing is unknown to bytes: scripts, emoji, white space and marks unseen in training."""
        found = rows([text], self.TOKENIZER)
        assert not {PAD, UNKNOWN, START, END} & set(found[0])
        assert tokens.decode(found, self.TOKENIZER) == [text]

    def test_the_commonest_pair_is_one_token(self):
        assert "at" in tokens.names(self.TOKENIZER)
        assert len(rows(["cat sat"], self.TOKENIZER)[0]) < len("cat sat")

    def test_every_byte_needs_its_token(self):
        with pytest.raises(ValueError, match="bpe needs tokens_size of 256 or more"):
            chosen("bpe", tokens_size=255)
        assert tokens.kinds(tokens.train(TEXTS, chosen("bpe", tokens_size=256))) == 260


@pytest.mark.parametrize("kind", ["spaces", "words", "bpe"])
class TestEveryKind:
    def test_no_text_can_spell_the_tokens_that_frame_it(self, kind):
        """A row that held END would end early, one that held PAD would not be scored."""
        tokenizer = tokens.train(TEXTS, chosen(kind))
        for text in (*tokens.SPECIAL, "</s>", "<pad>", "<s>", "[PAD]", " pad end start "):
            assert not {PAD, START, END} & set(rows([text], tokenizer)[0])

    def test_what_is_too_long_is_cut_and_counted(self, kind):
        short, long = (
            tokens.train(TEXTS, chosen(kind, tokens_longest=3)),
            tokens.train(TEXTS, chosen(kind)),
        )
        assert rows(TEXTS, short) == [row[:3] for row in rows(TEXTS, long)]
        assert tokens.cut(TEXTS, short) == sum(len(row) > 3 for row in rows(TEXTS, long)) > 0
        assert tokens.cut(TEXTS, long) == 0

    def test_no_texts_and_an_empty_text(self, kind):
        tokenizer = tokens.train(TEXTS, chosen(kind))
        assert tokens.encode([], tokenizer)["tokens_indptr"].tolist() == [0]
        assert rows(["", "the"], tokenizer)[0] == []
        assert tokens.decode([[], [END]], tokenizer) == ["", ""]

    def test_a_text_ends_where_its_end_stands(self, kind):
        tokenizer = tokens.train(TEXTS, chosen(kind))
        row = rows(["the cat"], tokenizer)[0]
        framed = [START, *row, END, *rows(["dog"], tokenizer)[0], PAD]
        assert tokens.decode([framed], tokenizer) == ["the cat"]

    def test_the_same_texts_give_the_same_tokenizer_in_another_process(self, kind):
        program = (
            "import sys, json; from latentops.data import tokens\n"
            "from latentops.data.settings import Settings\n"
            f"choice = Settings(tokens={kind!r}, tokens_size=300, tokens_min_count=1)\n"
            f"sys.stdout.buffer.write(tokens.train({TEXTS!r}, choice).encode())"
        )
        command = [sys.executable, "-W", "error", "-c", program]
        there = subprocess.run(command, capture_output=True, check=True)
        assert there.stdout.decode() == tokens.train(TEXTS, chosen(kind))
        assert there.stderr == b""

    def test_the_library_itself_reads_the_json(self, kind):
        """What travels is no format of ours."""
        from tokenizers import Tokenizer

        tokenizer = tokens.train(TEXTS, chosen(kind))
        theirs = Tokenizer.from_str(tokenizer).encode_batch(list(TEXTS))
        assert [encoding.ids for encoding in theirs] == rows(TEXTS, tokenizer)


def test_a_model_without_sentences_does_not_load_the_library():
    program = "import sys, latentops.data.prepared; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# Sentences of one's own, and what prepare makes of them


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "data/raw/ptb"
    made.mkdir(parents=True)
    for number, split in enumerate(SPLITS):
        lines = [f" the {word} is <unk> {number} \n" for word in ("cat", "dog", "cat")]
        (made / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    return Path("data/raw/ptb")


def own(path, **changed):
    return chosen(source=str(path), min_documents=1, **changed)


def test_a_folder_that_was_cut_keeps_every_row_in_its_split(folder):
    ready = prepare(own(folder))
    assert {split: len(table) for split, table in ready.tables.items()} == dict.fromkeys(SPLITS, 3)
    assert ready.tables["test"]["row"].tolist() == [6, 7, 8]
    assert ready.tables["train"]["text"].tolist()[0] == "the cat is <unk> 0"
    assert ready.spec.classes == ()
    assert len(ready.refused) == 0


def test_usual_spellings_name_a_split_and_two_for_one_are_an_error(folder):
    (folder / "valid.txt").rename(folder / "dev.txt")
    assert sources.read(own(folder)).table["split"].tolist() == [
        s for s in SPLITS for _ in range(3)
    ]
    (folder / "val.txt").write_text("twice\n")
    with pytest.raises(DataError, match=r"holds val\.txt and dev\.txt, both for valid\. Leave one"):
        sources.read(own(folder))


def test_a_folder_without_a_validation_file_is_cut(folder):
    (folder / "valid.txt").unlink()
    (folder / "train.txt").write_text("".join(f"the cat number {n}\n" for n in range(40)))
    ready = prepare(own(folder))
    assert {split: len(table) for split, table in ready.tables.items()} == {
        "train": 36,
        "valid": 4,
        "test": 3,
    }


def test_a_file_of_lines_is_cut_here_and_doubles_are_refused(folder):
    path = folder / "mine.txt"
    path.write_bytes(
        "".join(f"line {n}\r\n\r\n" for n in range(40)).encode() + b"line 7\nbad \xff\n"
    )
    ready = prepare(own(path))
    kept = [row for table in ready.tables.values() for row in table["row"]]
    assert sorted(kept) == list(range(40))
    assert ready.refused["reason"].tolist() == [
        "is a duplicate: the same content and label stand earlier",
        "is not UTF-8",
    ]


def test_a_file_of_blank_lines_is_an_error(folder):
    (folder / "blank.txt").write_text("\n \n\t\n")
    with pytest.raises(DataError, match=r"blank\.txt holds no sentence. Expected one on each line"):
        prepare(own(folder / "blank.txt"))


def test_prepare_writes_tokens_beside_the_counts(folder):
    ready = prepare(own(folder))
    arrays = ready.arrays["test"]
    names = tokens.names(ready.vocabulary.tokenizer)
    assert ready.spec.kind == "counts"
    assert ready.spec.tokens == len(names)
    assert arrays["tokens"].dtype == np.int32
    assert arrays["tokens_indptr"].tolist() == [0, 5, 10, 15]
    assert [names[token] for token in arrays["tokens"][:5]] == [
        "the",
        "cat",
        "is",
        "<unk>",
        "<unk>",
    ]
    assert {"indptr", "indices", "counts", "y", "in_scope"} < arrays.keys()


def test_the_vocabulary_is_that_of_training_alone(folder):
    (folder / "test.txt").write_text("only here\n")
    names = tokens.names(prepare(own(folder)).vocabulary.tokenizer)
    assert "cat" in names
    assert "only" not in names


def test_without_tokens_nothing_is_added(folder):
    ready = prepare(own(folder, kind="none"))
    assert ready.spec.tokens is None
    assert ready.vocabulary.tokenizer == ""
    assert not {"tokens", "tokens_indptr"} & ready.arrays["train"].keys()


def test_the_report_counts_tokens_unknown_ones_and_cuts(folder):
    ready = prepare(own(folder, tokens_longest=4))
    report = summarize(ready.spec, ready.tables, ready.arrays, ready.vocabulary, ready.refused)[
        "sentences"
    ]
    json.dumps(report, allow_nan=False)
    assert report["kinds"] == 4 + 5
    assert report["tokens"] == dict.fromkeys(SPLITS, 12)
    assert report["unknown_share"] == dict.fromkeys(SPLITS, 0.25)
    assert report["cut"] == dict.fromkeys(SPLITS, 3)
    assert report["tokens_per_text"]["quantiles"]["train"]["max"] == 4


def test_images_have_no_tokens():
    with pytest.raises(SettingsError, match=r"data\.tokens: words is for texts, and digits holds"):
        prepare(Settings(source="digits", tokens="words"))
