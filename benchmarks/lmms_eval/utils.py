"""What world_pope.yaml calls: the photo of a question, and POPE's rates over all three settings.

Loaded by lmms-eval from beside the task's file, so it imports nothing of this repository. Answers are read as
POPE's published script reads them.
"""

from pathlib import Path
from typing import Any

from PIL import Image

IMAGES = Path("data/world/truth/general/images")
METRICS = ("accuracy", "precision", "recall", "f1", "yes_ratio")
Outcome = tuple[bool, bool]  # said yes, and should have
Outcomes = list[Outcome]


def visual(doc: dict[str, Any]) -> list[Image.Image]:
    """The photo that a question is about."""
    return [Image.open(IMAGES / doc["image"]).convert("RGB")]


def outcome(doc: dict[str, Any], results: list[str]) -> dict[str, Outcome]:
    """The answer as POPE reads it beside the label, for every metric."""
    words = results[0].partition(".")[0].replace(",", "").split(" ")
    said = not {"No", "no", "not"} & set(words)
    return dict.fromkeys(METRICS, (said, doc["label"] == "yes"))


def accuracy(outcomes: Outcomes) -> float:
    """Share of right answers."""
    return _share([said == truth for said, truth in outcomes])


def precision(outcomes: Outcomes) -> float:
    """Share of yes that is right; 0 if yes was never said."""
    return _share([truth for said, truth in outcomes if said])


def recall(outcomes: Outcomes) -> float:
    """Share of what is there that was found."""
    return _share([said for said, truth in outcomes if truth])


def f1(outcomes: Outcomes) -> float:
    """Harmonic mean of precision and recall."""
    both = precision(outcomes), recall(outcomes)
    return 2 * both[0] * both[1] / sum(both) if sum(both) else 0.0


def yes_ratio(outcomes: Outcomes) -> float:
    """Share of yes among the answers, not among the labels."""
    return _share([said for said, _ in outcomes])


def _share(values: list[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
