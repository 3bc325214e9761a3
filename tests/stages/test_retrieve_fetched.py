"""Negatives that are known by address alone: fetched, and asked of a running service."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.core import paths
from common.core.errors import UserError
from common.core.io import read_json, write_json, write_parquet
from common.core.schema import INDEX_METADATA
from stages.index import __main__ as index
from stages.index.loopback import loopback
from stages.retrieve import __main__ as stage
from tests import hostile
from tests.support import clip_retrieval_back, tiny
from tests.support.helpers import set_params
from tests.support.retrieve_helpers import (
    CORPUS,
    _ready,  # noqa: F401  (a fixture)
    make_index,
    rows,
)

pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import
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
