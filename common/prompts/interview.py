"""What the base model is asked about each training photo.

Owns which of the sets of questions in prompts.yaml is put to a subject, the wording of the caption and the
describe prompt, and the neutral names. It neither asks (`interview`) nor judges answers (`filters`).

Yo'LLaVA (arXiv 2406.09400, section 3.3) asks ten template questions per photo and trains on the answers
without the photo, so every question must concern what stays true of the subject from photo to photo.

`{name}` stands for the neutral name while the base model answers, and for the identifier `<id>` afterwards.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.prompts.attribute_questions import ONE_SENTENCE
from common.prompts.captions import NAMING
from common.prompts.kinds import CONTRADICTS
from common.prompts.prompt_sets import OTHER, QuestionSet, choose, prompt_sets


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

# Captions may tell the scene; they feed the long description only, never training.
CAPTION = NAMING
# The answers to this one become the short description, "<id> is a …".
DESCRIBE = ONE_SENTENCE
# How the base makes one description of all its captions; the paper does not print its wording.
SUMMARIZE = (
    "These are captions of photos of {name}:\n{captions}\nSay in one sentence what {name} is and looks like."
)


def questions_for(kind: str, chosen: str) -> tuple[AttributeQuestion, ...]:
    """Return the questions for a subject of this declared kind (person, pet, landmark, …).

    `chosen` names their set. Raises UserError if prompts.yaml has no such set, or cannot be read.
    """
    return _of_kind(choose(prompt_sets().questions, chosen, "synthesize.questions"), kind)


def kind_question(kind: str, chosen: str) -> str:
    """Return the question of a set for what a subject is; the plainest, if the set has none."""
    asked = (question.text for question in questions_for(kind, chosen) if question.intent == "kind")
    return next(asked, "What is {name}?")


def neutral_names(kind: str) -> tuple[str, ...]:
    """Return the neutral name asked with, followed by its other spellings in answers."""
    return NEUTRAL_NAMES["person" if kind == "person" else "other"]


def kinds_said(spoken: Sequence[Mapping[str, Any]], subject: str, kind: str) -> list[str]:
    """Answers to the question for the kind among rows of the CONVERSATIONS schema, one of each photo, those
    that contradict the declared noun among them.

    None, if the set that was asked has no such question.
    """
    asked = {
        question.text.format(name=f"<{subject}>")
        for questions in prompt_sets().questions.values()
        for question in _of_kind(questions, kind)
        if question.intent == "kind"
    }
    return [
        row["answer"]
        for row in spoken
        if row["question"] in asked and (row["kind"] == "qa" or row.get("reason") == CONTRADICTS)
    ]


def _of_kind(questions: QuestionSet, kind: str) -> tuple[AttributeQuestion, ...]:
    texts = questions[kind if kind in questions else OTHER]
    return tuple(AttributeQuestion(intent, text) for intent, text in texts.items())
