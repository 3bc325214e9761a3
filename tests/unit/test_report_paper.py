"""The paper's numbers with ours beside them: those of a run, by domain, and those of studies."""

from pathlib import Path

import pytest

from benchmarks import ablation
from benchmarks.ablation_report import MEASURES as STUDIED
from common.core import io
from common.methods.interface import CONTROLS
from stages.report import paper
from stages.report.answers import Predictions
from stages.report.benchmarks import MEASURES
from stages.report.domains import Domain
from stages.report.published import PUBLISHED
from tests.support.helpers import ROOT
from tests.support.report_helpers import NO, YES, asked, scored, told

RECOGNITION = "recognition: own photos / others' photos / mean"


def domain(source: str, recognition: list[dict], subjects: tuple[str, ...], questions=()) -> Domain:
    return Domain(source, Predictions({}, {}), scored(recognition, questions, subjects), {})


def rows(comparison: paper.PaperTable) -> list[dict[str, str]]:
    return [dict(zip(comparison.head, row, strict=True)) for row in comparison.rows]


def of_run(*domains: Domain) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["table"], row["what"]): row for row in rows(paper.compare(domains)[0])}


def test_every_domain_has_a_column_and_the_paper_s_subjects_stand_apart():
    drawn = asked("bo", "positive", [YES, NO]) + asked("bo", "others", [NO, NO])
    own = asked("yollava-bo", "positive", [YES, YES]) + asked("yollava-bo", "others", [NO, NO])
    own += asked("rex", "positive", [NO]) + asked("rex", "others", [YES])
    compared = of_run(domain("world", drawn, ("bo",)), domain("own", own, ("yollava-bo", "rex")))
    row = compared["5", RECOGNITION]
    assert row["paper"] == ".949 / .898 / .924"
    assert ".75 (" in row["drawings"].split(" / ")[2]
    assert row["own photos"].split(" / ")[2].startswith(".50 (")
    assert row["the paper's subjects"].split(" / ")[2].startswith("1.00 (")
    assert compared["5", "questions about a photo"]["drawings"] == "n/a"  # not asked


def test_subjects_of_the_dataset_alone_are_shown_once():
    scored_rows = asked("yollava-bo", "positive", [YES]) + asked("yollava-bo", "others", [NO])
    head = paper.compare([domain("own", scored_rows, ("yollava-bo",))])[0].head
    assert "the paper's subjects" in head and "own photos" not in head


def test_the_long_description_has_its_row_of_table_5():
    answers = told("bo", "text", "long_description", [True, True, True, False])
    photos = asked("bo", "positive", [YES], "long_description") + asked("bo", "positive", [YES])
    compared = of_run(domain("world", photos, ("bo",), answers))
    row = compared["5", "questions without a photo, a long description"]
    assert row["paper"] == ".790" and row["drawings"].startswith(".75 (")


def test_table_6_is_whole_with_both_methods():
    photos = [
        row
        for method, negative in (("soft_prompt", NO), ("myvlm", YES))
        for row in asked("bo", "positive", [YES], method) + asked("bo", "others", [negative], method)
    ]
    table = [row for row in rows(paper.compare([domain("world", photos, ("bo",))])[0]) if row["table"] == "6"]
    assert [row["paper"] for row in table] == [".970 / .957 / .964", ".966 / .909 / .938", "1.00", ".960"]
    ours, theirs = (row["drawings"].split(" / ")[2] for row in table[:2])
    assert ours.startswith("1.00 (") and theirs.startswith(".50 (")


def test_studies_are_read_where_they_were_run_and_else_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    photos = asked("bo", "positive", [YES]) + asked("bo", "others", [NO])
    estimate = {"recognition.weighted": {"value": 0.754, "low": 0.7, "high": None, "by_seed": {"0": 0.754}}}
    io.write_json(paper.STUDIES / "ladder.json", {"+ conversations": {"estimates": estimate}})
    studied = {row["what"]: row for row in rows(paper.compare([domain("world", photos, ("bo",))])[1])}
    assert studied["and conversations"]["ours"] == ".75 (.70 to n/a)"
    assert studied["and hard negatives"]["ours"] == "not run: make ablation STUDIES=ladder"
    assert studied["latent tokens: 36"]["ours"] == "not run: make ablation STUDIES=latent_tokens"


def test_every_published_number_stands_beside_something_that_there_is():
    for row in PUBLISHED:
        assert set(row.measures) <= MEASURES.keys()
        if row.study:
            assert row.step in ablation.STUDIES[row.study].steps and set(row.measures) <= set(STUDIED)
        assert row.method in {*CONTROLS, "soft_prompt", "reference_photo", "myvlm"}
    assert {row.table for row in PUBLISHED} == {"4", "4, 5", "5", "6", "7", "8", "Figure 5"}
    assert paper.STUDIES == ablation.FOLDER and (ROOT / paper.STUDIES).is_dir()  # or DVC would miss it
