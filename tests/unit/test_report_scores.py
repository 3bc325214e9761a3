"""Known answers from prediction tables to metrics.json: what counts as what, and what is averaged."""

import math
import re

import pandas as pd
import pytest

from common.core import schema
from stages.report import axes, charts, number_format, plots, results
from stages.report.answers import Predictions
from stages.report.domains import Domain
from stages.report.measures import with_outcome
from stages.report.metrics import Interval
from stages.report.scores import Scores, score
from stages.report.tables import tables

GROUPS = {"marking": "lookalike-marking", "one": "lookalike-one", "two": "lookalike-two"}


def asked(
    subject: str, against: str, answers: list[tuple[str | None, float]], method: str = "soft_prompt"
) -> list[dict]:
    """Rows of RECOGNITION: (parsed answer, P(yes)) of one subject's photos of one group."""
    owner = "another" if against == "others" else subject
    return [
        {"subject": subject, "owner": owner, "group": GROUPS.get(against, "test"), "photo": f"{i}.png"}
        | {"label": against == "positive", "method": method, "answer": "", "parsed": parsed, "p_yes": p_yes}
        for i, (parsed, p_yes) in enumerate(answers)
    ]


def told(subject: str, kind: str, method: str, correct: list[bool], parsed: str | None = "A") -> list[dict]:
    """Rows of QUESTIONS: questions in both orders, `correct` two by two."""
    return [
        {"subject": subject, "kind": kind, "photo": None, "question": f"{i // 2}?", "order": i % 2}
        | {"method": method, "parsed": parsed, "correct": right}
        for i, right in enumerate(correct)
    ]


def scored(
    recognition: list[dict], questions: list[dict] = (), subjects=("bo",), validation: list[dict] = ()
) -> Scores:
    titles = {row["method"]: row["method"].title() for row in [*recognition, *questions]}
    return score(given(recognition, questions, validation), titles, subjects, 0, 20)


def given(
    recognition: list[dict], questions: list[dict] = (), validation: list[dict] = ()
) -> dict[str, pd.DataFrame]:
    """Evaluate's tables with these rows; the others are empty."""
    columns = {
        "questions": schema.QUESTIONS,
        "threshold_set": schema.THRESHOLD_SET,
        "two_subjects": schema.TWO_SUBJECTS,
    }
    columns |= {"open_answers": schema.OPEN_ANSWERS, "captions": schema.CAPTIONS, "general": schema.GENERAL}
    rows = {"questions": questions, "threshold_set": validation}
    found = {name: pd.DataFrame(list(rows.get(name, ())), columns=of.names) for name, of in columns.items()}
    return found | {"recognition": pd.DataFrame(recognition)}


def costs(*methods: str) -> pd.DataFrame:
    """METHODS of one subject."""
    return pd.DataFrame(
        [{"method": m, "trainable": 7, "stored_bytes": 1500, "prompt_tokens": 3} for m in methods]
    )


YES, NO = ("yes", 0.9), ("no", 0.1)


def test_weighted_is_the_mean_of_both_accuracies_however_many_photos_each_has():
    scores = scored(asked("bo", "positive", [YES, NO]) + asked("bo", "others", [NO] * 9 + [YES]))
    assert scores.of("bo", "soft_prompt", "recognition.positive") == 0.5
    assert scores.of("bo", "soft_prompt", "recognition.negative") == 0.9
    assert scores.of("bo", "soft_prompt", "recognition.weighted") == pytest.approx(0.7)


def test_an_answer_that_is_neither_yes_nor_no_is_wrong_on_both_sides():
    scores = scored(asked("bo", "positive", [(None, 0.9), YES]) + asked("bo", "others", [(None, 0.1), NO]))
    assert scores.of("bo", "soft_prompt", "recognition.weighted") == 0.5


def test_sibling_groups_count_alike_however_many_photos_they_have():
    rows = asked("bo", "positive", [YES]) + asked("bo", "others", [NO])
    rows += asked("bo", "marking", [YES] * 8) + asked("bo", "one", [NO]) + asked("bo", "two", [NO, NO])
    scores = scored(rows)
    assert scores.of("bo", "soft_prompt", "recognition.lookalikes.negative") == pytest.approx(2 / 3)
    assert scores.of("bo", "soft_prompt", "recognition.lookalikes.weighted") == pytest.approx(5 / 6)
    assert scores.of("bo", "soft_prompt", "recognition.lookalikes.marking_auc") == 0.5
    assert scores.of("bo", "soft_prompt", "recognition.lookalikes.auc") == pytest.approx((0.5 + 1 + 1) / 3)


def test_a_constant_answer_without_probabilities_has_weighted_and_auc_of_one_half():
    rows = asked("bo", "positive", [("no", math.nan)] * 3) + asked("bo", "others", [("no", math.nan)] * 5)
    scores = scored([row | {"method": "majority"} for row in rows] + rows)
    assert scores.of("bo", "majority", "recognition.weighted") == 0.5
    assert scores.of("bo", "majority", "recognition.auc") == 0.5


def test_subjects_count_alike_however_many_photos_they_have():
    rows = asked("bo", "positive", [YES]) + asked("bo", "others", [NO])
    rows += asked("mam", "positive", [NO] * 50) + asked("mam", "others", [NO] * 50)
    scores = scored(rows, subjects=("bo", "mam"))
    assert scores.interval("soft_prompt", "recognition.positive").value == 0.5
    assert scores.interval("soft_prompt", "recognition.positive", ["mam"]).value == 0.0


def test_a_question_scores_the_mean_of_both_orders_and_always_a_scores_one_half():
    positive = asked("bo", "positive", [YES]) + asked("bo", "others", [NO])
    questions = told("bo", "text", "soft_prompt", [True, True, True, False])
    questions += told("bo", "text", "majority", [True, False, True, False])
    scores = scored(positive, questions)
    assert scores.of("bo", "soft_prompt", "questions.text") == 0.75
    assert scores.of("bo", "majority", "questions.text") == 0.5


def test_the_difference_to_a_control_is_paired():
    """Both methods fail on the same photos, so every resample has the same difference."""
    rows = asked("bo", "positive", [YES, NO] * 10) + asked("bo", "others", [NO])
    rows += asked("bo", "positive", [YES, NO] * 10, "base") + asked("bo", "others", [YES], "base")
    difference = scored(rows).difference("recognition.weighted", "soft_prompt", "base")
    assert difference == pytest.approx((0.5, 0.5, 0.5))


def test_a_method_without_probabilities_is_ranked_by_its_answers():
    rows = asked("bo", "positive", [("yes", math.nan), ("no", math.nan)])
    rows += asked("bo", "others", [("no", math.nan), (None, math.nan)])
    assert scored(rows).of("bo", "soft_prompt", "recognition.auc") == pytest.approx((1 + 1 + 0.5 + 0) / 4)


def test_the_threshold_comes_from_photos_that_training_has_seen_and_decides_on_the_test():
    seen = [
        {"subject": "bo", "label": label, "method": "soft_prompt", "p_yes": p_yes}
        for label, p_yes in ((True, 0.3), (True, 0.4), (False, 0.1), (False, 0.2))
    ]
    rows = asked("bo", "positive", [("no", 0.3), ("no", 0.24)]) + asked("bo", "others", [("no", 0.2)])
    scores = scored(rows + [row | {"method": "base"} for row in rows], validation=seen)
    assert scores.thresholds == {"soft_prompt": pytest.approx(0.25)}
    assert scores.of("bo", "soft_prompt", "recognition.weighted") == 0.5
    assert scores.of("bo", "soft_prompt", "threshold.weighted") == 0.75
    assert not scores.has("base", "threshold.weighted")  # controls have no threshold


def test_calibration_compares_probabilities_with_shares_over_all_photos():
    rows = asked("bo", "positive", [YES] * 3) + asked("bo", "others", [("yes", 0.9), NO, NO, NO, NO, NO])
    scores = scored([*rows, *(row | {"method": "majority", "p_yes": math.nan} for row in rows)])
    # Four photos at .9 of which 3 show the subject, five at .1 of which none does.
    assert scores.calibration_error("soft_prompt").value == pytest.approx((4 * 0.15 + 5 * 0.1) / 9)
    assert scores.reliability("soft_prompt").ravel().tolist() == pytest.approx([5, 0.1, 0, 4, 0.9, 0.75])
    assert math.isnan(scores.calibration_error("majority").value)


def test_every_method_is_compared_with_the_soft_prompt_and_listed_before_the_controls():
    rows = asked("bo", "positive", [YES, NO] * 10) + asked("bo", "others", [NO])
    rows += asked("bo", "positive", [YES, YES] * 10, "base") + asked("bo", "others", [NO], "base")
    rows += asked("bo", "positive", [NO, NO] * 10, "rival") + asked("bo", "others", [NO], "rival")
    scores, names = scored(rows), ("soft_prompt", "base", "rival")
    predicted = given(rows) | {"methods": costs(*names)}
    found = results.intervals(scores, predicted)
    assert [(m["name"], m["control"]) for m in found["methods"]] == [
        ("soft_prompt", False), ("rival", False), ("base", True)
    ]  # fmt: skip
    assert found["methods"][1]["stored_bytes"] == 1500
    minus = found["soft_prompt_minus"]["recognition.weighted"]
    assert set(minus) == {"rival", "base"}
    assert minus["rival"]["value"] == 0.25 and minus["rival"]["excludes_zero"]
    assert minus["base"]["value"] == -0.25 and minus["base"]["high"] < 0
    headline = Domain("world", Predictions(predicted, {}), scores, {})
    text = tables(headline, [], {"bo": "pet"}, {"bo": {"n": 1}}, None)
    assert text.index("| Rival |") < text.index("| control: Base |")
    assert "| Rival | 7 | 1.5 kB | 3 | 0 |  |  |  |" in text  # nobody was asked anything else


def test_sums_and_the_worst_subject_have_the_intervals_of_the_subjects_drawn():
    subjects = ("bo", "mam", "rex")
    rows = [row for s in subjects for row in asked(s, "positive", [YES]) + asked(s, "others", [NO])]
    rows += asked("rex", "others", [YES, YES, YES])
    scores = scored(rows, subjects=subjects)
    lowest = scores.lowest("soft_prompt", "recognition.weighted")
    assert lowest.value == 0.625 and lowest.low < 0.625 < lowest.high == 1  # where rex is not drawn
    assert scores.total(dict.fromkeys(subjects, 5)) == (15, 15, 15)
    uneven = scores.total({"bo": 5, "mam": 5, "rex": 4})
    assert uneven.value == 14 and uneven.low < 14 < uneven.high
    assert math.isnan(scores.lowest("soft_prompt", "questions.text").value)


def test_flat_metrics_have_the_documented_names_and_null_for_what_nobody_has():
    rows = asked("bo", "positive", [YES]) + asked("bo", "others", [NO, NO, YES])
    questions = told("bo", "text", "soft_prompt", [True, False], parsed=None)
    frame = pd.DataFrame(questions)
    counts = {"bo": {"hard_negatives": 7, "conversations": 3}}
    scores = scored(rows + [row | {"method": "rival"} for row in rows], questions)
    written = results.as_json(results.flat_metrics(scores, frame, counts))
    flat = {name: interval["value"] for name, interval in written.items()}
    assert flat["recognition.negative"] == 0.6667 and flat["recognition.weighted"] == 0.8333
    assert flat["recognition.lookalikes.weighted"] is None and flat["questions.visual"] is None
    assert flat["questions.parse_failures"] == 2
    assert flat["two_subjects.weighted"] is None and flat["general.pope.accuracy"] is None
    assert flat["methods.rival.recognition"] == 0.8333 and flat["methods.rival.text"] is None
    assert flat["calibration.error"] == pytest.approx((2 * 0.1 + 2 * 0.4) / 4)
    assert (flat["subjects.n"], flat["subjects.worst_weighted"]) == (1, 0.8333)
    assert (flat["data.hard_negatives"], flat["data.conversations"]) == (7, 3)
    controls = {"base", "short_description", "long_description", "majority", "other_subject", "empty_prompt"}
    assert {name for name in flat if "." in name} == (
        {f"recognition.{name}" for name in ("positive", "negative", "weighted", "auc")}
        | {f"recognition.lookalikes.{name}" for name in ("weighted", "auc", "marking_auc")}
        | {f"recognition.control.{name}" for name in controls}
        | {f"recognition.lookalikes.control.{name}" for name in controls}
        | {"questions.visual", "questions.text", "questions.parse_failures"}
        | {f"questions.control.{name}" for name in ("base", "majority", "blind")}
        | {f"methods.rival.{name}" for name in ("recognition", "lookalikes", "marking_auc", "visual", "text")}
        | {f"methods.rival.{name}" for name in ("open", "two_subjects", "caption", "pope", "mmbench")}
        | {f"open.{name}" for name in ("visual", "text", "named", "control.base", "control.blind")}
        | {"two_subjects.weighted", "two_subjects.sides", "captions.named.f1", "captions.unnamed.f1"}
        | {f"general.{name}.{of}" for name in ("pope", "mmbench") for of in ("accuracy", "unchanged")}
        | {"calibration.error"}
        | {"subjects.n", "subjects.worst_weighted", "data.hard_negatives", "data.conversations"}
    )


def test_outcomes_name_what_a_photo_is_tested_against():
    rows = asked("bo", "positive", [YES]) + asked("bo", "others", [YES]) + asked("bo", "two", [NO])
    table = with_outcome(pd.DataFrame(rows))
    assert table.against.tolist() == ["positive", "others", "two"]
    assert table.correct.tolist() == [True, False, True]


def test_plots_hold_shares_and_rates():
    rows = asked("bo", "positive", [YES, YES]) + asked("bo", "others", [NO, YES]) + asked("bo", "one", [NO])
    table = pd.DataFrame(rows)
    histogram = plots.score_histogram(table)
    assert sum(row["positive"] for row in histogram) == sum(row["easy"] for row in histogram) == 1
    assert sum(row["hard"] for row in histogram) == 1
    curve = plots.roc(table)
    assert (curve[-1]["false_positive_rate"], curve[-1]["others"], curve[0]["lookalikes"]) == (1, 1, 1)
    assert curve[0]["marking"] is None  # the names stay, whatever there is to measure
    losses = {
        name: pd.DataFrame({"epoch": [1, 2], "loss": [high, 0.1]}) for name, high in (("a", 1.0), ("b", 3.0))
    }
    assert plots.loss_band(losses)[0] == {"epoch": 1, "p10": 1.2, "p50": 2.0, "p90": 2.8}


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.926, ".93"),
        (1.0, "1.00"),
        (0.999, "1.00"),
        (0.995, ".99"),  # a little less, as a float
        (-0.04, "-.04"),
        (-0.004, ".00"),
        (0.0, ".00"),
        (math.nan, "n/a"),
    ],
)
def test_rates_are_printed_as_in_papers(value, printed):
    assert number_format.decimal(value) == printed


def test_differences_carry_their_sign_and_a_mark_where_the_interval_excludes_0():
    assert number_format.difference(Interval(0.12, 0.08, 0.16)) == "+.12 (+.08 to +.16)*"
    assert number_format.difference(Interval(-0.02, -0.05, 0.0)) == "-.02 (-.05 to .00)"
    assert number_format.difference(Interval(math.nan, math.nan, math.nan)) == "n/a"


def test_costs_and_shares_are_rounded_to_what_is_read():
    assert [number_format.size(n) for n in (0, 54.2, 999, 15192, 4.8e6, 3e9)] == [
        "0 B", "54 B", "999 B", "15.2 kB", "4.8 MB", "3.0 GB"
    ]  # fmt: skip
    assert [number_format.count(n) for n in (0, 15.8, 20, 3456, 1.25e6)] == [
        "0",
        "15.8",
        "20",
        "3,456",
        "1.2 M",
    ]
    assert [number_format.percent(n) for n in (0, 0.004, 0.12, 1, math.nan)] == [
        "0",
        "0.4 %",
        "12 %",
        "100 %",
        "n/a",
    ]


@pytest.mark.parametrize(
    ("last", "shown"), [(1, [1]), (3, [1, 2, 3]), (12, [2, 4, 6, 8, 10, 12]), (700, [])], ids=str
)
def test_the_epochs_of_a_curve_have_whole_and_few_ticks(last: int, shown: list[int]):
    axis = axes.epochs(range(1, last + 1))
    assert (axis.low, axis.high) == (1, last) and len(axis.ticks) <= 6
    assert axis.ticks == (shown or [700])


def test_a_curve_of_one_epoch_is_drawn_as_a_dot():
    axis = axes.epochs([1])
    svg = charts.line_chart("loss", axis, axes.Axis("loss", 0, 1, [0, 1]), [charts.Line("l", "", [(1, 0.5)])])
    assert re.search(r'<polyline class="line " points="([\d.]+,[\d.]+) \1"', svg)


def test_texts_beside_dots_cover_neither_dots_nor_each_other():
    axis = axes.Axis("", 0, 1, [0, 1])
    dots = [charts.Dot(0.5, 0.5 + 0.01 * i, 4, "", str(i), "") for i in range(4)]
    svg = charts.dot_chart("t", axis, axis, dots)
    texts = [
        (float(x), float(y))
        for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)" [^>]*>\d</text></g>', svg)
    ]
    assert len(texts) == 4
    assert all(abs(a - c) > 11 or abs(b - d) > 9 for i, (a, b) in enumerate(texts) for c, d in texts[:i])


def test_a_logarithmic_axis_runs_between_powers_of_ten():
    assert axes.decades(54, 3.7e6) == [10, 100, 1e3, 1e4, 1e5, 1e6, 1e7]
    assert axes.decades(10, 10) == [10, 100] and axes.decades(0.5, 2) == [0.1, 1, 10]
    axis = axes.Axis("", 1, 10_000, axes.decades(1, 10_000), log=True)
    assert [axis.at(value, 0, 100) for value in axis.ticks] == [0, 25, 50, 75, 100]
