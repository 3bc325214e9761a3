"""Lists of pictures under the column names of the public ones, as tables and as a service's answers."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.core.errors import UserError
from common.corpus.corpus_entry import NAMES, CorpusEntry, columns, from_service
from stages.index import listing

CC12M = {"image_url": ["http://a/1"], "caption": ["a dog"]}
LAION_400M = {
    "SAMPLE_ID": [1],
    "URL": ["http://a/1"],
    "TEXT": ["a dog"],
    "LICENSE": ["?"],
    "NSFW": ["UNLIKELY"],
}
RELAION = {"url": ["http://a/1"], "caption": ["a dog"], "hash": [-7], "punsafe": [0.25], "pwatermark": [0.1]}


@pytest.mark.parametrize(
    ("table", "entry"),
    [
        (CC12M, CorpusEntry("http://a/1", "a dog")),
        (LAION_400M, CorpusEntry("http://a/1", "a dog", "?")),
        (RELAION, CorpusEntry("http://a/1", "a dog", None, "-7", 0.25)),
        ({"url": ["http://a/1"]}, CorpusEntry("http://a/1")),
    ],
)
def test_public_lists_are_read_as_they_are(table: dict, entry: CorpusEntry, tmp_path: Path):
    pq.write_table(pa.table(table), tmp_path / "list.parquet")
    entries, known = listing.read(tmp_path / "list.parquet")
    assert entries == [entry]
    assert known == {name for name, value in entry._asdict().items() if value is not None}


def test_a_folder_of_parts_has_the_columns_that_all_parts_have(tmp_path: Path):
    pq.write_table(pa.table(RELAION), tmp_path / "part-1.parquet")
    pq.write_table(pa.table(CC12M), tmp_path / "part-0.parquet")
    entries, known = listing.read(tmp_path)
    assert [entry.punsafe for entry in entries] == [None, 0.25]
    assert known == {"url", "caption"}


def test_a_list_that_is_none(tmp_path: Path):
    (tmp_path / "words.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(UserError, match=r"words\.parquet is not a Parquet file that can be read"):
        listing.read(tmp_path / "words.parquet")
    pq.write_table(pa.table({"url": pa.array([], pa.string())}), tmp_path / "none.parquet")
    with pytest.raises(UserError, match="at least one row"):
        listing.read(tmp_path / "none.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is missing"):
        listing.read(tmp_path / "empty")


def test_an_odd_value_loses_neither_its_row_nor_the_others(tmp_path: Path):
    """Bytes that are no UTF-8, lists, structs, words for numbers, and times that Python does not have."""
    latin = pa.array([b"http://a/caf\xe9", b"http://a/2"]).view(pa.string())
    table = pa.table(
        {
            "url": latin,
            "caption": pa.array([[b"caf\xe9", b"x"], []], pa.list_(pa.binary())).cast(pa.list_(pa.binary())),
            "license": pa.array([{"name": "cc0"}, None]),
            "hash": pa.array([10**15, 1], pa.timestamp("s")),
            "punsafe": ["much", "0.25"],
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")
    entries, known = listing.read(tmp_path / "list.parquet")
    assert known == set(NAMES)
    assert [entry.url for entry in entries] == ["http://a/caf\ufffd", "http://a/2"]
    assert [entry.caption for entry in entries] == ["caf\ufffd", None]
    assert [entry.license for entry in entries] == [None, None]
    assert [entry.punsafe for entry in entries] == [None, 0.25]


def test_of_two_columns_of_one_name_the_first_counts(tmp_path: Path):
    columns = [pa.array(["http://a/1"]), pa.array(["http://a/2"]), pa.array(["one"]), pa.array(["two"])]
    pq.write_table(pa.Table.from_arrays(columns, ["url", "url", "TEXT", "text"]), tmp_path / "list.parquet")
    assert listing.read(tmp_path / "list.parquet")[0] == [CorpusEntry("http://a/1", "one")]


def test_the_first_of_two_names_counts():
    assert columns(["text", "TEXT", "caption"])["caption"] == "caption"
    assert columns(["TEXT", "text"])["caption"] == "TEXT"
    assert set(columns([*NAMES, "other"])) == set(NAMES) - {"listed_hash"}


def test_a_service_may_answer_anything():
    assert from_service(
        {"id": 3, "url": "http://a/1", "caption": None, "hash": 5, "punsafe": 1}
    ) == CorpusEntry("http://a/1", None, None, "5", 1.0)
    odd = {"url": ["x"], "punsafe": "safe", "license": 3, "hash": {}, "caption": True}
    assert from_service(odd) == CorpusEntry("x", None, "3", None, None)
    assert from_service({"punsafe": float("nan")}).punsafe is None
