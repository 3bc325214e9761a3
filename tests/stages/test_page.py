"""The page in headless Chromium, clicked through on a tiny model: talking."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from common.assistant import Assistant
from common.core import params
from tests.support.page import (
    CHROMIUM,
    DRIVER,
    EVIL,
    Browser,
    Keys,
    drawn_world,
    expected,
    serving,
)

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path, clip_folder: Path) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("page")
    with drawn_world(place, tiny_llava, clip_folder):
        yield place


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def chromium(address: str) -> Iterator[Browser]:
    browser = Browser(address)
    yield browser
    browser.driver.quit()


def test_the_gallery_says_who_is_trained_and_how_well_each_is_recognized(page: Browser) -> None:
    assert page.one("[data-subject=bo]").text.split("\n") == ["bo", "pet", "88 % of 10 photos"]
    rex = page.one("[data-subject=rex]")
    assert "not trained yet" in rex.text and not rex.is_enabled()
    picture = page.one("[data-subject=bo] img")
    page.until(lambda: picture.get_property("naturalWidth"), "picture of bo")
    assert "Whom shall we talk about?" in page.one("#transcript").text


def test_answers_are_those_of_a_conversation(page: Browser, folder: Path) -> None:
    page.choose("bo")
    page.ask("What is <bo>?")
    assert page.said(1) == [expected("What is <bo>?")]
    photo = next((folder / "data/world/subjects/bo/test").iterdir())
    page.show(photo)
    page.one("#photo img")
    page.ask("Is <bo> here?")
    assert page.said(2) == [expected("Is <bo> here?", photo)]
    page.click("#new")
    assert "Whom shall we talk about?" in page.one("#transcript .empty").text


def test_without_a_photo_it_says_that_none_was_shown(page: Browser) -> None:
    page.ask("Is <bo> in this photo?")
    page.said(1)
    assert "No photo was shown" in page.one("#transcript .hint").text
    page.click("#who")
    assert "there is no photo to look at" in page.one("#transcript .problem").text


def test_who_is_here_shows_the_probability_and_what_came_of_such_ones(page: Browser, folder: Path) -> None:
    photo = next((folder / "data/world/subjects/bo/test").iterdir())
    page.show(photo)
    page.one("#photo img")
    page.click("#who")
    (row,) = page.until(lambda: page.all("#transcript .bars tbody tr"), "bars")
    from common.core.images import load_image

    yes = Assistant.of(params.load()).recognize(load_image(photo), ["bo"])["bo"].yes
    share = "100" if yes < 0.4 else "0"  # of the one photo in each bin of `measured`
    assert row.text.split() == ["bo", f"{yes:.2f}", share, "%", "of", "1"]
    assert "the threshold, 0.20" in page.one("#transcript .answer .hint").text  # as `measured` has it
    assert ("here" in row.get_attribute("class").split()) == (yes > 0.2)


def test_mistakes_are_one_sentence_and_the_question_stays(page: Browser, tmp_path: Path) -> None:
    page.ask("Who is <Bo>?")
    assert "<Bo> is unknown" in page.one("#transcript .problem").text
    field = page.one("#question textarea")
    assert field.get_property("value") == "Who is <Bo>?"
    field.clear()
    page.ask("Who is <rex>?")
    page.until(lambda: "dvc repro train@rex" in page.one("#transcript").text, "remedy")
    field.clear()
    text = tmp_path / f"{EVIL.replace('/', '')}.png"
    text.write_bytes(b"just words")
    page.show(text)
    page.one("#looked .problem", "not an image that can be read")
    large = tmp_path / "large.png"
    Image.new("1", (12_000, 9_000)).save(large)
    page.show(large)
    page.one("#looked .problem", "12,000 x 9,000 pixels")
    assert "hacked" not in page.driver.title
    page.ask("What is <bo>?")  # the page is still alive
    assert page.said(1) == [expected("What is <bo>?", subjects=())]


def test_two_methods_stand_side_by_side_and_what_they_say_is_text(page: Browser) -> None:
    page.option("Beside it", "Echo")
    page.ask(f"Say {EVIL}")
    ours, theirs = page.said(1)
    assert theirs == f"It is {EVIL}" and ours == expected(f"Say {EVIL}", subjects=())
    assert page.all("#transcript .question p")[0].text == f"Say {EVIL}"
    assert [title.text for title in page.all("#transcript h3")] == ["Soft prompt", f"Echo {EVIL}"]
    assert not page.all("#transcript img") and "hacked" not in page.driver.title


def test_keys_suffice(page: Browser) -> None:
    page.one("#question textarea").click()
    active = lambda: page.driver.switch_to.active_element  # noqa: E731
    page.driver.execute_script("arguments[0].focus()", page.one("[data-subject=bo]"))
    active().send_keys(Keys.SPACE)
    page.one("[data-subject=bo][aria-pressed=true]")
    page.until(lambda: active().get_attribute("data-subject") == "bo", "focus on the card")
    active().send_keys(Keys.SHIFT, Keys.TAB)
    active().send_keys(Keys.TAB)
    assert "px" in page.driver.execute_script("return getComputedStyle(document.activeElement).outlineWidth")
    assert (
        page.driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    )


def test_it_fits_a_phone_and_is_dark_where_that_is_wanted(page: Browser) -> None:
    screen = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.driver.execute_script(ground)
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        page.open()
        assert page.driver.execute_script("return document.documentElement.scrollWidth") == 390
        night = page.driver.execute_script(ground)
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page.open("?__theme=dark")
    assert page.driver.execute_script(ground) == night != light


def test_nothing_is_asked_of_another_machine(page: Browser) -> None:
    page.driver.get_log("performance")
    page.open()
    page.ask("What is <bo>?")
    page.said(1)
    events = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    addresses = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    }
    assert len(addresses) > 20
    assert all(a.startswith((f"{page.address}/", "data:")) for a in addresses), addresses


def test_strangers_get_nothing(address: str, folder: Path) -> None:
    import httpx

    for path in ("gradio_api/info", "gradio_api/openapi.json", "gradio_api/runs", "docs", "monitoring"):
        assert httpx.get(f"{address}/{path}").status_code == 404, path
    for path in (
        folder / "params.yaml",
        Path("/etc/hostname"),
        "http://127.0.0.1/",
        "pictures/../params.yaml",
    ):
        assert httpx.get(f"{address}/gradio_api/file={path}").status_code in (403, 404), path
    assert httpx.get(f"{address}/pictures/..%2f..%2fparams.jpg").status_code == 404
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 403
    body = {"headers": {"Origin": "http://evil.example"}, "json": {}}
    assert httpx.post(f"{address}/gradio_api/queue/join", **body).status_code == 403
    assert httpx.post(f"{address}/gradio_api/queue/join", content=b" " * 2**21).status_code == 413
    assert "'self'" in httpx.get(address).headers["Content-Security-Policy"]


def test_somebody_who_leaves_in_the_middle_of_an_answer_stops_nobody(page: Browser) -> None:
    page.ask("What is <bo>?")
    page.one("#growing .question, #transcript .question")
    page.open()
    page.ask("What is <bo>?")
    assert page.said(1) == [expected("What is <bo>?", subjects=())]
