"""TextVQA, VQAv2, GQA, MME and ScienceQA, asked like the other general questions where their files are.

A part of LLaVA-1.5's evaluations that needs no server. They are asked of what `params.yaml` compares; for
published numbers of one exported model, lmms-eval has the same benchmarks.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from common.core import schema
from common.methods.interface import Control, Task
from common.prompts.evaluation import parse
from common.prompts.instructions import BRIEF, choice_question
from common.testdata import vqa
from common.testdata.vqa import VqaQuestion
from stages.evaluate import vqa_scores
from stages.evaluate.benchmark import Row
from stages.evaluate.benchmarks.general_vqa import CHOICE, YES_NO, GeneralVqaBenchmark

if TYPE_CHECKING:
    from common import vlm

WORDS = Task("general", max_new_tokens=16)  # LLaVA's short answers
SCORES: dict[str, Callable[[str, Sequence[str]], float]] = {
    "textvqa": vqa_scores.soft_accuracy,
    "vqav2": vqa_scores.soft_accuracy,
    "gqa": vqa_scores.equal,
    "mme": vqa_scores.yes_or_no,
    "scienceqa": vqa_scores.letter,
}


class VqaFilesBenchmark(GeneralVqaBenchmark):
    """What lies in the folders of these benchmarks below evaluate.general."""

    name = "vqa"
    schema = schema.VQA
    sort_by = ("method", "subject", "benchmark", "file", "category", "question_id")
    asked_controls: ClassVar[tuple[Control, ...]] = ("base", "short_description", "empty_prompt")

    @property
    def has_questions(self) -> bool:
        """They are optional."""
        return bool(self.questions)

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of VQA; `answers` is not among its columns."""
        right, text = row["answers"], answer.text
        return row | {
            "answer": text,
            "truth": max(dict.fromkeys(right), key=right.count),
            "strict": parse(text, right) is not None,
            "score": SCORES[row["benchmark"]](text, right),
        }

    def _load(self, folder: Path) -> Sequence[VqaQuestion]:
        return vqa.load_vqa(folder)

    def _forms(self, question: VqaQuestion) -> Iterator[tuple[Row, Task, str]]:
        """As it is; a choice with its options as they are written."""
        row = self._known(question) | {"answers": question.answers}
        if question.options:
            yield row, CHOICE, choice_question(question.question, question.options, 0)
        else:
            # on a line of its own, as in LLaVA's files of these questions
            yield row, YES_NO if question.benchmark == "mme" else WORDS, f"{question.question}\n{BRIEF}"
