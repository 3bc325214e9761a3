"""How numbers read: rates as papers print them, sizes in round units, n/a for what was not measured."""

import math

from stages.report.metrics import Interval

MARK = "*"  # at a difference whose interval excludes 0


def decimal(value: float) -> str:
    """Two decimals without the leading zero, as papers print rates: .93, 1.00, -.04; n/a for NaN."""
    if math.isnan(value):
        return "n/a"
    shown = f"{round(value, 2) + 0:.2f}"  # + 0 takes the sign off -0.0
    return shown.replace("0.", ".", 1) if shown.lstrip("-").startswith("0.") else shown


def text(interval: Interval) -> str:
    """`.93 (.90 to .96)`, or n/a."""
    if math.isnan(interval.value):
        return "n/a"
    return f"{decimal(interval.value)} ({decimal(interval.low)} to {decimal(interval.high)})"


def signed(value: float) -> str:
    """`+.04`, `-.04`, `.00`, or n/a."""
    shown = decimal(value)
    return f"+{shown}" if value > 0 and shown != ".00" else shown


def difference(interval: Interval) -> str:
    """`+.12 (+.08 to +.16)*`; the mark says that the interval excludes 0."""
    if math.isnan(interval.value):
        return "n/a"
    ends = f"({signed(interval.low)} to {signed(interval.high)})"
    return f"{signed(interval.value)} {ends}{MARK * interval.excludes_zero}"


def count(value: float) -> str:
    """A mean count with three digits or all of a whole one: 17, 15.8, 3,456, 1.2 M."""
    if value >= 1e6:
        return f"{value / 1e6:,.1f} M"
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def subjects(number: int) -> str:
    """`1 subject`, `12 subjects`."""
    return f"{number} subject{'s' * (number != 1)}"


def size(value: float) -> str:
    """Bytes in powers of 1000: 54 B, 15.2 kB, 3.1 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def percent(value: float) -> str:
    """A share: 0, 0.4 % or 12 %; n/a for NaN."""
    if math.isnan(value):
        return "n/a"
    return "0" if value == 0 else f"{100 * value:.1f} %" if value < 0.0995 else f"{100 * value:.0f} %"
