"""What the base for photographs is asked in which course, as trees of text and photos.

Not the single questions (`questions`), nor what image tokens look like (`looks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commands.pretrain.photographs import questions, small_talk
from commands.pretrain.photographs.captions import Facts
from commands.pretrain.photographs.definitions import agree, draw_name, invented
from commands.pretrain.photographs.forms import Asked, ask, neutral, titled
from commands.pretrain.photographs.looks import Ground, Material, Shot, Thing
from commands.pretrain.photographs.objects import CLASSES
from commands.pretrain.photographs.settings import TrainingPhase
from commands.pretrain.trees import Tree, Writer

TALKS = 2  # in a tree of small talk
# How clear an object is and its half axes, from and to; how many classes it resembles as well, and by what
# share. So its tokens stand out as those of real things do, among as much of other classes, and the tower's
# classifier knows as many of them.
CLEAR = (8, 2, 2), (28, 4.5, 4.5)
RESEMBLED, ALIKE = 2, (0.2, 0.7)
OBJECTS_NAMED = 0.8  # share of photos asked about their kind alone that have an object in them


class Sampler:
    """Draws trees of a course; `photos` are the numbers of those that it may show."""

    def __init__(
        self,
        writer: Writer,
        material: Material,
        photos: np.ndarray,
        course: TrainingPhase,
        latent_tokens: Sequence[int],
    ):
        self.writer, self.material, self.photos, self.course = writer, material, photos, course
        self.latent_tokens = latent_tokens
        self.kinds = list(CLASSES)

    def draw(self, rng: np.random.Generator) -> Tree:
        """One training sample."""
        tree, course = Tree(), self.course
        if course.small_talk and rng.random() < course.small_talk:
            self._talk(tree, rng)
            return tree
        photo, thing, facts = self._subject(rng, course.things)
        shot = self._look(photo, thing, rng)
        root = self.writer.prompt(tree, -1, self.writer.chat.photo, (shot,), begin=True)
        for form, count in course.photo.items():
            for _ in range(count):
                self._add(tree, root, ask(form, neutral(facts, rng), facts, rng), lead="")
        for number in range(course.references + course.sentences):
            if number < course.references:
                self._referred(tree, root, shot, facts, rng)
            else:
                self._told(tree, root, facts, rng)
        if course.text:
            self._without_photo(tree, rng)
        for _ in range(course.named):
            self._named(tree, rng)
        return tree

    def _named(self, tree: Tree, rng: np.random.Generator) -> None:
        """Another photo, mostly with an object in it, that is asked about its kind alone."""
        photo, thing, facts = self._subject(rng, OBJECTS_NAMED)
        root = self.writer.prompt(
            tree, -1, self.writer.chat.photo, (self._look(photo, thing, rng),), begin=True
        )
        for form in ("kind", str(rng.choice(("probe", "choose")))):
            self._add(tree, root, ask(form, neutral(facts, rng), facts, rng), lead="")

    def _subject(self, rng: np.random.Generator, things: float) -> tuple[int, Thing | None, Facts]:
        """A photo, the object put into it (a share of them) or None, and what is true of it then."""
        photo = int(rng.choice(self.photos))
        if rng.random() >= things:
            return photo, None, self.material.facts[photo]
        kind = str(rng.choice(self.kinds))
        thing = self._thing(int(rng.choice(CLASSES[kind])), rng)
        phrase = questions.with_article(kind)
        return photo, thing, Facts((phrase,), kind, (), (), None, None, None, frozenset(), phrase)

    def _thing(self, number: int, rng: np.random.Generator) -> Thing:
        """An individual of a class."""
        clear, height, width = rng.uniform(*CLEAR)
        resembled = [int(rng.choice(CLASSES[str(kind)])) for kind in rng.choice(self.kinds, RESEMBLED)]
        others = ((other, clear * float(rng.uniform(*ALIKE))) for other in resembled)
        return Thing(((number, float(clear)), *others), int(rng.integers(2**31)), float(height), float(width))

    def _look(
        self, photo: int, thing: Thing | None, rng: np.random.Generator, view: int | None = None
    ) -> Shot:
        views = len(self.material.views)
        view = int(rng.integers(views)) if view is None else view
        ground = None
        if rng.random() < self.course.grounds:
            other = int(rng.choice(self.photos))
            ground = Ground(int(rng.integers(views)), other, *rng.uniform(2.0, 3.6, 2))
        return Shot(view, photo, bool(rng.random() < 0.5), ground, thing)

    def _others(self, shot: Shot, rng: np.random.Generator) -> Shot:
        """A look at somebody else: hard ones look alike, or stand before the very same ground."""
        draw = rng.random()
        if draw < self.course.hard:
            near = self.material.neighbors[shot.photo]
            photo = int(near[int(len(near) * rng.random() ** 2)])
        else:
            photo = int(rng.choice(self.photos))
        thing = None
        if shot.thing and rng.random() < 0.5:  # another of its kind
            thing = self._thing(shot.thing.classes[0][0], rng)
        if photo == shot.photo:
            photo = int(rng.choice(self.photos[self.photos != shot.photo]))
        look = self._look(photo, thing, rng)
        if rng.random() < 0.2:  # the same ground must not mean yes
            return look._replace(ground=Ground(shot.view, shot.photo, *rng.uniform(2.0, 3.2, 2)))
        return look

    def _references(self, shot: Shot, present: bool, rng: np.random.Generator) -> tuple[Shot, ...]:
        """One to four looks at the individual in the shot, or at somebody else."""
        count = int(rng.choice((1, 1, 1, 2, 3, 4)))
        if present:
            views = [view for view in range(len(self.material.views)) if view != shot.view]
            return tuple(
                self._look(shot.photo, shot.thing, rng, int(rng.choice(views))) for _ in range(count)
            )
        other = self._others(shot, rng)
        return (other, *(self._look(other.photo, other.thing, rng) for _ in range(count - 1)))

    def _define(
        self, tree: Tree, parent: int, name: str, shots: tuple[Shot, ...], lead: str, rng: np.random.Generator
    ) -> int:
        """A definition by reference tokens: all of them, or as many as a soft prompt has.

        Several references are averaged, or stand in a sentence each.
        """
        total, count = self.writer.image_tokens, int(rng.choice(self.latent_tokens))
        for sentence in [shots] if rng.random() < 0.5 else [(shot,) for shot in shots]:
            kept = sorted(rng.choice(total, count, replace=False)) if count < total else None
            parent = self.writer.prompt(tree, parent, f"{lead}{name} is <image>.", sentence, kept=kept)
            lead = " "
        return parent

    def _referred(self, tree: Tree, root: int, shot: Shot, facts: Facts, rng: np.random.Generator) -> None:
        """A name defined by reference tokens below the photo, with questions about it and about the photo."""
        name, present = draw_name(rng), bool(rng.random() < 0.5)
        branch = self._define(tree, root, name, self._references(shot, present, rng), "", rng)
        self._ask_about(tree, branch, name, present, facts, rng)

    def _told(self, tree: Tree, root: int, facts: Facts, rng: np.random.Generator) -> None:
        """A name defined in words below the photo; it is who the photo shows when kind and colors agree."""
        name, present = draw_name(rng), bool(rng.random() < 0.5)
        if facts.phrase is None:
            return
        told = facts
        while not present and (told.phrase is None or agree(told, facts)):
            told = self.material.facts[int(rng.choice(self.photos))] if rng.random() < 0.6 else invented(rng)
        branch = self.writer.prompt(tree, root, f"{name} is {told.phrase}.")
        self._ask_about(tree, branch, name, present, facts, rng)

    def _ask_about(
        self, tree: Tree, branch: int, name: str, present: bool, facts: Facts, rng: np.random.Generator
    ) -> None:
        self._add(tree, branch, questions.recognition(name, present, rng))
        if present and rng.random() < self.course.about:
            self._add(tree, branch, titled(name, facts, rng) if rng.random() < 0.5 else None)
            form = str(rng.choice(("open", "probe", "choose")))
            self._add(tree, branch, ask(form, name, facts, rng))
        for _ in range(self.course.others):
            form = str(rng.choice(("open", "kind", "probe", "choose", "presence", "caption")))
            self._add(tree, branch, ask(form, neutral(facts, rng), facts, rng))

    def _without_photo(self, tree: Tree, rng: np.random.Generator) -> None:
        """Questions about a name that a sentence or reference tokens define, without a photo."""
        name = draw_name(rng)
        start, gap = self.writer.prompt(tree, -1, self.writer.chat.text, begin=True), self.writer.chat.gap
        if rng.random() < 0.5:
            facts = invented(rng)
            branch = self.writer.prompt(tree, start, f"{gap}{name} is {facts.phrase}.")
        else:
            photo, thing, facts = self._subject(rng, self.course.things)
            facts = replace(facts, present=frozenset())
            shots = tuple(self._look(photo, thing, rng) for _ in range(int(rng.integers(1, 4))))
            branch = self._define(tree, start, name, shots, gap, rng)
        for form, count in (self.course.text or {}).items():
            for _ in range(count):
                self._add(tree, branch, ask(form, name, facts, rng, lasting=True))

    def _talk(self, tree: Tree, rng: np.random.Generator) -> None:
        """Small talk, half of it after a photo that it is not about."""
        shown, chat = bool(rng.random() < 0.5), self.writer.chat
        shots = (self._look(int(rng.choice(self.photos)), None, rng),) if shown else None
        start = self.writer.prompt(tree, -1, chat.photo if shown else chat.text, shots, begin=True)
        gap = "" if shown else chat.gap
        for _ in range(TALKS):
            self._add(tree, start, small_talk.general(rng), gap)
        for _ in range(TALKS):
            name, facts = draw_name(rng), invented(rng)
            branch = self.writer.prompt(tree, start, f"{gap}{name} is {facts.phrase}.")
            self._add(tree, branch, small_talk.about(name, facts, rng))
            self._add(tree, branch, small_talk.about(name, facts, rng))

    def _add(self, tree: Tree, branch: int, asked: Asked, lead: str = " ") -> None:
        if asked is not None:
            question, answer = asked
            self.writer.question(tree, branch, f"{lead}{question}", answer)
