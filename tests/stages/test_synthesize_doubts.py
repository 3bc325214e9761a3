"""What synthesize says of a base that claims to know a subject, or does not know what it sees."""

from pathlib import Path

import pytest

from common import vlm
from common.core import io, paths, schema
from common.prompts.interview import questions_for
from common.prompts.prior_knowledge import INVENTED, KNOWS, TELLS
from common.prompts.prompt_sets import DRAWN
from stages.synthesize.__main__ import main
from stages.synthesize.interview import doubtful
from stages.synthesize.prior_knowledge import known_before
from tests.support.helpers import set_params
from tests.support.synthesize_helpers import prepare


@pytest.fixture
def photos(workspace: Path, tiny_llava: Path) -> Path:
    """A workspace with photos of `bo`, which is in params.yaml; its path."""
    return prepare(workspace, tiny_llava)


def test_the_base_is_asked_before_training_whether_it_knows_the_name(
    photos: Path, tiny_llava: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main()
    before = paths.conversations("bo").read_bytes()

    def known() -> list[dict]:
        return io.read_parquet(paths.PRIOR_KNOWLEDGE, schema.PRIOR_KNOWLEDGE).to_pylist()

    assert {row["name"] for row in known() if row["invented"]} == set(INVENTED)
    assert {row["name"] for row in known() if not row["invented"]} == {"Bo"}
    set_params({"subjects.bo.name": "Bo of Hanoi"})
    main()
    assert paths.conversations("bo").read_bytes() == before  # nothing that is trained on depends on it
    asked = {row["question"]: row for row in known() if not row["invented"]}
    assert list(asked) == [KNOWS.format(name="Bo of Hanoi"), TELLS.format(name="Bo of Hanoi")]
    base = vlm.load(str(tiny_llava))
    alone = vlm.answer(
        base,
        [vlm.Query(question) for question in asked],
        vlm.encode_prefixes(base, []),
        max_new_tokens=4,
        batch_size=1,
    )
    assert [row["answer"] for row in asked.values()] == [answer.text for answer in alone]
    assert asked[KNOWS.format(name="Bo of Hanoi")]["p_yes"] == pytest.approx(
        alone[0].probabilities[0], abs=1e-5
    )
    assert asked[TELLS.format(name="Bo of Hanoi")]["p_yes"] is None


def test_a_base_that_claims_to_know_a_subject_is_said_so() -> None:
    common = {"subject": "bo", "question": "?", "answer": "Yes"}
    rows = [
        common | {"invented": False, "name": "Bo", "parsed": "yes", "p_yes": 0.9},
        common | {"invented": False, "name": "Bo", "parsed": None, "p_yes": None},
    ]
    others = [common | {"invented": True, "name": name, "parsed": "yes", "p_yes": 0.6} for name in INVENTED]
    assert (known_before(rows) or "").startswith(
        "the base model says that it knows Bo, before it learned <bo>"
    )
    assert known_before([*rows, *others]) is None  # it says so of anybody


def test_a_base_out_of_its_depth_is_said_so() -> None:
    asked = next(
        question.text for question in questions_for("pet", DRAWN) if question.intent == "kind"
    ).format(name="<bo>")
    said = [
        {"kind": "qa", "question": asked, "answer": f"<bo> is a {noun}."} for noun in ("rabbit", "rabbit")
    ]
    found = doubtful("bo", "object", [*said, {"kind": "dropped", "question": asked, "answer": "mug"}])
    assert found and found.startswith(
        "<bo> is called rabbit (2 of 2) in its train photos, and declared as object: "
    )
    assert doubtful("bo", "pet", said) is None
