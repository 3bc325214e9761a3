"""The report stage on made-up predictions, run as a user runs it: what it writes, safely and always alike."""

import json
from pathlib import Path

import pytest
from PIL import Image

from common.core import io, paths, schema
from stages.report.__main__ import main
from stages.report.console import processor
from tests.support.helpers import run_here, set_params
from tests.support.predictions import predicted_in
from tests.support.vqa_files import write as write_vqa

VOID = {"meta", "img", "br", "hr", "link", "input"}


@pytest.fixture
def predicted(workspace: Path) -> Path:
    """Two subjects of the world and one with own photos."""
    return predicted_in({"bo": "world", "mam": "world", "my-dog": "own"}, workspace)


def written() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in sorted(paths.REPORTS.rglob("*")) if path.is_file()}


def test_it_writes_everything_that_dvc_names_and_the_same_bytes_again(predicted):
    said = main()
    assert said.startswith("2 subjects (drawings): recognition on test pictures .")
    assert "; 1 subject (own photos): found in " in said and said.endswith(processor())
    first = written()
    made = {name.removeprefix("reports/") for name in first if not name.startswith("reports/train/")}
    assert made == {
        "index.html", "intervals.json", "metrics.json", "tables.md",
        "plots/loss.json", "plots/methods.json", "plots/reliability.json", "plots/roc.json",
        "plots/scores.json", "plots/subjects.json",
        "sheets/1-lowest.png", "sheets/2-middle.png", "sheets/3-highest.png",
    }  # fmt: skip
    main()
    assert written() == first

    metrics = json.loads(first["reports/metrics.json"])
    assert metrics["subjects.n"] == 2 and metrics["own.subjects.n"] == 1
    assert metrics["recognition.control.majority"] == 0.5
    assert metrics["data.hard_negatives"] == 2 and metrics["data.conversations"] == 4
    intervals = json.loads(first["reports/intervals.json"])
    found = intervals["estimates"]["recognition.weighted"]["soft_prompt"]
    assert found["low"] <= found["value"] == metrics["recognition.weighted"] <= found["high"]
    assert intervals["parse_failures"]["recognition"]["soft_prompt"] >= 0
    assert set(intervals["thresholds"]) == {"soft_prompt", "rival"}
    assert intervals["soft_prompt_minus"]["recognition.weighted"]["rival"]["value"] > 0
    assert 0 < metrics["methods.rival.recognition"] < 1 and metrics["calibration.error"] > 0
    assert metrics["methods.rival.pope"] == intervals["estimates"]["general.pope.accuracy"]["rival"]["value"]
    assert set(intervals["soft_prompt_minus"]["general.pope.unchanged"]) >= {"rival", "base"}
    assert "| control: Constant answer |" in first["reports/tables.md"].decode()
    assert "| The rival |" in first["reports/tables.md"].decode()
    assert (
        "test picture of <bo>\n\n```\n> Where is <bo>?\n<bo> is red." in first["reports/tables.md"].decode()
    )
    with Image.open(paths.SHEETS / "1-lowest.png") as sheet:
        assert sheet.width > 500


def test_own_photos_beside_the_drawings_change_no_number_about_these(predicted):
    main()
    beside, tables = json.loads(paths.METRICS.read_text()), paths.TABLES.read_text()
    set_params({"-subjects.my-dog": None})
    main()
    alone = json.loads(paths.METRICS.read_text())
    assert {name: value for name, value in beside.items() if not name.startswith("own.")} == alone
    assert beside["own.recognition.positive"] is not None
    assert beside["own.recognition.weighted"] is None  # no other photographs to tell it from
    assert "## Apart from these: 1 subject (own photos)" in tables
    assert "## Apart" not in paths.TABLES.read_text()


def test_own_subjects_are_told_from_each_other_and_not_from_drawings(workspace):
    predicted_in({"bo": "world", "dog": "own", "cat": "own"}, workspace)
    path = paths.predictions(paths.SOFT_PROMPT, "recognition")
    rows = io.read_parquet(path, schema.RECOGNITION).to_pylist()
    for row in rows:  # every drawing is taken for the dog and the cat, no photograph is
        if row["subject"] != "bo":
            row["parsed"] = "yes" if row["label"] or row["owner"] == "bo" else "no"
    io.write_parquet(path, rows, schema.RECOGNITION, ("subject", "method", "owner", "group", "photo"))
    main()
    metrics = json.loads(paths.METRICS.read_text())
    assert metrics["own.recognition.weighted"] == 1.0 and metrics["own.subjects.n"] == 2
    row = next(
        line for line in paths.TABLES.read_text().split("## Apart")[1].splitlines() if "| Soft" in line
    )
    assert row.endswith("| .00 |")  # which the last column says
    page = paths.PAGE.read_text()
    assert "This subject is a drawing" in page and "Apart: 2 subjects (own photos)" in page


def test_further_general_questions_are_shown_where_they_were_asked(workspace):
    write_vqa(paths.WORLD_GENERAL)
    predicted_in({"bo": "world", "mam": "world"}, workspace)
    main()
    tables, found = paths.TABLES.read_text(), json.loads(paths.INTERVALS.read_text())["estimates"]
    section = tables.partition("## Further abilities it had before")[2].partition("##")[0]
    assert "| MME accuracy+ |" in section and "| The rival |" in section and "| control: Base" in section
    assert {"soft_prompt", "base", "rival"} <= found["vqa.scienceqa.accuracy"].keys()
    assert "Further abilities it had before" in paths.PAGE.read_text()
    assert all(found.values())


def test_a_missing_training_curve_is_one_clear_sentence(predicted):
    paths.train_curve("mam").unlink()
    done = run_here("report")
    assert done.returncode == 1
    assert done.stderr == "error: reports/train/mam.csv is missing: run `dvc repro train@mam` to make it\n"
