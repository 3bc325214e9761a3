"""The published two-choice questions in the form of `testdata.ground_truth`, and how far "always A" gets.

Nothing is lost by the published order of options: evaluate asks each question in both orders.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from commands.add.published.findings import Findings
from commands.add.yollava.subjects import subject_id
from common.core import foreign, names
from common.core.errors import UserError
from common.testdata.ground_truth import ChoiceQuestion

VISUAL = "yollava-visual-qa.json"
TEXT = "*text*qa*.json"
FORM = "subjects are mapped to questions"
DOUBTFUL = {("brown-duck", "0.png"): "Crocodile", ("shiba-gray", "1.png"): "Cat"}  # answers as published

QuestionRows = Mapping[str, Mapping[str, Any]]  # subject → test photo, or number → row


def load(root: Path, findings: Findings) -> tuple[QuestionRows, QuestionRows]:
    """The visual and the text questions as they stand in their files; none of a kind without its file."""
    text = sorted(root.glob(TEXT))
    if len(text) > 1:
        names = ", ".join(path.name for path in text)
        raise UserError(f"{root} holds several files of text questions, {names}: leave one of them there")
    visual = [root / VISUAL] if (root / VISUAL).exists() else []
    for name, files in ((VISUAL, visual), (TEXT, text)):
        if not files:
            findings["Missing questions"].append(f"{root} holds no {name}")
    return _rows(visual), _rows(text)


def visual(
    name: str, rows: Mapping[str, Any], tested: Collection[str], findings: Findings
) -> list[ChoiceQuestion]:
    """A subject's questions about its test photos, of which `tested` are the names of those that remain."""
    questions = []
    for path, row in rows.items():
        image = Path(path).name
        question = _question(name, path, row, image, findings)
        if question and image not in tested:
            findings["Questions without their photo or subject"].append(f'{path}: "{row["question"]}"')
        elif question:
            questions.append(question)
            if DOUBTFUL.get((name, image)) == question.options[question.answer]:
                sentence = f'{path}: "{row["question"]}" is answered {question.options[question.answer]}'
                findings["Doubtful answers"].append(sentence)
    return questions


def text(name: str, rows: Mapping[str, Any], findings: Findings) -> list[ChoiceQuestion]:
    """A subject's questions without a photo."""
    asked = [_question(name, f"{name} {number}", row, None, findings) for number, row in rows.items()]
    return [question for question in asked if question]


def always_a(questions: Sequence[ChoiceQuestion]) -> float | None:
    """The accuracy of the answer A in the published order."""
    return sum(question.answer == 0 for question in questions) / len(questions) if questions else None


def _rows(files: Sequence[Path]) -> QuestionRows:
    return {
        name: rows
        for path in files
        for name, rows in foreign.read(path, dict[str, dict[str, Any]], FORM).items()
    }


def _question(
    name: str, where: str, row: Any, image: str | None, findings: Findings
) -> ChoiceQuestion | None:
    """One row; None, and a finding, if it is not a choice of two with one answer."""
    try:
        options = row["options"] if "options" in row else row["option"]
        if set(options) != {"A", "B"}:
            raise ValueError("its options are not A and B")
        asked, answer = row["question"], {"A": 0, "B": 1}[row["correct_answer"]]
        question = ChoiceQuestion(
            question=names.about(subject_id(name), asked),
            options=(options["A"], options["B"]),
            answer=answer,
            image=image,
        )
    except KeyError as error:
        findings["Malformed questions"].append(f"{where}: {error} is missing or no choice")
    except (TypeError, ValueError, UserError) as error:
        findings["Malformed questions"].append(f"{where}: {_reason(error)}")
    else:
        if f"<{subject_id(name)}>" not in question.question:
            findings["Questions that do not name their subject"].append(f'{where}: "{asked}"')
        return question
    return None


def _reason(error: Exception) -> str:
    """The last part of the sentence is pydantic's own, without its form."""
    details = getattr(error, "errors", None)
    return details()[0]["msg"] if details else str(error)
