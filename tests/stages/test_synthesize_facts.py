"""What people tell of a subject is kept beside what the model says, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.core import paths
from common.core.errors import UserError
from common.prompts.kinds import CONTRADICTS
from common.world.attributes import draw_individual, draw_scene
from common.world.draw import sprite, view
from stages.synthesize.__main__ import main
from tests.support.helpers import ROOT, set_params
from tests.support.synthesize_helpers import PHOTOS, prepare, rows


@pytest.fixture
def photos(workspace: Path, tiny_llava: Path) -> Path:
    """A workspace with photos of `bo`, which is in params.yaml; its path."""
    return prepare(workspace, tiny_llava)


def test_what_people_tell_is_kept_beside_what_the_model_says(photos: Path) -> None:
    before = (main(), rows("bo"))[1]
    path = paths.facts("bo", "world")
    path.write_text(
        "facts:\n  - {question: How old is sks?, answer: <BO> is four years old.}\n"
        "captions:\n  01.png: <bo> is at the beach.\n  00.png: [<bo> sleeps., A basket with <BO> in it.]\n"
    )
    main()
    table = rows("bo")
    facts = [row for row in table if row["kind"] == "fact"]
    assert {(row["question"], row["answer"]) for row in facts} == {
        ("How old is <bo>?", "<bo> is four years old.")
    }
    assert len(facts) == PHOTOS  # it weighs as much as a question that was asked of every photo
    (caption,) = [row for row in table if row["answer"] == "<bo> is at the beach."]
    assert (caption["kind"], caption["photo"]) == ("caption", "01.png")
    told = ("<bo> sleeps.", "A basket with <bo> in it.")
    assert [row["answer"] for row in table if row["photo"] == "00.png" and row["answer"] in told] == [*told]
    (human,) = [row for row in table if row["kind"] == "description_human"]
    assert human["answer"] == "<bo> is four years old."
    said = {row["answer"] for row in before}
    assert said <= {row["answer"] for row in table} | {before[-1]["answer"], before[-2]["answer"]}


def test_a_declared_noun_is_told_and_what_contradicts_it_is_dropped(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a drawn dog that is said to be a teapot, by a base that knows dogs."""
    set_params({"base.vlm.model": str(ROOT / paths.BASE / "llava"), "synthesize.max_new_tokens": 24})
    rng = np.random.default_rng(0)
    dog = sprite(draw_individual(rng, "dog"))
    for photo in paths.train_photos("bo", "world").iterdir():
        Image.fromarray(view(dog, draw_scene(rng), rng)).save(photo)
    main()
    assert not [row for row in rows("bo") if row["kind"] == "fact" or row["reason"] == CONTRADICTS]
    assert "is called dog" not in capsys.readouterr().err
    set_params({"subjects.bo.noun": "teapot", "subjects.bo.kind": "object"})
    main()
    table = rows("bo")
    said = "<bo> is a teapot."
    assert [row["answer"] for row in table if row["kind"] == "fact"] == [said] * PHOTOS
    (human,) = [row for row in table if row["kind"] == "description_human"]
    assert human["answer"] == said
    dropped = [row["answer"] for row in table if row["reason"] == CONTRADICTS]
    kept = [row["answer"] for row in table if row["kind"] == "qa"]
    assert dropped and all(" dog" in answer for answer in dropped)
    assert kept and not any(" dog" in answer for answer in kept)
    assert "is called dog" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("facts: [{question: a}]", r"facts\.0\.answer"),
        ("facts: [{question: Who owns <rex>?, answer: Ann}]", "<rex> is unknown"),
        ("facts: {a: b", "is not valid YAML"),
        ("age: 4", "age"),
        ("captions: {00.png: {a: b}}", "captions"),
        ("[" * 5000, "is not valid YAML"),
    ],
)
def test_facts_that_cannot_be_read_are_one_sentence(photos: Path, text: str, reason: str) -> None:
    path = paths.facts("bo", "world")
    path.write_text(text)
    with pytest.raises(UserError, match=reason) as refused:
        main()
    assert "facts.yaml" in str(refused.value)
    assert not paths.conversations("bo").exists()
