"""Keywords in the place of names and back, on the tiny model: what is asked, answered, kept and refused."""

import re
from pathlib import Path
from typing import Any

import pytest

from common import methods, vlm
from common.core import images, io, paths
from common.core.errors import UserError
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.methods.keyword_replacement.method import _keyword
from common.prompts.captions import DESCRIBE
from tests.support.helpers import save_photo

SUBJECTS = [MethodSubject("bo", "pet"), MethodSubject("mam", "pet"), MethodSubject("eva", "person")]
CAPTION, RECOGNITION = Task("caption", 8), Task("recognition", 4)


def prepared(base: vlm.Base, **keywords: list[str]) -> methods.Method:
    section: dict[str, Any] = {"method": "keyword_replacement", "title": "Keyword", "max_new_tokens": 8}
    return methods.prepare(
        "own", {"own": section | {"keywords": keywords}}, Backbones(lambda: base, None, 0, 8)
    )


def said(base: vlm.Base, photo: Path, question: str) -> vlm.Answer:
    prefixes = vlm.encode_prefixes(base, [images.load_image(photo)])
    return vlm.answer(base, [vlm.Query(question, 0)], prefixes, max_new_tokens=8, batch_size=1)[0]


def test_the_first_keyword_becomes_the_name_and_says_who_is_there(base: vlm.Base, workspace: Path) -> None:
    for shade in range(0, 256, 5):  # of some pictures a random model says no word at all
        photo = save_photo(Path("photo.png"), shade)
        described = said(base, photo, DESCRIBE).text
        if words := re.findall(r"\b[A-Za-z]+\b", described):
            break
    word = words[0]
    method = prepared(base, bo=[word], pet=["nowhere"], person=["woman"])
    method.fit(SUBJECTS)
    requests = [
        Request(RECOGNITION, "own", ("bo",), "photo", "Is <bo> here?"),
        Request(RECOGNITION, "own", ("mam",), "photo", "Is <mam> here?"),
        Request(CAPTION, "own", ("bo",), "photo", DESCRIBE),
        Request(CAPTION, "own", ("bo", "eva"), "photo", "Is <bo> or <eva> here?"),
        Request(CAPTION, "own", (), "photo", DESCRIBE),
    ]
    found = method.answers({"photo": photo}, requests)
    assert [answer.text for answer in found[:2]] == ["Yes", "No"] and found[0].probabilities == ()
    assert found[2].text == re.sub(
        rf"\b((an?|the) )?{word}\b", "<bo>", described, count=1, flags=re.IGNORECASE
    )
    assert "<bo>" in found[2].text
    asked = said(base, photo, f"Is the {word} or the woman here?")
    assert found[3].text.replace("<bo>", word).replace("<eva>", "woman").split()[-1] == asked.text.split()[-1]
    assert found[3].probabilities == pytest.approx(asked.probabilities, rel=1e-5)
    assert found[4].text == described  # with nobody in place the base answers as it is
    kept = paths.fitted("own") / "bo" / "keywords.json"
    assert io.read_json(kept) == {"keywords": [word]}
    assert io.read_json(paths.fitted("own") / "mam" / "keywords.json") == {"keywords": ["nowhere"]}
    cost = method.cost("own", "bo")
    assert (cost.trainable, cost.stored_bytes, cost.prompt_tokens) == (0, kept.stat().st_size, 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A dog on the grass.", "A dog"),
        ("Look, the Dog is here.", "the Dog"),
        ("Two dogs and a hotdog.", None),
        ("A cat beside a dog.", "A cat"),
    ],
)
def test_a_keyword_is_a_whole_word_with_its_article(text: str, found: str | None) -> None:
    match = _keyword(text, ["dog", "cat"])
    assert (match and match[0]) == found


def test_a_subject_without_keywords_is_refused(base: vlm.Base, workspace: Path) -> None:
    with pytest.raises(
        UserError, match=r"methods\.own\.keywords has none for eva or for a person: add a list"
    ):
        prepared(base, pet=["dog"]).fit(SUBJECTS)
    with pytest.raises(UserError, match=r"methods\.own\.keywords\.pet"):
        prepared(base, pet=[])
