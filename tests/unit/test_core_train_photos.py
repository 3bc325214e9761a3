from itertools import pairwise

import pytest

from common.core import paths, train_photos
from common.core.errors import UserError


@pytest.fixture(autouse=True)
def _photos(workspace):
    folder = paths.train_photos("bo", "own")
    folder.mkdir(parents=True)
    for number in range(8):
        (folder / f"{number}.jpg").touch()


def chosen(most, seed=0):
    return [int(path.stem) for path in train_photos.choose("bo", "own", most, seed)]


def test_all_photos_are_learned_from_unless_a_number_is_given():
    assert chosen(None) == chosen(8) == chosen(100) == list(range(8))


def test_fewer_photos_are_always_the_same_and_among_those_of_a_larger_number():
    sets = [set(chosen(most)) for most in range(1, 9)]
    assert [len(each) for each in sets] == list(range(1, 9))
    assert all(few < more for few, more in pairwise(sets))
    assert chosen(3) == chosen(3) == sorted(chosen(3))


def test_another_seed_draws_others():
    assert len({tuple(chosen(3, seed)) for seed in range(9)}) > 1


def test_a_folder_without_photos_is_named():
    for photo in paths.train_photos("bo", "own").iterdir():
        photo.unlink()
    with pytest.raises(UserError, match="data/subjects/bo/train holds no photos: put the subject's photos"):
        chosen(1)
