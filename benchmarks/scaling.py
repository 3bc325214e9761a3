"""python -m benchmarks.scaling [--model NAME]: how time and memory grow with subjects and pictures.

Ours alone. An epoch of training, of more and more subjects side by side and then of one with more and more
pictures, with all prefixes kept and with room for a few; and the recognition test, of more and more photos.
Learned from is noise in the paper's proportions, so that any number of subjects has pictures of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks import data, models, ours, report
from benchmarks.compare import Measure, System, Taken, compare
from common import vlm
from common.core import errors, io
from common.training.samples import TrainingSet

SUBJECTS = (1, 2, 4, 8, 16)  # side by side
SHARE = 32  # each learns from one in so many of the paper's samples
SHARES = (32, 16, 8, 4)  # one in so many samples of a subject that learns alone
FEW = 16  # prefixes that find room where not all are kept
AT_ONCE = 4  # rows in a forward: with more subjects it is full, and what it takes is constant
PHOTOS, TESTED = (8, 16, 32, 64), 8  # photos of a test, and subjects that each is asked about
ENOUGH = 60.0  # seconds after which no other round begins

Curves = dict[str, dict[int, System]]  # what grows → how many there are → the work


def learning(
    base: vlm.Base, model: str, of: Measure, one_in: int, subjects: int, share: int, kept: int | None
) -> Taken:
    """An epoch of these subjects side by side, with so many prefixes kept at most."""
    side = base.model.config.vision_config.image_size
    training_sets = {name: training_set(name, side, share * one_in) for name in data.names(subjects)}
    if kept is not None:
        (prefix,) = vlm.encode_prefixes(base, training_sets["s0"].images[:1]).prefixes
        base = replace(base, prefix_bytes=kept * prefix.kv.nbytes)
    training = ours.Training(base, training_sets, 1, AT_ONCE)
    steps = max(len(each.training) for each in training_sets.values())
    return Taken(of(training.run), steps, steps)


def testing(base: vlm.Base, model: str, of: Measure, one_in: int, photos: int) -> Taken:
    """The recognition test of some photos."""
    shown = data.eval_set(model, PHOTOS[-1])[1][:photos:one_in]
    prompts = [ours.start(base, subject) for subject in data.names(TESTED)]
    pairs = len(shown) * len(prompts)
    return Taken(of(lambda: ours.recognize(base, prompts, shown)), pairs, pairs)


@cache
def training_set(subject: str, side: int, share: int) -> TrainingSet:
    """One in so many samples of a subject."""
    return data.share(data.papers(subject, side), share)


def curves(side: int) -> Curves:
    """All that is measured."""
    measured: Curves = {}
    for name, kept in ("", None), ("_few_kept", FEW):
        measured[f"subjects{name}"] = {
            subjects: partial(learning, subjects=subjects, share=SHARE, kept=kept) for subjects in SUBJECTS
        }
        measured[f"pictures{name}"] = {
            len(training_set("s0", side, share).images): partial(learning, subjects=1, share=share, kept=kept)
            for share in SHARES
        }
    measured["photos"] = {photos: partial(testing, photos=photos) for photos in PHOTOS}
    return measured


def growth(points: Mapping[int, Mapping[str, Any]]) -> dict[str, float]:
    """Between the last two points: how much faster than the number time grows, and the bytes for each."""
    first, last = sorted(points)[-2:]
    times = points[last]["seconds"] / points[first]["seconds"]
    taken = points[last]["peak_bytes"] - points[first]["peak_bytes"]
    return {"time_over_linear": round(times / (last / first), 3), "bytes_each": taken / (last - first)}


def draw(measured: Mapping[str, Mapping[int, Mapping[str, Any]]], target: Path) -> None:
    """Seconds and memory over what grows, as an SVG; the same numbers give the same bytes."""
    matplotlib.rcParams["svg.hashsalt"] = "scaling"
    figure = Figure(figsize=(10, 5), layout="constrained")
    panels = figure.subplots(2, 3, squeeze=False)
    for name, points in measured.items():
        growing, _, few = name.partition("_few")
        column = ("subjects", "pictures", "photos").index(growing)
        for row, (key, unit, label) in enumerate(
            (("seconds", 1, "seconds"), ("peak_bytes", report.MIB, "memory, MiB"))
        ):
            panel = panels[row][column]
            label_of_line = f"{FEW} prefixes kept" if few else "all prefixes kept"
            panel.plot(list(points), [of[key] / unit for of in points.values()], "o-", label=label_of_line)
            panel.set(xlabel=growing, ylabel=label, ylim=(0, None), xlim=(0, None))
            if few:
                panel.legend()
    with io.atomic(target) as file:
        figure.savefig(file, format="svg", metadata={"Date": None})


def main(*words: str) -> str:
    """Measure, write the numbers and the plot, and print the table."""
    model = report.chosen_model(words)
    base = models.open_model(model)
    wanted = curves(base.model.config.vision_config.image_size)
    systems = {f"{name}_{number}": of for name, points in wanted.items() for number, of in points.items()}
    for numbers in compare(base, model, systems, counted=1, timed=1, enough=ENOUGH):
        measured = {name: {number: numbers[f"{name}_{number}"] for number in wanted[name]} for name in wanted}
        for name, points in measured.items():
            numbers |= {f"{name}_{key}": value for key, value in growth(points).items()}
        target = report.write("scaling", base, model, numbers)
    print(report.table("Ours, growing (seconds of an epoch, or of a test)", numbers))
    draw(measured, target.with_suffix(".svg"))
    return str(target)


if __name__ == "__main__":
    errors.run(main)
