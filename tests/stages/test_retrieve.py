"""The retrieve stage on a real index, a real clip-retrieval service and a hostile web, with a tiny CLIP."""

import io
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from common.clip import Clip, embed
from common.core import paths
from common.core.errors import UserError
from common.core.images import load_image, pixel_sha256
from common.core.io import read_json, read_parquet, sha256_bytes, write_json, write_parquet
from common.core.schema import INDEX_METADATA, NEGATIVES
from stages.index import __main__ as index
from stages.index.loopback import loopback
from stages.retrieve import __main__ as stage
from tests import hostile
from tests.support import clip_retrieval_back, tiny
from tests.support.helpers import run_stage, set_params

pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import
CORPUS = 60
PHOTOS = range(1000, 1003)  # numbers of the subject's train photos; 1003 is its test photo
LIMITS = {
    "timeout_s": 3.0,
    "retries": 0,
    "max_bytes": 2**20,
    "max_pixels": 10**6,
    "max_side": 256,
    "min_side": 2,
    "max_aspect": 10,
    "per_host": 4,
    "agent": "personal-vlm/test",
    "allowed": ["127.0.0.1"],
}


@pytest.fixture(autouse=True)
def _ready(workspace: Path, clip_folder: Path):
    """A subject `rex` with three train photos and one test photo; small wishes and no ceilings."""
    set_params(
        {
            "subjects": {"rex": {"kind": "pet"}},
            "base.clip.model": str(clip_folder),
            "index.allowed_hosts": "127.0.0.1",
            "retrieve": {
                "hard": 10,
                "easy": 8,
                "neighbors": 20,
                "rounds": 4,
                "min_similarity": -1.0,
                "max_similarity": 1.0,
                "near_duplicate": 1.0,
            },
        }
    )
    subject("rex", PHOTOS)


def subject(name: str, numbers: range) -> None:
    for number in [*numbers, numbers.stop]:
        part = "test" if number == numbers.stop else "train"
        write(paths.OWN_SUBJECTS / name / part / f"{number}.png", hostile.picture(number))


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def make_index(numbers: range = range(CORPUS), **extra: bytes) -> None:
    """data/index/ of these pictures and of `extra` files (name → bytes), through the index stage."""
    for number in numbers:
        write(Path(f"corpus/{number:03d}.png"), hostile.picture(number))
        write(Path(f"corpus/{number:03d}.txt"), f"picture {number}".encode())
    for name, data in extra.items():
        write(Path(f"corpus/{name}.png"), data)
    set_params({"index.source": "folder", "index.location": "corpus"})
    index.main()


def rows(name: str = "rex", role: str | None = None) -> list[dict]:
    found = read_parquet(paths.negatives(name), NEGATIVES).to_pylist()
    return [row for row in found if role in (None, row["role"])]


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


def test_images_known_by_url_alone_are_fetched(clip_folder: Path):
    """Of ten wanted images one is gone and one is no image: both are counted, others take their places."""
    make_index(range(30))
    with loopback(Path("corpus")) as host:
        forget_images([f"{host}{i:03d}.png" for i in range(30)])
        stage.main()
        nearest = rows(role="hard")
        Path(f"corpus/{nearest[0]['key']}").unlink()
        Path(f"corpus/{nearest[1]['key']}").write_text("<html>gone")
        summary = stage.main()
        assert "1 http 404" in summary and "1 not an image" in summary
        found = {row["key"] for row in rows(role="hard")}
        assert len(found) == 10 and found > {row["key"] for row in nearest[2:]}
        set_params({"base.clip.model": str(tiny.clip("other", seed=1))})
        with pytest.raises(UserError, match="reproduce the vectors"):
            stage.main()


def forget_images(addresses: list[str]) -> None:
    """Make of data/index/ what the index stage makes of an existing index that holds addresses only."""
    table = pq.read_table(paths.INDEX_METADATA)
    rows = [row | {"url": url, "image": None} for row, url in zip(table.to_pylist(), addresses, strict=True)]
    write_parquet(paths.INDEX_METADATA, rows, INDEX_METADATA, ["key"])
    write_json(paths.INDEX_CARD, read_json(paths.INDEX_CARD) | {"fetch": {"limits": LIMITS, "threads": 4}})


def served(addresses: list[str], **columns: list) -> pa.Table:
    """What a service tells of the pictures in data/index/, which are at these addresses."""
    table = pq.read_table(paths.INDEX_METADATA)
    return pa.table({"url": addresses, "caption": table["caption"]} | columns)


def ask(service: clip_retrieval_back.Service, **changes: object) -> None:
    """Make the service the corpus, through the index stage."""
    settings = {"url": service.url, "indice_name": "corpus", "size": CORPUS, "retries": 0}
    write_json(Path("service.json"), settings | changes)
    set_params({"index.source": "service", "index.location": "service.json"})
    index.main()


def test_a_running_service(clip_folder: Path):
    """The same negatives as from the index that it serves; it is asked by embedding, never sent a photo."""
    make_index()
    stage.main()
    expected = [(row["role"], int(row["key"][:3]), row["caption"], row["sha256"]) for row in rows()]
    with loopback(Path("corpus")) as host:
        addresses = [f"{host}{i:03d}.png" for i in range(CORPUS)]
        with clip_retrieval_back.running(paths.INDEX_IMAGES, clip_folder, served(addresses)) as service:
            ask(service)
            assert [path.name for path in paths.INDEX.iterdir()] == ["card.json"]
            stage.main()
            found = [(row["role"], int(row["key"]), row["caption"], row["sha256"]) for row in rows()]
            assert Counter(found) == Counter(expected)
            assert all(row["url"].startswith(host) for row in rows())
            keys = set().union(*service.requests())
            assert "embedding_input" in keys and not keys & {"image", "image_url", "text"}

            card = read_json(paths.INDEX_CARD)
            for change, sentence in (
                ({"indice_name": "other"}, "Internal Server Error"),
                ({"url": host + "knn-service"}, "HTTP 501, Invalid JSON"),
            ):
                write_json(paths.INDEX_CARD, card | {"service": card["service"] | change})
                with pytest.raises(UserError, match=sentence):
                    stage.main()

            write_json(paths.INDEX_CARD, card)
            set_params({"base.clip.model": str(tiny.clip("other", seed=1))})
            with pytest.raises(UserError, match="other similarities than base"):
                stage.main()

            with pytest.raises(UserError, match="has no index 'other'"):
                ask(service, indice_name="other")

            service.process.kill()
            service.process.wait()
            write_json(paths.INDEX_CARD, card)
            with pytest.raises(UserError, match=r"no answer for index corpus \(connection refused\)"):
                stage.main()


def fates(host: str) -> list[str]:
    """Addresses of the corpus's pictures, of which every third is alive."""
    dead = ["/missing", "/page", "/noai", "/empty"]
    return [f"{host}/ok/{i}" if i % 3 == 0 else f"{host}{dead[i % 4]}/{i}" for i in range(CORPUS)]


def test_more_is_asked_of_a_service_while_links_are_dead(clip_folder: Path):
    """As many as are wanted are found among the living; what is missing in the end is said and kept."""
    make_index()
    set_params({"retrieve.neighbors": 5})
    with hostile.server() as host:
        living = {i for i in range(CORPUS) if i % 3 == 0}
        with clip_retrieval_back.running(paths.INDEX_IMAGES, clip_folder, served(fates(host))) as service:
            ask(service)
            assert "1 subjects, 10 hard and 8 easy negatives" in stage.main()
            assert {int(row["key"]) for row in rows()} <= living
            asked = [each["num_images"] for each in service.requests() if "num_images" in each]
            assert asked[:6] == [5, 5, 5, 10, 10, 10]

            set_params({"retrieve.hard": 30, "retrieve.rounds": 5})
            summary = stage.main()
            assert "rex has 20 of 30 hard ones; rex has 0 of 8 easy ones" in summary
            card = read_json(paths.NEGATIVES_CARD)["subjects"]["rex"]
            assert card["hard"] == {"wanted": 30, "found": 20, "missing": 10}
            assert card["left_out"] == {"http 404": 10, "not an image": 10, "opted out": 10, "empty": 10}

            set_params({"retrieve.rounds": 1})
            assert len({int(row["key"]) for row in again(role="hard")}) < 10


def again(role: str) -> list[dict]:
    stage.main()
    return rows(role=role)


def test_more_is_asked_of_an_index_while_links_are_dead():
    make_index()
    set_params({"retrieve.neighbors": 5})
    with hostile.server() as host:
        forget_images(fates(host))
        assert "1 subjects, 10 hard and 8 easy negatives" in stage.main()
        assert all("/ok/" in row["url"] for row in rows())


def test_a_service_that_knows_what_is_unsafe(clip_folder: Path):
    """Its numbers decide before a picture is fetched, and its license stays with the row."""
    make_index()
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        metadata = served(
            [f"{host}/ok/{i}" for i in range(CORPUS)],
            punsafe=[[0.1, 0.9, None][i % 3] for i in range(CORPUS)],
            license=["cc0"] * CORPUS,
            hash=list(range(CORPUS)),
        )
        with clip_retrieval_back.running(paths.INDEX_IMAGES, clip_folder, metadata) as service:
            set_params({"index.max_punsafe": 0.5, "retrieve.hard": 30})
            ask(service)
            summary = stage.main()
    assert "20 safety unknown, 20 unsafe" in summary
    assert {int(row["key"]) % 3 for row in rows()} == {int(each.path[4:]) % 3 for each in seen} == {0}
    assert {row["license"] for row in rows()} == {"cc0"}
    assert all(row["listed_hash"] == str(int(row["key"])) for row in rows())
    assert read_json(paths.NEGATIVES_CARD)["corpus"]["safety"]["by"] == "column punsafe of the corpus"
