"""The chat at a real terminal: earlier lines, arrow keys, Ctrl-C and Ctrl-D."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common import vlm
from tests.support.helpers import ROOT, hear_signals, set_params
from tests.support.vlm_helpers import save_soft_prompts

UP, LEFT = b"\x1b[A", b"\x1b[D"
CTRL_C, CTRL_D = b"\x03", b"\x04"
LONG = "Tell me all about <bo>."


def _at_the_terminal() -> None:
    hear_signals()
    os.close(os.open(os.ttyname(0), os.O_RDWR))  # it becomes the process's own: Ctrl-C reaches it


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self.screen, theirs = pty.openpty()
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words],
            **{"stdin": theirs, "stdout": theirs, "stderr": theirs},
            env=environment,
            start_new_session=True,
            preexec_fn=_at_the_terminal,
        )
        os.close(theirs)
        self.text = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.screen)

    def type(self, keys: bytes) -> None:
        os.write(self.screen, keys)

    def until(self, text: str, seconds: float = 120) -> str:
        """Wait for a text behind all that was waited for before; what stands before it."""
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"no {text!r} in {self.text!r}"
            if select.select([self.screen], [], [], 1)[0]:
                self.text += os.read(self.screen, 4096).decode(errors="replace")
        before, _, self.text = self.text.partition(text)
        return before


@pytest.mark.slow
def test_earlier_lines_come_back_and_ctrl_c_stops_an_answer_alone(workspace: Path, tiny_llava: Path) -> None:
    set_params({"base.vlm.model": str(tiny_llava), "chat.max_new_tokens": 400, "chat.temperature": 1.0})
    save_soft_prompts(vlm.load(str(tiny_llava)), "bo")
    with Terminal("commands.chat", "bo") as chat:
        chat.until("> ")
        chat.type(LONG.encode() + b"\n")
        chat.until(f"{LONG}\r\n")
        chat.until("<bo>")  # an answer that grows
        chat.type(CTRL_C)
        chat.until("\nstopped\r\n> ")
        chat.type(UP + LEFT * len("bo>.") + b"x")
        chat.until("x")
        time.sleep(1)  # until it waits for keys again: Python misses a signal that comes just before it does
        chat.type(CTRL_C)  # the line is given up
        chat.until("\n> ")
        chat.type(UP + b"\n")
        chat.until(LONG)
        chat.until("\n> ")
        chat.type(CTRL_D)
        assert "chat: 1 answered in" in chat.until("\r\n") + chat.until(" s\r\n")
        assert chat.process.wait(60) == 0
