"""Measures what the base for photographs can do on photos never trained on, beside blind controls.

Every ability is a share of right answers, strictly read, with a 95 % Wilson interval; blind is the same asked
about another photo, or under another definition. Flickr8k's test split is read here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from commands.pretrain.criterion import Criterion
from commands.pretrain.photographs import captions, forms, questions, views, wordings
from commands.pretrain.photographs.captions import Facts
from commands.pretrain.photographs.definitions import invented
from commands.pretrain.photographs.recognition import TOKEN, pseudo_subjects, subjects
from commands.pretrain.photographs.settings import Gates
from common import vlm
from common.core.errors import UserError
from common.prompts.evaluation import parse
from common.prompts.instructions import BRIEF

FORMS = {  # form: its floor; kind and color are asked openly, in a word
    "presence": 0.80, "probe": 0.80, "choose": 0.80, "kind": 0.70, "color": 0.70, "place": 0.0, "action": 0.0,
}  # fmt: skip
COST = 0.03  # that an unrelated definition may have
RESAMPLES = 100  # of the photos, for the intervals of what is no share
Asked = tuple[int, str, str]  # photo, question, right answer


@dataclass(frozen=True)
class Score(Criterion):
    """A gate on a score that is no share of right answers, with a bootstrap interval."""

    low: float
    high: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of scores on photos drawn again with replacement."""
        return self.low, self.high


def ask(form: str, facts: Facts, rng: np.random.Generator) -> tuple[str, str] | None:
    """One question of a form with its one-word answer, or None where captions give none."""
    known = questions.values(facts)
    if form in ("presence", "probe", "choose"):
        return forms.ask(form, "the subject", facts, rng)
    if form not in known or (form == "kind" and known["kind"] == "people"):
        return None
    question = str(rng.choice(wordings.OPEN[form])).format(name="the subject")
    return f"{question} {BRIEF}", known[form]


def is_right(form: str, got: str, wanted: str) -> bool:
    """Strict reading; a color of two is right in either order."""
    allowed = [wanted]
    if form == "color" and " and " in wanted:
        allowed.append(" and ".join(reversed(wanted.split(" and "))))
    return parse(got, allowed) is not None


def about_photos(
    base: vlm.Base,
    prefixes: vlm.PrefixCache,
    facts: Sequence[Facts],
    rng: np.random.Generator,
    plain: Sequence[Criterion] | None = None,
) -> list[Criterion]:
    """Questions about photos, a form at a time.

    Given the `plain` measurements, the same below a definition of somebody else, which must not cost much.
    """
    criteria, defined = [], plain is not None
    floors = [one.value - COST for one in plain] if plain else FORMS.values()
    sentences = [f"{TOKEN} is {invented(rng).phrase}." for _ in facts]
    for form, floor in zip(FORMS, floors, strict=True):
        drawn = ((index, ask(form, one, rng)) for index, one in enumerate(facts))
        asked: list[Asked] = [(index, *pair) for index, pair in drawn if pair]

        def right(shift: int, form: str = form, asked: list[Asked] = asked) -> float:
            queries = [
                vlm.Query(question, (index + shift) % len(facts), sentences[index] if defined else None)
                for index, question, _ in asked
            ]
            answers = vlm.answer(base, queries, prefixes, max_new_tokens=12, batch_size=64)
            pairs = zip(answers, asked, strict=True)
            return float(np.mean([is_right(form, answer.text, wanted) for answer, (*_, wanted) in pairs]))

        label = f"photo, a name defined: {form}" if defined else f"photo: {form}"
        criteria.append(Criterion(label, right(0), len(asked), floor, right(len(facts) // 2)))
    return criteria


def text_only(
    base: vlm.Base, unused: vlm.PrefixCache, rng: np.random.Generator, count: int
) -> list[Criterion]:
    """Questions about a name that a sentence defines; blind means that another's sentence defines it."""
    drawn = [invented(rng) for _ in range(count)]
    asked: list[tuple[int, str, str, str]] = []
    for index, facts in enumerate(drawn):
        for form in ("probe", "choose"):
            pair = forms.ask(form, TOKEN, facts, rng, lasting=True)
            asked += [(index, form, *pair)] if pair else []
        for form in ("kind", "color"):
            pair = ask(form, facts, rng)
            asked += [(index, form, pair[0].replace("the subject", TOKEN), pair[1])] if pair else []

    def right(shift: int) -> float:
        queries = [
            vlm.Query(question, None, f"{TOKEN} is {drawn[(index + shift) % count].phrase}.")
            for index, _, question, _ in asked
        ]
        answers = vlm.answer(base, queries, unused, max_new_tokens=12, batch_size=64)
        pairs = zip(answers, asked, strict=True)
        return float(np.mean([is_right(form, got.text, wanted) for got, (_, form, _, wanted) in pairs]))

    return [Criterion("text only, from a sentence", right(0), len(asked), 0.85, right(1))]


def described(
    base: vlm.Base, prefixes: vlm.PrefixCache, facts: Sequence[Facts], rng: np.random.Generator
) -> list[Criterion]:
    """CIDEr and BLEU-4 of captions, by the COCO authors' code, on lower-case words without punctuation."""
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
    except ImportError as error:
        raise UserError(
            "captions are scored with pycocoevalcap: pip install --no-deps pycocoevalcap"
        ) from error
    queries = [vlm.Query(wordings.CAPTION[0], index) for index in range(len(facts))]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=24, batch_size=64)

    def bare(text: str) -> str:
        return " ".join(text.lower().replace(".", " ").replace(",", " ").split())

    wanted = {index: [bare(text) for text in one.captions] for index, one in enumerate(facts)}

    def scored(shift: int, chosen: Sequence[int]) -> tuple[float, float]:
        said = {key: [bare(answers[(index + shift) % len(facts)].text)] for key, index in enumerate(chosen)}
        meant = {key: wanted[index] for key, index in enumerate(chosen)}
        bleu = Bleu(4).compute_score(meant, said, verbose=0)[0][3]
        return float(Cider().compute_score(meant, said)[0]), float(bleu)

    everyone = range(len(facts))
    blind = scored(len(facts) // 2, everyone)
    drawn = [scored(0, rng.integers(0, len(facts), len(facts))) for _ in range(RESAMPLES)]
    names = (("captions: CIDEr", 0.45), ("captions: BLEU-4", 0.16))
    return [
        Score(
            name,
            value,
            len(facts),
            floor,
            blind[part],
            *np.percentile([one[part] for one in drawn], [2.5, 97.5]),
        )
        for part, ((name, floor), value) in enumerate(zip(names, scored(0, everyone), strict=True))
    ]


def measure(source: Path, target: Path, seed: int, gates: Gates, real: Path | None = None) -> list[Criterion]:
    """All gates of the model in `target/llava` on photos of `source`'s test split.

    `real` is a folder of real subjects for the recognition of those; without it they are left out.
    """
    rng = np.random.default_rng((seed, 99))
    base = vlm.load(str(target / "llava"), None, system="", dtype=gates.dtype, device="cpu")
    found = views.rows(source / "test.parquet")[: gates.photos]
    facts = [captions.read(row["captions"]) for row in found]
    images = [views.picture(row) for row in found]
    prefixes = vlm.encode_prefixes(base, images, 64)
    scored = described(base, prefixes, facts, rng)
    plain = about_photos(base, prefixes, facts, rng)
    return [
        *scored,
        *plain,
        *about_photos(base, prefixes, facts, rng, plain),
        *text_only(base, prefixes, rng, 300),
        *pseudo_subjects(base, images[:300], prefixes, seed),
        *(subjects(base, real, rng) if real else []),
    ]
