"""The report stage on made-up predictions, run as a user runs it: what it writes, safely and always alike."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from common.core import io, paths, schema
from stages.report.__main__ import main
from stages.report.console import processor
from tests.support.helpers import run_here, set_params
from tests.support.predictions import predict
from tests.support.subjects import HOSTILE, populate
from tests.support.vqa_files import write as write_vqa

VOID = {"meta", "img", "br", "hr", "link", "input"}


@pytest.fixture
def predicted(workspace: Path) -> Path:
    """Two subjects of the world and one with own photos."""
    return given({"bo": "world", "mam": "world", "my-dog": "own"}, workspace)


def given(subjects: dict[str, str], workspace: Path) -> Path:
    set_params(
        {
            "report.bootstrap": 50,
            "methods": {"rival": {"method": "training_free", "title": "-", "threshold": None}},
            "subjects": {name: {"kind": "pet", "source": source} for name, source in subjects.items()},
        }
    )
    populate(subjects)
    predict(subjects, ["rival"])
    return workspace


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
    given({"bo": "world", "dog": "own", "cat": "own"}, workspace)
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


class Page(HTMLParser):
    """Collects what a browser would see, and checks that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole_needs_no_network_and_shows_hostile_text_as_text(predicted):
    main()
    html = paths.PAGE.read_text()
    page = Page()
    page.feed(html)
    assert not page.open
    tags = [tag for tag, _ in page.seen]
    assert "script" not in tags and HOSTILE not in html
    assert HOSTILE in page.text  # as text, it is all there
    for tag, attributes in page.seen:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/jpeg;base64,", "#"))
        if tag == "img":
            assert "alt" in attributes
    assert not re.search(r"url\(|@import|https?://", html.replace("http://www.w3.org", ""))
    ids = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    top = page.text.partition("Results by method")[0]
    assert all(f"<{name}>" in top for name in ("bo", "mam", "my-dog"))
    assert "These subjects are drawings" in top and f"is red. {HOSTILE}" in top  # and a dialog
    assert "models/base/llava, float32, fingerprint 01234567" in page.text
    beside = page.text.partition("Beside the paper")[2].partition("Latent tokens explained")[0]
    tables = ("4", "4, 5", "5", "6", "7", "8", "Figure 5")
    assert all(f"\n{table}" in beside for table in tables) and "own photos" in beside
    assert "not run: make ablation STUDIES=photos" in beside
    assert "The base claims to know My-Dog, and 1 of 5 names that nobody bears" in page.text


def test_a_user_s_questions_and_explained_tokens_are_on_the_page(predicted):
    folder = paths.photos_dir("my-dog", "own")
    shutil.copy(folder / "test" / "00.png", folder / "party.png")
    paths.own_questions("my-dog", "own").write_text(
        "questions:\n"
        "  - {question: What would sks wear?}\n"
        "  - {question: Who is <my-dog>?, photo: party.png}\n"
    )
    predict({"bo": "world", "mam": "world", "my-dog": "own"}, ["rival"])
    main()
    page = Page()
    page.feed(paths.PAGE.read_text())
    assert page.text.count("Your questions") == 1
    asked = page.text.partition("Your questions")[2].partition("Conversations")[0]
    wear, _, who = asked.partition("Who is <my-dog>?")
    for said in (wear, who):
        assert "<my-dog> is red." in said and "The rival:" in said and "Base, name undefined:" in said
    assert "What would <my-dog> wear?" in wear
    (thumbnail,) = [attributes for _, attributes in page.seen if attributes.get("alt") == "photo party.png"]
    assert (thumbnail["src"] or "").startswith("data:image/jpeg;base64,")
    tokens = page.text.partition("Latent tokens explained")[2]
    assert "The token alone" in tokens and "An untrained row behind the whole soft prompt" in tokens
    assert page.text.count("asked “Describe <token> in one sentence.”") == 3  # of each subject


def test_the_page_is_used_by_keyboard_and_read_aloud(predicted):
    main()
    page = Page()
    page.feed(paths.PAGE.read_text())
    ids = {attributes["id"] for _, attributes in page.seen if "id" in attributes}
    links = [attributes["href"].removeprefix("#") for tag, attributes in page.seen if tag == "a"]
    assert links[0] == "results" and set(links) <= ids  # first of all one can skip to the results
    for tag, attributes in page.seen:
        if tag == "th":
            assert attributes["scope"] in ("row", "col", "rowgroup", "colgroup")
        if tag == "svg":
            assert attributes["role"] == "img" and attributes["aria-label"]
        if "scroll" in (attributes.get("class") or "").split():
            assert attributes["tabindex"] == "0" and attributes["aria-label"]
    assert {f"benchmark-{name}" for name in ("recognition", "two_subjects", "captions", "general")} <= ids
    details = [attributes for tag, attributes in page.seen if tag == "details"]
    assert len(details) == sum(tag == "summary" for tag, _ in page.seen) > 3


def test_every_method_s_answer_about_a_photo_is_on_the_page_and_controls_stand_apart(predicted):
    main()
    html = paths.PAGE.read_text()
    assert html.count('<th scope="col">The rival</th>') == 3  # in each subject's table of photos
    methods, controls = html[html.index("<tbody>") :].split("</tbody>")[:2]
    assert "The rival" in methods and "Constant answer" not in methods
    assert "Controls" in controls and "Constant answer" in controls


def test_own_photos_without_truth_are_reported_with_what_is_missing_said(workspace):
    given({"my-dog": "own"}, workspace)
    done = run_here("report")
    assert done.returncode == 0, done.stderr
    assert re.match(r"report: 1 subject \(own photos\): found in .* in [\d.]+ s", done.stderr)
    metrics = json.loads(paths.METRICS.read_text())
    assert metrics["recognition.positive"] is not None
    assert metrics["recognition.negative"] is None  # nobody else's photos to reject
    assert metrics["recognition.lookalikes.weighted"] is None and metrics["questions.text"] is None
    page = Page()
    page.feed(paths.PAGE.read_text())
    assert "n/a" in page.text and "nan" not in page.text
    assert "1 subject, learned from" in page.text and "1 subjects" not in page.text
    assert "drawings" not in page.text.partition("Results by method")[0]


def test_further_general_questions_are_shown_where_they_were_asked(workspace):
    write_vqa(paths.WORLD_GENERAL)
    given({"bo": "world", "mam": "world"}, workspace)
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
