"""Lists as other programs write them: of pictures for index, of questions for ask."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands.ask.__main__ import main as ask
from common.core import io, paths
from common.core.errors import UserError
from common.core.schema import INDEX_METADATA
from stages.index import listing
from stages.index.__main__ import main as index
from tests import hostile
from tests.support.helpers import set_params
from tests.support.index_helpers import images


@pytest.fixture(autouse=True)
def tiny_models(workspace: Path, clip_folder: Path, tiny_llava: Path) -> None:
    set_params(
        {
            "base.clip.model": str(clip_folder),
            "base.vlm.model": str(tiny_llava),
            "chat.max_new_tokens": 2,
            "index.serve": None,
            "index.allowed_hosts": "127.0.0.1",
        }
    )


@pytest.mark.slow
def test_what_is_no_picture_in_a_folder_is_counted():
    """A link to a folder, too: DVC would notice no change behind it."""
    images(Path("pictures"), range(3))
    images(Path("elsewhere"), range(3, 6))
    os.mkfifo("pictures/pipe.png")
    Path("pictures/nowhere.png").symlink_to("gone.png")
    Path("pictures/circle.png").symlink_to("circle.png")
    Path("pictures/device.png").symlink_to("/dev/zero")
    Path("pictures/folder").symlink_to(Path("elsewhere").resolve())
    set_params({"index.source": "folder", "index.location": "pictures"})
    index()
    assert io.read_json(paths.INDEX_CARD)["failed"] == {"unreadable": 5}
    assert io.read_json(paths.INDEX_CARD)["images"] == 3


@pytest.mark.slow
def test_columns_of_types_that_few_write():
    """A value that Python cannot have costs itself, never its row."""
    with hostile.server() as host:
        urls = pa.array(
            [f"{host}/ok/{number}".encode() for number in range(2)] + [b"http://\xff"], pa.binary()
        )
        table = pa.table(
            {
                "URL": urls.view(pa.string()).dictionary_encode(),
                "TEXT": pa.array([0, 1, None], pa.timestamp("us", "No/Where")),
            }
        )
        pq.write_table(table, "list.parquet")
        set_params({"index.source": "urls", "index.location": "list.parquet"})
        index()
    rows = io.read_parquet(paths.INDEX_METADATA, INDEX_METADATA).to_pylist()
    assert [row["url"] for row in rows] == [f"{host}/ok/0", f"{host}/ok/1"]
    assert [row["caption"] for row in rows] == [None, None]
    assert io.read_json(paths.INDEX_CARD)["failed"] == {"bad url": 1}


def test_a_pipe_is_no_list():
    Path("lists").mkdir()
    os.mkfifo("lists/a.parquet")
    pq.write_table(pa.table({"url": ["http://a/b"]}), "lists/0.parquet")
    with pytest.raises(UserError, match=r"lists/a.parquet is not a Parquet file .*no regular file"):
        listing.read(Path("lists"))


def test_ragged_rows_of_a_csv_are_rows_without_an_address():
    Path("list.csv").write_bytes(b"\xef\xbb\xbfurl,caption\r\nhttp://a/b,caf\xe9\r\nhttp://a\r\nc,d,e\r\n")
    entries, known = listing.read(Path("list.csv"))
    assert [entry.url for entry in entries] == ["http://a/b", None, None] and known == {"url", "caption"}
    assert entries[0].caption == "caf\ufffd"
    Path("list.csv").write_bytes("url\nhttp://a".encode("utf-16"))
    with pytest.raises(UserError, match=r"list.csv is no CSV that can be read: .*: save it as UTF-8"):
        listing.read(Path("list.csv"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfquestion,subject\r\nWhat?,\r\n",
        b"Question; Subject\r\nWhat?;\r\n",
        b"question\tsubject\rWhat?\t\r",
        b'"question","question"\n"What?","other"\n',
        b"subject,question\n,What?,further\n\n",
    ],
)
def test_tables_of_any_spreadsheet_are_read(data: bytes):
    Path("Q.CSV").write_bytes(data)
    assert ask("Q.CSV", "a.csv", "--method", "base") == "1 answered, 0 were before, 0 left out"


def test_a_bad_row_of_a_table_costs_itself_alone(capsys: pytest.CaptureFixture[str]):
    rows = [b"caf\xe9?", b"Wh\0at?", b"\x1b[2J?", b"x" * 200_000, b" ", b"What?"]
    Path("q.csv").write_bytes(b"question\n" + b"\n".join(rows))
    assert ask("q.csv", "a.csv", "--method", "base") == "1 answered, 0 were before, 5 left out"
    told = capsys.readouterr().err
    assert told.count("is no UTF-8 text") == 3 and "line 5: field larger than" in told
    assert "is empty" in told and "\x1b" not in told


def test_bad_lines_of_a_question_file_cost_themselves_alone(capsys: pytest.CaptureFixture[str]):
    bad = [
        b"[" * 100_000,
        b'{"question": "\\ud800?"}',
        b'{"question": 3}',
        b"null",
        b'{"question": "caf\xe9"}',
    ]
    Path("q.JSONL").write_bytes(
        b"\n".join([b"\xef\xbb\xbf" + json.dumps({"question": "What?"}).encode(), *bad])
    )
    assert ask("q.JSONL", "a.jsonl", "--method", "base") == "1 answered, 0 were before, 5 left out"
    told = capsys.readouterr().err
    assert "line 2: too deeply nested" in told and all(len(line) < 300 for line in told.splitlines())
