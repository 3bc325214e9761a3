"""A dozen threads that fetch large pictures at once hold no more of them in memory than two do."""

import subprocess
import sys

import pytest

from tests.support.helpers import ROOT

FETCHING = r"""
import io, re, sys
from dataclasses import replace
import numpy as np
from PIL import Image
from common.corpus import web
from tests.hostile import raw
from tests.hostile.drawn import LIMITS
file = io.BytesIO()
Image.fromarray(np.full((3500, 3500), 30_000, np.uint16)).save(file, "PNG")
limits = replace(LIMITS, max_pixels=10**8, timeout_s=60, per_host=12, allowed=("127.0.0.1",))
peak = lambda: int(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])
open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
before = peak()
with raw.server() as host:
    host.answer = raw.http(file.getvalue())
    kept = web.fetch([host.url] * 12, limits, threads=int(sys.argv[1]))
assert all(isinstance(one, web.CorpusImage) for one in kept), kept
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells the peak from a moment on")
def test_memory_is_bounded_however_many_threads_fetch():
    grown = {}
    for threads in (2, 12):
        done = subprocess.run(
            [sys.executable, "-c", FETCHING, str(threads)], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        grown[threads] = int(done.stdout)
    assert grown[12] < 1.5 * grown[2], grown
