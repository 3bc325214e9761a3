"""The ways to ask whether a photo shows the subject, each with its answer if it does and if it does not.

The wordings stand in prompts.yaml, in sets. Positives and negatives are asked the same questions, so that no
wording gives the answer away. Some answers are one word, the form in which recognition is evaluated; the
others name the identifier, which is how it learns to be said. `{name}` stands for the identifier `<id>`.
"""

import re
from functools import cache
from typing import NamedTuple

from common.prompts.instructions import BRIEF
from common.prompts.prompt_sets import choose, prompt_sets


class Template(NamedTuple):
    """A question with its positive and its negative answer."""

    question: str
    yes: str
    no: str


# Asked of whom facts are told of (`common.core.facts`), for then there is more to say than a name.
IDENTITY = Template("Who is this?", "This is {name}.", "I do not know who this is.")


def validation() -> Template:
    """What is asked of validation rows, and by evaluate of test photos; training never asks it."""
    return _brief(prompt_sets().recognition_question)


@cache
def templates(chosen: str) -> tuple[Template, ...]:
    """The templates of a set; UserError if prompts.yaml has no such set, or cannot be read."""
    named_set = choose(prompt_sets().recognition, chosen, "assemble.recognition")
    sentences = (Template(each.question, each.yes, each.no) for each in named_set.sentences)
    return (*map(_brief, named_set.brief), *sentences)


def asks_presence(question: str, name: str) -> bool:
    """Whether a question is one of these, of any set, with or without the request for a brief answer.

    Case, spaces and punctuation are forgiven.
    """
    return _bare(question, name) in _bare_wordings()


@cache
def _bare_wordings() -> frozenset[str]:
    every = [template for name in prompt_sets().recognition for template in templates(name)]
    return frozenset(_bare(template.question, "{name}") for template in (validation(), *every))


def _brief(question: str) -> Template:
    return Template(f"{question} {BRIEF}", "Yes", "No")


def _bare(question: str, name: str) -> str:
    return " ".join(re.findall(r"\w+", question.replace(BRIEF, "").replace(name, " NAME ").casefold()))
