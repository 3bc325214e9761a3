"""What the unchanged base is asked of a name, before anything is learned: does it know whose it is?

A base that knew a subject already would make its test unfair, so Yo'LLaVA's authors ask theirs first. Neither
photo nor definition is there. A base that says Yes to any name claims nothing by it: names that nobody bears
are asked about as well, and count as the control.

Owns the wordings and what the answers amount to; does not ask (`stages.synthesize`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.prompts.instructions import BRIEF

KNOWS = f"Do you know {{name}}? {BRIEF}"
TELLS = "Who or what is {name}?"
INVENTED = ("Bravelino", "Dorshup", "Kithera Vomm", "Quorvin", "Zemmick")  # in no word list and no atlas


class PriorKnowledge(NamedTuple):
    """What the base says it knows of a subject.

    Attributes:
        name: that it was asked by.
        answer: to `KNOWS`, as generated.
        p_yes: probability of Yes against No.
        told: the answer to `TELLS`.
        invented: how many of `INVENTED` it says to know.

    """

    name: str
    answer: str
    parsed: str | None
    p_yes: float
    told: str
    invented: int

    @property
    def claims(self) -> bool:
        """Whether it says to know this name, and not as readily a name that nobody bears."""
        return self.parsed == "yes" and 2 * self.invented <= len(INVENTED)


def prior_knowledge(rows: Sequence[Mapping[str, Any]]) -> PriorKnowledge:
    """Of one subject's rows of the PRIOR_KNOWLEDGE schema."""
    told, asked = sorted(
        (row for row in rows if not row["invented"]), key=lambda row: row["p_yes"] is not None
    )
    invented = sum(row["invented"] and row["parsed"] == "yes" for row in rows)
    return PriorKnowledge(
        asked["name"], asked["answer"], asked["parsed"], asked["p_yes"], told["answer"], invented
    )
