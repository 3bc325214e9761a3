"""A description that the base makes of its own captions, as Yo'LLaVA's prompting baseline does (section 4).

The short description is one of the base's sentences about one photo (`descriptions`); this is a sentence of
its own about all that its captions say. Sees the captions' words, not the photos.
"""

from collections.abc import Sequence

from common import vlm
from common.core.errors import UserError
from common.prompts.interview import SUMMARIZE, neutral_names
from stages.synthesize.descriptions import short_description
from stages.synthesize.filters import usable
from stages.synthesize.people import Row


def summarize(
    base: vlm.Base, subject: str, kind: str, rows: Sequence[Row], *, max_new_tokens: int, batch_size: int
) -> list[Row]:
    """One row of the CONVERSATIONS schema, description_summary or dropped; none if no caption was kept.

    `rows` are those of `interview`. Raises UserError if the captions are more than the base reads.
    """
    captions = [row["raw_answer"] for row in rows if row["kind"] == "caption" and row.get("raw_answer")]
    if not captions:
        return []
    names, token = neutral_names(kind), f"<{subject}>"
    listed = "\n".join(f"- {caption}" for caption in dict.fromkeys(captions))
    query = vlm.Query(SUMMARIZE.format(name=names[0], captions=listed))
    prefixes = vlm.encode_prefixes(base, [])
    try:
        vlm.check_length(base, [query], prefixes, max_new_tokens)
    except vlm.ContextFullError:
        raise UserError(
            f"the captions of {subject} are longer together than {base.name} reads: set synthesize.summary "
            "to false, or synthesize.max_new_tokens lower"
        ) from None
    (answer,) = vlm.answer(base, [query], prefixes, max_new_tokens=max_new_tokens, batch_size=batch_size)
    text, reason = usable(answer.text, names, token, answer.cut_off)
    return [
        {
            "kind": "dropped" if reason else "description_summary",
            "question": SUMMARIZE.format(name=token, captions=listed),
            "answer": text if reason else short_description(token, kind, [text]),
            "raw_answer": answer.text,
            "reason": reason,
            "turn": 3,
        }
    ]
