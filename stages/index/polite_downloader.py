"""img2dataset's downloader, every worker of which goes out through our opener.

Owns what img2dataset lacks: bounds on time, size, URL schemes and addresses, manners towards hosts, and
opt-outs other than X-Robots-Tag. The class is sent to each worker with its work, so that it holds wherever
img2dataset's distributor runs them.
"""

import urllib.request
from functools import cache
from typing import Any

from img2dataset.downloader import Downloader

from common.corpus.polite_http import DownloadLimits, polite_opener


class PoliteDownloader(Downloader):
    """A Downloader within limits."""

    def __init__(self, limits: DownloadLimits, deadline: float, **settings: Any) -> None:
        """`deadline` is a moment of time.time; `settings` are img2dataset's own."""
        super().__init__(**settings)
        self.limits, self.deadline = limits, deadline

    def __call__(self, row: tuple[int, str]) -> tuple[bool, tuple[int, str]]:
        """Download a shard; whether that worked, and the shard."""
        _install(self.limits, self.deadline)
        return super().__call__(row)


@cache
def _install(limits: DownloadLimits, deadline: float) -> None:
    urllib.request.install_opener(polite_opener(limits, deadline))
