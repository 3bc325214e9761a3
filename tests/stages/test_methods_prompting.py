"""Prompting on the tiny model: what is kept of a subject, what is answered, and what a section lacks."""

from pathlib import Path
from typing import Any

import pytest

from common import methods, vlm
from common.core import io, paths
from common.core.errors import UserError
from common.methods.interface import Backbones, MethodSubject, Request, Task
from tests.support.helpers import save_photo
from tests.support.methods_helpers import learnable

SUBJECTS = [MethodSubject("bo", "pet"), MethodSubject("mam", "pet")]
TASK = Task("recognition", 4)


@pytest.fixture
def tables(workspace: Path) -> None:
    for subject in SUBJECTS:
        learnable(subject.id, human="a brown dog")


def prompting(base: vlm.Base, **settings: Any) -> methods.Method:
    section = {"method": "prompting", "title": "Told", "description": None, "references": 0} | settings
    return methods.prepare("told", {"told": section}, Backbones(lambda: base, None, 0, 8))


def files() -> dict[str, bytes]:
    folder = paths.fitted("told")
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def test_photos_and_words_are_kept_and_a_second_fit_gives_the_same_bytes(
    base: vlm.Base, tables: None
) -> None:
    method = prompting(base, description="human", references=2)
    method.fit(SUBJECTS)
    first = files()
    assert list(first) == [
        f"{subject.id}/{name}" for subject in SUBJECTS for name in ("00.png", "01.png", "prompt.json")
    ]
    assert io.read_json(paths.fitted("told") / "bo/prompt.json") == {"description": "<bo> is a brown dog."}
    method.fit(SUBJECTS)
    assert files() == first
    cost = method.cost("told", "bo")
    assert cost.trainable == 0 and cost.stored_bytes == sum(
        len(first[name]) for name in first if "bo/" in name
    )
    assert cost.prompt_tokens > 2 * 9  # image tokens of two photos


def test_what_is_told_stands_before_the_question(base: vlm.Base, tables: None) -> None:
    photo = save_photo(Path("photo.png"))
    requests = [
        Request(TASK, "told", ("bo",), "photo", "Is <bo> here?"),
        Request(TASK, "told", ("bo", "mam"), None, "Who is <bo>?"),
        Request(TASK, "told", (), "photo", "What is it?"),
    ]
    for settings in ({"description": "short"}, {"references": 1}):
        method = prompting(base, **settings)
        method.fit(SUBJECTS)
        found = method.answers({"photo": photo}, requests)
        if "references" in settings:
            shown = vlm.image_tokens(base, [method_photo("bo"), method_photo("mam")])
            one = vlm.InterleavedText(f"<bo> is {vlm.IMAGE_PLACEHOLDER}.", shown[:1])
            both = vlm.InterleavedText(
                f"<bo> is {vlm.IMAGE_PLACEHOLDER}. <mam> is {vlm.IMAGE_PLACEHOLDER}.", shown
            )
        else:
            one, both = "<bo> is a red dog.", "<bo> is a red dog. <mam> is a red dog."
        prefixes = vlm.encode_prefixes(base, [io_image(photo)])
        queries = [vlm.Query(requests[0].question, 0, one), vlm.Query(requests[1].question, None, both)]
        queries.append(vlm.Query(requests[2].question, 0))
        expected = vlm.answer(base, queries, prefixes, max_new_tokens=4, batch_size=1)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.text == theirs.text and ours.probabilities == pytest.approx(
                theirs.probabilities, abs=1e-5
            )


def test_the_base_s_own_summary_is_told(base: vlm.Base, workspace: Path) -> None:
    learnable("bo", summary="a dog in many places")
    method = prompting(base, description="summary")
    method.fit(SUBJECTS[:1])
    assert method.definition(["bo"]) == "<bo> is a dog in many places."


def test_what_a_section_lacks_is_one_sentence(base: vlm.Base, workspace: Path) -> None:
    learnable("bo")
    with pytest.raises(
        UserError, match=r"bo has no description by a human.*data/subjects/bo/description.txt"
    ):
        prompting(base, description="human").fit(SUBJECTS[:1])
    with pytest.raises(UserError, match=r"that sums up its captions.*set synthesize.summary: true"):
        prompting(base, description="summary").fit(SUBJECTS[:1])
    with pytest.raises(UserError, match=r"bo has 3 train photos, but methods.told.references is 4"):
        prompting(base, references=4).fit(SUBJECTS[:1])
    with pytest.raises(UserError, match=r"needs a description or references"):
        prompting(base)
    assert not paths.fitted("told").exists()


def io_image(path: Path):
    from common.core import images

    return images.load_image(path)


def method_photo(subject: str):
    return io_image(paths.fitted("told") / subject / "00.png")
