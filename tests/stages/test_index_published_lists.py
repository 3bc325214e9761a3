"""Lists of pictures as COCO and Open Images publish them become an index like any other list."""

import json
from pathlib import Path

import pytest

from common.core import paths
from common.core.errors import UserError
from stages.index import __main__ as stage
from stages.index import listing
from tests.support.helpers import set_params
from tests.support.index_helpers import check_consistent, images
from tests.support.index_jobs import _base_clip  # noqa: F401  (a fixture)

HEADER = (
    "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,OriginalSize,OriginalMD5,"
    "Thumbnail300KURL,Rotation"
)
BY = "http://creativecommons.org/licenses/by/2.0/"
COCO = {
    "info": {"year": 2017},
    "licenses": [{"id": 4, "url": BY, "name": "Attribution"}],
    "images": [
        {
            "id": 7,
            "license": 4,
            "file_name": "7.jpg",
            "coco_url": "http://corpus.example/000.png",
            "height": 1,
        },
        {"id": 8, "license": 9, "coco_url": None, "flickr_url": "http://corpus.example/001.png"},
        {"id": 9, "coco_url": "http://corpus.example/gone.png"},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "caption": "A red ball."},
        {"id": 2, "image_id": 7, "caption": "A ball on the floor."},
        {"id": 3, "image_id": 12, "caption": "Of no picture."},
    ],
}


def _csv(*rows: str) -> bytes:
    return ("\ufeff" + "\r\n".join((HEADER, *rows)) + "\r\n").encode()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["captions_val2017.json", "validation-images-with-rotation.csv"])
def test_a_published_list_becomes_an_index(workspace: Path, clip_folder: Path, name: str):
    """Captions and licenses come along; the picture that is gone is counted."""
    images(Path("served"), range(2))
    Path("captions_val2017.json").write_text(json.dumps(COCO))
    Path("validation-images-with-rotation.csv").write_bytes(
        _csv(
            f"a,validation,http://corpus.example/000.png,,{BY},,Ana,A red ball.,1,,,",
            "b,validation,http://corpus.example/001.png,,,,,,2,,,0",
            "c,validation,http://corpus.example/gone.png,,,,,,2,,,0",
        )
    )
    set_params({"index.source": "urls", "index.location": name, "index.serve": "served"})
    assert "2 images, failed: 1 http 404" in stage.main()
    rows = check_consistent(clip_folder).to_pylist()
    assert [row["caption"] for row in rows] == ["A red ball.", None]
    assert [row["license"] for row in rows] == [BY, None]
    assert paths.INDEX_CARD.is_file()


def test_one_odd_row_of_a_csv_loses_no_other(tmp_path: Path):
    file = tmp_path / "images.CSV"
    rows = [
        'a,train,http://a.example/1.jpg,,,,,"two',
        'lines, and ""quotes""",1,,,0',
        "b,train,http://a.example/2.jpg,,,,,too,many,fields,in,this,row,,",
        "c,train",
        "d,train,http://a.example/3.jpg,,,,,NA,2,,,",
    ]
    file.write_bytes(_csv(*rows).replace(b"NA", b"caf\xe9"))
    entries, known = listing.read(file)
    assert [(entry.url, entry.caption) for entry in entries] == [
        ("http://a.example/1.jpg", 'two\r\nlines, and "quotes"'),
        ("http://a.example/3.jpg", "caf\N{REPLACEMENT CHARACTER}"),
        *[(None, None)] * 2,  # the ragged rows, which index counts
    ]
    assert known == {"url", "caption", "license"}


def test_odd_rows_of_coco_lose_no_other(tmp_path: Path):
    file = tmp_path / "captions.json"
    odd = {key: [*COCO[key], {"id": "x"}, 3, None] for key in ("images", "annotations", "licenses")}
    file.write_text(json.dumps(odd))
    entries, _ = listing.read(file)
    assert [entry.url for entry in entries[3:]] == [None] * 3 and len(entries) == 6
    assert (entries[0].caption, entries[0].license) == ("A red ball.", BY)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b'{"images": 3}', "images"),
        ("a.json", b"[" * 10**5, "too deeply nested"),
        ("a.json", b"{}", "images"),
        ("a.json", b'{"images": []}', "needs at least one row"),
        ("a.csv", b"", "no CSV that can be read"),
        ("a.csv", b"name,size\nb,1\n", "needs a column url or image_url or originalurl"),
        ("a.csv", _csv(), "needs at least one row"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, name: str, content: bytes, said: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        listing.read(tmp_path / name)
