"""The process that runs img2dataset: `python -m stages.index.img2dataset_job JOB.json`.

Owns its start. What its workers may do is `polite_downloader`'s.
"""

import importlib
import json
import sys
import threading
from functools import partial
from pathlib import Path

from common.corpus.polite_http import DownloadLimits
from stages.index.subprocess_job import end_with_parent


def main(limits: DownloadLimits, deadline: float, settings: dict) -> None:
    """Download as `settings` say (img2dataset's own argument names).

    `deadline` is a moment of time.time, from which on nothing is asked for.
    """
    threading.Thread(target=end_with_parent, daemon=True).start()
    from stages.index.polite_downloader import PoliteDownloader

    theirs = importlib.import_module("img2dataset.main")  # the package names a function so as well
    theirs.Downloader = partial(PoliteDownloader, limits, deadline)
    theirs.download(**settings)


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    main(DownloadLimits(**job["limits"]), job["deadline"], job["img2dataset"])
