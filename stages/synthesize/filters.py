"""What makes an answer of the base model usable: tidying, the identifier, and reasons to drop it.

Knows words only: neither the model nor the questions. An answer is trained on without its photo, so one that
speaks of "the image" would teach the subject's model to do so; a refusal or a loop would be learned just as
well.
"""

import re

_SHOWN = r"(?:photo(?:graph)?|image|picture|snapshot)s?"
# "In the image, the dog is red" says the same without its lead-in, so such answers are mended, not dropped.
_LEAD_IN = re.compile(rf"^\s*in (?:the|this) {_SHOWN},?\s+", re.IGNORECASE)
_TAIL = re.compile(rf",?\s+in (?:the|this) {_SHOWN}(?=\s*(?:[.,;!]|$))", re.IGNORECASE)
_MENTION = re.compile(rf"\b{_SHOWN}\b", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\b(?:sorry|as an ai|unclear|unknown"
    r"|(?:can ?not|can['\u2019]t|unable to|not able to|not possible to|impossible to|hard to|difficult to)"
    r" (?:see|tell|say|know|answer|determine|identify|describe|provide|help|assist)"
    r"|(?:do not|don['\u2019]t) (?:know|have (?:any |enough )?information)"
    r"|not (?:sure|clear|visible|specified|provided|mentioned))\b",
    re.IGNORECASE,
)
_LOOPS = (
    re.compile(r"(\S.{0,11}?)\1{4,}"),  # a few characters five times in a row
    re.compile(r"\b(\w+(?:\W+\w+){0,2})(?:\W+\1\b){2,}", re.IGNORECASE),  # one to three words three times
    re.compile(r"\b(\w+(?:\W+\w+){3,})\W+(?:\w+\W+)?\1\b", re.IGNORECASE),  # four words or more twice
)


def usable(raw: str, names: tuple[str, ...], token: str, cut_off: bool) -> tuple[str, str | None]:
    """Return an answer as it may be trained on, and why it may not be (None if it may).

    `names` are the neutral names, replaced by the identifier `token` ("<bo>"). Of an answer that ran into the
    token limit (`cut_off`), whole sentences are used.
    """
    text = personalize(tidy(raw), names, token)
    if not cut_off:
        return text, reason_to_drop(text)
    sentences = text[: max(text.rfind(mark) for mark in ".!?") + 1]
    return (sentences, reason_to_drop(sentences)) if sentences else (text, "unfinished")


def tidy(text: str) -> str:
    """Return `text` on one line, without "in the photo" where the sentence stands without it."""
    text, lead_ins = _LEAD_IN.subn("", " ".join(text.split()))
    if lead_ins:
        text = text[:1].upper() + text[1:]
    return _TAIL.sub("", text)


def personalize(text: str, names: tuple[str, ...], token: str) -> str:
    """Put the identifier where `text` has one of the neutral names, in any case of letters."""
    return re.sub(rf"\b(?:{'|'.join(map(re.escape, names))})\b", token, text, flags=re.IGNORECASE)


def reason_to_drop(text: str) -> str | None:
    """Return why a text is no answer: empty, refuses, mentions the photo or repeats; None if it is one."""
    if not any(character.isalnum() for character in text):
        return "empty"
    if _REFUSAL.search(text):
        return "refuses"
    if _MENTION.search(text):
        return "mentions the photo"
    if any(loop.search(text) for loop in _LOOPS):
        return "repeats"
    return None
