"""Learning a subject while the page stays open: `dvc repro train@ID` in a process of its own, one at a time.

Owns the process and what its output says of how far it is. What runs is the pipeline's business.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Literal

from common.core.errors import UserError
from common.core.foreign import printable

STEPS = {  # stages of dvc.yaml up to train, in order
    "check": "checking params.yaml and the photos",
    "render": "drawing the world",
    "index": "indexing the corpus",
    "retrieve": "looking for look-alikes",
    "synthesize": "letting the base model describe the photos",
    "assemble": "making the training set",
    "train": "learning",
}
STAGE = re.compile(r"(?:Running stage|Stage) '(\w+)(?:@[\w-]+)?'")
SHARE = re.compile(r"(\d{1,3})%\|")  # of a bar of `core.progress`
ERROR = re.compile(r"^(?:error|ERROR): (.+)")
COLOR = re.compile(r"\x1b\[[\d;]*m")  # as DVC writes on a terminal
KILL_AFTER_S = 10

State = Literal["running", "done", "failed", "canceled"]


@dataclass
class Progress:
    """How far a subject is.

    Attributes:
        subject: the id.
        state: what it is or how it ended.
        step: what is being done, as people say it.
        share: of all that is to be done, 0 to 1.
        error: why it failed, one sentence.
        begun: stages so far.

    """

    subject: str
    state: State = "running"
    step: str = "starting"
    share: float = 0.0
    error: str = ""
    begun: list[str] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take in what a line of the output says."""
        if match := STAGE.search(line):
            if match[1] not in self.begun:
                self.begun.append(match[1])
            self.step = STEPS.get(match[1], match[1])
            self.share = (len(self.begun) - 1) / len(STEPS)
        elif self.begun and (match := SHARE.search(line)):
            self.share = (len(self.begun) - 1 + min(int(match[1]), 100) / 100) / len(STEPS)
        elif (match := ERROR.match(COLOR.sub("", line).strip())) and not self.error:
            self.error = printable(match[1], 600)


class Training:
    """At most one subject that is being learned.

    Attributes:
        progress: of the present or the last one; None if there was none yet.

    """

    def __init__(self) -> None:
        """Run nothing."""
        self.progress: Progress | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether a subject is being learned now."""
        return self.progress is not None and self.progress.state == "running"

    def refuse_while_running(self, what: str) -> None:
        """Raise UserError, with `what` cannot be done, if a subject is being learned."""
        if self.progress is not None and self.running:
            raise UserError(
                f"{self.progress.subject} is being trained: {what} when that is done, or cancel it first"
            )

    def forget(self, subject: str) -> None:
        """Say no more of a subject that is being deleted; raises UserError while one is being learned."""
        self.refuse_while_running(f"delete {subject}")
        if self.progress is not None and self.progress.subject == subject:
            self.progress = None

    def start(self, subject: str) -> None:
        """Begin; raises UserError while another is being learned."""
        with self._lock:
            self.refuse_while_running(f"train {subject}")
            # a terminal of its own, on which stages and DVC draw bars as for a person
            ours, theirs = os.openpty()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro", f"train@{subject}"],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                env=environment(),
                start_new_session=True,
            )
            os.close(theirs)
            self.progress = Progress(subject)
            threading.Thread(
                target=_follow, args=(self._process, ours, self.progress), name="training", daemon=True
            ).start()

    def cancel(self) -> None:
        """End what runs, if anything does; what earlier stages finished is kept."""
        process, progress = self._process, self.progress
        if process is None or progress is None or not self.running:
            return
        progress.state = "canceled"
        for number in (signal.SIGTERM, signal.SIGKILL):  # who is started in the background ignores SIGINT
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_AFTER_S)
                return


def environment() -> dict[str, str]:
    """What commands of this product need: this Python first, its byte code kept, bars of a fixed width."""
    own = os.path.dirname(sys.executable)  # noqa: PTH120  # not resolved: a virtual environment is a link
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PATH": f"{own}{os.pathsep}{os.environ.get('PATH', '')}", "COLUMNS": "120"}


def _follow(process: "subprocess.Popen[bytes]", terminal: int, progress: Progress) -> None:
    """Read what a process prints until it ends."""
    rest = b""
    with open(terminal, "rb", buffering=0) as output:  # a descriptor
        while True:
            try:
                data = output.read(4096)
            except OSError:  # Linux's way to say that nobody writes there any more
                break
            if not data:
                break
            *lines, rest = re.split(rb"[\r\n]", rest + data)
            for line in lines:
                progress.read(line.decode(errors="replace"))
    code = process.wait()
    if progress.state == "canceled":
        return
    if code == 0:
        progress.state, progress.share = "done", 1.0
    else:
        progress.error = progress.error or f"`dvc repro train@{progress.subject}` ended with code {code}"
        progress.state = "failed"
