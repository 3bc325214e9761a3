"""One short and one long description of a subject, made of the base model's own words, and a human's.

They are the prompting controls of evaluate: what a sentence (or everything the base model said) achieves in
the place where the soft prompt stands. Knows sentences only, neither photos nor models.
"""

import re
from collections.abc import Sequence

# How a describing answer may begin, and what then remains to be said of "<id> is".
_OPENINGS = re.compile(
    r"^(?:it|he|she|this|that|there|the \w+) (?:is|'s) |^(?:it|he|she|that|there)'s ", re.IGNORECASE
)
_NOUN_PHRASE = re.compile(r"^(?:an?|the) ", re.IGNORECASE)


def with_article(noun: str) -> str:
    """Return the noun behind "a" or "an", unless it has an article."""
    if _NOUN_PHRASE.match(noun):
        return noun
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


def short_description(token: str, noun: str, answers: Sequence[str]) -> str:
    """Return one sentence that defines `token`: the most typical of `answers`, one or more for each photo.

    Without any usable answer only what was declared can be said, a noun or the kind.
    """
    if not answers:
        return f"{token} is {with_article(noun)}."
    return _as_definition(token, _most_typical(answers))


def long_description(short: str, answers: Sequence[str]) -> str:
    """Return `short` followed by every different statement among `answers`, in their order.

    One or two words ("Red.") answer a question but state nothing on their own, so they are left out.
    """
    statements = {_key(short): short}
    for answer in answers:
        for sentence in re.split(r"(?<=[.!?])\s+", answer):
            if len(sentence.split()) > 2:
                statements.setdefault(_key(sentence), _closed(sentence))
    return " ".join(statements.values())


def human_description(token: str, text: str) -> str:
    """Return a human's words as a definition: they continue "<id> is", unless they name the subject."""
    said = _closed(" ".join(text.split()))
    return said if token in said else f"{token} is {said}"


def _most_typical(answers: Sequence[str]) -> str:
    """Return the answer that shares the most words with all others (mean Jaccard index; the first among
    equals).
    """
    bags = [set(_key(answer).split()) for answer in answers]
    overlap = [sum(len(bag & other) / (len(bag | other) or 1) for other in bags) for bag in bags]
    return answers[overlap.index(max(overlap))]


def _as_definition(token: str, answer: str) -> str:
    """Return the first sentence of `answer` as "<id> is …"; one about the identifier stays as it is."""
    sentence = _closed(re.split(r"(?<=[.!?])\s", answer)[0])
    if sentence.startswith(token):
        return sentence
    said, openings = _OPENINGS.subn("", sentence)
    if openings:
        return f"{token} is {said}"
    if _NOUN_PHRASE.match(sentence):
        sentence = sentence[0].lower() + sentence[1:]
    return f"{token} is {sentence}"


def _closed(sentence: str) -> str:
    """Return the sentence with a full stop."""
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def _key(sentence: str) -> str:
    """Return what two equal statements have in common: their words."""
    return " ".join(re.findall(r"\w+", sentence.lower()))
