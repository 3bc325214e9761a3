"""What the stage says on the console: the numbers with what they are about, and where they were computed.

The processor stands here and in no output, which must be the same on every machine.
"""

import platform
from collections.abc import Sequence
from pathlib import Path

from common.core import paths
from common.core.paths import SOFT_PROMPT
from stages.report import number_format
from stages.report.domains import Domain

CPUINFO = Path("/proc/cpuinfo")
SAID = {  # measure → what it is, said only if it was measured
    "recognition.weighted": "recognition on test pictures",
    "recognition.lookalikes.weighted": "among look-alikes",
}
ALONE = "found in {} of their own test pictures, with none of others of this sort to tell them from"


def summary(scored: Sequence[Domain]) -> str:
    """One clause per domain, the page, and the processor."""
    return f"{'; '.join(_clause(domain) for domain in scored)}; {paths.PAGE}, on {processor()}"


def processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _clause(domain: Domain) -> str:
    intervals = {measure: domain.scores.interval(SOFT_PROMPT, measure) for measure in SAID}
    said = [
        f"{SAID[measure]} {number_format.text(i)}" for measure, i in intervals.items() if i.value == i.value
    ]
    positive = domain.scores.interval(SOFT_PROMPT, "recognition.positive")
    return (
        f"{number_format.subjects(len(domain.subjects))} ({domain.title}): "
        f"{', '.join(said) or ALONE.format(number_format.text(positive))}"
    )
