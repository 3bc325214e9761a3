"""python -m tools.agree: does reports/ agree with the commit that is checked out?

For a reproduction on another processor, where the last bits differ: rows that are trained end elsewhere, and
answers near one half turn. How far a metric may then move follows from its own uncertainty, not from one
constant: both values have a 95 % interval, and they agree where their difference could be 0. A metric without
spread must be equal. On the same machine dvc.lock itself must not change.
"""

import json
import math
import subprocess
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from common.core import errors, io, params, paths

Metrics = Mapping[str, Mapping[str, Any]]  # by name: value, low and high, as `metrics` in intervals.json
ROUNDING = 1e-4  # the files hold four digits


class Agreement(NamedTuple):
    """Metrics that were compared: a line for each that differs, and the one nearest to that."""

    count: int
    apart: list[str]
    farthest: str
    share: float  # of what it may differ by


def main() -> str:
    """Compare with the commit that is checked out."""
    p = params.load()
    shown = ["git", "show", f"HEAD:{paths.INTERVALS}"]
    committed = json.loads(subprocess.run(shown, capture_output=True, text=True, check=True).stdout)
    expected, measured = committed["metrics"], io.read_json(paths.INTERVALS)["metrics"]
    left_out = unshared_methods(expected, measured)
    done = compare(without(expected, left_out), without(measured, left_out), p.report.agreement)
    if done.apart:
        raise errors.UserError("\n       ".join(f"{paths.METRICS}: {line}" for line in done.apart))
    said = (
        f"{done.count} metrics are the committed ones within their intervals, the farthest is "
        f"{done.farthest} ({done.share:.2f} of what it may)"
    )
    return (
        f"{said}; not compared, since git or params.yaml lacks them: {', '.join(left_out)}"
        if left_out
        else said
    )


def unshared_methods(expected: Metrics, measured: Metrics) -> list[str]:
    """Methods that params.yaml lists now or listed then, but not both."""
    then, now = (
        {name.split(".")[1] for name in metrics if name.startswith("methods.")}
        for metrics in (expected, measured)
    )
    return sorted(then ^ now)


def without(metrics: Metrics, methods: Collection[str]) -> Metrics:
    """Leave out the metrics of these methods."""
    prefixes = tuple(f"methods.{method}." for method in methods)
    return {name: value for name, value in metrics.items() if not name.startswith(prefixes)}


def compare(expected: Metrics, measured: Metrics, agreement: float) -> Agreement:
    """Find the metrics that differ by more than `agreement` times what their intervals allow."""
    lines, shares = [], {}
    for name in sorted(expected.keys() | measured.keys()):
        before, now = expected.get(name), measured.get(name)
        if before is None or now is None:
            lines.append(f"{name} is only in {'git' if now is None else 'this run'}")
        elif before["value"] is None or now["value"] is None:
            if before["value"] is not now["value"]:
                lines.append(f"{name} is {now['value']}, but {before['value']} in git")
        else:
            allowed = agreement * math.hypot(_half_width(before), _half_width(now)) + ROUNDING
            shares[name] = abs(before["value"] - now["value"]) / allowed
            if shares[name] > 1:
                lines.append(
                    f"{name} is {now['value']}, but {before['value']} in git (it may differ by {allowed:.4f})"
                )
    farthest = max(shares, key=shares.__getitem__)
    return Agreement(len(expected.keys() | measured.keys()), lines, farthest, shares[farthest])


def _half_width(interval: Mapping[str, float | None]) -> float:
    """Half of a 95 % interval; of a metric that has none, 0."""
    low, high = interval["low"], interval["high"]
    return 0.0 if low is None or high is None else (high - low) / 2


if __name__ == "__main__":
    errors.run(main)
