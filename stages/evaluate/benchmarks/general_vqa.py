"""General questions with a subject in place, and with nobody: does the model answer what it did before?

The base is asked once, for nothing stands before its questions. A method is asked with some of the subjects
in place, one at a time, for the questions are many.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from common.core import schema
from common.core import seed as seeds
from common.methods.interface import Control, Photos, Request, Responder, Task
from common.prompts.evaluation import brief, parse, right_letter
from common.prompts.instructions import LETTERS, choice_question
from common.testdata import general_vqa
from common.testdata.general_vqa import GeneralQuestion
from common.testdata.vqa import VqaQuestion
from stages.evaluate import published
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.benchmarks.multiple_choice import MAX_NEW_TOKENS, PAIR
from stages.evaluate.eval_set import EvalSet

if TYPE_CHECKING:
    from common import vlm

YES_NO = Task("general", max_new_tokens=8)  # as in the recognition test
CHOICE = Task("general", MAX_NEW_TOKENS, PAIR)
Question = GeneralQuestion | VqaQuestion


class GeneralVqaBenchmark(Benchmark):
    """POPE's and MMBench's questions."""

    name = "general"
    schema = schema.GENERAL
    sort_by = ("method", "subject", "benchmark", "file", "question_id", "order")
    asked_controls: ClassVar[tuple[Control, ...]] = ("base", "short_description", "empty_prompt", "majority")

    def __init__(self, eval_set: EvalSet) -> None:
        """Read the questions."""
        super().__init__(eval_set)
        self.questions = self._drawn(self._load(Path(eval_set.settings.general)))
        # numbers in keys, for MMBench's photos have no names; with zeros in front, so that they sort alike
        images = enumerate(general_vqa.photos(self.questions))
        self.keys = {image: f"{self.name}/{number:05}" for number, image in images}

    @property
    def photos(self) -> Photos:
        """Each once, however much is asked about it."""
        return {key: image for image, key in self.keys.items()}

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand.

        A choice is asked as often as it has options, moved up by one place each time (MMBench's circular
        test).
        """
        forms = [form for question in self.questions for form in self._forms(question)]
        requests: Requests = []
        for method in (responder.name, *responder.controls(self.asked_controls)):
            for subject in (None,) if method == "base" else self._drawn_subjects():
                in_place = () if subject is None else (subject,)
                requests += [
                    (
                        row | {"method": method, "subject": subject},
                        Request(task, method, in_place, row["photo"], text),
                    )
                    for row, task, text in forms
                ]
        return requests

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of GENERAL; `options` is not among its columns."""
        options = row["options"]
        if options:
            parsed = parse(answer.text, LETTERS[: len(options)])
            read = published.letter(answer.text, options)
        else:
            parsed, read = parse(answer.text, ("yes", "no")), published.yes_or_no(answer.text)
        return row | {"answer": answer.text, "parsed": parsed, "read": read}

    def _load(self, folder: Path) -> Sequence[Any]:
        """The questions of a folder."""
        return general_vqa.load_general_vqa(folder)

    def _drawn(self, questions: Sequence[Question]) -> list[Question]:
        """Those about some of each benchmark's photos, drawn; a question without a photo is drawn singly."""
        count, seed = self.eval_set.settings.general_photos, self.eval_set.seed
        if count is None:
            return list(questions)
        lots: defaultdict[str, dict[str, float]] = defaultdict(dict)
        shown = [general_vqa.shown_by(question) for question in questions]
        for question, photo in zip(questions, shown, strict=True):
            names = ("evaluate", "general photos", question.benchmark, photo)
            lots[question.benchmark][photo] = seeds.stream(seed, *names).random()
        drawn = {name: set(sorted(of, key=of.__getitem__)[:count]) for name, of in lots.items()}
        return [one for one, photo in zip(questions, shown, strict=True) if photo in drawn[one.benchmark]]

    def _known(self, question: Question) -> Row:
        """The columns that say what is asked."""
        return {
            "benchmark": question.benchmark,
            "file": question.file,
            "question_id": question.id,
            "category": question.category,
            "photo": None if question.image is None else self.keys[question.image],
        }

    def _forms(self, question: Any) -> Iterator[tuple[Row, Task, str]]:
        """All ways to ask a question: once, or in every order of its options."""
        known = self._known(question)
        if not question.options:
            row = known | {"order": 0, "truth": question.answer, "options": ()}
            yield row, YES_NO, brief(question.question)
        right, count = LETTERS.index(question.answer) if question.options else 0, len(question.options)
        for order in range(count):
            options = (*question.options[order:], *question.options[:order])
            row = known | {"order": order, "truth": right_letter(right, order, count), "options": options}
            yield row, CHOICE, choice_question(question.question, question.options, order)

    def _drawn_subjects(self) -> list[str]:
        """Some of the subjects, in their order, drawn so that a new one changes few draws."""
        subjects, seed = list(self.eval_set.questions), self.eval_set.seed
        lots = {s: seeds.stream(seed, "evaluate", "general", s).random() for s in subjects}
        drawn = sorted(subjects, key=lots.__getitem__)[: self.eval_set.settings.general_subjects]
        return [subject for subject in subjects if subject in drawn]
