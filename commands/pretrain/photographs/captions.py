"""Reads facts off the captions that people wrote for a photo: who, what color, where, doing what, what else.

Word lists and patterns alone, no model: a fact is taken only when captions say it, and a thing counts as
absent only when none of the five mentions it or a synonym.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

LEXICON = YAML(typ="safe").load(Path(__file__).with_name("lexicon.yaml"))


def _means(words: dict[str, str]) -> dict[str, str]:
    """The other way round: each word of captions to ours."""
    return {word: meaning for meaning, listed in words.items() for word in listed.split()}


THINGS: dict[str, dict[str, str]] = LEXICON["things"]
PLACES: dict[str, str] = LEXICON["places"]
ACTIONS: dict[str, str] = LEXICON["actions"]
COLORS = tuple(LEXICON["colors"])
COLOR_WORDS, KINDS = _means(LEXICON["colors"]), _means(LEXICON["kinds"])
GARMENTS = frozenset(LEXICON["garments"].split())
GROUP = {thing: group for group, things in THINGS.items() for thing in things}
ANIMALS = ("dog", "cat", "horse", "bird")
PERSONS = ("man", "woman", "boy", "girl", "child", "baby")
COUNTS = ("two", "three", "four", "five", "six")
_THING_OF = {word: thing for things in THINGS.values() for word, thing in _means(things).items()}
_PLACE_OF, _ACTION_OF = _means(PLACES), _means(ACTIONS)
_WORD = re.compile(r"[a-z']+")


@dataclass(frozen=True)
class Facts:
    """What the captions of one photo say; None or empty where they do not agree or do not say.

    Attributes:
        captions: normalized: lower case, no space before punctuation, no final period.
        kind: what the photo is of, of `KINDS`' values.
        colors: of the animal, main color first.
        garments: (garment, color) pairs.
        place, action: keys of `PLACES`, `ACTIONS`.
        count: (number word, plural noun).
        present: things mentioned at least once.
        phrase: the longest description of the one animal or person, such as "a small brown and white dog".

    """

    captions: tuple[str, ...]
    kind: str | None
    colors: tuple[str, ...]
    garments: tuple[tuple[str, str], ...]
    place: str | None
    action: str | None
    count: tuple[str, str] | None
    present: frozenset[str]
    phrase: str | None

    def absent(self, group: str) -> list[str]:
        """Things of a group that nobody mentioned. Man, woman, boy and girl are told apart badly by captions:
        one is absent when no caption says any word of its sex or "people".
        """
        left = [thing for thing in THINGS[group] if thing not in self.present]
        if group == "person":
            somebody = self.present & set(THINGS["person"]) or "people" in " ".join(self.captions)
            left = [] if somebody else left
        return left


def tidy(caption: str) -> str:
    """A caption as running text: "A dog runs , fast ." becomes "a dog runs, fast"."""
    text = re.sub(r"\s+([,.;:!?'])", r"\1", caption.strip().lower())
    return re.sub(r"\s+", " ", text.replace('"', "")).rstrip(" .,;")


def _most(found: list, at_least: int) -> str | None:
    counted = Counter(value for value in found if value)
    if not counted:
        return None
    value, count = counted.most_common(1)[0]
    return value if count >= at_least else None


def _colors_before(words: Sequence[str], end: int) -> tuple[str, ...]:
    """Colors in the up to five words before position `end`, in their order, while adjectives go on."""
    colors: list[str] = []
    for word in reversed(words[max(0, end - 5) : end]):
        if word in ("a", "an", "the", "one", "two", "with", "in", "of"):
            break
        if word in COLOR_WORDS:
            colors.insert(0, COLOR_WORDS[word])
    return tuple(dict.fromkeys(colors))


def read(captions: Sequence[str]) -> Facts:
    """The facts of one photo's captions."""
    tidied = tuple(tidy(caption) for caption in captions)
    tokens = [_WORD.findall(caption) for caption in tidied]
    kinds, colors, garments, places, actions, counts, phrases = [], [], [], [], [], [], []
    present: set[str] = set()
    for words in tokens:
        first = next((index for index, word in enumerate(words) if word in KINDS), None)
        kinds.append(KINDS[words[first]] if first is not None else None)
        if first is not None and kinds[-1] in ANIMALS:
            colors.append(_colors_before(words, first))
        if first is not None and kinds[-1] != "people" and words[0] in ("a", "an") and 1 < first < 8:
            said = words[: first + 1]
            if not {"and", "of", "with", "in", "on"} & set(said[: first - 3]) and "group" not in said:
                phrases.append(" ".join(said))
        for index, word in enumerate(words):
            if word in GARMENTS:
                garments += [(word, color) for color in _colors_before(words, index)[:1]]
            if word in COUNTS and index < 2:
                noun = next(
                    (following for following in words[index + 1 : index + 4] if following in KINDS), None
                )
                counts.append(
                    (word, noun) if noun and noun.endswith(("s", "men", "children", "people")) else None
                )
        places.append(next((_PLACE_OF[word] for word in reversed(words) if word in _PLACE_OF), None))
        actions.append(next((_ACTION_OF[word] for word in words if word in _ACTION_OF), None))
        present |= {_THING_OF[word] for word in words if word in _THING_OF}
    kind = _most(kinds, 3)
    return Facts(
        captions=tidied,
        kind=kind,
        colors=_most(colors, 2) or _most(colors, 1) or () if kind in ANIMALS else (),
        garments=tuple(pair for pair, seen in Counter(garments).items() if seen >= 2),
        place=_most(places, 2),
        action=_most(actions, 2),
        count=_most(counts, 2),
        present=frozenset(present),
        phrase=max(phrases, key=len, default=None) if kind and kind != "people" else None,
    )
