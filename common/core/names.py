"""How texts name the subject: one rule for all that people import, type or publish.

Which spellings mean the subject (``<bo>``, in any case, and ``sks`` or ``<sks>``, as the published code and
data call every subject), and which words are names at all.
"""

import re
from collections.abc import Sequence

from common.core.errors import UserError
from common.core.paths import MYVLM_PREFIX, YOLLAVA_PREFIX

PUBLISHED = re.compile(r"<sks>|(?<![\w<])sks(?![\w>])", re.IGNORECASE)
NAME = re.compile(r"<[A-Za-z0-9][\w|-]*>")


def spoken(subject: str) -> str:
    """An id as people would say it, without an import's prefix: ``my-dog`` is "My Dog"."""
    return subject.removeprefix(YOLLAVA_PREFIX).removeprefix(MYVLM_PREFIX).replace("-", " ").title()


def about(subject: str, text: str) -> str:
    """The text with every spelling of the subject as its token ``<id>``.

    Raises UserError if it names somebody else, of whom nothing would be learned.
    """
    token = f"<{subject}>"
    text = re.sub(re.escape(token), token, PUBLISHED.sub(token, text), flags=re.IGNORECASE)
    refuse_others([subject], text)
    return text


def refuse_others(subjects: Sequence[str], text: str) -> None:
    """Raise UserError if the text holds a name other than their ``<id>``, also one such as ``<Id>``."""
    known = [f"<{subject}>" for subject in subjects]
    others = [name for name in NAME.findall(text) if name not in known]
    if others:
        alike = [name for name in known if name.lower() == others[0].lower()]
        meant = " or ".join(alike or known[:1])
        raise UserError(
            f"{others[0]} is unknown, for this is about {', '.join(known)}: write {meant}, or leave it out"
        )
