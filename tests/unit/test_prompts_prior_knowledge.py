"""What the base's answers to "Do you know …?" amount to."""

import pytest

from common.core.names import spoken
from common.prompts.prior_knowledge import INVENTED, PriorKnowledge


@pytest.mark.parametrize(
    ("parsed", "invented", "claims"),
    [("yes", 0, True), ("yes", 2, True), ("yes", 3, False), ("no", 0, False), (None, 0, False)],
)
def test_yes_is_a_claim_unless_made_up_names_get_it_as_well(
    parsed: str | None, invented: int, claims: bool
) -> None:
    assert len(INVENTED) == 5
    assert PriorKnowledge("Bo", "", parsed, 0.5, "", invented).claims == claims


def test_an_id_is_said_as_a_name() -> None:
    assert [spoken(name) for name in ("bo", "my-dog", "yollava-pig-cup")] == ["Bo", "My Dog", "Pig Cup"]
