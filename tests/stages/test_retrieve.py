"""The retrieve stage on a real index, a real clip-retrieval service and a hostile web, with a tiny CLIP."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.clip import Clip, embed
from common.core import paths
from common.core.errors import UserError
from common.core.images import load_image, pixel_sha256
from common.core.io import sha256_bytes
from stages.retrieve import __main__ as stage
from tests import hostile
from tests.support.helpers import run_stage, set_params
from tests.support.retrieve_helpers import (
    CORPUS,
    PHOTOS,
    _ready,  # noqa: F401  (a fixture)
    make_index,
    rows,
    subject,
    write,
)

pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import


def test_hard_ones_are_the_nearest_and_easy_ones_others(clip_folder: Path):
    make_index()
    assert "1 subjects, 10 hard and 8 easy negatives" in stage.main()
    hard, easy = rows(role="hard"), rows(role="easy")
    assert [row["rank"] for row in hard] == list(range(10))
    assert rows() == sorted(rows(), key=lambda row: (-ord(row["role"][0]), -row["score"], row["key"]))
    assert not {row["key"] for row in hard} & {row["key"] for row in easy}
    assert {row["query"] for row in easy} == {None}

    clip = Clip(str(clip_folder), None, "cpu")
    photos = [load_image(hostile.picture(number)) for number in PHOTOS]
    corpus = [load_image(hostile.picture(number)) for number in range(CORPUS)]
    similar = embed(clip, photos) @ embed(clip, corpus).T  # (photos, corpus)
    nearest = {f"{i:03d}.png" for i in similar.argsort(axis=1)[:, -3:].flat}  # 3 rounds give at most 9
    assert nearest <= {row["key"] for row in hard}
    for row in rows():
        column = similar[:, int(row["key"][:3])]
        assert np.isclose(row["score"], column.max(), atol=2e-3)
        assert row["query"] in (None, f"{PHOTOS[column.argmax()]}.png")
        assert row["sha256"] == sha256_bytes(row["image"]["bytes"])
        assert row["caption"] == f"picture {int(row['key'][:3])}" and row["url"] == row["key"]


def test_the_subject_itself_is_kept_out():
    """Its photos as files, as the same pixels in another file, scaled down by the index, mirrored."""
    large = hostile.picture(2000, size=(300, 400))
    write(paths.OWN_SUBJECTS / "rex/train/large.png", large)
    out, mirror = io.BytesIO(), io.BytesIO()
    Image.open(io.BytesIO(hostile.picture(1001))).save(out, "PNG", compress_level=0)
    Image.open(io.BytesIO(hostile.picture(1002))).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        mirror, "PNG"
    )
    make_index(
        bytes=hostile.picture(1000), test=hostile.picture(1003), pixels=out.getvalue(), scaled=large,
        mirror=mirror.getvalue(),
    )  # fmt: skip
    set_params({"retrieve.hard": 80, "retrieve.neighbors": 80, "retrieve.max_similarity": 0.9999})
    summary = stage.main()
    assert "4 the subject's own photo" in summary and "1 too similar to be another" in summary
    assert {row["key"] for row in rows()} == {f"{i:03d}.png" for i in range(CORPUS)}


def test_photos_that_are_not_learned_from_are_no_negatives_either():
    """Pictures of the subject stay out, though the search uses one photo alone."""
    make_index(**{f"own{number}": hostile.picture(number) for number in PHOTOS})
    set_params({"train_photos": 1, "retrieve.hard": 80, "retrieve.neighbors": 80})
    assert f"{len(PHOTOS)} the subject's own photo" in stage.main()
    assert len({row["query"] for row in rows(role="hard")}) == 1


def test_copies_in_the_corpus_count_once():
    out, touched = io.BytesIO(), io.BytesIO()
    Image.open(io.BytesIO(hostile.picture(0))).save(out, "PNG", compress_level=0)
    image = Image.open(io.BytesIO(hostile.picture(1)))
    image.putpixel((5, 5), (0, 0, 0))
    image.save(touched, "PNG")
    make_index(range(10), again=hostile.picture(0), pixels=out.getvalue(), nearly=touched.getvalue())
    set_params({"retrieve.hard": 80, "retrieve.near_duplicate": 0.99})
    summary = stage.main()
    assert "2 duplicate" in summary and "1 near duplicate" in summary
    hashes = [pixel_sha256(load_image(row["image"]["bytes"])) for row in rows()]
    assert len(hashes) == len(set(hashes)) == 10


def test_a_small_index_gives_what_it_has():
    make_index(range(6))
    done = run_stage("retrieve")
    assert done.returncode == 0, done.stderr
    assert "rex has 6 of 10 hard ones" in done.stderr and "rex has 0 of 8 easy ones" in done.stderr
    assert len(rows()) == 6


def test_an_index_of_the_subject_alone_is_refused():
    make_index(range(0), only=hostile.picture(1000))
    with pytest.raises(UserError, match=r"no negative for rex .*own photo"):
        stage.main()
    assert not paths.negatives("rex").exists()


def test_subjects_do_not_disturb_each_other():
    make_index()
    stage.main()
    first = paths.negatives("rex").read_bytes()
    subject("mia", range(3000, 3005))
    set_params({"subjects": {"mia": {"kind": "person"}, "rex": {"kind": "pet"}}})
    stage.main()
    assert paths.negatives("rex").read_bytes() == first
    assert {row["key"] for row in rows("mia", "easy")} != {row["key"] for row in rows("rex", "easy")}
    set_params({"subjects": {"rex": {"kind": "pet"}}})
    stage.main()
    assert {path.name for path in paths.NEGATIVES.iterdir()} == {"rex.parquet", "card.json"}
    assert paths.negatives("rex").read_bytes() == first
    set_params({"seed": 1})
    stage.main()
    assert paths.negatives("rex").read_bytes() != first


def test_an_index_that_does_not_fit(tmp_path: Path):
    with pytest.raises(UserError, match=r"card\.json is missing"):
        stage.main()
    make_index(range(5))
    np.save(paths.INDEX_EMBEDDINGS, np.ones((4, 16), np.float32))
    with pytest.raises(UserError, match="do not belong together"):
        stage.main()
    shutil.rmtree("data/subjects/rex/train")
    make_index(range(5))
    with pytest.raises(UserError, match="rex/train is missing"):
        stage.main()
