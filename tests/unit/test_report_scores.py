"""Known answers from prediction tables to metrics.json: what counts as what, and what is averaged."""

import math

import pandas as pd
import pytest

from stages.report import plots, results
from stages.report.answers import Predictions
from stages.report.domains import Domain
from stages.report.measures import with_outcome
from stages.report.tables import tables
from tests.support.report_helpers import NO, YES, asked, costs, given, scored, told


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
