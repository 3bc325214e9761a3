"""img2dataset's downloader, every worker of which goes out through our opener.

Owns what img2dataset lacks: bounds on time, size and URL schemes, manners towards hosts, and opt-outs other
than X-Robots-Tag. The class is sent to each worker with its work, so that it holds wherever img2dataset's
distributor runs them.
"""

import urllib.request
from functools import cache
from typing import Any

from img2dataset.downloader import Downloader

from stages.core.opener import Limits, opener


class Bounded(Downloader):
    """A Downloader within limits."""

    def __init__(self, limits: Limits, **settings: Any) -> None:
        """`settings` are img2dataset's own."""
        super().__init__(**settings)
        self.limits = limits

    def __call__(self, row: tuple[int, str]) -> tuple[bool, tuple[int, str]]:
        """Download a shard; whether that worked, and the shard."""
        _install(self.limits)
        return super().__call__(row)


@cache
def _install(limits: Limits) -> None:
    urllib.request.install_opener(opener(limits))
