"""The data card of the negatives: what was asked for and found, which models judged, and what to mind.

Owns the words. The numbers come from `make`.
"""

from collections.abc import Mapping
from typing import Any

SAFETY = (
    "These pictures were found by similarity in a corpus; nobody has looked through them. They are training "
    "data of one subject's soft prompt and no collection to pass on.",
    "LAION-5B was withdrawn in December 2023, when links to child sexual abuse material were found in it. "
    "Re-LAION-5B (August 2024) is the same without the links that child-protection organizations reported. "
    "Use no copy of LAION-5B, and none of an index made of it.",
    "A threshold on punsafe keeps out part of what is unsafe for work, not all, and is no means against "
    "illegal material: that is the task of the corpus. Who finds such a picture reports it and deletes it.",
    "Most pictures of people on the web are there without a consent to be trained on, and those most alike "
    "to a person are of people who look like that person. A person as a subject needs that person's consent; "
    "negatives of people should come from pictures whose subjects agreed, or from a licensed corpus.",
    "Opt-outs in HTTP headers are heeded when a picture is downloaded (X-Robots-Tag, TDM-Reservation). "
    "robots.txt and opt-out registers are not read. A license is the corpus's account and was not checked.",
    "url, listed_hash and original_sha256 of each row say what to delete when a picture is withdrawn.",
)


def card(
    index: Mapping[str, Any],
    base_clip: str,
    revision: str | None,
    rules: Any,
    subjects: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The card as JSON: `index` is the card of the corpus, `subjects` counts by subject."""
    return {
        "corpus": {name: index[name] for name in ("source", "images", "safety")},
        "similarity": {"by": "cosine of image embeddings", "model": base_clip, "revision": revision},
        "kept_out": {
            "the subject's own photo": "equal SHA-256 of bytes or pixels, also at the index's size",
            "too similar to be another": f"cosine to a train photo or its mirror >= {rules.max_similarity}",
            "near duplicate": f"cosine to a kept one >= {rules.near_duplicate}",
            "duplicate": "equal SHA-256 of bytes or pixels",
        },
        "subjects": dict(subjects),
        "data_safety": list(SAFETY),
    }
