"""Batches against scipy, scikit-learn and arithmetic by hand."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

from latentops.artifacts import END, PAD, Arrays, Vocabulary
from latentops.data import batches
from latentops.data.batches import Bags, Images, Rows, Sequences, in_batches

TERMS = 12


def counts(documents: int = 9, terms: int = TERMS, seed: int = 0) -> scipy.sparse.csr_matrix:
    """Poisson counts; the fourth document is empty and the last term never occurs."""
    dense = np.random.default_rng(seed).poisson(0.7, (documents, terms)).astype(np.int32)
    dense[3], dense[:, -1] = 0, 0
    return scipy.sparse.csr_matrix(dense)


def arrays(matrix: scipy.sparse.csr_matrix) -> Arrays:
    return {
        "indptr": matrix.indptr.astype(np.int64),
        "indices": matrix.indices.astype(np.int32),
        "counts": matrix.data.astype(np.int32),
    }


def vocabulary(matrix: scipy.sparse.csr_matrix) -> Vocabulary:
    return Vocabulary(
        terms=tuple(f"t{i}" for i in range(matrix.shape[1])),
        target=tuple(range(matrix.shape[1])),
        document_frequency=tuple(np.diff(matrix.tocsc().indptr).tolist()),
        documents=matrix.shape[0],
    )


def rows_of(matrix: scipy.sparse.csr_matrix) -> Rows:
    return batches.counted(arrays(matrix), matrix.shape[1])


def dense(rows: Rows) -> np.ndarray:
    return rows.csr().to_dense().numpy()


@pytest.fixture
def bags() -> Bags:
    rows = rows_of(counts())
    return Bags(input=batches.log1p_weighted(rows, 5.0), target=rows)


@pytest.fixture
def images() -> Images:
    pixels = np.random.default_rng(0).integers(0, 17, (50, 1, 4, 3), dtype=np.uint8)
    return Images(torch.tensor(pixels), levels=17)


LENGTHS = (3, 0, 1, 7, 3, 2, 9, 1, 4)


def sentence(row: int) -> list[int]:
    """Tokens that say which sentence this is, and where they stand in it."""
    return [100 * (row + 1) + place for place in range(LENGTHS[row])]


@pytest.fixture
def sequences() -> Sequences:
    """Nine sentences; the second is empty."""
    flat = [token for row in range(len(LENGTHS)) for token in sentence(row)]
    ends = np.cumsum([0, *LENGTHS], dtype=np.int64)
    return batches.sequenced({"tokens_indptr": ends, "tokens": np.array(flat, dtype=np.int32)})


class TestRows:
    @given(st.lists(st.integers(0, 8), max_size=20))
    def test_taken_rows_are_those_of_scipy(self, rows: list[int]) -> None:
        """In any order, repeated, empty ones among them, and none at all."""
        matrix = counts()
        taken = rows_of(matrix).take(torch.tensor(rows, dtype=torch.int64))
        assert np.array_equal(dense(taken), matrix[rows].toarray())

    def test_the_csr_tensor_is_well_formed(self) -> None:
        csr = rows_of(counts()).take(torch.tensor([3, 0, 8])).csr()
        torch.sparse_csr_tensor(
            csr.crow_indices(), csr.col_indices(), csr.values(), csr.shape, check_invariants=True
        )
        assert csr.dtype == torch.float32

    @pytest.mark.parametrize("columns", [(3, 1, 7), (11,), tuple(range(TERMS - 1, -1, -1))])
    def test_restriction_takes_columns_in_the_order_given(self, columns: tuple[int, ...]) -> None:
        matrix = counts()
        found = dense(batches.restricted(rows_of(matrix), columns))
        assert np.array_equal(found, matrix[:, list(columns)].toarray())

    def test_restriction_to_every_column_copies_nothing(self) -> None:
        rows = rows_of(counts())
        assert batches.restricted(rows, tuple(range(TERMS))) is rows

    def test_presence_is_one_for_every_word_that_occurs(self) -> None:
        matrix = counts()
        assert np.array_equal(dense(batches.presence(rows_of(matrix))), matrix.toarray() > 0)


class TestWeights:
    def test_tfidf_is_that_of_scikit_learn(self) -> None:
        train, test = counts(40, seed=1), counts(9, seed=2)
        truth = TfidfTransformer(sublinear_tf=True, smooth_idf=True).fit(train).transform(test)
        found = batches.tfidf_weighted(rows_of(test), vocabulary(train), 5.0)
        np.testing.assert_allclose(dense(found), 5 * truth.toarray(), rtol=1e-6)

    def test_log1p_rows_have_the_length_asked_for(self) -> None:
        matrix = counts()
        truth = 3 * normalize(matrix.astype(np.float64).log1p())
        found = batches.log1p_weighted(rows_of(matrix), 3.0)
        np.testing.assert_allclose(dense(found), truth.toarray(), rtol=1e-6)

    def test_a_document_weighs_the_same_among_others(self) -> None:
        matrix = counts()
        alone = batches.log1p_weighted(rows_of(matrix[[5]]), 5.0)
        assert np.array_equal(
            dense(alone), dense(batches.log1p_weighted(rows_of(matrix), 5.0))[[5]]
        )


class TestBags:
    def test_a_batch_pairs_input_with_target(self, bags: Bags) -> None:
        batch = bags.batch(torch.tensor([8, 3, 0]))
        assert np.array_equal(batch.target.to_dense().numpy(), counts()[[8, 3, 0]].toarray())
        assert np.array_equal(batch.input.to_dense().numpy(), dense(bags.input)[[8, 3, 0]])

    def test_nothing_is_made_dense(self, bags: Bags) -> None:
        batch = bags.batch(torch.arange(len(bags)))
        assert batch.input.layout == batch.target.layout == torch.sparse_csr

    def test_no_warning_reaches_a_strict_program(self) -> None:
        """Torch warns once in each process, so only a new one can tell."""
        program = (
            "import torch; from latentops.data.batches import Rows\n"
            "rows = Rows(torch.tensor([0, 1]), torch.tensor([0]), torch.tensor([2]), 3)\n"
            "print(rows.csr().to_dense().tolist())"
        )
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, "[[2.0, 0.0, 0.0]]"), done.stderr


class TestImages:
    def test_grey_levels_are_the_target_and_shares_the_input(self, images: Images) -> None:
        batch = images.batch(torch.tensor([4, 4, 0]))
        assert torch.equal(batch.target, images.pixels[[4, 4, 0]].float())
        assert torch.equal(batch.input, batch.target / 16)
        assert batch.input.max() <= 1

    def test_dynamic_pixels_are_drawn_with_the_probability_they_state(self) -> None:
        every_level = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
        drawn = Images(every_level, 256, dynamic=True).batch(
            torch.zeros(4000, dtype=torch.int64), torch.Generator().manual_seed(0)
        )
        assert drawn.input is drawn.target
        assert set(drawn.target.unique().tolist()) == {0.0, 1.0}
        share = drawn.target.mean(0).flatten()
        assert share[0] == 0
        assert share[255] == 1
        torch.testing.assert_close(share, torch.arange(256) / 255, rtol=0, atol=0.04)

    def test_binary_pixels_stay_as_they_are_under_dynamic_binarization(self) -> None:
        pixels = torch.tensor([[[[0, 1]]]], dtype=torch.uint8)
        batch = Images(pixels, levels=2, dynamic=True).batch(torch.tensor([0]))
        assert torch.equal(batch.target, pixels.float())

    def test_each_batch_draws_anew_and_a_seed_brings_it_back(self, images: Images) -> None:
        dynamic = Images(images.pixels, images.levels, dynamic=True)
        rows, generator = torch.arange(50), torch.Generator().manual_seed(1)
        first, second = (dynamic.batch(rows, generator).target for _ in range(2))
        assert not torch.equal(first, second)
        again = dynamic.batch(rows, torch.Generator().manual_seed(1)).target
        assert torch.equal(first, again)

    def test_frozen_images_are_drawn_once_whatever_the_batch(self, images: Images) -> None:
        dynamic = Images(images.pixels, images.levels, dynamic=True)
        frozen = dynamic.frozen(seed=3)
        whole = torch.cat([batch.target for batch in in_batches(frozen, 7)])
        assert torch.equal(whole, torch.cat([batch.target for batch in in_batches(frozen, 50)]))
        assert torch.equal(whole, dynamic.frozen(3).batch(torch.arange(50)).input)
        assert not torch.equal(whole, dynamic.frozen(4).batch(torch.arange(50)).input)
        assert dynamic.dynamic
        assert frozen.frozen(4) is frozen

    def test_no_images_can_be_frozen(self, images: Images) -> None:
        none = Images(images.pixels[:0], images.levels, dynamic=True)
        assert len(none.frozen(0)) == 0


class TestSequences:
    def test_each_sentence_then_its_end_then_pad_to_the_longest(self, sequences: Sequences) -> None:
        batch = sequences.batch(torch.tensor([2, 1, 0]))
        expected = [[300, END, PAD, PAD], [END, PAD, PAD, PAD], [*sentence(0), END]]
        assert batch.target.tolist() == expected
        assert batch.input is batch.target
        assert batch.target.dtype == torch.int64

    @given(st.lists(st.integers(0, len(LENGTHS) - 1), min_size=1, max_size=20))
    def test_taken_rows_are_those_asked_for(self, rows: list[int]) -> None:
        """In any order and repeated, of all or of a subset."""
        sentences = TestSequences._sentences()
        subset = sentences.subset(torch.tensor(rows))
        for batch in (sentences.batch(torch.tensor(rows)), subset.batch(torch.arange(len(rows)))):
            told = [[token for token in row if token != PAD] for row in batch.target.tolist()]
            assert told == [[*sentence(row), END] for row in rows]
            assert batch.target.shape[1] == max(LENGTHS[row] for row in rows) + 1

    def test_a_share_of_a_batch_may_be_empty(self, sequences: Sequences) -> None:
        """As where a last batch has fewer rows than there are processes."""
        assert sequences.batch(torch.tensor([], dtype=torch.int64)).target.shape == (0, 1)

    @pytest.mark.parametrize("batch_size", [1, 7, 32, 64])
    def test_rows_of_like_length_share_a_batch(self, batch_size: int) -> None:
        """Lengths as English sentences have them: unsorted, more than a third would be padding."""
        sentences = self._drawn(1500)
        passed = sentences.passes(batch_size, torch.Generator().manual_seed(0))
        assert padding(sentences, passed) < 0.1
        if batch_size == 32:
            mixed = batches.shuffled(1500, batch_size, torch.Generator().manual_seed(0))
            assert padding(sentences, mixed) > 0.35

    def test_batches_come_neither_by_length_nor_twice_in_one_order(self) -> None:
        sentences, generator = self._drawn(1500), torch.Generator().manual_seed(0)
        first, second = (sentences.passes(32, generator) for _ in range(2))
        assert not same_rows(first, second)
        longest = torch.tensor([sentences.batch(rows).target.shape[1] for rows in first])
        order = torch.arange(len(first))
        correlation = torch.corrcoef(torch.stack([longest.float(), order.float()]))[0, 1]
        assert abs(correlation) < 0.4

    @staticmethod
    def _sentences() -> Sequences:
        return TestSequences._of([sentence(row) for row in range(len(LENGTHS))])

    @staticmethod
    def _drawn(count: int) -> Sequences:
        lengths = np.random.default_rng(0).negative_binomial(4, 0.16, count)
        return TestSequences._of([[5] * length for length in lengths])

    @staticmethod
    def _of(sentences: list[list[int]]) -> Sequences:
        ends = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
        flat = np.array([token for row in sentences for token in row], dtype=np.int32)
        return batches.sequenced({"tokens_indptr": ends, "tokens": flat})


def padding(sentences: Sequences, passed: tuple[torch.Tensor, ...]) -> float:
    """The share of places that hold PAD."""
    made = [sentences.batch(rows).target for rows in passed]
    return sum(int((each == PAD).sum()) for each in made) / sum(each.numel() for each in made)


def same_rows(one: tuple[torch.Tensor, ...], other: tuple[torch.Tensor, ...]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


@pytest.mark.parametrize("name", ["bags", "images", "sequences"])
class TestEveryKind:
    @pytest.fixture
    def examples(self, name: str, request: pytest.FixtureRequest) -> batches.Examples:
        return request.getfixturevalue(name)

    def test_a_subset_holds_those_rows(self, examples: batches.Examples) -> None:
        subset = examples.subset(torch.tensor([5, 2, 3]))
        assert len(subset) == 3
        assert same(subset.batch(torch.tensor([2, 0])), examples.batch(torch.tensor([3, 5])))

    def test_no_rows_at_all(self, examples: batches.Examples) -> None:
        empty = examples.subset(torch.tensor([], dtype=torch.int64))
        assert len(empty) == 0
        assert list(in_batches(empty.frozen(0), 4)) == []

    def test_batches_in_order_hold_every_example_once(self, examples: batches.Examples) -> None:
        sizes = [batch.target.shape[0] for batch in in_batches(examples, 4)]
        assert sum(sizes) == len(examples)
        assert set(sizes[:-1]) == {4}
        whole = examples.batch(torch.arange(len(examples))).target.to_dense()
        parts = [row for batch in in_batches(examples, 4) for row in batch.target.to_dense()]
        assert all(same_values(part, row) for part, row in zip(parts, whole, strict=True))

    @pytest.mark.parametrize("batch_size", [1, 4, 100])
    def test_a_pass_holds_every_row_once_and_one_batch_that_is_not_full(
        self, examples: batches.Examples, batch_size: int
    ) -> None:
        passed = examples.passes(batch_size, torch.Generator().manual_seed(0))
        assert torch.cat(passed).sort().values.tolist() == list(range(len(examples)))
        assert len(passed) == -(-len(examples) // batch_size)
        assert sorted(map(len, passed))[1:] == [batch_size] * (len(passed) - 1)

    def test_a_seed_brings_the_same_pass_back(self, examples: batches.Examples) -> None:
        first, again, other = (
            examples.passes(2, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert same_rows(first, again)
        assert not same_rows(first, other)

    def test_without_chance_freezing_changes_nothing(self, examples: batches.Examples) -> None:
        assert examples.frozen(0) is examples

    def test_moves_to_a_device(self, examples: batches.Examples) -> None:
        rows = torch.tensor([1, 0])
        assert same(examples.to("cpu").batch(rows), examples.batch(rows))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
@pytest.mark.parametrize("name", ["bags", "images", "sequences"])
def test_batches_on_cuda_are_those_on_the_cpu(name: str, request: pytest.FixtureRequest) -> None:
    examples, rows = request.getfixturevalue(name), torch.tensor([1, 0, 3])
    there = examples.to("cuda").batch(rows)
    assert there.input.device.type == there.target.device.type == "cuda"
    assert same(batches.Batch(*(part.cpu() for part in there)), examples.batch(rows))


def same(one: batches.Batch, other: batches.Batch) -> bool:
    return all(torch.equal(a.to_dense(), b.to_dense()) for a, b in zip(one, other, strict=True))


def same_values(row: torch.Tensor, padded: torch.Tensor) -> bool:
    """Whether a row is another, which a longer batch may have padded further."""
    return torch.equal(row, padded[: len(row)]) and bool((padded[len(row) :] == 0).all())
