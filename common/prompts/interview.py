"""What the base model is asked about each training photo: plain data, no logic.

Owns the wording of the ten attribute questions (one list for people, one for everything else), of the caption
and the describe prompt, and the neutral names. It neither asks (`interview`) nor judges answers (`filters`).

Yo'LLaVA (arXiv 2406.09400, section 3.3) asks ten template questions per photo and trains on the answers
without the photo, so every question must concern what stays true of the subject from photo to photo: nothing
here asks about place, pose or company. The wordings are ours. They are short because the embedded base model
was taught these forms as well: changing one means its answers have to be checked again.

`{name}` stands for the neutral name while the base model answers, and for the identifier `<id>` afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.prompts.attribute_questions import ONE_SENTENCE
from common.prompts.captions import NAMING


class AttributeQuestion(NamedTuple):
    """One question, and the trait it is after: a label for readers, never shown to a model."""

    intent: str
    text: str


# How the base model, which does not know the identifier, is told what is meant. The first spelling is the one
# put into questions; the others are spellings the base model may answer with.
NEUTRAL_NAMES = {
    "person": ("this person", "the person"),
    "other": ("the subject", "this subject"),
}

PERSON = (
    AttributeQuestion("clothing color", "What color does {name} mainly wear?"),
    AttributeQuestion("kind", "What kind of person is {name}?"),
    AttributeQuestion("clothing pattern", "What pattern do the clothes of {name} have?"),
    AttributeQuestion("second color", "What other color does {name} wear?"),
    AttributeQuestion("accessory", "What accessory does {name} wear?"),
    AttributeQuestion("clothing", "Are the clothes of {name} plain or patterned?"),
    AttributeQuestion("head and face", "What is on the head or face of {name}?"),
    AttributeQuestion("notable traits", "What helps to recognize {name}?"),
    AttributeQuestion("appearance", "What does {name} look like?"),
    AttributeQuestion("whole", "Give a short description of {name}."),
)

OTHER = (
    AttributeQuestion("color", "What is the main color of {name}?"),
    AttributeQuestion("kind", "What kind of thing is {name}?"),
    AttributeQuestion("markings", "What pattern does {name} have?"),
    AttributeQuestion("second color", "What other color does {name} have?"),
    AttributeQuestion("accessory", "What accessory does {name} have?"),
    AttributeQuestion("texture", "Is {name} plain or patterned?"),
    AttributeQuestion("shape", "What is {name} shaped like?"),
    AttributeQuestion("details", "What helps to recognize {name}?"),
    AttributeQuestion("appearance", "What does {name} look like?"),
    AttributeQuestion("whole", "Give a short description of {name}."),
)

# Captions may tell the scene; they feed the long description only, never training.
CAPTION = NAMING
# The answers to this one become the short description, "<id> is a …".
DESCRIBE = ONE_SENTENCE
# How the base makes one description of all its captions; the paper does not print its wording.
SUMMARIZE = (
    "These are captions of photos of {name}:\n{captions}\nSay in one sentence what {name} is and looks like."
)


def questions_for(kind: str) -> tuple[AttributeQuestion, ...]:
    """Return the ten questions for a subject of this declared kind (person, pet, landmark, …)."""
    return PERSON if kind == "person" else OTHER


def neutral_names(kind: str) -> tuple[str, ...]:
    """Return the neutral name asked with, followed by its other spellings in answers."""
    return NEUTRAL_NAMES["person" if kind == "person" else "other"]


def kinds_said(spoken: Sequence[Mapping[str, Any]], subject: str, kind: str) -> list[str]:
    """Answers to the question for the kind among rows of the CONVERSATIONS schema, one of each photo."""
    (text,) = [question.text for question in questions_for(kind) if question.intent == "kind"]
    asked = text.format(name=f"<{subject}>")
    return [row["answer"] for row in spoken if row["kind"] == "qa" and row["question"] == asked]
