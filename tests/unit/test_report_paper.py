"""The comparison with the paper is made on its own subjects alone."""

from stages.report import paper
from stages.report.benchmarks import MEASURES
from tests.support.report_helpers import NO, YES, asked, scored


def test_numbers_stand_beside_the_paper_s_on_the_subjects_of_its_dataset_alone():
    rows = asked("yollava-bo", "positive", [YES, NO]) + asked("yollava-bo", "others", [NO, NO])
    rows += asked("rex", "positive", [NO]) + asked("rex", "others", [YES])
    found = paper.beside(scored(rows, subjects=("yollava-bo", "rex")))
    by_what = {line[1]: dict(zip(paper.HEAD, line, strict=True)) for line in found}
    shown = by_what["recognition: own photos / others' photos / mean"]
    assert shown["paper"].endswith(".924") and " / .75 (" in shown["ours"]
    assert by_what["questions about a photo"]["ours"] == "n/a"  # not asked


def test_other_subjects_are_not_compared_with_the_paper():
    assert (
        paper.beside(
            scored(asked("rex", "positive", [YES]) + asked("rex", "others", [NO]), subjects=("rex",))
        )
        == []
    )


def test_every_comparison_is_with_a_measure_that_there_is():
    assert {measure for row in paper.PUBLISHED for measure in row.measures} <= MEASURES.keys()
