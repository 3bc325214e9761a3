"""Known answers from the tables of two subjects, captions and general questions to their measures."""

import math

import numpy as np
import pandas as pd
import pytest

from stages.report import results
from stages.report.benchmarks import captions, general_vqa, open_answers, two_subjects
from stages.report.detection import detection


def rates(said: list[int], truth: list[int], correct: list[int] | None = None) -> dict[str, float]:
    said, truth = np.array(said, bool), np.array(truth, bool)
    right = said == truth if correct is None else np.array(correct, bool)
    found = detection(np.ones((1, len(said))), said, truth, right)
    return {name: float(values[0]) for name, values in found._asdict().items()}


def test_rates_of_yes_or_no_answers():
    assert rates([1, 1, 1, 0], [1, 1, 0, 1]) == pytest.approx(
        {"accuracy": 0.5, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "yes_ratio": 0.75}
    )


def test_an_answer_that_is_neither_is_wrong_and_not_a_no():
    found = rates([1, 0, 0], [1, 0, 0], correct=[1, 1, 0])
    assert (found["accuracy"], found["precision"], found["recall"]) == (pytest.approx(2 / 3), 1, 1)


def test_who_never_says_yes_has_no_precision_but_is_not_left_out():
    assert rates([0, 0], [1, 0]) == {"accuracy": 0.5, "precision": 0, "recall": 0, "f1": 0, "yes_ratio": 0}


def test_without_positives_there_is_no_recall():
    found = rates([1, 0], [0, 0])
    assert math.isnan(found["recall"]) and math.isnan(found["f1"]) and found["precision"] == 0
    assert all(math.isnan(value) for value in rates([], []).values())


def test_free_answers_count_by_kind_and_by_the_name():
    rows = [
        {"method": "soft_prompt", "kind": kind, "photo": photo, "question": question}
        | {"correct": correct, "named": named}
        for kind, photo, question, correct, named in [
            ("visual", "0.png", "Where?", True, True),
            ("visual", "0.png", "Beside?", False, False),
            ("visual", "1.png", "Where?", True, False),
            ("text", None, "Color?", False, True),
        ]
    ]
    found = open_answers.score(pd.DataFrame(rows), "bo", seed=0, resamples=5)
    value = {name: array[0] for (_, name), array in found.items()}
    assert value == pytest.approx({"open.visual": 2 / 3, "open.text": 0, "open.named": 0.5})


def two(kind: str, role: str, correct: bool, photo: str = "0.png", method: str = "soft_prompt") -> dict:
    return {"kind": kind, "role": role, "correct": correct, "photo": photo, "method": method}


def test_presence_counts_both_sides_alike_and_a_side_is_right_on_the_mean_of_its_orders():
    rows = [two("presence", "left", True), two("presence", "right", False), two("presence", "left", True)]
    rows += [two("presence", "absent", False), two("side", "left", True), two("side", "left", False)]
    found = two_subjects.score(pd.DataFrame(rows), "bo", seed=0, resamples=5)
    value = {name.removeprefix("two_subjects."): found["soft_prompt", name][0] for _, name in found}
    assert value == pytest.approx({"present": 2 / 3, "absent": 0, "weighted": 1 / 3, "sides": 0.5})
    assert found["soft_prompt", "two_subjects.sides"].shape == (6,)


def test_a_caption_names_the_subject_by_the_exact_token():
    answers = [("<bo> on a rug.", True), ("Bo on a rug, bo.", True), ("<bo-2> here", True), ("<bo>", False)]
    rows = [
        {"method": "soft_prompt", "named": False, "owner": "bo" if label else "mam", "photo": f"{i}.png"}
        | {"answer": answer, "label": label}
        for i, (answer, label) in enumerate(answers)
    ]
    found = captions.score(pd.DataFrame(rows), "bo", seed=0, resamples=5)
    value = {name.rpartition(".")[2]: array[0] for (_, name), array in found.items()}
    assert value == pytest.approx({"recall": 1 / 3, "precision": 0.5, "f1": 0.4})

    own = pd.DataFrame(
        row for row in rows if row["label"]
    )  # no photo of another: nothing can be named wrongly
    assert {name for _, name in captions.score(own, "bo", seed=0, resamples=5)} == {"captions.unnamed.recall"}


def asked(
    benchmark: str, method: str, answers: list[tuple[str, str, str | None, str]], category: str = "random"
) -> list[dict]:
    """Rows of GENERAL: (answer, truth, strict reading, published reading), one question each."""
    return [
        {"benchmark": benchmark, "method": method, "subject": None if method == "base" else "bo"}
        | {"file": benchmark, "question_id": str(i), "category": category, "photo": i, "order": 0}
        | {"answer": answer, "truth": truth, "parsed": parsed, "read": read}
        for i, (answer, truth, parsed, read) in enumerate(answers)
    ]


def test_pope_is_scored_strictly_and_as_published_and_compared_with_the_base():
    base = [("Yes", "yes", "yes", "yes"), ("No", "no", "no", "no")]
    now = [("Yes, I see", "yes", None, "yes"), ("No", "no", "no", "no")]
    rows = asked("pope", "base", base) + asked("pope", "soft_prompt", now)
    found = general_vqa.score(pd.DataFrame(rows), "bo", seed=0, resamples=5)
    assert found["base", "general.pope.accuracy"][0] == 1
    assert found["soft_prompt", "general.pope.accuracy"][0] == 0.5
    assert found["soft_prompt", "general.pope.recall"][0] == 0
    assert found["soft_prompt", "general.pope.published.f1"][0] == 1
    assert found["soft_prompt", "general.pope.unchanged"][0] == 0.5
    assert general_vqa.score(pd.DataFrame(rows), "mam", seed=0, resamples=5) == {}
    assert results.failure_rates(pd.DataFrame(rows)) == {"base": 0, "soft_prompt": 0.5}


def test_answers_are_paired_by_question_in_whatever_order_they_come():
    """Two files number their questions alike; the published script pairs lines, and so mixes them up."""
    said = [("Yes", "yes", "yes", "yes"), ("No", "no", "no", "no"), ("No, none", "yes", "no", "no")]
    one = asked("pope", "base", said) + asked("pope", "soft_prompt", said)
    said = [("No", "yes", "no", "no"), ("Yes", "no", "yes", "yes"), ("Yes", "yes", "yes", "yes")]
    other = asked("pope", "base", said) + asked("pope", "soft_prompt", said)
    rows = pd.DataFrame(one + [row | {"file": "other", "photo": row["photo"] + 3} for row in other])
    found = general_vqa.score(rows, "bo", seed=0, resamples=5)
    assert found["soft_prompt", "general.pope.unchanged"][0] == 1
    assert found["soft_prompt", "general.pope.accuracy"][0] == pytest.approx((2 / 3 + 1 / 3) / 2)
    turned = pd.concat([rows[rows.method == "base"], rows[rows.method != "base"][::-1]])
    again = general_vqa.score(turned, "bo", seed=0, resamples=5)
    assert {key: values[0] for key, values in again.items()} == pytest.approx(
        {key: values[0] for key, values in found.items()}
    )


def test_pope_s_settings_count_alike():
    right, wrong = ("No", "no", "no", "no"), ("Yes", "no", "yes", "yes")
    rows = asked("pope", "soft_prompt", [right] * 9 + [wrong])
    rows += asked("pope", "soft_prompt", [wrong], category="popular")
    found = general_vqa.score(pd.DataFrame(rows), "bo", seed=0, resamples=5)
    assert found["soft_prompt", "general.pope.accuracy"][0] == pytest.approx(0.45)
    assert found["soft_prompt", "general.pope.popular.accuracy"][0] == 0
    assert found["soft_prompt", "general.pope.published.random.accuracy"][0] == pytest.approx(0.9)


def test_mmbench_needs_all_orders_for_the_circular_score():
    """Always A is right in one of two orders: half without rotation, nothing in the circular test."""
    rows = []
    for i, truth in enumerate("AB"):
        row = asked("mmbench", "soft_prompt", [("A", truth, "A", "A")], category="color")[0]
        row |= {"question_id": str(i)}
        rows += [row, row | {"order": 1, "truth": "B" if truth == "A" else "A"}]
    found = general_vqa.score(pd.DataFrame(rows), "bo", seed=0, resamples=5)
    assert found["soft_prompt", "general.mmbench.accuracy"][0] == 0.5
    assert found["soft_prompt", "general.mmbench.circular"][0] == 0
    assert found["soft_prompt", "general.mmbench.category.color"][0] == 0.5
