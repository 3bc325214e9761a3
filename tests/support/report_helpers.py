"""Rows of evaluate's tables, and the scores that they give."""

import pandas as pd

from common.core import schema
from stages.report.scores import Scores, score

GROUPS = {"marking": "lookalike-marking", "one": "lookalike-one", "two": "lookalike-two"}


def asked(
    subject: str, against: str, answers: list[tuple[str | None, float]], method: str = "soft_prompt"
) -> list[dict]:
    """Rows of RECOGNITION: (parsed answer, P(yes)) of one subject's photos of one group."""
    owner = "another" if against == "others" else subject
    return [
        {"subject": subject, "owner": owner, "group": GROUPS.get(against, "test"), "photo": f"{i}.png"}
        | {"label": against == "positive", "method": method, "answer": "", "parsed": parsed, "p_yes": p_yes}
        for i, (parsed, p_yes) in enumerate(answers)
    ]


def told(subject: str, kind: str, method: str, correct: list[bool], parsed: str | None = "A") -> list[dict]:
    """Rows of QUESTIONS: questions in both orders, `correct` two by two."""
    return [
        {"subject": subject, "kind": kind, "photo": None, "question": f"{i // 2}?", "order": i % 2}
        | {"method": method, "parsed": parsed, "correct": right}
        for i, right in enumerate(correct)
    ]


def scored(
    recognition: list[dict], questions: list[dict] = (), subjects=("bo",), validation: list[dict] = ()
) -> Scores:
    titles = {row["method"]: row["method"].title() for row in [*recognition, *questions]}
    return score(given(recognition, questions, validation), titles, subjects, 0, 20)


def given(
    recognition: list[dict], questions: list[dict] = (), validation: list[dict] = ()
) -> dict[str, pd.DataFrame]:
    """Evaluate's tables with these rows; the others are empty."""
    columns = {
        "questions": schema.QUESTIONS,
        "threshold_set": schema.THRESHOLD_SET,
        "two_subjects": schema.TWO_SUBJECTS,
    }
    columns |= {"open_answers": schema.OPEN_ANSWERS, "captions": schema.CAPTIONS, "general": schema.GENERAL}
    rows = {"questions": questions, "threshold_set": validation}
    found = {name: pd.DataFrame(list(rows.get(name, ())), columns=of.names) for name, of in columns.items()}
    return found | {"recognition": pd.DataFrame(recognition)}


def costs(*methods: str) -> pd.DataFrame:
    """METHODS of one subject."""
    return pd.DataFrame(
        [{"method": m, "trainable": 7, "stored_bytes": 1500, "prompt_tokens": 3} for m in methods]
    )


YES, NO = ("yes", 0.9), ("no", 0.1)
