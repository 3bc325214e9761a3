"""The page on a tiny model, in headless Chromium."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from common import vlm
from common.assistant import Assistant, Conversation
from common.core import io, params, paths, schema
from common.core.foreign import plain
from tests.pipeline.test_interrupted import SMALL
from tests.support.chat_server import Server, completion
from tests.support.forked import dvc
from tests.support.helpers import ROOT, set_params
from tests.support.vlm_helpers import soft_prompt

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
EVIL = "<img src=x onerror=\"document.title='hacked'\">"
ENDPOINT = {
    **{"method": "endpoint", "title": f"Echo {EVIL}", "description": None, "references": 1, "model": "m"},
    **{"key_variable": None, "image_size": 64, "logprobs": None, "timeout_s": 5.0, "retries": 0},
    **{"backoff_s": 0.01, "concurrency": 1},
}


@contextmanager
def drawn_world(place: Path, tiny_llava: Path, clip_folder: Path) -> Iterator[None]:
    """A drawn world with bo and rex in this folder, which is the current one; bo has a soft prompt."""
    from stages.render.__main__ import main as render

    for name in ("dvc.yaml", "params.yaml", "prompts.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, place)
    for name in ("common", "stages", "commands"):
        shutil.copytree(ROOT / name, place / name)
    server = Server()
    server.answer = lambda number, body: completion(f"It is {EVIL}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("GRADIO_TEMP_DIR", str(place.with_name("uploads")))
        set_params(SMALL | {"base.vlm.model": str(tiny_llava), "base.clip.model": str(clip_folder)})
        set_params({"methods": {"echo": ENDPOINT | {"url": server.url}}, "chat.max_new_tokens": 20})
        render()
        base = vlm.load(str(tiny_llava))
        prompt = soft_prompt(base, "bo", 2)
        prompt.info["base"] = {"fingerprint": base.fingerprint}
        prompt.save(paths.subject_model("bo"))
        measured("bo")
        yield
    server.close()


def measured(subject: str) -> None:
    """Predictions of a last evaluation: 3 of 4 own photos and 6 of 6 others told rightly; threshold .2."""
    rows = [
        dict.fromkeys(schema.RECOGNITION.names)
        | {"subject": subject, "photo": f"{n}.png", "photo_sha256": str(n), "group": "test", "owner": "-"}
        | {"label": n < 4, "method": "soft_prompt", "answer": "-", "parsed": "yes" if n < 3 else "no"}
        | {"p_yes": (n + 0.5) / 10}
        for n in range(10)
    ]
    place = paths.predictions("soft_prompt", "recognition")
    io.write_parquet(place, rows, schema.RECOGNITION, ["photo"])
    io.write_json(paths.INTERVALS, {"thresholds": {"soft_prompt": 0.2}})


@contextmanager
def serving() -> Iterator[str]:
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
        for word in (
            *("headless=new", "no-sandbox", "disable-dev-shm-usage", f"window-size={width},{height}"),
            *(
                "use-fake-device-for-media-stream",
                "use-fake-ui-for-media-stream",
            ),  # a camera, and leave to use it
        ):
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


def expected(question: str, photo: Path | None = None, subjects: tuple[str, ...] = ("bo",)) -> str:
    from common.core.images import load_image

    assistant = _assistant(Path.cwd(), paths.PARAMS.read_bytes())
    *_, answer = Conversation(assistant, subjects, image=load_image(photo) if photo else None).ask(question)
    return plain(answer.text)


@cache
def _assistant(folder: Path, settings: bytes) -> Assistant:
    """One for each state of a folder's params.yaml."""
    return Assistant.of(params.load())


def commit_made(folder: Path) -> None:
    """Let DVC know what check, render and index have made, as after an earlier run."""
    from stages.check.__main__ import main as check
    from stages.index.__main__ import main as index

    for name in (
        *("data/subjects", "reports/ablation"),
        *(f"models/{b}/{m}" for b in ("base", "photographs") for m in ("llava", "clip")),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / "README.md").touch()
    (folder / paths.SMOLLM2).mkdir(parents=True)
    (folder / paths.SMOLLM2 / "changes.safetensors").touch()
    check()
    index()
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("init", "-q")
    dvc("commit", "-q", "-f", "check", "render", "index")
