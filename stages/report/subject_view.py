"""What the page and the contact sheets show of one subject, as plain values."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS
from common.prompts.kinds import NOT_KNOWN
from common.prompts.prior_knowledge import INVENTED
from stages.report import answers, axes, charts, explanations
from stages.report.answers import GROUPS, TestPhotos, View, data_uri, shown, wrong_answers
from stages.report.axes import Axis
from stages.report.charts import Line
from stages.report.domains import Domain
from stages.report.measures import with_outcome
from stages.report.scores import Scores
from stages.report.subject_summary import Negative, SubjectSummary


def subject_view(subject: str, summaries: SubjectSummary, domain: Domain, examples: int) -> View:
    """One subject's part of the page; `examples` limits the wrong answers shown."""
    predictions, scores = domain.predictions, domain.scores
    recognition, *asked = (
        predictions.tables[name]
        for name in ("recognition", "conversations", "own_questions", "token_explanations")
    )
    spoken, wanted, explained = (table[table.subject == subject] for table in asked)
    rows = with_outcome(recognition[recognition.subject == subject])
    own = rows[(rows.method == SOFT_PROMPT) & (rows.against == "positive")].sort_values("photo")
    wrong = wrong_answers(rows)
    return {
        "id": subject,
        "kind": summaries.kind,
        "pictures": domain.title,
        "weighted": scores.of(subject, SOFT_PROMPT, "recognition.weighted"),
        "lookalikes": scores.of(subject, SOFT_PROMPT, "recognition.lookalikes.weighted"),
        "train": [data_uri(image) for image in summaries.train],
        "test": [shown(row, predictions.photos) for row in own.itertuples()],
        "hardest": _negatives(summaries.hardest),
        "hard": _negatives(summaries.hard),
        "curve": _curve(summaries.curve),
        "groups": list(GROUPS.values()),
        "sizes": _sizes(rows),
        "methods": _methods(subject, rows, scores),
        "answers": answers.table(rows, predictions.photos, scores, examples),
        "wrong": [shown(row, predictions.photos) for row in wrong.head(examples).itertuples()],
        "wrong_total": len(wrong),
        "asked": int((rows.method == SOFT_PROMPT).sum()),
        "wanted": _wanted(wanted, scores.titles),
        "chats": _chats(spoken, predictions.photos, scores.titles),
        "explained": explanations.of_subject(explained),
        "descriptions": summaries.descriptions,
        "counts": summaries.counts,
        "prior": summaries.prior,
        "invented": len(INVENTED),
        "doubt": summaries.doubt and f"{summaries.doubt}: {NOT_KNOWN}",
    }


def dialog(views: Sequence[View]) -> View | None:
    """The subject in the middle of these, neither the best nor the worst, asked about its first test photo.

    Also what it is asked without one, last.
    """
    view = views[len(views) // 2]
    about = [chat for chat in view["chats"] if chat["image"]]
    turns = [chat for chat in about if chat["photo"] == about[0]["photo"]]
    alone = [chat for chat in view["chats"] if not chat["image"]]
    return {"subject": view["id"], "turns": turns + alone} if turns else None


def _negatives(negatives: Sequence[Negative]) -> list[View]:
    return [{"image": data_uri(one.image), "score": one.score, "caption": one.caption} for one in negatives]


def _sizes(rows: pd.DataFrame) -> list[int]:
    counted = rows[rows.method == SOFT_PROMPT].against.value_counts()
    return [int(counted.get(group, 0)) for group in GROUPS]


def _methods(subject: str, rows: pd.DataFrame, scores: Scores) -> list[View]:
    """Shares answered rightly, by method: groups of photos, then questions."""
    shares = rows.pivot_table(index="method", columns="against", values="correct", aggfunc="mean")
    shares = shares.reindex(columns=list(GROUPS))
    return [
        {
            "method": method,
            "label": title,
            "control": method in CONTROLS,
            "shares": (shares.loc[method].tolist() if method in shares.index else [math.nan] * len(GROUPS))
            + [scores.of(subject, method, f"questions.{kind}") for kind in ("visual", "text")],
        }
        for method, title in scores.titles.items()
    ]


def _wanted(rows: pd.DataFrame, titles: Mapping[str, str]) -> list[View]:
    """What the user asked, in the order of the file, with all answers."""
    views = []
    for _, asked in rows.groupby("turn"):
        first = asked.iloc[0]
        image = data_uri(first.image["bytes"]) if first.image else None
        views.append(_said(asked, image, first.photo, first.question, titles))
    return views


def _chats(rows: pd.DataFrame, photos: TestPhotos, titles: Mapping[str, str]) -> list[View]:
    """Questions with all answers; about photos first."""
    views = []
    for (photo, _, question), asked in rows.groupby(["photo", "turn", "question"], dropna=False):
        image = None if pd.isna(photo) else data_uri(photos[asked.subject.iloc[0], "test", photo])
        views.append(_said(asked, image, photo, question, titles))
    return views


def _said(
    asked: pd.DataFrame, image: str | None, photo: str | None, question: str, titles: Mapping[str, str]
) -> View:
    """One question with every method's answer, the soft prompt's apart."""
    said = dict(zip(asked.method, asked.answer, strict=True))
    others = [(title, said[m]) for m, title in titles.items() if m in said and m != SOFT_PROMPT]
    return {"image": image, "photo": photo, "question": question, "soft_prompt": said[SOFT_PROMPT]} | {
        "others": others
    }


def _curve(curve: pd.DataFrame) -> Markup:
    epochs: Sequence[int] = curve.epoch.tolist()
    highest = max(float(curve.loss.max()), 1.0)
    return charts.line_chart(
        "Training loss and validation accuracy by epoch",
        axes.epochs(epochs),
        Axis("", 0, highest, axes.ticks(highest)),
        [
            Line("training loss", "method", list(zip(epochs, curve.loss, strict=True))),
            Line("validation accuracy", "right", list(zip(epochs, curve.weighted, strict=True))),
        ],
    )
