"""Captions to learn from: the base model's own, in which the subject goes by its name.

A soft prompt that has met photos in recognition alone may begin every caption with "Yes, <bo> …". Here
pictures of the subject are captioned as the base does, with the name in place of the description that the
base gives of it; pictures of others keep the base's caption, so that the name is not said of everything.
"""

from difflib import SequenceMatcher

from common import vlm
from common.core.seed import stream
from common.methods.interface import Backbones, MethodSubject
from common.prompts.captions import NAMING, NEUTRAL
from common.training.samples import Sample, TrainingSet

MAX_NEW_TOKENS = 32
# Words that two unlike phrases share: alone they are no part of a description.
FUNCTION_WORDS = {"a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "with", "is", "are", "its"}


def captioned(
    base: vlm.Base,
    subject: MethodSubject,
    training_set: TrainingSet,
    description: str,
    count: int,
    backbones: Backbones,
) -> list[Sample]:
    """Up to `count` captions of pictures that show the subject, and as many of pictures that do not.

    A picture of the subject is left out where its caption does not begin by describing it.
    """
    phrase = description.removeprefix(f"{subject.token} is ").removesuffix(".")
    made = []
    for label in (True, False):
        shown = {sample.image: None for sample in training_set.training if sample.label is label}
        draw = stream(backbones.seed, "captions", subject.id, str(label))
        chosen = [list(shown)[i] for i in draw.permutation(len(shown))[:count]]
        prefixes = vlm.encode_prefixes(base, [training_set.images[i] for i in chosen], backbones.batch_size)
        answers = vlm.answer(
            base,
            [vlm.Query(NEUTRAL[0], place) for place in range(len(chosen))],
            prefixes,
            max_new_tokens=MAX_NEW_TOKENS,
            batch_size=backbones.batch_size,
        )
        questions = (*NEUTRAL, NAMING.format(name=subject.token)) if label else NEUTRAL
        for image, answer in zip(chosen, answers, strict=True):
            text = named(answer.text, phrase, subject.token) if label else answer.text
            if text:
                question = questions[int(draw.integers(len(questions)))]
                made.append(Sample(question, text, image, None))
    return made


def named(caption: str, phrase: str, token: str) -> str | None:
    """The caption with the name in place of the noun phrase that it begins with; None if it has none.

    The noun phrase ends with the last words that it shares with `phrase`, another description of the same.
    """
    said, known = caption.split(), phrase.split()
    matcher = SequenceMatcher(None, [_bare(word) for word in said], [_bare(word) for word in known], False)
    shared = [
        block
        for block in matcher.get_matching_blocks()
        if {_bare(word) for word in said[block.a : block.a + block.size]} - FUNCTION_WORDS
    ]
    if not shared or shared[0].a > 1:  # one word may differ: its article
        return None
    rest = said[shared[-1].a + shared[-1].size :]
    return " ".join([token, *rest]) if rest else f"{token}."


def _bare(word: str) -> str:
    return word.strip(".,;:!?").lower()
