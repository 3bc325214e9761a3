"""What the language model is asked in which part of its curriculum.

Not the questions themselves (`questions`), nor how they share a photo (`trees`).
"""

from __future__ import annotations

import numpy as np

from commands.pretrain.questions import ask, draw_name, neutral, recognition, state, titled
from commands.pretrain.trees import Tree, Writer
from commands.pretrain.vision import IMAGE_TOKENS, READOUT, ROWS
from common.world import text
from common.world.attributes import (
    NAMEABLE,
    Individual,
    draw_individual,
    draw_scene,
    lookalike,
)

# Questions per tree in each part of the curriculum, one new skill at a time: words, comparison ("is it
# red?"), choice, definitions, reference photos with markings, and at last questions that have nothing to do
# with the definition before them (`others`, per definition), and reference photos of which a part is left out
# (`shortened`, a share), as a soft prompt holds fewer tokens than a photo.
EVERYTHING = {
    "photo": {"open": 1, "whole": 1, "probe": 1, "choose": 1},
    "text": {"open": 1, "whole": 1, "probe": 1, "choose": 1},
}
CURRICULUM = (
    {"photo": {"open": 3, "whole": 2}, "text": {}, "sentences": 0, "references": 0},
    {"photo": {"open": 2, "whole": 1, "probe": 14}, "text": {}, "sentences": 0, "references": 0},
    {"photo": {"open": 2, "whole": 1, "probe": 4, "choose": 6}, "text": {}, "sentences": 0, "references": 0},
    {
        "photo": {"open": 1, "probe": 1, "choose": 1},
        "text": {"open": 4, "probe": 3, "choose": 3},
        "sentences": 3,
        "references": 0,
    },
    EVERYTHING | {"sentences": 1, "references": 4, "marking": 0.7},
    EVERYTHING | {"sentences": 2, "references": 3, "marking": 0.5},
    EVERYTHING
    | {"photo": EVERYTHING["photo"] | {"presence": 1}}
    | {"sentences": 2, "references": 3, "marking": 0.5, "others": 2, "shortened": 0.6},
)
JOINT, BROAD = 5, 6  # the parts on real pixels


def candidate(who: Individual, rng: np.random.Generator, marking_only: float) -> Individual:
    """The individual itself half of the time, else a look-alike or a stranger."""
    if rng.random() < 0.5:
        return who
    draw = rng.random()
    if draw < marking_only:
        return lookalike(who, rng, 0)
    rest = (draw - marking_only) / (1 - marking_only)
    return (
        lookalike(who, rng, 1)
        if rest < 0.45
        else lookalike(who, rng, 2)
        if rest < 0.7
        else draw_individual(rng)
    )


def some_tokens(rng: np.random.Generator) -> list[int]:
    """Numbers of some tokens of a photo, among them all that tell who it is."""
    telling = {READOUT[name] for name in NAMEABLE} | set(ROWS)
    rest = [number for number in range(IMAGE_TOKENS) if number not in telling]
    return sorted([*telling, *rng.choice(rest, rng.integers(len(rest)), replace=False).tolist()])


def named(
    writer: Writer,
    tree: Tree,
    root: int,
    rng: np.random.Generator,
    *,
    by_photo: bool,
    marking: float,
    others: int,
    shortened: float,
) -> None:
    """A definition by sentence or reference photo below the photo, with questions about the name.

    Of the others' reference photos, the share `marking` shows one that differs in the marking alone. `others`
    is how many questions below the definition are about the photo itself; the share `shortened` of reference
    photos is told by some of its tokens.
    """
    who, scene = tree.photos[0]
    name, defined = draw_name(rng), candidate(who, rng, marking if by_photo else 0.0)
    if by_photo:
        kept = some_tokens(rng) if rng.random() < shortened else None
        branch = writer.prompt(tree, root, f"{name} is <image>.", (defined, draw_scene(rng)), kept=kept)
        present = defined is who
    else:
        statement, told = state(name, defined, rng)
        branch = writer.prompt(tree, root, statement)
        present = all(getattr(who, attribute) == getattr(defined, attribute) for attribute in told)
    asked = [recognition(name, present, rng)]
    if rng.random() < 0.5 and (by_photo or len(told) == len(NAMEABLE)):
        form = str(rng.choice(("open", "whole", "probe", "choose"), p=(0.4, 0.1, 0.25, 0.25)))
        asked.append(ask(form, name, defined, scene if defined is who else None, rng))
    for _ in range(others):
        form = str(rng.choice(("open", "probe", "choose", "presence"), p=(0.25, 0.2, 0.25, 0.3)))
        asked.append(ask(form, neutral(who, rng), who, scene, rng))
    if others and rng.random() < 0.5:
        asked.append(titled(name, present, who, scene, rng))
    for question, answer in asked:
        writer.question(tree, branch, f" {question}", answer)


def draw_tree(writer: Writer, rng: np.random.Generator, part: int) -> Tree:
    """One training sample of a part of the curriculum."""
    plan, tree = CURRICULUM[part], Tree()
    who, scene = draw_individual(rng), draw_scene(rng)
    root = writer.prompt(tree, -1, "USER: <image>\n", (who, scene), begin=True)
    for form, count in plan["photo"].items():
        for _ in range(count):
            writer.question(tree, root, *ask(form, neutral(who, rng), who, scene, rng))
    shares = {"marking": plan.get("marking", 0.0), "shortened": plan.get("shortened", 0.0)}
    for index in range(plan["sentences"] + plan["references"]):
        by_photo = index >= plan["sentences"]
        named(writer, tree, root, rng, by_photo=by_photo, others=plan.get("others", 0), **shares)
    if plan["text"]:
        other, name = draw_individual(rng), draw_name(rng)
        start = writer.prompt(tree, -1, "USER:", begin=True)
        branch = writer.prompt(tree, start, " " + text.definition(name, other))
        for form, count in plan["text"].items():
            for _ in range(count):
                question, answer = ask(form, name, other, None, rng)
                writer.question(tree, branch, f" {question}", answer)
    return tree
