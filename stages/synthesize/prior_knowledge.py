"""Does the unchanged base know a subject already? Asked by its name, without photo and definition.

Owns asking; the wordings, and what the answers amount to, are those of `prompts.prior_knowledge`.
"""

from common import vlm
from common.prompts.evaluation import parse
from common.prompts.prior_knowledge import INVENTED, KNOWS, TELLS, prior_knowledge
from stages.synthesize.people import Row


def ask_prior_knowledge(
    base: vlm.Base, subject: str, name: str, *, max_new_tokens: int, batch_size: int
) -> list[Row]:
    """Rows of the PRIOR_KNOWLEDGE schema: about `name`, and about names that nobody bears."""
    asked = [(name, KNOWS, False), (name, TELLS, False), *((other, KNOWS, True) for other in INVENTED)]
    questions = [wording.format(name=who) for who, wording, _ in asked]
    answers = vlm.answer(
        base,
        [vlm.Query(question) for question in questions],
        vlm.encode_prefixes(base, []),
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
    )
    rows = []
    for (who, wording, invented), question, answer in zip(asked, questions, answers, strict=True):
        yes_or_no = wording == KNOWS
        rows.append(
            {
                "subject": subject,
                "invented": invented,
                "name": who,
                "question": question,
                "answer": answer.text,
                "parsed": parse(answer.text, ("yes", "no")) if yes_or_no else None,
                "p_yes": answer.probabilities[0] if yes_or_no else None,
            }
        )
    return rows


def known_before(rows: list[Row]) -> str | None:
    """A sentence if the base claims to know the subject of these rows; else None."""
    known = prior_knowledge(rows)
    if not known.claims:
        return None
    return (
        f"the base model says that it knows {known.name}, before it learned <{rows[0]['subject']}>: "
        "what it is then tested on may not be what it learned"
    )
