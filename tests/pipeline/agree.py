"""python -m tests.pipeline.agree: are reports/metrics.json and the one in git the same within the tolerance?

For a reproduction on another processor, where the last bits differ. On the same machine dvc.lock itself must
not change.
"""

import json
import subprocess
from collections.abc import Mapping

from stages.core import errors, io, params, paths


def main() -> str:
    """Compare with the commit that is checked out."""
    committed = subprocess.run(
        ["git", "show", f"HEAD:{paths.METRICS}"], capture_output=True, text=True, check=True
    ).stdout
    tolerance = params.load().report.tolerance
    expected = json.loads(committed)
    apart = differences(expected, io.read_json(paths.METRICS), tolerance)
    if apart:
        raise errors.UserError("\n       ".join(f"{paths.METRICS}: {line}" for line in apart))
    return f"{len(expected)} metrics are the committed ones within {tolerance}"


def differences(
    expected: Mapping[str, float | None], found: Mapping[str, float | None], tolerance: float
) -> list[str]:
    """A line for each metric that differs by more than the tolerance, relative for values above 1."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        before, now = expected.get(name), found.get(name)
        if before is None or now is None:
            same = before is now
        else:
            same = abs(before - now) <= tolerance * max(1, abs(before))
        if not same:
            lines.append(f"{name} is {now}, but {before} in git (tolerance {tolerance})")
    return lines


if __name__ == "__main__":
    errors.run(main)
