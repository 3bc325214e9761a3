"""Further general questions: what the published scorers give, what is asked, and what is made of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.core import io, paths, schema
from common.methods.interface import Photos, Request
from common.prompts.instructions import BRIEF, LETTER
from stages.evaluate import vqa_scores
from stages.evaluate.benchmarks import BENCHMARKS, open_benchmarks
from stages.evaluate.benchmarks.vqa import VqaFilesBenchmark
from stages.evaluate.eval_set import EvalSet, load_eval_set
from stages.evaluate.evaluate import evaluate
from stages.report.benchmarks import vqa as vqa_measures
from tests.support.predictions import SETTINGS, Drawn
from tests.support.subjects import populate
from tests.support.vqa_files import TEN, write

RIGHT = {  # the question's first line -> what is answered
    "what does it say?": "stop",
    "What color is the bus?": "Navy",
    "How many wheels?": "four",
    "What is this bird called?": "Parrot.",
    "What is the man holding?": "an umbrella",
    "Is there one dog? Please answer yes or no.": "Yes, there is",
    "Is there two dogs? Please answer yes or no.": "no",
    "Look.": "The answer is B.",
    "Why?": "E",
}


class Knowing(Drawn):
    """Who answers as RIGHT says, and with a prompt in place of a subject "no" throughout."""

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[SimpleNamespace]:
        assert {request.photo for request in requests} - {None} <= photos.keys()
        return [
            SimpleNamespace(
                text="no" if ask.method == "empty_prompt" else said(ask.question), probabilities=()
            )
            for ask in requests
        ]


def said(question: str) -> str:
    first, *_, last = question.split("\n")
    assert last == (BRIEF if "\nA. " not in question else LETTER)
    return RIGHT[first]


@pytest.fixture
def eval_set(workspace: Path) -> EvalSet:
    populate({"bo": "world", "mam": "world"})
    write(paths.WORLD_GENERAL)
    return load_eval_set({"bo": "world", "mam": "world"}, replaced(general_subjects=1), 0)


def replaced(**changes: int) -> object:
    return SETTINGS.model_copy(update=changes)


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ("The Dog.", "dog"), ("two dogs!", "2 dogs"), ("none", "0"), ("1,000", "1000"), ("3.5", "3.5"),
        ("red-brown", "red brown"), ("dont", "don't"), ("theyll", "they'll"), ("couldntve", "couldntve"),
        ("couldnt've", "couldn't've"), ("it's", "it 's"), ("(left)", "left"), ("a\nb", "b"),
        ("What?", "what"),
    ],
)  # fmt: skip
def test_answers_take_evalais_form(answer: str, form: str) -> None:
    assert vqa_scores.normalized(answer) == form


@pytest.mark.parametrize(
    ("answer", "score"), [("blue", 1), ("Blue.", 1), ("navy", 0.6), ("teal", 0.3), ("green", 0), ("", 0)]
)
def test_soft_accuracy_leaves_each_person_out_in_turn(answer: str, score: float) -> None:
    """Two of ten said navy: (8 · 2/3 + 2 · 1/3) / 10; one said teal: 9 · 1/3 / 10."""
    assert vqa_scores.soft_accuracy(answer, TEN) == pytest.approx(score)


@pytest.mark.parametrize(
    ("reads", "answer", "truth", "score"),
    [
        (vqa_scores.equal, "Parrot.", "parrot", 1), (vqa_scores.equal, "a parrot", "parrot", 0),
        (vqa_scores.yes_or_no, "Yes, it is", "yes", 1), (vqa_scores.yes_or_no, "Nope", "no", 1),
        (vqa_scores.yes_or_no, "I see no dog", "no", 0), (vqa_scores.yes_or_no, "", "no", 0),
        (vqa_scores.letter, " B ", "B", 1), (vqa_scores.letter, "B. dog", "B", 1),
        (vqa_scores.letter, "B dog", "B", 0),
        (vqa_scores.letter, "So. The answer is B.", "B", 1), (vqa_scores.letter, "B\nas seen", "B", 0),
        (vqa_scores.letter, "A or B", "B", 0), (vqa_scores.letter, "C. The answer is B.", "B", 0),
    ],
)  # fmt: skip
def test_one_right_answer_is_read_as_its_scorer_reads_it(
    reads, answer: str, truth: str, score: float
) -> None:
    assert reads(answer, (truth,)) == score


def test_every_question_is_asked_once_of_the_base_and_with_a_subject_in_place(eval_set: EvalSet) -> None:
    (vqa,) = (
        benchmark for benchmark in open_benchmarks(eval_set) if isinstance(benchmark, VqaFilesBenchmark)
    )
    evaluate(Knowing("soft_prompt", eval_set.questions, {}, 0), eval_set, [vqa])
    rows = io.read_parquet(paths.predictions("soft_prompt", "vqa"), schema.VQA).to_pandas()
    assert rows.groupby("method").size().to_dict() == dict.fromkeys(
        ("soft_prompt", "base", "short_description", "empty_prompt"), 11
    )
    own = rows[rows.method == "soft_prompt"].set_index("question_id")
    assert own.subject.nunique() == 1 and rows[rows.method == "base"].subject.isna().all()
    assert own.score["42000"] == pytest.approx(0.6) and own.truth["42000"] == "blue" and own.strict["42000"]
    assert own.score["34602"] == 1 and not own.strict["34602"]
    assert own.photo.isna().sum() == 1 and own.score["5"] == own.score["4"] == 1 and not own.strict["4"]

    (subject,) = own.subject.unique()
    measured = vqa_measures.score(rows, subject, seed=0, resamples=20)
    value = {(method, name): rates[0] for (method, name), rates in measured.items()}
    assert value["soft_prompt", "vqa.vqav2.accuracy"] == pytest.approx((0.6 + 1) / 2)
    assert value["base", "vqa.gqa.accuracy"] == 0.5 and value["base", "vqa.scienceqa.accuracy"] == 1
    whole = {"accuracy": 1, "accuracy_plus": 1, "perception": 1, "strict": 0.5, "unchanged": 1}
    half = {"accuracy": 0.5, "accuracy_plus": 0, "perception": 0.25, "strict": 0.5, "unchanged": 0.5}
    for method, expected in (("soft_prompt", whole), ("empty_prompt", half)):
        assert {name: value[method, f"vqa.mme.{name}"] for name in expected} == expected
    other = next(name for name in eval_set.questions if name != subject)
    assert vqa_measures.score(rows, other, seed=0, resamples=20) == {}
    assert vqa_measures.score(rows[:0], subject, seed=0, resamples=20) == {}


def test_some_photos_are_drawn_with_all_that_is_asked_about_them(eval_set: EvalSet) -> None:
    def asked(count: int, seed: int = 0) -> set[tuple[str, str]]:
        few = replace(eval_set, settings=replaced(general_photos=count), seed=seed)
        made = [one for one in open_benchmarks(few) if one.name in ("general", "vqa")]
        return {(question.benchmark, question.id) for one in made for question in one.questions}

    one, all_of_them = asked(1), asked(9)
    assert one < all_of_them and len(all_of_them) == 3 + 11
    by_benchmark = [benchmark for benchmark, _ in one]
    assert {name: by_benchmark.count(name) for name in set(by_benchmark)} == {
        "pope": 1, "mmbench": 1, "textvqa": 1, "vqav2": 2, "gqa": 1, "mme": 2, "scienceqa": 1,
    }  # fmt: skip
    assert asked(1) == one and any(asked(1, seed) != one for seed in range(1, 6))


def test_without_these_folders_nothing_is_asked_or_written(workspace: Path) -> None:
    populate({"bo": "world"})
    eval_set = load_eval_set({"bo": "world"}, SETTINGS, 0)
    opened = open_benchmarks(eval_set)
    assert VqaFilesBenchmark in BENCHMARKS and not any(isinstance(one, VqaFilesBenchmark) for one in opened)
