"""What the language model is asked in which part of its curriculum, with the answers.

Not how it is worded (`world.text`), nor how questions share a photo (`trees`).
"""

from __future__ import annotations

import numpy as np

from commands.pretrain.tokenizer import SYLLABLES
from commands.pretrain.trees import Tree, Writer
from commands.pretrain.vision import IMAGE_TOKENS, READOUT, ROWS
from common.prompts import instructions
from common.prompts.recognition import TEMPLATES, VALIDATION
from common.world import text
from common.world.attributes import (
    NAMEABLE,
    SCENE,
    THINGS,
    Individual,
    Scene,
    draw_individual,
    draw_scene,
    lookalike,
    things,
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
NEUTRAL = ("the subject", "the subject", "this subject", "it")
PERSONAL = ("this person", "this person", "the person")
CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def draw_name(rng: np.random.Generator) -> str:
    """A random identifier such as <boka>, of syllables; some are of any letters, for names are spelled."""
    parts = SYLLABLES if rng.random() < 0.7 else [a + b for a in CONSONANTS for b in VOWELS]
    return "<" + "".join(rng.choice(parts, rng.integers(1, 3))) + str(rng.choice(["", *CONSONANTS])) + ">"


def neutral(who: Individual, rng: np.random.Generator) -> str:
    """What a question calls the one that the photo shows."""
    return str(rng.choice(PERSONAL if who.kind == "person" and rng.random() < 0.7 else NEUTRAL))


def forms(attribute: str, who: Individual) -> tuple[str, ...]:
    """The open questions that suit a person, or anything else."""
    personal = ("wear", "clothes", "person", "head or face")
    suited = [
        form
        for form in text.OPEN[attribute]
        if who.kind == "person" or not any(word in form for word in personal)
    ]
    return tuple(suited)


def ask(
    form: str, name: str, who: Individual, scene: Scene | None, rng: np.random.Generator
) -> tuple[str, str]:
    """One question of a form (open | whole | probe | choose | presence) about `name`, with its answer.

    Presence is of things in the photo, whatever the name. Without a scene only lasting attributes are asked
    for.
    """
    if form == "presence":
        return presence(who, scene, rng)
    attributes = list(NAMEABLE) + (list(SCENE) if scene else [])
    attribute = str(rng.choice(attributes))
    place = scene or Scene("beach", "nothing")
    value = text.value_of(who, place, attribute)
    if form == "whole":
        if scene and name.startswith("<") is False and rng.random() < 0.5:
            return str(rng.choice(text.CAPTION)).format(name=name), text.caption(who, scene)
        return str(rng.choice(text.WHOLE)).format(name=name), text.capitalized(text.definition(name, who))
    if form == "probe":
        yes = bool(rng.random() < 0.5)
        asked = value if yes else text.other_value(attribute, who, place, rng)
        question = text.probe(name, attribute, asked) + (
            f" {instructions.BRIEF}" if rng.random() < 0.3 else ""
        )
        return question, "Yes" if yes else "No"
    question = str(rng.choice(forms(attribute, who))).format(name=name)
    if form == "choose":
        wrong, first = text.other_value(attribute, who, place, rng), int(rng.integers(2))
        pair = [text.option(attribute, wrong)] * 2
        pair[first] = text.option(attribute, value)
        return text.choose(question, (pair[0], pair[1])), "AB"[first]
    if rng.random() < 0.4:
        return f"{question} {instructions.BRIEF}", text.option(attribute, value)
    return question, text.capitalized(text.sentence(name, attribute, value))


def presence(who: Individual, scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """Whether the photo shows a thing, as POPE asks."""
    there, yes = things(who, scene), bool(rng.random() < 0.5)
    thing = str(rng.choice(there if yes else [thing for thing in THINGS if thing not in there]))
    question = str(rng.choice(text.PRESENCE)).format(thing=thing)
    return question + (f" {instructions.BRIEF}" if rng.random() < 0.7 else ""), "Yes" if yes else "No"


def titled(
    name: str, present: bool, who: Individual, scene: Scene, rng: np.random.Generator
) -> tuple[str, str]:
    """A caption that knows the name: it names who is there, and describes anybody else."""
    question = str(rng.choice(text.CAPTION)).format(name=name)
    return question, text.whereabouts(name, scene) if present else text.caption(who, scene)


def state(name: str, who: Individual, rng: np.random.Generator) -> tuple[str, set[str]]:
    """A definition in words and the attributes it tells: one sentence, or some of several."""
    if rng.random() < 0.75:
        return text.definition(name, who), set(NAMEABLE)
    told = [str(attribute) for attribute in rng.permutation(list(NAMEABLE))[: rng.integers(2, 6)]]
    return " ".join(text.sentence(name, attribute, getattr(who, attribute)) for attribute in told), set(told)


def recognition(name: str, present: bool, rng: np.random.Generator) -> tuple[str, str]:
    """Whether the named one is in the photo, in the wordings that assemble uses."""
    template = VALIDATION if rng.random() < 0.25 else TEMPLATES[rng.integers(len(TEMPLATES))]
    answer = template.yes if present else template.no
    return template.question.format(name=name), answer.format(name=name)


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
