"""Public and embedded sets: what they hold, and what happens where they cannot be had."""

import contextlib
import errno
import functools
import gzip
import hashlib
import http.server
import io
import re
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
from sklearn.datasets import load_digits

from latentops import config
from latentops.data import fetch, formats, pins, public
from latentops.data.fetch import File
from latentops.data.prepared import prepare
from latentops.data.settings import Settings
from latentops.data.sources import NAMES, listing, read
from latentops.errors import DataError, SettingsError

CONTENT = b"ten thousand utterances"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def file_of(content, url="http://127.0.0.1:9/set.txt", **fields):
    return File("some/set.txt", url, size=len(content), sha256=sha256(content), **fields)


@pytest.fixture
def mirrored(tmp_path, monkeypatch):
    """A mirror of one's own; gives a function that puts a file there."""
    monkeypatch.setenv("LATENTOPS_MIRROR", str(tmp_path))

    def put(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return put


@pytest.fixture
def real(mirror, monkeypatch):
    monkeypatch.setenv("LATENTOPS_MIRROR", str(mirror))


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A web server over a folder; gives the folder, the address and the paths asked for."""
    monkeypatch.delenv("LATENTOPS_MIRROR", raising=False)
    monkeypatch.setenv("LATENTOPS_CACHE", str(tmp_path / "cache"))
    folder, asked = tmp_path / "origin", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    with contextlib.ExitStack() as stack:
        handler = functools.partial(Handler, directory=folder)
        server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield folder, f"http://127.0.0.1:{server.server_port}", asked


# Fetching


def test_a_file_is_fetched_once_with_a_progress_bar_and_then_taken_from_the_cache(served, capsys):
    folder, address, asked = served
    (folder / "set.txt").write_bytes(CONTENT)
    file = file_of(CONTENT, f"{address}/set.txt")
    assert fetch.place(file) == ""
    assert fetch.read(file) == CONTENT
    assert "100%" in capsys.readouterr().err
    assert fetch.place(file) == "cache"
    assert fetch.read(file) == CONTENT
    assert asked == ["/set.txt"]


def test_a_download_with_another_hash_is_refused_and_not_kept(served, tmp_path):
    folder, address, _ = served
    (folder / "set.txt").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"did not give the file that is pinned .*LATENTOPS_MIRROR"):
        fetch.read(file_of(CONTENT, f"{address}/set.txt"))
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_damaged_file_in_the_cache_is_fetched_again(served, tmp_path):
    folder, address, asked = served
    (folder / "set.txt").write_bytes(CONTENT)
    damaged = tmp_path / "cache" / "some" / "set.txt"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(CONTENT[:5])
    assert fetch.read(file_of(CONTENT, f"{address}/set.txt")) == CONTENT
    assert asked == ["/set.txt"]


@pytest.mark.parametrize(
    ("address", "reason"), [("http://127.0.0.1:9", "ConnectionError"), (None, "status 404")]
)
def test_no_network_or_no_such_file_is_one_line_that_says_what_to_do(served, address, reason):
    url = f"{address or served[1]}/absent.txt"
    message = rf"\({reason}\)\. Check the network, or set LATENTOPS_MIRROR"
    with pytest.raises(DataError, match=message) as error:
        fetch.read(file_of(CONTENT, url))
    assert "\n" not in str(error.value)
    assert "absent.txt" in str(error.value)


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (PermissionError(errno.EACCES, "denied"), DataError, "Set LATENTOPS_CACHE to a folder"),
        (OSError(errno.ENOSPC, "full"), OSError, "full"),
    ],
)
def test_a_cache_that_cannot_be_written_is_not_called_a_network(
    served, monkeypatch, error, raised, message
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(fetch.pooch, "retrieve", fail)
    with pytest.raises(raised, match=message):
        fetch.read(file_of(CONTENT))


def test_a_mirror_file_passes_the_same_check(mirrored):
    mirrored("some/set.txt", CONTENT)
    assert fetch.read(file_of(CONTENT)) == CONTENT
    mirrored("some/set.txt", CONTENT + b"!")
    with pytest.raises(DataError, match=r"set\.txt does not hold what is pinned .*Replace it"):
        fetch.read(file_of(CONTENT))


def test_a_mirror_without_the_file_is_not_left_for_the_network(mirrored, served, monkeypatch):
    folder, address, asked = served
    (folder / "set.txt").write_bytes(CONTENT)
    monkeypatch.setenv("LATENTOPS_MIRROR", str(folder / "mirror"))
    with pytest.raises(DataError, match=r"set\.txt is missing\. LATENTOPS_MIRROR is set to"):
        fetch.read(file_of(CONTENT, f"{address}/set.txt"))
    assert asked == []


@pytest.mark.parametrize("level", [1, 9])
def test_a_gzip_file_is_known_by_what_is_inside(mirrored, level):
    mirrored("some/set.txt", gzip.compress(CONTENT, level, mtime=level))
    file = replace(file_of(b"the public file"), unpacked_sha256=sha256(CONTENT))
    assert fetch.read(file, gzip.decompress) == CONTENT
    with pytest.raises(DataError, match="does not hold what is pinned"):
        fetch.read(replace(file, unpacked_sha256=sha256(b"other")), gzip.decompress)


def test_a_broken_gzip_file_is_one_line(mirrored):
    mirrored("some/set.txt", gzip.compress(CONTENT)[:-9])
    with pytest.raises(DataError, match=r"set\.txt cannot be unpacked"):
        fetch.read(file_of(CONTENT), gzip.decompress)


def archive(mode, names, prefix=""):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name in names:
            member = tarfile.TarInfo(prefix + name)
            content = f"post {name}".encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


MEMBERS = ["train/a/1", "train/b/2", "test/a/3"]


def test_an_archive_has_one_digest_in_every_packing_order_and_company(mirrored):
    wanted = re.compile(r"(train|test)/\w/\d")
    expected = {name: f"post {name}".encode() for name in sorted(MEMBERS)}
    file = file_of(b"", unpacked_sha256=fetch.members_sha256(expected))
    for packed in (
        archive("w:xz", MEMBERS),
        archive("w:gz", MEMBERS[::-1], prefix="./"),
        archive("w", [*MEMBERS, "README", "../train/a/1"]),
    ):
        mirrored("some/set.txt", packed)
        assert list(fetch.read_members(file, wanted, 3).items()) == list(expected.items())


def test_an_archive_with_a_member_missing_is_refused(mirrored):
    mirrored("some/set.txt", archive("w:gz", MEMBERS[:2]))
    digest = fetch.members_sha256({name: f"post {name}".encode() for name in MEMBERS})
    with pytest.raises(DataError, match="does not hold what is pinned"):
        fetch.read_members(file_of(b"", unpacked_sha256=digest), re.compile(r".*"), 3)


def test_the_order_of_members_is_no_part_of_the_digest():
    assert fetch.members_sha256({"a": b"1", "b": b"2"}) == fetch.members_sha256(
        {"b": b"2", "a": b"1"}
    )


def test_names_and_contents_cannot_trade_bytes_in_the_digest():
    assert fetch.members_sha256({"a": b"bc"}) != fetch.members_sha256({"ab": b"c"})
    assert fetch.members_sha256({"a": b"", "b": b""}) != fetch.members_sha256({"a": b"b\x000\x00"})


@pytest.mark.parametrize("content", [b"junk", archive("w:xz", MEMBERS)[:120]])
def test_a_broken_archive_is_one_line(mirrored, content):
    mirrored("some/set.txt", content)
    with pytest.raises(DataError, match=r"set\.txt (cannot be unpacked|does not hold)"):
        fetch.read_members(file_of(b"", unpacked_sha256="0" * 64), re.compile(".*"), 3)


# Formats


def test_idx_holds_its_shape_and_values():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    header = b"\0\0\x08\x03" + np.array(array.shape, dtype=">u4").tobytes()
    assert (formats.read_idx(header + array.tobytes()) == array).all()
    with pytest.raises(ValueError, match="not an IDX file"):
        formats.read_idx(b"\x7fELF" + bytes(20))


def test_binary_pixels_are_the_same_from_text_and_from_matlab():
    pixels = np.random.default_rng(0).integers(0, 2, size=(5, 784), dtype=np.uint8)
    text = "".join(" ".join(map(str, row)) + "\n" for row in pixels.tolist()).encode()
    matlab = io.BytesIO()
    scipy.io.savemat(matlab, {"X": pixels})
    for content in (text, matlab.getvalue()):
        assert formats.read_binary_pixels(content) == pixels.tobytes()


def test_bags_are_counted_from_id_one_and_may_be_empty():
    counts, labels = formats.read_bags(b"3 2:5 1:1\n7\n3 4:2 4:1\n", vocabulary_size=4)
    assert counts.toarray().tolist() == [[1, 5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 3]]
    assert labels == [3, 7, 3]


# The catalogue on real data. What is expected was published with the sets.

PUBLISHED = {
    "mnist": {"train": 60_000, "test": 10_000},
    "fashion-mnist": {"train": 60_000, "test": 10_000},
    "binarized-mnist": {"train": 50_000, "valid": 10_000, "test": 10_000},
    "clinc150": {"train": 15_100, "valid": 3_100, "test": 5_500},
    "snips": {"train": 13_084, "valid": 700, "test": 700},
    "20news": {"train": 11_314, "test": 7_532},
    "nvdm-20news": {"train": 11_268, "test": 7_505},
    "prodlda-20news": {"train": 11_258, "test": 7_487},
}
CLASSES = {
    "mnist": 10,
    "fashion-mnist": 10,
    "binarized-mnist": 0,
    "clinc150": 150,
    "snips": 7,
    "20news": 20,
    "nvdm-20news": 20,
    "prodlda-20news": 0,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_public_set_holds_its_published_rows_and_classes(real, name):
    raw = read(Settings(source=name))
    assert raw.table["split"].value_counts().to_dict() == PUBLISHED[name]
    assert raw.table["label"].nunique() == CLASSES[name]
    rows = {"image": raw.images, "counts": raw.counts, "text": raw.table}[raw.kind]
    assert rows.shape[0] == len(raw.table)
    assert raw.published
    assert raw.licence


def test_every_named_source_is_listed_with_its_facts_and_whether_it_is_here(real, monkeypatch):
    table = listing().set_index("name")
    assert list(table.index) == list(NAMES)
    assert (table["here"] == ["package"] * 2 + ["mirror"] * 9).all()
    assert (table[["kind", "rows", "licence", "origin"]] != "").all(axis=None)
    assert table.loc["imdb", "size"] == "84.1 MB"
    monkeypatch.setenv("LATENTOPS_MIRROR", "/nowhere")
    assert (listing()["here"] == ["package"] * 2 + [""] * 9).all()


def test_the_pinned_mirror_packings_exist_for_every_file(real):
    files = [file for known in public.PUBLIC.values() for file in known.files.values()]
    assert len(files) == 4 + 4 + 3 + 1 + 6 + 1 + 1 + 3 + 3
    assert all(fetch.place(file) == "mirror" for file in files)
    assert all(len(file.sha256) == 64 for file in files)


def test_the_pixels_of_mnist_are_the_pinned_ones_in_either_packing(real):
    """The mirror's training images are packed with another header than the public file."""
    file = pins.MNIST["train images"]
    assert sha256(fetch.locate(file).read_bytes()) != file.sha256
    assert sha256(fetch.read(file, gzip.decompress)) == file.unpacked_sha256


def test_the_public_text_of_binarized_mnist_has_its_published_sha1(real):
    """sha1 of binarized_mnist_test.amat, as others pinned it; ours is written from the mirror."""
    pixels = fetch.read(pins.BINARIZED_MNIST["test"], formats.read_binary_pixels)
    rows = np.frombuffer(pixels, dtype=np.uint8).reshape(10_000, 784) + ord("0")
    text = np.full((10_000, 2 * 784), ord(" "), dtype=np.uint8)
    text[:, ::2], text[:, -1] = rows, ord("\n")
    content = text.tobytes()
    assert hashlib.sha1(content).hexdigest() == "ca70bd7775e182596dec148d4dc1bc6bd6c4c5f4"
    assert sha256(content) == pins.BINARIZED_MNIST["test"].sha256
    assert formats.read_binary_pixels(content) == pixels


def test_clinc150_has_its_published_scope(real):
    table = read(Settings(source="clinc150")).table
    outside = table[~table["in_scope"].astype(bool)]
    assert outside["split"].value_counts().to_dict() == {"test": 1000, "valid": 100, "train": 100}
    assert outside["label"].isna().all()
    inside = table[table["in_scope"].astype(bool)]
    assert set(inside[inside["split"] == "test"]["label"].value_counts()) == {30}


def test_newsgroup_posts_are_stripped_as_scikit_learn_does():
    post = (
        "From: a@b.c\nSubject: Re: engines\n\nJohn writes:\n> I sold mine.\nMine still runs.\n\n"
        "--\nJane, engineer\nMaine"
    )
    assert public.strip_post(post).strip() == "Mine still runs."


def test_newsgroup_headers_stay_when_they_are_wanted(real):
    raw = read(Settings(source="20news", strip=False))
    assert raw.table["text"].str.startswith(("From:", "Subject:", "Organization:")).mean() > 0.9


def test_the_newsgroups_of_nvdm_are_numbered_by_alphabet(real):
    """The word of a group is commonest in it; the files name no group."""
    raw = read(Settings(source="nvdm-20news"))
    for word, group in (("hockey", "rec.sport.hockey"), ("encryption", "sci.crypt")):
        column = raw.counts[:, raw.terms.index(word)].toarray()[:, 0]
        assert pd.Series(column).groupby(raw.table["label"]).sum().idxmax() == group


def test_ready_counts_keep_their_terms_and_give_the_published_unigram_perplexity(real):
    """Per document, on test, of the unigram of the published training half: 1205."""
    ready = prepare(Settings(source="nvdm-20news"))
    assert {split: len(rows) for split, rows in ready.tables.items()} == {
        "train": 10_141,
        "valid": 1_127,
        "test": 7_505,
    }
    assert ready.vocabulary.target == tuple(range(2000))
    assert ready.vocabulary.documents == 10_141
    halves = {name: counts_of(ready.arrays[name]) for name in ("train", "valid", "test")}
    columns = (halves["train"] > 0).sum(axis=0)
    assert ready.vocabulary.document_frequency == tuple(np.asarray(columns)[0])
    seen = np.asarray(halves["train"].sum(axis=0) + halves["valid"].sum(axis=0))[0]
    nats = -(halves["test"] @ np.log(seen / seen.sum()))
    tokens = np.asarray(halves["test"].sum(axis=1))[:, 0]
    assert np.exp((nats / tokens).mean()) == pytest.approx(1205, abs=1)


def counts_of(arrays):
    parts = (arrays["counts"], arrays["indices"], arrays["indptr"])
    return scipy.sparse.csr_matrix(parts, shape=(len(arrays["y"]), 2000))


IMDB = re.compile(r"aclImdb/(?:train/(?:pos|neg|unsup)|test/(?:pos|neg))/\d+_\d+\.txt")


def imdb_archive(reviews):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        for name, text in reviews.items():
            member = tarfile.TarInfo(f"aclImdb/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def small_imdb(mirrored, monkeypatch):
    """The layout of IMDB with 60 reviews, of which two in train and one in unsup stand in test."""
    reviews = {}
    for folder in ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"):
        for i in range(12):
            reviews[f"{folder}/{i}_{i % 10}.txt"] = f"film number {i} in {folder} was seen"
    for i, name in enumerate(["train/pos/0_0.txt", "train/neg/1_1.txt", "train/unsup/2_2.txt"]):
        reviews[name] = reviews[f"test/pos/{i}_{i}.txt"]
    content = imdb_archive({**reviews, "README": "about", "train/unsupBow.feat": "1:2"})
    digest = fetch.members_sha256({f"aclImdb/{n}": t.encode() for n, t in reviews.items()})
    monkeypatch.setitem(pins.IMDB, "all", replace(pins.IMDB["all"], unpacked_sha256=digest))
    mirrored("imdb/aclImdb.tar.xz", content)


def test_imdb_learns_from_no_review_that_stands_in_test(small_imdb):
    ready = prepare(Settings(source="imdb", min_documents=1))
    assert ready.refused["reason"].tolist() == ["stands in test too: left out of train"] * 3
    test = set(ready.tables["test"]["text"])
    assert len(ready.tables["test"]) == 24
    assert not test & {*ready.tables["train"]["text"], *ready.tables["valid"]["text"]}
    assert sum(map(len, ready.tables.values())) == 60 - 3
    assert ready.spec.classes == ("neg", "pos")
    assert (ready.arrays["train"]["y"] == -1).sum() + (ready.arrays["valid"]["y"] == -1).sum() == 11


def test_the_unlabelled_half_of_imdb_may_be_left_out(small_imdb):
    raw = read(Settings(source="imdb", unlabelled=False))
    assert len(raw.table) == 48
    assert raw.table["label"].notna().all()


def test_the_real_imdb_has_the_pinned_content(real):
    """Bytes of text in each part, as Hugging Face counted them in the public archive: a string
    column of N rows has 12 N + 3 N / 8 + 4 bytes besides (its dataset_infos.json, plain_text)."""
    reviews = fetch.read_members(pins.IMDB["all"], IMDB, 100_000)
    sizes = {"train/unsup": 67_125_548, "test": 32_660_064, "train/(pos|neg)": 33_442_202}
    for part, published in sizes.items():
        pattern = re.compile(f"aclImdb/{part}/")
        texts = [text for name, text in reviews.items() if pattern.match(name)]
        overhead = 12 * len(texts) + 3 * len(texts) // 8 + 4
        assert sum(map(len, texts)) + overhead == published


# Embedded


def test_digits_are_scikit_learns():
    raw = read(Settings(source="digits"))
    assert (raw.images[:, 0] == load_digits().images).all()
    assert raw.table["label"].tolist() == [str(y) for y in load_digits().target]
    assert raw.levels == 17


def test_intents_come_with_their_factors_and_are_called_synthetic():
    ready = prepare(Settings(source="intents"))
    assert ready.spec.synthetic
    assert {"domain", "intent", "person", "tense", "polarity"} <= set(ready.spec.factors)
    assert set(ready.spec.factors) <= set(ready.tables["train"].columns)
    assert ready.checks["rows_read"] == 12_000
    assert sum(map(len, ready.tables.values())) + len(ready.refused) == 12_000
    outside = ~ready.arrays["test"]["in_scope"]
    assert outside.any()
    assert (ready.arrays["test"]["y"][outside] == -1).all()


# Binarization


def test_static_binarization_draws_each_pixel_once_from_its_grey_level():
    grey, settings = read(Settings(source="digits")), Settings(source="digits", binarize="static")
    ready, again = prepare(settings), prepare(settings)
    drawn = np.concatenate([ready.arrays[split]["x"] for split in ("train", "valid", "test")])
    rows = np.concatenate([ready.tables[split]["row"] for split in ("train", "valid", "test")])
    assert set(np.unique(drawn)) == {0, 1}
    assert (ready.spec.levels, ready.spec.binarization) == (2, "static")
    for level in (0, 4, 8, 16):
        share = drawn[grey.images[rows] == level].mean()
        assert share == pytest.approx(level / 16, abs=0.03)
    assert (again.arrays["train"]["x"] == ready.arrays["train"]["x"]).all()
    other = prepare(settings.model_copy(update={"seed": 1}))
    assert (other.arrays["train"]["x"] != ready.arrays["train"]["x"]).any()


def test_dynamic_binarization_keeps_the_grey_levels():
    ready = prepare(Settings(source="digits", binarize="dynamic"))
    assert (ready.spec.levels, ready.spec.binarization) == (17, "dynamic")
    assert ready.arrays["train"]["x"].max() == 16


@pytest.mark.parametrize(
    ("source", "reason"), [("intents", "is for images"), ("bw.npz", "already")]
)
def test_binarization_that_makes_no_sense_is_refused(tmp_path, monkeypatch, source, reason):
    monkeypatch.chdir(tmp_path)
    np.savez("bw.npz", x=np.random.default_rng(0).integers(0, 2, size=(20, 4, 4)))
    with pytest.raises(SettingsError, match=rf"data\.binarize: static .*{reason}"):
        prepare(Settings(source=source, binarize="static"))


# Settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"characters": [3, 2]},
            r"data\.characters: .*must be 1 or more and not above the longest",
        ),
        ({"characters": [0, 2]}, r"data\.characters: "),
        ({"words": False}, "words: false needs characters"),
        (
            {"words": False, "characters": [2, 3], "word_pairs": True},
            "word_pairs: true needs words: true",
        ),
        ({"valid_fraction": 0}, r"data\.valid_fraction: "),
        ({"sorce": "imdb"}, r"data\.sorce: no such setting\. Did you mean 'source'\?"),
        ({"binarize": "both"}, r"data\.binarize: "),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, message):
    class Stage(config.Section):
        data: Settings

    with pytest.raises(SettingsError, match=message):
        config.parse(Stage, {"data": values}, "params.yaml")


# Names


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("minst", r"no set, file or folder 'minst'\. Did you mean 'mnist'\?"),
        ("data/raw/ticket.csv", r"does not exist\. Did you mean 'data/raw/tickets.csv'\?"),
        ("elsewhere/x.csv", r"'elsewhere/x.csv' does not exist\. A path is relative to "),
        ("data/raw/tickets.xls", r"files named \.xls are not read\. Bring one of \.csv"),
    ],
)
def test_a_source_that_does_not_exist_is_one_line(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    for name in ("tickets.csv", "tickets.xls"):
        (tmp_path / "data/raw" / name).write_text("text\nhello\n")
    with pytest.raises(DataError, match=message) as error:
        read(Settings(source=source))
    assert "\n" not in str(error.value)
