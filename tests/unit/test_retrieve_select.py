"""The rules by which candidates are looked at, kept and left out."""

import io

import numpy as np
from PIL import Image

from common.core.images import pixel_sha256
from common.core.seed import stream
from common.corpus import web
from common.corpus.corpus_entry import CorpusEntry
from stages.retrieve.select import Candidate, Choice, QuerySubject, draw, interleave
from tests.hostile import picture

LIMITS = web.DownloadLimits(1.0, 0, 2**20, 10**6, 256, 2, 10, per_host=1, agent="personal-vlm/test")


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def candidate(number: int, vector: np.ndarray, data: bytes | None = None) -> Candidate:
    kept = web.keep(data or picture(number), LIMITS)
    return Candidate(number, f"{number:09d}", CorpusEntry(f"http://a.example/{number}"), kept, vector)


def subject(**changes) -> QuerySubject:
    values = {
        "names": ["a.png", "b.png"],
        "vectors": np.stack([unit(1, 0, 0), unit(0, 1, 0)]),
        "mirrored": np.stack([unit(1, 0, 0), unit(0, 0, 1)]),
        "hashes": frozenset(),
    }
    return QuerySubject(**values | changes)


def reasons(choice: Choice) -> dict[str, int]:
    return dict(choice.left_out)


def test_every_photo_contributes_its_nearest_first():
    scores = np.array([[0.9, 0.8, 0.1], [0.95, 0.7, 0.6]])
    ids = np.array([[4, 2, 7], [1, 4, -1]])
    assert interleave(scores, ids, -1.0) == [1, 4, 2, 7]


def test_equal_scores_have_one_order():
    assert interleave(np.zeros((3, 1)), np.array([[5], [3], [4]]), -1.0) == [3, 4, 5]


def test_score_names_the_nearest_photo():
    choice = Choice(subject(), 1.1, 1.1)
    assert choice.score(candidate(1, unit(1, 2, 0)))[1] == "b.png"
    assert np.isclose(choice.score(candidate(1, unit(3, 4, 0)))[0], 0.8)


def test_the_subjects_own_photo_is_known_by_bytes_and_by_pixels():
    first = candidate(1, unit(1, 1, 1))
    for hashes in ({first.picture.sha256}, {pixel_sha256(first.picture.image)}):
        choice = Choice(subject(hashes=frozenset(hashes)), 1.1, 1.1)
        assert not choice.consider(first)
        assert reasons(choice) == {"the subject's own photo": 1}


def test_the_same_pixels_in_another_file_are_known():
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).save(out, "PNG", compress_level=0)
    choice = Choice(subject(), 1.1, 1.1)
    assert choice.consider(candidate(1, unit(1, 1, 1)))
    assert not choice.consider(candidate(2, unit(1, 1, -1), out.getvalue()))
    assert reasons(choice) == {"duplicate": 1}


def test_the_ceiling_holds_for_photos_and_their_mirror_images():
    choice = Choice(subject(), 0.99, 1.1)
    assert not choice.consider(candidate(1, unit(1, 0.01, 0)))
    assert not choice.consider(candidate(2, unit(0, 0.01, 1)))
    assert choice.consider(candidate(3, unit(1, 0.5, 0)))
    assert reasons(choice) == {"too similar to be another": 2}


def test_near_duplicates_are_measured_against_kept_ones_only():
    """A ~ B ~ C in a chain: B goes because of A, C stays because B is not there."""
    choice = Choice(subject(), 1.1, 0.95)
    chain = [unit(1, 1, 0), unit(1, 0.6, 0), unit(1, 0.25, 0)]
    assert [choice.consider(candidate(i, vector)) for i, vector in enumerate(chain)] == [True, False, True]
    assert reasons(choice) == {"near duplicate": 1}


def test_hard_negatives_have_a_floor():
    """It holds for the nearest photo: 4 is far from the first but close to the second."""
    scores = np.array([[0.9, 0.3], [0.8, 0.4]])
    assert interleave(scores, np.array([[1, 4], [4, 2]]), 0.5) == [1, 4]


def test_easy_draws_are_seeded_and_without_repetition():
    drawn = draw(stream(0, "retrieve", "bo"), 10**9, 100)
    assert drawn == draw(stream(0, "retrieve", "bo"), 10**9, 100)
    assert drawn != draw(stream(0, "retrieve", "mam"), 10**9, 100)
    assert len(set(drawn)) == len(drawn) > 100
    assert sorted(draw(stream(0, "x"), 50, 100)) == list(range(50))
