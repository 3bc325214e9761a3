"""The process that runs img2dataset: `python -m stages.index.img2dataset_job JOB.json`.

Owns what img2dataset lacks: bounds on time, size and URL schemes inside its workers, and an end of the whole
process group when the stage that started it is gone, however it ended.
"""

import json
import os
import signal
import sys
import threading
import urllib.request
from pathlib import Path

from stages.core import web


def main(job: dict) -> None:
    """Download `job["url_list"]` as `job` says (img2dataset's own argument names)."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from img2dataset import download

    download(**job)


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the stage closes the pipe or dies
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ in {"__main__", "__mp_main__"}:  # img2dataset's workers import this module under the second name
    JOB = json.loads(Path(sys.argv[1]).read_text())
    urllib.request.install_opener(web.opener(JOB["bounds"]["timeout_s"], JOB["bounds"]["max_bytes"]))

if __name__ == "__main__":
    main(JOB["img2dataset"])
