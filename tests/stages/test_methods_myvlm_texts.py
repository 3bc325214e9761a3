"""How MyVLM's texts call a subject: by its identifier, and by what it is where the base is asked."""

from pathlib import Path

import pytest

from common import vlm
from common.clip import Clip
from common.core import io, paths
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.methods.myvlm.own_questions import ask
from common.methods.myvlm.settings import OwnQuestions
from common.methods.myvlm.training_pairs import Identifier
from tests.support.myvlm_helpers import prepared, write_tables
from tests.support.vlm_helpers import noise_images

SUBJECTS = [MethodSubject("bo", "pet"), MethodSubject("ana", "person")]


def test_people_and_things_are_called_by_the_names_of_their_kind(
    base: vlm.Base, clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / f"{number}.png" for number in range(8)]
    for file, picture in zip(files, noise_images(8), strict=True):
        picture.save(file)
    for subject, own in zip(SUBJECTS, (files[:4], files[4:]), strict=True):
        write_tables(subject, own)
    clip = Clip(str(clip_folder), None, "cpu")
    backbones = Backbones(lambda: base, lambda: clip, 0, 4)
    method = prepared(backbones, threshold=0.0, identifier="sks", person_identifier="{name}")
    method.fit(SUBJECTS)
    learned = [
        io.read_safetensors(paths.fitted("myvlm") / subject.id / "embedding.safetensors")[1]
        for subject in SUBJECTS
    ]
    assert [info["identifier"] for info in learned] == ["sks", "Ana"]
    asked, usual = [], vlm.answer

    def answer(base, queries, *args, **options):
        asked.extend(query.question for query in queries)
        return usual(base, queries, *args, **options)

    monkeypatch.setattr(vlm, "answer", answer)
    for subjects in (("bo",), ("ana",), ("bo", "ana")):
        question = Request(Task("chat", 2), "myvlm", subjects, "0", "Is <bo> with <ana>?")
        method.answers({"0": files[0]}, [question])
    assert asked == ["Is sks with <ana>?", "Is <bo> with Ana?", "Is sks with Ana?"]


def test_the_category_of_its_own_questions_is_the_subject_s_noun_or_else_its_kind(base: vlm.Base) -> None:
    pictures, identifier = {"a": noise_images(1)[0]}, Identifier.of("bo", "sks")
    told = []
    for noun, plain in ((None, "the pet"), ("dog", "the dog"), ("ball", "the ball")):
        subject = MethodSubject("bo", "pet", noun)
        one, other = (
            ask(base, subject, identifier, pictures, OwnQuestions(category=category, max_new_tokens=6), 2)
            for category in ("the {noun}", plain)
        )
        assert one == other
        told.append(one)
    assert told[0] != told[1] != told[2] != told[0]
