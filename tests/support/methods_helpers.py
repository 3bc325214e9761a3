"""What the tests of methods share: a subject's dataset and conversations, with pictures to learn from."""

import io as memory
from typing import Any

from common.core import io, paths, schema
from tests.support.vlm_helpers import noise_images

PHOTOS, NEGATIVES = 3, 4


def learnable(subject: str, **told: str) -> None:
    """Write the tables of a subject: 3 photos, 4 negatives, 2 conversations, descriptions.

    `told`: further descriptions by their kind, as what comes after "<id> is".
    """
    token = f"<{subject}>"
    rows: list[dict[str, Any]] = []
    roles = ["positive"] * PHOTOS + ["hard"] * (NEGATIVES // 2) + ["easy"] * (NEGATIVES - NEGATIVES // 2)
    for split, question in (("train", f"Is {token} in this photo?"), ("validation", f"Can you see {token}?")):
        for number, (image, role) in enumerate(zip(noise_images(len(roles)), roles, strict=True)):
            file = memory.BytesIO()
            image.save(file, "PNG")
            digest, label = io.sha256_bytes(file.getvalue()), "yes" if role == "positive" else "no"
            rows.append(
                {
                    "task": "recognition",
                    "role": role,
                    "split": split,
                    "image": {"bytes": file.getvalue(), "path": "x.png"},
                    "image_sha256": digest,
                    "label": label,
                    "question": question,
                    "answer": f"Yes, {token} is here." if label == "yes" else "No",
                    "source": f"photos/{number:02d}.png",
                    "source_sha256": digest,
                }
            )
    for photo in rows[:2]:
        text = {"task": "conversation", "role": "text", "split": "train", "question": f"What is {token}?"}
        rows.append(text | {"answer": f"{token} is red.", "source_sha256": photo["source_sha256"]})
    numbered = [row | {"sample": number} for number, row in enumerate(rows)]
    io.write_parquet(paths.dataset(subject), numbered, schema.DATASET, ["sample"])

    descriptions = {"short": f"{token} is a red dog.", "long": f"{token} is a red dog. It is red."}
    descriptions |= {kind: f"{token} is {said}." for kind, said in told.items()}
    spoken = [
        dict.fromkeys(schema.CONVERSATIONS.names)
        | {"kind": f"description_{name}", "answer": answer, "turn": turn}
        for turn, (name, answer) in enumerate(descriptions.items())
    ]
    io.write_parquet(paths.conversations(subject), spoken, schema.CONVERSATIONS, ["turn"])
