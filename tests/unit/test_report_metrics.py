"""Known answers for the metric arithmetic and a sanity check of the bootstrap's coverage."""

import numpy as np
import pytest

from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS, TITLES
from stages.report import metrics


def once(n):
    return np.ones((1, n))


def area(positives, negatives):
    positives, negatives = np.array(positives, float), np.array(negatives, float)
    return metrics.auc(once(len(positives)), positives, once(len(negatives)), negatives)[0]


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.9, 0.8], 0.0),
        ([0.5, 0.5], [0.5], 0.5),  # ties count half
        ([0.9, 0.3], [0.5, 0.1], 0.75),  # 3 of 4 pairs in order
    ],
)
def test_auc_counts_pairs_in_order(positives, negatives, expected):
    assert area(positives, negatives) == expected


def test_auc_does_not_change_under_a_monotone_rescaling_of_the_scores():
    generator = np.random.default_rng(0)
    positives, negatives = generator.normal(1, 1, 30), generator.normal(0, 1, 50)
    assert area(positives, negatives) == area(np.exp(positives), np.exp(negatives))


def test_auc_with_weights_equals_auc_of_the_repeated_items():
    positives, negatives = np.array([0.9, 0.1, 0.4]), np.array([0.5, 0.3])
    weighted = metrics.auc(np.array([[2.0, 0, 1]]), positives, np.array([[1.0, 3]]), negatives)
    assert weighted[0] == area([0.9, 0.9, 0.4], [0.5, 0.3, 0.3, 0.3])


def test_the_area_under_the_roc_points_is_the_auc():
    generator = np.random.default_rng(1)
    positives, negatives = generator.normal(1, 1, 40), generator.normal(0, 1, 60)
    rates = np.linspace(0, 1, 6001)
    under = np.trapezoid(metrics.roc(positives, negatives, rates), rates)
    assert under == pytest.approx(area(positives, negatives), abs=1e-3)


def test_roc_of_a_perfect_ranking_starts_at_one():
    assert metrics.roc(np.array([0.9, 0.8]), np.array([0.1]), np.array([0.0, 0.5, 1.0])).tolist() == [1, 1, 1]


def test_nothing_measured_is_nan_not_an_error():
    nothing = metrics.mean(metrics.draws(np.random.default_rng(0), 0, 5), np.zeros(0))
    assert np.isnan(nothing).all() and nothing.shape == (6,)
    assert np.isnan(metrics.interval(nothing)).all()
    assert np.isnan(area([], [0.5]))


def test_macro_average_leaves_unmeasured_subjects_out():
    values = np.array([[0.2, 0.2], [0.6, 0.6], [np.nan, np.nan]])
    assert metrics.macro(np.ones((2, 3)), values).tolist() == pytest.approx([0.4, 0.4])


def test_draws_keep_the_data_in_row_zero_and_the_size_in_every_row():
    weights = metrics.draws(np.random.default_rng(0), 7, 50)
    assert (weights[0] == 1).all() and (weights.sum(axis=1) == 7).all()
    assert (weights == metrics.draws(np.random.default_rng(0), 7, 50)).all()


def test_the_best_threshold_is_the_one_nearest_to_one_half_of_those_that_do_best():
    def best(*rows: tuple[float, bool, str]) -> float:
        return metrics.best_threshold(*(np.array(column) for column in zip(*rows, strict=True)))

    assert best((0.9, True, "bo"), (0.1, False, "bo")) == 0.5  # any between .1 and .9 is as good
    assert best((0.9, True, "bo"), (0.6, False, "bo")) == pytest.approx(0.75)
    # Each side of each subject counts alike: the one positive of mam as much as all negatives of bo.
    rows = [(0.3, True, "mam"), (0.1, False, "mam")] + [(0.9, True, "bo")] * 9 + [(0.4, False, "bo")] * 9
    assert best(*rows) == pytest.approx(0.5)
    assert best(*rows, (0.2, False, "bo")) == pytest.approx(0.25)  # where not all of them are lost


def test_calibration_sums_of_parts_add_up_to_those_of_all():
    p, y = np.array([0.0, 0.05, 0.5, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    whole = metrics.binned(once(4), p, y)
    parts = metrics.binned(once(2), p[:2], y[:2]) + metrics.binned(once(2), p[2:], y[2:])
    assert (whole == parts).all() and whole[0, :, 0].tolist() == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert metrics.calibration_error(whole)[0] == pytest.approx((0.95 + 0.5 + 0) / 4)
    assert np.isnan(metrics.calibration_error(np.zeros((1, metrics.BINS, 3))))[0]


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Subjects differ (sd .1), photos are coin flips: of 150 intervals over 20 subjects most must hold .8."""
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(150):
        rates = np.clip(generator.normal(0.8, 0.1, 20), 0, 1)
        outcomes = generator.random((20, 20)) < rates[:, None]  # (subjects, photos)
        values = [metrics.mean(metrics.draws(generator, 20, 200), row.astype(float)) for row in outcomes]
        low, high = metrics.interval(metrics.macro(metrics.draws(generator, 20, 200), np.stack(values)))[1:]
        covered += low <= 0.8 <= high
    assert 0.9 <= covered / 150 <= 1.0


def test_the_report_knows_all_controls_that_answer():
    assert set(CONTROLS) == set(TITLES) - {SOFT_PROMPT}
