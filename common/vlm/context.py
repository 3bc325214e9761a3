"""What is longer than a base's positions is refused before it is run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.core.errors import UserError
from common.vlm.prefix import Prefixes
from common.vlm.suffix import Query, suffix

if TYPE_CHECKING:
    from common.vlm.load import Base


class ContextFullError(UserError):
    """What is asked, with all that stands before it, does not fit into the model's positions."""


def check_length(base: "Base", queries: Sequence[Query], prefixes: Prefixes, max_new_tokens: int) -> None:
    """Raise ContextFullError if a question and its answer need more positions than the model has."""
    positions = base.model.config.get_text_config().max_position_embeddings
    asked = [(query.definition, query.question, query.image is not None) for query in queries]
    lengths = {ask: len(suffix(base, *ask[:2], image=ask[2]).ids) for ask in dict.fromkeys(asked)}
    for query, ask in zip(queries, asked, strict=True):
        needed = prefixes.shared(query.image) + lengths[ask] + max_new_tokens
        if needed > positions:
            raise ContextFullError(
                f"question and answer need {needed} positions, and {base.name} has {positions}: "
                "ask something shorter"
            )
