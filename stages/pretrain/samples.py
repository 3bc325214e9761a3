"""Training samples of the language model: trees of text that share a photo and a definition.

A tree's root is the photo, its children are questions or definitions, a definition's children are questions
about the name. Every leaf sees only its ancestors, so each is exactly the single-turn prompt of inference,
yet the photo and the definition are computed once. Owns what is asked in which stage of the curriculum; not
how it is worded (`world.text`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from stages.assemble.templates import TEMPLATES, VALIDATION
from stages.pretrain.tokenizer import SYLLABLES
from stages.world import text
from stages.world.attributes import NAMEABLE, SCENE, Individual, Scene, draw_individual, draw_scene, sibling

IMAGE_TOKENS = 36
IGNORED = -100
# Questions per tree in each part of the curriculum, one new skill at a time: words, comparison ("is it
# red?"), choice, definitions, reference photos with markings.
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
)
JOINT = 5  # the part on real pixels
NEUTRAL = ("the subject", "the subject", "this subject", "it")
PERSONAL = ("this person", "this person", "the person")


@dataclass
class Tree:
    """Token ids with, per token, its label (IGNORED if none), segment, position and image token (-1 if none).

    `ancestors[i]` holds the segments that segment i sees, itself included; `photos` what the image tokens
    show.
    """

    ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    ancestors: list[set[int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    photos: list[tuple[Individual, Scene]] = field(default_factory=list)


class Writer:
    """Appends segments to trees; remembers the ids of texts it has seen."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        self.tokenizer, self.known = tokenizer, {}
        self.eos, self.bos = tokenizer.eos_token_id, tokenizer.bos_token_id
        self.image = tokenizer.convert_tokens_to_ids("<image>")

    def encode(self, string: str) -> list[int]:
        """Ids without special tokens."""
        if string not in self.known:
            if len(self.known) > 200_000:
                self.known.clear()
            self.known[string] = self.tokenizer.encode(string, add_special_tokens=False)
        return self.known[string]

    def add(
        self, tree: Tree, parent: int, ids: list[int], labels: list[int], photo: tuple | None = None
    ) -> int:
        """Appends a segment below `parent` (-1 for a root) and returns its number."""
        start = tree.ends[parent] if parent >= 0 else 0
        number = len(tree.ancestors)
        tree.ancestors.append((tree.ancestors[parent] if parent >= 0 else set()) | {number})
        tree.ids += ids
        tree.labels += labels
        tree.segment += [number] * len(ids)
        tree.position += range(start, start + len(ids))
        tree.ends.append(start + len(ids))
        first = len(tree.photos) * IMAGE_TOKENS
        if photo is not None:
            tree.photos.append(photo)
        tree.image += [
            first + ids[:i].count(self.image) if token == self.image else -1 for i, token in enumerate(ids)
        ]
        return number

    def prompt(
        self, tree: Tree, parent: int, string: str, photo: tuple | None = None, begin: bool = False
    ) -> int:
        """A segment without labels; "<image>" in the string stands for a photo's tokens."""
        before, marker, after = string.partition("<image>")
        ids = [self.bos] * begin + self.encode(before)
        if marker:
            ids = ids + [self.image] * IMAGE_TOKENS + self.encode(after)
        return self.add(tree, parent, ids, [IGNORED] * len(ids), photo)

    def question(self, tree: Tree, parent: int, question: str, answer: str) -> None:
        """A leaf: question, ASSISTANT:, answer and end of sequence, of which the last two carry labels."""
        asked, answered = self.encode(f"{question} ASSISTANT:"), [*self.encode(f" {answer}"), self.eos]
        self.add(tree, parent, asked + answered, [IGNORED] * len(asked) + answered)


def draw_name(rng: np.random.Generator) -> str:
    """A random identifier such as <boka>."""
    return "<" + "".join(rng.choice(SYLLABLES, rng.integers(1, 3))) + ">"


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
    """One question of a form (open | whole | probe | choose) about `name`, with its answer.

    Without a scene only lasting attributes are asked for.
    """
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
        question = text.probe(name, attribute, asked) + (f" {text.SHORT}" if rng.random() < 0.3 else "")
        return question, "Yes" if yes else "No"
    question = str(rng.choice(forms(attribute, who))).format(name=name)
    if form == "choose":
        wrong, first = text.other_value(attribute, who, place, rng), int(rng.integers(2))
        pair = [text.option(attribute, wrong)] * 2
        pair[first] = text.option(attribute, value)
        return text.choose(question, (pair[0], pair[1])), "AB"[first]
    if rng.random() < 0.4:
        return f"{question} {text.SHORT}", text.option(attribute, value)
    return question, text.capitalized(text.sentence(name, attribute, value))


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
    """The individual itself half of the time, else a sibling or a stranger."""
    if rng.random() < 0.5:
        return who
    draw = rng.random()
    if draw < marking_only:
        return sibling(who, rng, 0)
    rest = (draw - marking_only) / (1 - marking_only)
    return (
        sibling(who, rng, 1) if rest < 0.45 else sibling(who, rng, 2) if rest < 0.7 else draw_individual(rng)
    )


def named(
    writer: Writer, tree: Tree, root: int, rng: np.random.Generator, by_photo: bool, marking: float
) -> None:
    """A definition by sentence or reference photo below the photo, with questions about the name.

    Of the others' reference photos, the share `marking` shows one that differs in the marking alone.
    """
    who, scene = tree.photos[0]
    name, defined = draw_name(rng), candidate(who, rng, marking if by_photo else 0.0)
    if by_photo:
        branch = writer.prompt(tree, root, f"{name} is <image>.", (defined, draw_scene(rng)))
        present = defined is who
    else:
        statement, told = state(name, defined, rng)
        branch = writer.prompt(tree, root, statement)
        present = all(getattr(who, attribute) == getattr(defined, attribute) for attribute in told)
    question, answer = recognition(name, present, rng)
    writer.question(tree, branch, f" {question}", answer)
    if rng.random() < 0.5 and (by_photo or len(told) == len(NAMEABLE)):
        form = str(rng.choice(("open", "whole", "probe", "choose"), p=(0.4, 0.1, 0.25, 0.25)))
        question, answer = ask(form, name, defined, scene if defined is who else None, rng)
        writer.question(tree, branch, f" {question}", answer)


def draw_tree(writer: Writer, rng: np.random.Generator, part: int) -> Tree:
    """One training sample of a part of the curriculum."""
    plan, tree = CURRICULUM[part], Tree()
    who, scene = draw_individual(rng), draw_scene(rng)
    root = writer.prompt(tree, -1, "USER: <image>\n", (who, scene), begin=True)
    for form, count in plan["photo"].items():
        for _ in range(count):
            name = str(rng.choice(PERSONAL if who.kind == "person" and rng.random() < 0.7 else NEUTRAL))
            writer.question(tree, root, *ask(form, name, who, scene, rng))
    for index in range(plan["sentences"] + plan["references"]):
        named(writer, tree, root, rng, index >= plan["sentences"], plan.get("marking", 0.0))
    if plan["text"]:
        other, name = draw_individual(rng), draw_name(rng)
        start = writer.prompt(tree, -1, "USER:", begin=True)
        branch = writer.prompt(tree, start, " " + text.definition(name, other))
        for form, count in plan["text"].items():
            for _ in range(count):
                question, answer = ask(form, name, other, None, rng)
                writer.question(tree, branch, f" {question}", answer)
    return tree


@dataclass(frozen=True)
class Batch:
    """ids, labels, positions (B, T); visible bool (B, 1, T, T); image (B, T) numbers tokens of `photos`."""

    ids: Tensor
    labels: Tensor
    positions: Tensor
    visible: Tensor
    image: Tensor
    photos: list[tuple[Individual, Scene]]


def collate(trees: list[Tree], padding: int) -> Batch:
    """Right-pads trees to one length; a padding token sees only itself."""
    length = max(len(tree.ids) for tree in trees)
    ids = torch.full((len(trees), length), padding)
    labels = torch.full((len(trees), length), IGNORED)
    positions = torch.zeros((len(trees), length), dtype=torch.long)
    image = torch.full((len(trees), length), -1)
    visible = torch.eye(length, dtype=torch.bool).expand(len(trees), 1, -1, -1).clone()
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    photos: list[tuple[Individual, Scene]] = []
    for row, tree in enumerate(trees):
        size, count = len(tree.ids), len(tree.ancestors)
        ids[row, :size] = torch.tensor(tree.ids)
        labels[row, :size] = torch.tensor(tree.labels)
        positions[row, :size] = torch.tensor(tree.position)
        shown = torch.tensor(tree.image)
        image[row, :size] = torch.where(shown >= 0, shown + len(photos) * IMAGE_TOKENS, shown)
        photos += tree.photos
        sees = torch.zeros(count, count, dtype=torch.bool)
        for number, ancestors in enumerate(tree.ancestors):
            sees[number, list(ancestors)] = True
        segment = torch.tensor(tree.segment)
        visible[row, 0, :size, :size] = sees[segment][:, segment] & causal[:size, :size]
    return Batch(ids, labels, positions, visible, image, photos)
