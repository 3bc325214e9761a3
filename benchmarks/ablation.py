"""python -m benchmarks.ablation [STUDY …] SEED …: what each part of the method brings, over seeds.

Each step of a study changes params.yaml and runs the whole pipeline for each seed; another seed is another
world with other subjects. Writes reports/ablation/<study>.json, .md and, where steps have an order, .svg.
Without a study, all are run.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from benchmarks import experiments
from benchmarks.ablation_report import KEPT, MEASURES, by_method, curve, methods_table, summary, table
from common.core import errors, io, paths

AS_IS = "as params.yaml is"
# the methods that fit for minutes, which say nothing about the soft prompt's curves
LIGHT = ("~methods.lora", "~methods.myvlm")
FURTHER, PUBLISHED = (Path(__file__).with_name(f"{name}_methods.yaml") for name in ("further", "published"))


class Study(NamedTuple):
    """Steps by name, each with its changes of params.yaml; `axis` names what grows from step to step.

    What is measured is said of one method.
    """

    title: str
    steps: dict[str, tuple[str, ...]]
    axis: str | None = None
    method: str = "soft_prompt"
    measures: tuple[str, ...] = MEASURES


def added(section: Any) -> str:
    """A value of params.yaml in the words of `dvc exp run --set-param`."""
    if isinstance(section, dict):
        return "{" + ",".join(f"{key}:{added(value)}" for key, value in section.items()) + "}"
    return json.dumps(section)


def all_added(sections: Path) -> dict[str, tuple[str, ...]]:
    """One step that adds every section of a file to `methods`."""
    written = YAML(typ="safe").load(sections.read_text())
    return {"added": tuple(f"+methods.{name}={added(section)}" for name, section in written.items())}


STUDIES = {
    "ladder": Study(  # Table 7 of the paper; every step but the last adds to the one before
        "What each part of the training data brings",
        {
            "recognition only": ("train.data.conversations=false", "train.data.hard=false"),
            "+ conversations": ("train.data.hard=false",),
            f"+ hard negatives, {AS_IS}": (),
            "no latent tokens": ("train.latent_tokens=0",),
        },
    ),
    "latent_tokens": Study(  # Figure 5
        "Latent tokens",
        {str(k): (f"train.latent_tokens={k}", *LIGHT) for k in (0, 1, 4, 16, 36)},
        "latent tokens",
    ),
    "photos": Study(  # Figure 5; tested with the same photos whatever the number
        "Train photos",
        {str(n): ("world.train_photos=10", f"train_photos={n}", *LIGHT) for n in (1, 2, 3, 5, 10)},
        "train photos per subject",
    ),
    # facts are learned as texts in every step: the conversations without their photos are in each dataset.
    # Replay has no step: of general questions with pictures, the world draws those of the test alone
    "lora": Study(
        "LoRA: what it adds, and what it keeps",
        {
            AS_IS: (),
            "rate 0.0005": ("methods.lora.learning_rate=0.0005",),
            "rate 0.0002": ("methods.lora.learning_rate=0.0002",),
            "one epoch": ("methods.lora.epochs=1",),
            "one epoch, rate 0.0005": ("methods.lora.epochs=1", "methods.lora.learning_rate=0.0005"),
            "captions that name the subject, too": ("assemble.captions=true", "~methods.myvlm"),
        },
        method="lora",
        measures=KEPT,
    ),
    "methods": Study("Methods over seeds", {AS_IS: ()}),
    "further": Study("Further methods over seeds", all_added(FURTHER)),
    "published": Study("Methods with their published numbers over seeds", all_added(PUBLISHED)),
}
BY_METHOD = ("methods", "further", "published")  # one step each; what is shown are all methods of it
FOLDER = paths.REPORTS / "ablation"


def main(*words: str) -> str:
    """Run studies for the seeds and write what they show."""
    chosen = [word for word in words if word in STUDIES] or list(STUDIES)
    seeds = list(dict.fromkeys(word for word in words if word.isdigit()))
    if not seeds or any(word not in STUDIES and not word.isdigit() for word in words):
        known = ", ".join(STUDIES)
        raise errors.UserError(
            f"usage: python -m benchmarks.ablation [STUDY ...] SEED ..., with studies {known}"
        )
    changes = {  # the runs of one seed share most, so they follow each other
        _name(step, seed): (f"seed={seed}", *step)
        for seed in seeds
        for study in chosen
        for step in STUDIES[study].steps.values()
    }
    runs = experiments.run(changes)
    for study in chosen:
        title, steps, axis, method, measures = STUDIES[study]
        results = {
            name: summary({seed: runs[_name(step, seed)] for seed in seeds}, method, measures)
            for name, step in steps.items()
        }
        text = table(title, results, seeds)
        if study in BY_METHOD:
            (step,) = steps.values()
            results = by_method({seed: runs[_name(step, seed)] for seed in seeds})
            text = methods_table(title, results, seeds)
        io.write_json(FOLDER / f"{study}.json", results)
        io.write_bytes(FOLDER / f"{study}.md", text.encode())
        if axis:
            io.write_bytes(FOLDER / f"{study}.svg", curve(results, axis))
    return f"{len(changes)} experiments, {FOLDER}"


def _name(changes: tuple[str, ...], seed: str) -> str:
    """Of an experiment: letters, digits and hyphens."""
    changed = [change.removeprefix("+").replace("~methods.", "no-").partition("=") for change in changes]
    words = [
        f"{key.rpartition('.')[2]}{f'-{value}' if value and value[0] != '{' else ''}"
        for key, _, value in changed
    ]
    return "-".join([*words, "seed", seed]).replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    errors.run(main)
