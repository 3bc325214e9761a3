"""What an individual and a scene are made of, and how individuals are drawn at random.

An individual has five nameable attributes and a marking that has no name in any vocabulary: a 3x3 grid of
dark and light cells. Does not know how anything is drawn (`draw`) or put into words (`text`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

KINDS = {
    "person": ("man", "woman", "child"),
    "pet": ("dog", "cat", "bird"),
    "landmark": ("tower", "temple", "house"),
    "object": ("mug", "clock", "vase"),
    "character": ("robot", "ghost", "monster"),
}
NOUNS = tuple(noun for nouns in KINDS.values() for noun in nouns)
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
PATTERNS = ("striped", "dotted", "checked", "split")
ACCESSORIES = ("nothing", "hat", "crown", "bow", "leaf")
PLACES = ("beach", "forest", "snow", "city", "night", "room")
PROPS = ("nothing", "ball", "flower", "box", "cone")

NAMEABLE = {"noun": NOUNS, "color": COLORS, "second": COLORS, "pattern": PATTERNS, "accessory": ACCESSORIES}
SCENE = {"place": PLACES, "prop": PROPS}
THINGS = tuple(thing for thing in (*NOUNS, *ACCESSORIES, *PROPS) if thing != "nothing")
MARKING_CELLS = 9
MARKING_DISTANCE = 3  # cells in which two individuals with the same nameable attributes differ at least


@dataclass(frozen=True)
class Individual:
    """One subject, look-alike or stranger. `marking` holds nine bits; `jitter` seeds its blob shapes."""

    noun: str
    color: str
    second: str
    pattern: str
    accessory: str
    marking: tuple[int, ...]
    jitter: int

    @property
    def kind(self) -> str:
        """person, pet, landmark, object or character."""
        return next(kind for kind, nouns in KINDS.items() if self.noun in nouns)


@dataclass(frozen=True)
class Scene:
    """What changes from photo to photo and can be asked about."""

    place: str
    prop: str


def draw_marking(rng: np.random.Generator) -> tuple[int, ...]:
    """Nine bits with three to six dark cells."""
    bits = np.zeros(MARKING_CELLS, dtype=int)
    bits[rng.choice(MARKING_CELLS, rng.integers(3, 7), replace=False)] = 1
    return tuple(int(bit) for bit in bits)


def draw_individual(rng: np.random.Generator, noun: str | None = None) -> Individual:
    """A random individual, of the given noun if there is one."""
    color, second = rng.choice(len(COLORS), 2, replace=False)
    return Individual(
        noun=noun or str(rng.choice(NOUNS)),
        color=COLORS[color],
        second=COLORS[second],
        pattern=str(rng.choice(PATTERNS)),
        accessory=str(rng.choice(ACCESSORIES)),
        marking=draw_marking(rng),
        jitter=int(rng.integers(2**31)),
    )


def draw_scene(rng: np.random.Generator) -> Scene:
    """A random place and prop."""
    return Scene(place=str(rng.choice(PLACES)), prop=str(rng.choice(PROPS)))


def lookalike(individual: Individual, rng: np.random.Generator, changed: int) -> Individual:
    """Another individual that differs in `changed` nameable attributes, or only in the marking if 0.

    Its marking always differs in at least MARKING_DISTANCE cells, as between any two individuals.
    """
    other = replace(individual, jitter=int(rng.integers(2**31)))
    while np.sum(np.not_equal(other.marking, individual.marking)) < MARKING_DISTANCE:
        other = replace(other, marking=draw_marking(rng))
    for name in rng.choice(list(NAMEABLE), changed, replace=False):
        taken = {getattr(other, str(name))}
        if name in ("color", "second"):
            taken |= {other.color, other.second}
        free = [value for value in NAMEABLE[name] if value not in taken]
        other = replace(other, **{str(name): str(rng.choice(free))})
    return other


def things(individual: Individual, scene: Scene) -> list[str]:
    """Those of THINGS that a photo of the individual in the scene shows."""
    shown = (individual.noun, individual.accessory, scene.prop)
    return [thing for thing in shown if thing != "nothing"]
