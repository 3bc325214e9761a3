"""People told by their faces, with insightface and small networks of its two kinds, on drawn people.

Needs the dependency group `faces`; what is tested without it stands in tests/unit/test_myvlm_heads.py.
"""

from pathlib import Path

import numpy as np
import pytest

from common import vlm
from common.clip import Clip
from common.core import io, paths
from common.core.errors import UserError
from common.methods.interface import Backbones, Method, MethodSubject, Request, Task
from common.methods.myvlm import heads
from common.methods.myvlm.features import FeatureExtractor
from tests.support.myvlm_helpers import prepared, write_tables

pytest.importorskip("insightface")
faces = pytest.importorskip("tests.support.faces")  # which needs insightface's own requirements

ANA, BO = MethodSubject("ana", "person"), MethodSubject("bo", "pet")
DISTANCE = 0.675


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faces.write_pack(tmp_path_factory.mktemp("faces") / "pack")


def saved(folder: Path, *photos: tuple[str, ...]) -> list[Path]:
    files = [folder / f"{number}-{'-'.join(names)}.png" for number, names in enumerate(photos)]
    for number, (file, names) in enumerate(zip(files, photos, strict=True)):
        faces.photo(*names, light=1 - number / 50).save(file)
    return files


def method(base: vlm.Base, clip_folder: Path, pack: Path) -> Method:
    clip = Clip(str(clip_folder), None, "cpu")
    changes = {"face_model": str(pack), "face_distance": DISTANCE}
    return prepared(Backbones(lambda: base, lambda: clip, 0, 4), threshold=0.25, **changes)


def test_every_face_of_a_photo_is_found_and_the_same_person_is_near(pack: Path) -> None:
    shown = [faces.photo(*names) for names in (("ana",), ("ben",), ("ben", "ana"), ())]
    found = FeatureExtractor(lambda: pytest.fail("CLIP is loaded"), str(pack)).of(
        "face", [*shown, faces.photo("ana", light=0.8), shown[0].resize((320, 320))]
    )
    assert [each.shape for each in found] == [(1, 48), (1, 48), (2, 48), (0, 48), (1, 48), (1, 48)]
    assert all(each.dtype == np.float32 for each in found)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate(found), axis=1), 1, atol=1e-6)
    ana, ben, both, _, *again = found
    assert all(1 - (ana @ other.T).item() < 0.1 for other in again)
    assert 1 - (ana @ ben.T).item() > DISTANCE
    assert sorted((both @ ana.T).ravel() > 0.9) == sorted((both @ ben.T).ravel() > 0.9) == [False, True]


def test_people_are_told_by_face_and_pets_by_clip_each_with_the_threshold_of_its_kind(
    base: vlm.Base, clip_folder: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tables(ANA, saved(tmp_path, ("ana",), ("ben", "ana"), ("ben",), ()), photos=2)
    write_tables(BO, saved(tmp_path, (), ("ben",), ("ana",), ()), photos=2)
    fitted = method(base, clip_folder, pack)
    fitted.fit([ANA, BO])
    told = {s.id: io.read_safetensors(paths.fitted("myvlm") / s.id / heads.FILE)[1] for s in (ANA, BO)}
    assert told == {
        "ana": {"signal": "face", "threshold": DISTANCE},
        "bo": {"signal": "clip", "threshold": 0.25},
    }
    head = heads.load(paths.fitted("myvlm") / "ana")
    assert head.keys.shape == (2, 48)  # of the photo of two her face alone
    assert (head.keys @ head.keys.T).min() > 0.9
    assert fitted.cost("myvlm", "ana").trainable == base.hidden_size  # nothing of the head

    photos = dict(zip("abcd", saved(tmp_path, ("ana", "ben"), ("ben",), (), ("ben", "ana")), strict=True))
    asked = [Request(Task("recognition", 8), "myvlm", ("ana",), photo, "?") for photo in photos]
    assert [answer.text for answer in fitted.answers(photos, asked)] == ["Yes", "No", "No", "Yes"]


def test_a_person_whom_no_photo_shows_alone_is_a_mistake(
    base: vlm.Base, clip_folder: Path, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tables(ANA, saved(tmp_path, ("ana", "ben"), (), ("ben",), ()), photos=2)
    with pytest.raises(
        UserError, match="finds nobody alone in the train photos of ana: add a photo with one"
    ):
        method(base, clip_folder, pack).fit([ANA])


@pytest.mark.parametrize("lost", ["detector.onnx", "recognizer.onnx"])
def test_half_a_pack_is_a_mistake(lost: str, tmp_path: Path) -> None:
    (faces.write_pack(tmp_path / "pack") / lost).unlink()
    with pytest.raises(UserError, match=r"pack, whose \.onnx files do not both find and tell faces: unpack"):
        FeatureExtractor(lambda: None, str(tmp_path / "pack")).of("face", [faces.photo("ana")])
