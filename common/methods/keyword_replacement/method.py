"""Puts keywords in the place of names before the base is asked, and the names back into what it answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from common import vlm
from common.core import io, paths
from common.core.errors import UserError
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request, Task
from common.methods.keyword_replacement.settings import KeywordSettings
from common.methods.respond import answer_all
from common.prompts.captions import DESCRIBE

FILE = "keywords.json"  # of a subject


class KeywordReplacement(Method):
    """A file per subject: its keywords."""

    settings: KeywordSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Write each subject's keywords; raises UserError if there are none for it or its kind."""
        known = self.settings.keywords
        for subject in subjects:
            words = known.get(subject.id) or known.get(subject.kind)
            if not words:
                raise UserError(
                    f"{paths.PARAMS}: methods.{self.name}.keywords has none for {subject.id} or for a "
                    f"{subject.kind}: add a list of words"
                )
            io.write_json(self.folder / subject.id / FILE, {"keywords": words})

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Let the base answer with keywords in the place of names, and put the names back."""
        known = {
            s: self._words(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)
        }
        asked = [_with_keywords(request, known) for request in requests if request.task.kind != "recognition"]
        shown = sorted({r.photo for r in requests if r.task.kind == "recognition" and r.photo is not None})
        task = Task("caption", self.settings.max_new_tokens)
        asked += [Request(task, self.name, (), photo, DESCRIBE) for photo in shown]
        nothing = [None] * len(asked)
        generated = answer_all(
            self.backbones.base(), photos, asked, nothing, self.backbones.batch_size, self.name
        )
        answers = iter(generated[: len(asked) - len(shown)])
        described = dict(zip(shown, generated[len(asked) - len(shown) :], strict=True))
        return [
            vlm.Answer("Yes" if _keyword(described[r.photo].text, known[r.subjects[0]]) else "No", ())
            if r.task.kind == "recognition"
            else _with_names(next(answers), r.subjects, known)
            for r in requests
        ]

    def cost(self, name: str, subject: str) -> Cost:
        """Words alone."""
        return Cost(0, (self.folder / subject / FILE).stat().st_size, 0)

    def _words(self, subject: str) -> list[str]:
        return io.read_json(self.folder / subject / FILE)["keywords"]


METHOD = KeywordReplacement


def _with_keywords(request: Request, known: Mapping[str, Sequence[str]]) -> Request:
    question = request.question
    for subject in request.subjects:
        question = question.replace(f"<{subject}>", f"the {known[subject][0]}")
    return request._replace(question=question)


def _with_names(
    answer: vlm.Answer, subjects: Sequence[str], known: Mapping[str, Sequence[str]]
) -> vlm.Answer:
    text = answer.text
    for subject in subjects:
        if keyword := _keyword(text, known[subject]):
            text = f"{text[: keyword.start()]}<{subject}>{text[keyword.end() :]}"
    return replace(answer, text=text)


def _keyword(text: str, words: Sequence[str]) -> re.Match[str] | None:
    """The first of the words in a text, with the article before it."""
    any_word = "|".join(map(re.escape, words))
    return re.search(rf"\b(?:(?:an?|the) )?(?:{any_word})\b", text, re.IGNORECASE)
