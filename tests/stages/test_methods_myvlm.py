"""MyVLM on two made-up subjects and tiny random models: fitted, asked, and fitted again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common import methods, vlm
from common.clip import Clip
from common.core import io, paths, schema
from common.core.errors import UserError
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.methods.myvlm.own_questions import ask as ask_own
from common.methods.myvlm.own_questions import named
from common.methods.myvlm.settings import OwnQuestions
from common.methods.myvlm.training_pairs import Identifier
from common.methods.respond import answer_all
from common.prompts.myvlm import PERSON, THING
from tests.support.myvlm_helpers import PHOTOS, SECTION, fitted_files, prepared, write_tables
from tests.support.vlm_helpers import noise_images

SUBJECTS = [MethodSubject("bo", "pet"), MethodSubject("ana", "person")]
RECOGNITION, CHAT = Task("recognition", 8), Task("chat", 6)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The tables of both subjects, and four photos to ask about."""
    monkeypatch.chdir(tmp_path)
    pictures = noise_images(12)
    files = [tmp_path / f"{number}.png" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        picture.save(file)
    for number, subject in enumerate(SUBJECTS):
        write_tables(subject, files[4 * number : 4 * number + 4])
    return {str(number): file for number, file in enumerate(files[8:])}


@pytest.fixture(scope="module")
def backbones(base: vlm.Base, clip_folder: Path) -> Backbones:
    clip = Clip(str(clip_folder), None, "cpu")
    return Backbones(lambda: base, lambda: clip, 0, 4)


@pytest.mark.parametrize("mode", ["captioning", "vqa"])
def test_fitting_writes_heads_and_vectors_and_a_second_time_the_same_bytes(
    photos, backbones, base, mode
) -> None:
    method = prepared(backbones, mode)
    method.fit(SUBJECTS)
    first = fitted_files()
    folder = paths.fitted("myvlm") / "bo"
    values = io.read_safetensors(folder / "embedding.safetensors")[0]
    assert values["keys"].shape == (PHOTOS, 2) and values["values"].shape == (1, base.hidden_size)
    torch.testing.assert_close(values["values"].norm(), torch.tensor(1.0))
    steps = io.read_safetensors(folder / "checkpoints.safetensors")[0]
    assert set(steps) == {"2.values", "4.values", "5.values"}
    assert torch.equal(steps["5.values"], values["values"])
    split = io.read_json(folder / "split.json")
    assert split["positives"] == ["0.png", "1.png"]
    assert sorted(split["negatives"] + split["held_out"]) == ["2.png", "3.png"]
    assert method.cost("myvlm", "bo").prompt_tokens == 1
    assert method.cost("myvlm", "bo").trainable == base.hidden_size + 2 * 16 + 2
    method.fit(SUBJECTS)
    assert fitted_files() == first


def test_its_own_questions_are_answered_by_the_base_with_the_category_for_the_name(base) -> None:
    pictures = dict(zip("ab", noise_images(2), strict=True))
    settings = OwnQuestions(category="the {kind}", max_new_tokens=6)
    for subject, questions in ((SUBJECTS[0], THING), (SUBJECTS[1], PERSON)):
        assert len(questions) == 9
        tasks = ask_own(base, subject, Identifier(subject.token, "sks"), pictures, settings, 2)
        prefixes = vlm.encode_prefixes(base, list(pictures.values()))
        for place, photo in enumerate(pictures):
            queries = [vlm.Query(q.format(name=f"the {subject.kind}"), place) for q in questions]
            said = vlm.answer(base, queries, prefixes, max_new_tokens=6, batch_size=2)
            expected = [
                [(q.format(name="sks"), named(answer.text, f"the {subject.kind}", "sks"))]
                for q, answer in zip(questions, said, strict=True)
                if answer.text
            ]
            assert tasks[photo] == expected and expected
    assert named("The Pet is red; the pets are not.", "the pet", "<Bo>") == "<Bo> is red; the pets are not."


def test_its_own_questions_teach_in_place_of_the_conversations(photos, backbones) -> None:
    vectors = []
    for own in (None, {"category": "the {kind}", "max_new_tokens": 6}):
        prepared(backbones, "vqa", own_questions=own).fit(SUBJECTS[:1])
        vectors.append(io.read_safetensors(paths.fitted("myvlm") / "bo/embedding.safetensors")[0]["values"])
    assert not torch.equal(*vectors)


def requests() -> list[Request]:
    return [
        Request(CHAT, "myvlm", subjects, photo, "What is <bo> next to in this photo?")
        for subjects in (("bo",), ("ana",), ("bo", "ana"))
        for photo in ("0", "1", None)
    ]


def test_the_base_answers_bit_for_bit_where_no_head_fires_and_without_a_photo(
    photos, backbones, base
) -> None:
    method = prepared(backbones, threshold=1.0)
    method.fit(SUBJECTS)
    found = method.answers(photos, requests())
    assert found == answer_all(base, photos, requests(), [None] * 9, 4)
    fired = prepared(backbones, threshold=0.0)
    fired.fit(SUBJECTS)
    changed = fired.answers(photos, requests())
    for ask, one, other in zip(requests(), found, changed, strict=True):
        assert (one == other) is (ask.photo is None)
    assert len({answer.probabilities for answer in changed[0::3]}) == 3  # bo, ana, both


def test_heads_alone_decide_recognition(photos, backbones) -> None:
    method = prepared(backbones)
    method.fit(SUBJECTS)
    found = method.answers(photos, [Request(RECOGNITION, "myvlm", ("bo",), photo, "?") for photo in photos])
    for answer in found:
        assert answer.text == ("Yes" if answer.probabilities[0] >= 0.5 else "No")
        assert sum(answer.probabilities) == pytest.approx(1)
    assert len({answer.probabilities for answer in found}) == 4


def test_an_answer_names_the_subject_by_its_token(photos, backbones, base, monkeypatch) -> None:
    method = prepared(backbones, threshold=0.0, identifier="dog")
    method.fit(SUBJECTS)
    ask = Request(CHAT, "myvlm", ("bo",), "0", "Is it <bo>?")
    asked = []
    usual = vlm.answer

    def answer(base, queries, *args, **options):
        asked.extend(query.question for query in queries)
        return [vlm.Answer(f"A {query.question}", one.probabilities) for query, one in zip(
            queries, usual(base, queries, *args, **options), strict=True
        )]  # fmt: skip

    monkeypatch.setattr(vlm, "answer", answer)
    (found,) = method.answers(photos, [ask])
    assert asked == ["Is it dog?"] and found.text == "A Is it <bo>?"


def test_captions_that_never_name_the_subject_are_a_mistake(photos, backbones) -> None:
    turns = io.read_parquet(SUBJECTS[0].conversations, schema.CONVERSATIONS).to_pylist()
    turns = [turn | {"answer": "A dog."} for turn in turns]
    io.write_parquet(SUBJECTS[0].conversations, turns, schema.CONVERSATIONS, ["photo", "turn"])
    untrained = Backbones(lambda: pytest.fail("a base is loaded"), backbones.clip, 0, 4)
    sentence = r"nothing in data/conversations/bo.parquet teaches <bo>: .* take methods\.myvlm out"
    with pytest.raises(UserError, match=sentence):
        prepared(untrained).fit(SUBJECTS[::-1])


def test_a_vector_for_another_base_is_refused(photos, backbones, base) -> None:
    method = prepared(backbones)
    method.fit(SUBJECTS[:1])
    path = paths.fitted("myvlm") / "bo" / "embedding.safetensors"
    tensors, info = io.read_safetensors(path)
    io.write_safetensors(path, tensors, info | {"base": "another"})
    with pytest.raises(UserError, match=r"another base model .* `dvc repro fit_baseline@myvlm`"):
        method.answers(photos, [Request(CHAT, "myvlm", ("bo",), "0", "?")])


def test_mistakes_in_the_section_are_named() -> None:
    def problems(**changes: object) -> list[str]:
        return methods.check({"myvlm": dict(SECTION) | changes})

    assert problems() == []
    (missing,) = problems(face_model="models/face/buffalo_l")
    assert "insightface" in missing and "set face_model to null" in missing
    (unnamed,) = problems(instruction="Caption this.")
    assert "must contain {identifier}" in unnamed
    (unknown,) = problems(head=dict(SECTION["head"]) | {"step": 3})
    assert "methods.myvlm.head.step is not a known key: did you mean steps?" in unknown


def test_heads_of_all_people_and_things_see_a_photo_once(photos, backbones, monkeypatch) -> None:
    method = prepared(backbones)
    method.fit(SUBJECTS)
    seen = []
    clip = backbones.clip()
    usual = clip.preprocess
    monkeypatch.setattr(clip, "preprocess", lambda images: seen.append(len(images)) or usual(images))
    both = [Request(RECOGNITION, "myvlm", (s,), photo, "?") for s in ("bo", "ana") for photo in photos]
    assert len(method.answers(photos, both)) == 8
    assert np.sum(seen) == 4
