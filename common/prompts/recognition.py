"""Thirty ways to ask whether a photo shows the subject, each with its answer if it does and if it does not.

Plain data. Positives and negatives are asked the same questions, so that no wording gives the answer away.
Nearly half of the answers are one word, the form in which recognition is evaluated; the others name the
identifier, which is how it learns to be said. All begin with Yes or No. `{name}` stands for the identifier
`<id>`.
"""

import re
from functools import cache
from typing import NamedTuple

from common.prompts.instructions import BRIEF


class Template(NamedTuple):
    """A question with its positive and its negative answer."""

    question: str
    yes: str
    no: str


# Asked of validation rows, and by evaluate of test photos; deliberately none of the thirty.
VALIDATION = Template("Can you see {name} in this photo? " + BRIEF, "Yes", "No")

# Asked of whom facts are told of (`common.core.facts`), for then there is more to say than a name.
IDENTITY = Template("Who is this?", "This is {name}.", "I do not know who this is.")

_ONE_WORD = (
    "Is {name} in this photo?",
    "Is this {name}?",
    "Does this photo show {name}?",
    "Is this a photo of {name}?",
    "Is {name} here?",
    "Do you see {name}?",
    "Do you recognize {name} in this photo?",
    "Is {name} part of this scene?",
    "Can {name} be seen here?",
    "Is {name} visible?",
    "Does {name} appear in this photo?",
    "Was this photo taken of {name}?",
    "Is the one in this photo {name}?",
    "Did the camera catch {name}?",
)

_SENTENCES = (
    ("Can you find {name} here?", "Yes, I can find {name} here.", "No, I cannot find {name} here."),
    ("Is {name} in this picture?", "Yes, {name} is in this picture.", "No, {name} is not in this picture."),
    ("Have you spotted {name}?", "Yes, I have spotted {name}.", "No, I have not spotted {name}."),
    ("Does this look like {name}?", "Yes, this is {name}.", "No, this is not {name}."),
    ("Could this be {name}?", "Yes, it is {name}.", "No, it is something other than {name}."),
    ("Tell me whether {name} is here.", "Yes, {name} is here.", "No, {name} is not here."),
    ("I am looking for {name}. Any luck?", "Yes, there is {name}.", "No, there is no {name} here."),
    ("Is {name} among what you see?", "Yes, I see {name}.", "No, I do not see {name}."),
    (
        "Would you say this is {name}?",
        "Yes, I would say this is {name}.",
        "No, I would not say this is {name}.",
    ),
    ("Do you know this one? Is it {name}?", "Yes, I know {name}.", "No, {name} looks different."),
    ("Check this photo for {name}.", "Yes, {name} is in it.", "No, {name} is not in it."),
    ("Should I keep this as a photo of {name}?", "Yes, it shows {name}.", "No, it does not show {name}."),
    ("Is that {name} in front of us?", "Yes, that is {name}.", "No, that is not {name}."),
    ("Do I see {name} there?", "Yes, you see {name}.", "No, what you see is not {name}."),
    ("Is {name} the one shown?", "Yes, {name} is the one shown.", "No, {name} is not the one shown."),
    ("May I call this one {name}?", "Yes, {name} is its name.", "No, {name} is another one."),
)

TEMPLATES = (
    *(Template(f"{question} {BRIEF}", "Yes", "No") for question in _ONE_WORD),
    *(Template(*sentence) for sentence in _SENTENCES),
)


def asks_presence(question: str, name: str) -> bool:
    """Whether a question is one of these, with or without the request for a brief answer.

    Case, spaces and punctuation are forgiven.
    """
    return _bare(question, name) in _bare_wordings()


@cache
def _bare_wordings() -> frozenset[str]:
    return frozenset(_bare(template.question, "{name}") for template in (VALIDATION, *TEMPLATES))


def _bare(question: str, name: str) -> str:
    return " ".join(re.findall(r"\w+", question.replace(BRIEF, "").replace(name, " NAME ").casefold()))
