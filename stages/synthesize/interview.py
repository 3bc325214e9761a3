"""Ask the base model about one subject's train photos.

Owns which questions are put and what becomes of the answers: rows of the CONVERSATIONS schema. Does not own
wordings (`prompts.interview`), the judgment of answers (`filters`) or the descriptions made of them
(`descriptions`).
"""

from collections.abc import Sequence
from pathlib import Path

from common import vlm
from common.core.images import load_image, read_bytes
from common.core.io import sha256_bytes
from common.prompts.interview import CAPTION, DESCRIBE, kinds_said, neutral_names, questions_for
from common.prompts.kinds import CONTRADICTS, NOT_KNOWN, contradicts, doubt, says
from stages.synthesize.descriptions import long_description, short_description
from stages.synthesize.filters import usable
from stages.synthesize.people import Row, Told, TrainPhoto


def read_photo(path: Path) -> TrainPhoto:
    """Read and decode a train photo; raise UserError if it is none."""
    data = read_bytes(path)
    return TrainPhoto(path.name, sha256_bytes(data), load_image(data, str(path)))


def interview(
    base: vlm.Base,
    subject: str,
    kind: str,
    photos: Sequence[TrainPhoto],
    told: Told | None = None,
    *,
    questions: str,
    max_new_tokens: int,
    batch_size: int,
) -> list[Row]:
    """Return everything the base model says about the subject, photo by photo, and the descriptions.

    `questions` names the set of prompts.yaml that is asked; `told` is what people tell of the subject, None
    for nothing.

    The images go through the model once each, whatever is asked. Subjects are never mixed in a batch, so that
    a further subject cannot change the last bits, and with them the words, of the answers about this one.
    """
    names = neutral_names(kind)
    prompts = [
        *(("qa", question.text) for question in questions_for(kind, questions)),
        ("caption", CAPTION),
        ("caption", DESCRIBE),
    ]
    asked = [
        (photo, turn, use, prompt)
        for photo in range(len(photos))
        for turn, (use, prompt) in enumerate(prompts)
    ]
    prefixes = vlm.encode_prefixes(base, [photo.image for photo in photos], batch_size)
    answers = vlm.answer(
        base,
        [vlm.Query(prompt.format(name=names[0]), image=photo) for photo, _, _, prompt in asked],
        prefixes,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
    )
    token, noun = f"<{subject}>", told and told.noun
    known = bool(noun) and any(says(noun, answer.text) for answer in answers)
    rows = []
    for (photo, turn, use, prompt), answer in zip(asked, answers, strict=True):
        text, reason = usable(answer.text, names, token, answer.cut_off)
        if not reason and noun and prompt != CAPTION and contradicts(noun, text, known=known):
            reason = CONTRADICTS
        rows.append(
            {
                "kind": "dropped" if reason else use,
                "photo": photos[photo].name,
                "photo_sha256": photos[photo].sha256,
                "question": prompt.format(name=token),
                "answer": text,
                "raw_answer": answer.text,
                "reason": reason,
                "turn": turn,
            }
        )
    rows += told.rows(token, photos) if told else []
    return rows + descriptions(token, noun or kind, rows, told and told.description(token))


def descriptions(token: str, noun: str, rows: Sequence[Row], human: str | None) -> list[Row]:
    """Short: from the answers to DESCRIBE; long: from all that was kept; and people's, if there is one."""
    describe = DESCRIBE.format(name=token)
    kept = [row for row in rows if row["kind"] != "dropped"]
    short = short_description(token, noun, [row["answer"] for row in kept if row["question"] == describe])
    long = long_description(short, [row["answer"] for row in kept])
    made = {"description_short": short, "description_long": long}
    if human:
        made["description_human"] = human
    return [
        {"kind": name, "question": describe, "answer": text, "turn": turn}
        for turn, (name, text) in enumerate(made.items())
    ]


def doubtful(subject: str, kind: str, rows: Sequence[Row]) -> str | None:
    """A sentence if the base seems not to know what it sees, from the rows of `interview`; else None."""
    reason = doubt(kind, kinds_said(rows, subject, kind))
    return reason and f"<{subject}> {reason}: {NOT_KNOWN}"
