"""What was said about a subject and its train photos, read as `stages.synthesize` wrote it."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.core import io, paths, schema

DESCRIPTION = "description_"  # before what wrote a description, in its row's kind


def read_conversations(subject: str) -> list[dict[str, Any]]:
    """Rows of the subject's CONVERSATIONS table; raises UserError if an older version wrote it."""
    return io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS).to_pylist()


def descriptions(conversations: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Descriptions among the rows: short and long, and human and summary where there are any."""
    return {
        row["kind"].removeprefix(DESCRIPTION): row["answer"]
        for row in conversations
        if row["kind"].startswith(DESCRIPTION)
    }
