"""prompts.yaml as checked, frozen values: the questions and templates that a user may edit, in named sets.

The only module that reads the file, which stands beside the code, so that it is found from any folder. Does
not own what the wordings are used for (`interview`, `recognition`).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import Field, StringConstraints, model_validator

from common.core import settings, yaml_file
from common.core.errors import UserError
from common.core.settings import Section
from common.core.subject_params import Kind

FILE = Path(__file__).resolve().parents[2] / "prompts.yaml"
DRAWN = "drawn"  # the set that the small base models were trained on
OTHER = "other"  # kinds that a set does not name

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
SetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)]
Questions = Annotated[dict[str, Text], Field(min_length=1)]  # label, which no model is shown → question
QuestionSet = Annotated[dict[Literal[Kind, "other"], Questions], Field(min_length=1)]  # by kind of subject
S = TypeVar("S")


class SentenceTemplate(Section):
    """A question with its positive and its negative answer."""

    question: Text
    yes: Text
    no: Text


class RecognitionSet(Section):
    """Questions to be answered in one word, and such with their answers; at least one of either."""

    brief: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]  # YAML has lists, no tuples
    sentences: Annotated[tuple[SentenceTemplate, ...], Field(strict=False, min_length=1)]


class PromptSets(Section):
    """The whole file.

    Attributes:
        recognition_question: what the test asks, without the request for a brief answer.
        questions: of the interview; by set, kind of subject and label.
        recognition: templates of the training set; by set.

    """

    recognition_question: Text
    questions: Annotated[dict[SetName, QuestionSet], Field(min_length=1)]
    recognition: Annotated[dict[SetName, RecognitionSet], Field(min_length=1)]

    @model_validator(mode="after")
    def _can_be_asked(self) -> "PromptSets":
        for key, text, is_question in self._texts():
            if problem := _placeholder_problem(text, is_question):
                raise ValueError(f"{key} is {settings.written(text)}, {problem}")
        for name, kinds in self.questions.items():
            if OTHER not in kinds and (lacking := set(get_args(Kind)) - set(kinds)):
                raise ValueError(
                    f"questions.{name} has none for {', '.join(sorted(lacking))}: add these, or add {OTHER}"
                )
        return self

    def _texts(self) -> Iterator[tuple[str, str, bool]]:
        """Every text with its key, and whether it is a question."""
        yield "recognition_question", self.recognition_question, True
        for name, kinds in self.questions.items():
            for kind, questions in kinds.items():
                for label, text in questions.items():
                    yield f"questions.{name}.{kind}.{label}", text, True
        for name, templates in self.recognition.items():
            at = f"recognition.{name}"
            yield from ((f"{at}.brief.{n}", text, True) for n, text in enumerate(templates.brief))
            for n, template in enumerate(templates.sentences):
                for field, text in template.model_dump().items():
                    yield f"{at}.sentences.{n}.{field}", text, field == "question"


def read(path: Path = FILE) -> PromptSets:
    """Read and check the file; raises one UserError that lists the problems."""
    try:
        return settings.checked(PromptSets, yaml_file.read(path), path.name)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: bring it back with `git checkout -- {path.name}`") from None


@cache
def prompt_sets() -> PromptSets:
    """What the file says, read once."""
    return read()


def choose(sets: Mapping[str, S], name: str, key: str) -> S:
    """The set of this name, which stands at `key` in params.yaml; UserError if there is none."""
    if name not in sets:
        raise UserError(
            f"params.yaml: {key} is {name!r}, but {FILE.name} has no such set: use one of {', '.join(sets)}"
        )
    return sets[name]


def _placeholder_problem(text: str, is_question: bool) -> str | None:
    """What is wrong with the braces of a text, as the end of a sentence; None for nothing."""
    try:
        placeholders = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except ValueError:
        return "which has a brace without its other: mend it"
    if strange := placeholders - {"name"}:
        return f"but {{{sorted(strange)[0]}}} is no placeholder: write {{name}}"
    return (
        "which asks about nobody: put {name} where the subject is named"
        if is_question and not placeholders
        else None
    )
