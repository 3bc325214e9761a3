"""prompts.yaml: the small bases are asked what they always were, and a mistake is a sentence with its key."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from common.core.errors import UserError
from common.core.io import sha256_bytes
from common.core.subject_params import Kind
from common.prompts.interview import kinds_said, questions_for
from common.prompts.kinds import CONTRADICTS
from common.prompts.prompt_sets import FILE, prompt_sets, read
from common.prompts.recognition import templates, validation
from stages.check.sources import unknown_prompts
from tests.unit.test_assemble_dataset import build

PRESETS = YAML(typ="safe").load(FILE.with_name("params.yaml"))["presets"]
SETS = YAML(typ="safe").load(FILE)
SMALL = ("drawn", "photographs")  # what the small bases are trained on, and their committed results are of


def digest(value: Any) -> str:
    return sha256_bytes(json.dumps(value).encode())


@pytest.mark.parametrize("name", SMALL)
def test_the_small_bases_are_asked_word_for_word_what_they_learned(name: str) -> None:
    """Hashes of the lists when the committed models and results were made."""
    questions = [dict(questions_for(kind, name)) for kind in ("person", "object")]
    assert digest(questions) == "ce03c0eb3578dee671ce5df6081c6edee81911fe31f53357bc5999f19745458d"
    asked = [*templates(name), validation()]
    assert digest(asked) == "e1623dc715f47c2c766090c7233ba0821fc425bb8ee1475e0354dfe12dc4f49a"


def test_a_training_set_asks_word_for_word_what_it_did() -> None:
    """Hash of what was drawn for the same pictures then."""
    asked = [[row["question"], row["answer"], row.get("template")] for row in build()]
    assert digest(asked) == "47b52b33ca7ced7965ccfee94b099fd85e0d5b93a6646cde9fb0fc016846e16a"


def test_every_preset_chooses_sets_that_there_are() -> None:
    chosen = {
        name: (preset["synthesize"]["questions"], preset["assemble"]["recognition"])
        for name, preset in PRESETS.items()
    }
    assert not [problem for names in chosen.values() for problem in unknown_prompts(*names)]
    assert chosen.pop("embedded") == ("drawn", "drawn")
    for name in ("photographs", "photographs-smollm2"):
        assert chosen.pop(name) == ("photographs", "photographs")
    assert set(chosen.values()) == {("real", "real")}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_real_model_is_asked_ten_different_questions_about_every_kind(kind: str) -> None:
    texts = [question.text for question in questions_for(kind, "real")]
    assert len(set(texts)) == 10 and all(text.count("{name}") == 1 for text in texts)
    assert not [text for text in texts if any(word in text for word in ("photo", "picture", "image"))]


def test_what_the_base_took_a_subject_for_is_found_whatever_set_was_asked() -> None:
    asked = [
        ("What kind of animal is <bo>?", "A dog."),
        ("What kind of thing is <bo>?", "A cat."),
        ("?", "No."),
    ]
    rows = [{"kind": "qa", "question": question, "answer": answer} for question, answer in asked]
    rows += [rows[0] | {"kind": "dropped", "reason": reason} for reason in (CONTRADICTS, "empty")]
    assert kinds_said(rows, "bo", "pet") == ["A dog.", "A cat.", "A dog."]


PET, REAL = "questions.real.pet", "recognition.real"
SENTENCE = {"question": "Is {name} here?", "yes": "Yes.", "no": "No."}


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        ("recognition_question", "Is it here?", " is 'Is it here?', which asks about nobody: put {name}"),
        (f"{PET}.kind", "What is {who}?", " is 'What is {who}?', but {who} is no placeholder: write {name}"),
        (f"{PET}.kind", "Is {name red?", " is 'Is {name red?', which has a brace without its other: mend it"),
        (f"{PET}.kind", "", " is '': string should have at least 1 character"),
        (PET, {}, " is {}: dictionary should have at least 1 item"),
        ("questions.real.animal", {"a": "Is {name}?"}, " is 'animal': input should be 'person', 'pet'"),
        ("questions.mine", {"pet": {"a": "{name}?"}}, " has none for character, landmark, object, person: "),
        (f"{REAL}.brief", [], " is []: tuple should have at least 1 item"),
        (f"{REAL}.brief", "Is {name} here?", " is 'Is {name} here?': write a list"),
        (f"{REAL}.brif", [], " is not a known key: did you mean brief?"),
        (f"{REAL}.sentences", [{"question": "Is {name}?", "yes": "Yes"}], ".0.no is missing: add it"),
        (f"{REAL}.sentences", [SENTENCE | {"question": "Who?"}], ".0.question is 'Who?', which asks about "),
        ("recognize", "x", " is not a known key: did you mean recognition?"),
    ],
)
def test_a_mistake_is_a_sentence_with_its_key(tmp_path: Path, at: str, value: Any, sentence: str) -> None:
    sets = deepcopy(SETS)
    *keys, last = at.split(".")
    section = sets
    for key in keys:
        section = section[key]
    section[last] = value
    file = tmp_path / "prompts.yaml"
    file.write_text(json.dumps(sets))
    with pytest.raises(UserError) as error:
        read(file)
    assert f"prompts.yaml: {at}{sentence}" in str(error.value)


def test_a_file_that_is_missing_or_no_yaml_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prompts.yaml is missing: bring it back with `git checkout"):
        read(tmp_path / "prompts.yaml")
    (tmp_path / "prompts.yaml").write_text("questions: {a: 1, a: 2}")
    with pytest.raises(UserError, match=r"prompts.yaml is not valid YAML: .* in line 1"):
        read(tmp_path / "prompts.yaml")


def test_an_unknown_set_is_a_sentence_that_lists_those_there_are() -> None:
    assert unknown_prompts("drawn", "drawn") == []
    assert unknown_prompts("draw", "drawn") == [
        "params.yaml: synthesize.questions is 'draw', but prompts.yaml has no such set: "
        "use one of drawn, photographs, real"
    ]
    assert list(prompt_sets().recognition) == ["drawn", "photographs", "real"]
    with pytest.raises(UserError, match=r"assemble.recognition is 'draw', but prompts.yaml has no such set"):
        templates("draw")
