"""The page of the report: whole, safe, without a network, and used by keyboard."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from common.core import paths
from stages.report.__main__ import main
from tests.support.helpers import run_here
from tests.support.predictions import predict, predicted_in
from tests.support.subjects import HOSTILE

VOID = {"meta", "img", "br", "hr", "link", "input"}


@pytest.fixture
def predicted(workspace: Path) -> Path:
    """Two subjects of the world and one with own photos."""
    return predicted_in({"bo": "world", "mam": "world", "my-dog": "own"}, workspace)


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
    predicted_in({"my-dog": "own"}, workspace)
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
