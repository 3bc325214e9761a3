"""One rule about how texts name the subject."""

import pytest

from common.core.errors import UserError
from common.core.names import about


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("Is <sks> red?", "Is <bo> red?"),
        ("a photo of sks, SKS.", "a photo of <bo>, <bo>."),
        ("<Bo> and <BO>", "<bo> and <bo>"),
        ("asks for masks; 3 < 4 > 2; </s>", "asks for masks; 3 < 4 > 2; </s>"),
        ("bo in a box", "bo in a box"),
    ],
)
def test_every_spelling_of_the_subject_becomes_its_token(text: str, ours: str):
    assert about("bo", text) == ours


@pytest.mark.parametrize("name", ["<rex>", "<Rex>", "<bo2>", "<bo|1>", "<image>"])
def test_somebody_else_is_refused(name: str):
    with pytest.raises(UserError, match=r"is unknown, for this is about <bo>: write <bo>"):
        about("bo", f"Is {name} beside <bo>?")
