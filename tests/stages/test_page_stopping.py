"""The page in headless Chromium: what takes long and is stopped, and the camera; DVC trains for real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from common.core import params, paths
from tests.support.helpers import set_params
from tests.support.page import CHROMIUM, DRIVER, Browser, commit_made, drawn_world, expected, serving
from tests.support.vlm_helpers import noise_images

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")
LONG = {"chat.max_new_tokens": 400, "chat.temperature": 1.0}  # drawn words do not run on


@pytest.fixture(scope="module")
def chromium(
    tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path, clip_folder: Path
) -> Iterator[Browser]:
    with drawn_world(tmp_path_factory.mktemp("page"), tiny_llava, clip_folder):
        set_params(LONG)
        with serving() as address:
            browser = Browser(address)
            yield browser
            browser.driver.quit()


def test_a_photo_that_the_camera_takes_is_talked_about(page: Browser) -> None:
    page.click("#photo [aria-label='Capture from camera']")
    page.click("#photo button", "Click to Access Webcam")
    page.until(lambda: page.one("#photo video").get_property("videoWidth"), "picture of the camera")
    page.click("#photo [aria-label='capture photo']")
    page.one("#photo img")
    page.until(lambda: not page.all("#photo video"), "end of the camera")
    page.click("#who")
    page.until(lambda: page.all("#transcript .bars tbody tr"), "bars")
    assert not page.all("#transcript .problem")


def test_a_long_answer_is_stopped_and_what_was_said_stays(page: Browser) -> None:
    question = "Tell me all about <bo>."
    page.ask(question)
    page.until(lambda: len(page.one("#growing .answer").text) > 20, "answer that grows")
    page.click("#stop")
    (said,) = page.said(1)
    assert page.one("#transcript .answer small").text == "stopped"
    whole = expected(question, subjects=())
    assert 20 < len(said) < len(whole) and whole.startswith(said)
    page.one("#send")  # back in the place of "Stop"
    page.ask(question)
    assert page.said(2) == [whole]


@pytest.mark.slow
def test_a_subject_is_added_canceled_trained_talked_about_and_deleted(page: Browser, tmp_path: Path) -> None:
    commit_made(Path())
    before = Path("params.yaml").read_bytes()
    photos = [tmp_path / f"{number}.png" for number in range(5)]
    for photo, image in zip(photos, noise_images(5), strict=True):
        image.save(photo)
    words = tmp_path / "words.png"
    words.write_text("words")
    page.click("#add button.label-wrap")
    page.one("#name input, #name textarea").send_keys("My Dog")
    page.option("Kind", "pet")
    page.one("#noun input, #noun textarea").send_keys("dog")
    page.all("#add input[type=file]")[0].send_keys("\n".join(map(str, [*photos, words])))
    page.until(lambda: "words" in page.one("#photos").text, "photos")
    page.click("#add button.primary")
    page.one("#add .problem", "'My Dog' cannot be an id")
    field = page.one("#name input, #name textarea")
    field.clear()
    field.send_keys("my-dog")
    page.click("#add button.primary")
    page.one("#add .more", "words.png is not an image")
    page.one("#training", "my-dog is being trained")
    assert params.load().subjects["my-dog"].noun == "dog"
    page.ask("What is <bo>?")  # meanwhile
    assert page.said(1) == [expected("What is <bo>?", subjects=())]
    page.click("#manage button.label-wrap")
    page.option("Subject", "rex")
    page.click("#train")
    page.one("#manage .problem", "my-dog is being trained: train rex when that is done")
    page.click("#cancel")
    page.one("#training .canceled", "my-dog")
    assert not paths.subject_model("my-dog").exists()
    page.option("Subject", "my-dog")
    page.click("#train")
    page.until(lambda: page.all("#training .done, #training .failed"), "end of the training", 900)
    assert "my-dog is trained" in page.one("#training").text
    page.until(lambda: page.one("[data-subject=my-dog]").is_enabled(), "my-dog in the gallery")
    page.click("#new")
    page.one("#transcript .empty")
    page.ask("What is <my-dog>?")
    assert page.said(1) == [expected("What is <my-dog>?", subjects=())]

    page.option("Subject", "my-dog")
    page.click("#delete")
    page.one("#manage .confirm", "data/subjects/my-dog")
    page.click("#deleted")
    page.until(lambda: not page.all("[data-subject=my-dog]"), "gallery without my-dog")
    assert Path("params.yaml").read_bytes() == before
    assert not list(Path().glob("[dmr]*/**/my-dog*"))
