"""The page in headless Chromium: clicked through on a tiny model; DVC trains for real."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common import vlm
from common.assistant import Assistant, Conversation
from common.core import io, params, paths, schema
from common.core.errors import UserError
from common.core.foreign import plain
from tests.pipeline.test_interrupted import SMALL
from tests.stages.test_methods_endpoint import Server, completion
from tests.support.helpers import ROOT, dvc, run_stage, set_params
from tests.support.vlm_helpers import noise_images, soft_prompt

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

EVIL = "<img src=x onerror=\"document.title='hacked'\">"
ENDPOINT = {
    **{"method": "endpoint", "title": f"Echo {EVIL}", "description": None, "references": 1, "model": "m"},
    **{"key_variable": None, "image_size": 64, "logprobs": None, "timeout_s": 5.0, "retries": 0},
    **{"backoff_s": 0.01, "concurrency": 1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path, clip_folder: Path) -> Iterator[Path]:
    """A drawn world with bo and rex as the current folder; bo has a soft prompt."""
    from stages.render.__main__ import main as render

    place = tmp_path_factory.mktemp("page")
    for name in ("params.yaml", "dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, place)
    for name in ("common", "stages", "commands"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    server = Server()
    server.answer = lambda number, body: completion(f"It is {EVIL}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        set_params(SMALL | {"base.vlm.model": str(tiny_llava), "base.clip.model": str(clip_folder)})
        set_params({"methods": {"echo": ENDPOINT | {"url": server.url}}, "chat.max_new_tokens": 20})
        render()
        base = vlm.load(str(tiny_llava))
        prompt = soft_prompt(base, "bo", 2)
        prompt.info["base"] = {"fingerprint": base.fingerprint}
        prompt.save(paths.subject_model("bo"))
        measured("bo")
        yield place
    server.close()


def measured(subject: str) -> None:
    """Predictions of a last evaluation: 3 of 4 own photos and 6 of 6 others told rightly."""
    rows = [
        dict.fromkeys(schema.RECOGNITION.names)
        | {"subject": subject, "photo": f"{n}.png", "photo_sha256": str(n), "group": "test", "owner": "-"}
        | {"label": n < 4, "method": "soft_prompt", "answer": "-", "parsed": "yes" if n < 3 else "no"}
        | {"p_yes": (n + 0.5) / 10}
        for n in range(10)
    ]
    place = paths.predictions("soft_prompt", "recognition")
    io.write_parquet(place, rows, schema.RECOGNITION, ["photo"])


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where the page is served; its server runs in this process, on a free port."""
    import uvicorn

    from commands.page import server
    from commands.page.page import Page

    with server.reserved(0) as listener:
        page = Page(Assistant.of(params.load()), params.load, ["person", "pet"])
        port = listener.getsockname()[1]
        app = server.application(page, port)
        web = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=web.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{port}"
        page.training.cancel()
        web.should_exit = True
        thread.join()


class Browser:
    """What somebody does in front of the page."""

    def __init__(self, address: str, width: int = 1280, height: int = 900) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", f"window-size={width},{height}"):
            options.add_argument(f"--{word}")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self.address = address

    def open(self, query: str = "") -> None:
        """Open the page anew, as somebody who has chosen and said nothing."""
        self.driver.get(f"{self.address}/{query}")
        self.one("[data-subject=bo]")

    def one(self, css: str, text: str = "") -> Any:
        """Wait for something visible that holds a text."""
        return self.until(
            lambda: next((e for e in self.all(css) if e.is_displayed() and text in e.text), None), css + text
        )

    def all(self, css: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def until(self, found: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        from selenium.common.exceptions import StaleElementReferenceException

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if result := found():
                    return result
            except StaleElementReferenceException:
                pass  # it was drawn anew meanwhile
            time.sleep(0.05)
        raise AssertionError(f"no {what} in {self.driver.find_element(By.TAG_NAME, 'body').text}")

    def click(self, css: str, text: str = "") -> None:
        self.driver.execute_script("arguments[0].click()", self.one(css, text))

    def choose(self, subject: str) -> None:
        self.click(f"[data-subject={subject}]")
        self.one(f"[data-subject={subject}][aria-pressed=true]")

    def option(self, label: str, text: str) -> None:
        self.one(f'input[aria-label="{label}"]').click()
        self.one("[role=option]", text).click()

    def ask(self, question: str) -> None:
        self.one("#question textarea").send_keys(question + Keys.ENTER)

    def said(self, number: int) -> list[str]:
        """The whole answers to the nth question, as they stand there."""
        self.until(lambda: len(self.all("#transcript .exchange")) >= number, f"{number} answers")
        answers = self.all("#transcript .exchange")[number - 1].find_elements(By.CSS_SELECTOR, ".answer > p")
        return [answer.get_property("textContent") for answer in answers]

    def show(self, photo: Path) -> None:
        self.until(lambda: self.all("#photo input[type=file]"), "place for a photo")[0].send_keys(
            str(photo.resolve())
        )


@pytest.fixture(scope="module")
def chromium(address: str) -> Iterator[Browser]:
    browser = Browser(address)
    yield browser
    browser.driver.quit()


@pytest.fixture
def page(chromium: Browser) -> Browser:
    chromium.open()
    return chromium


def expected(question: str, photo: Path | None = None, subjects: tuple[str, ...] = ("bo",)) -> str:
    from common.core.images import load_image

    talk = Conversation(Assistant.of(params.load()), subjects, image=load_image(photo) if photo else None)
    *_, answer = talk.ask(question)
    return plain(answer.text)


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


def test_a_port_in_use_is_one_sentence(folder: Path) -> None:
    from commands.page.__main__ import main

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="is in use"):
        main(str(taken.getsockname()[1]))
    with pytest.raises(UserError, match="is no port"):
        main("http")


@pytest.fixture(scope="module")
def ready(folder: Path) -> None:
    """DVC knows what check, render and index have made, as after an earlier run."""
    from stages.check.__main__ import main as check
    from stages.index.__main__ import main as index

    for name in (
        "data/subjects",
        *(f"models/{b}/{m}" for b in ("base", "photographs") for m in ("llava", "clip")),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / "README.md").touch()
    check()
    index()
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    dvc("commit", "-q", "-f", "check", "render", "index")


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_a_subject_is_added_trained_talked_about_and_deleted(page: Browser, tmp_path: Path) -> None:
    before = Path("params.yaml").read_bytes()
    photos = [tmp_path / f"{number}.png" for number in range(5)]
    for photo, image in zip(photos, noise_images(5), strict=True):
        image.save(photo)
    words = tmp_path / "words.png"
    words.write_text("words")
    page.click("#add button.label-wrap")
    page.one("#add input[maxlength], #add textarea").send_keys("My Dog")
    page.option("Kind", "pet")
    page.all("#add input[type=file]")[0].send_keys("\n".join(map(str, [*photos, words])))
    page.until(lambda: "words" in page.one("#photos").text, "photos")
    page.click("#add button.primary")
    page.one("#add .problem", "'My Dog' cannot be an id")
    field = page.one("#add input[maxlength], #add textarea")
    field.clear()
    field.send_keys("my-dog")
    page.click("#add button.primary")
    page.one("#add .more", "words.png is not an image")
    page.one("#training", "my-dog is being trained")
    page.ask("What is <bo>?")  # meanwhile
    assert page.said(1) == [expected("What is <bo>?", subjects=())]
    page.click("#manage button.label-wrap")
    page.option("Subject", "rex")
    page.click("#train")
    page.one("#manage .problem", "my-dog is being trained: train rex when that is done")
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


@pytest.mark.slow
def test_the_command(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = run_stage("page", str(taken.getsockname()[1]))
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1 and "is in use" in failed.stderr
