"""Every latent token explained by the model itself (Yo'LLaVA, appendix K), and what that is worth.

An explanation is worth what it predicts: read instead of the photos, does it choose the right option of the
subject's questions in text? Beside it stands what it says of other subjects' questions, and two ways to ask
that tell the token's own part from the prompt's: the token alone, and an untrained row in its place.
"""

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from common.core import schema
from common.methods.interface import LATENT, LatentTokens, Request, Responder, Task, TokenPlace
from common.prompts.evaluation import only_option
from common.prompts.explain import EXPLAIN
from common.testdata.ground_truth import ChoiceQuestion
from stages.evaluate.benchmark import Benchmark, Requests, Row

if TYPE_CHECKING:
    from common import vlm


class TokenExplanationsBenchmark(Benchmark):
    """What each latent token is, in the model's words."""

    name = "token_explanations"
    schema = schema.TOKEN_EXPLANATIONS
    sort_by = ("subject", "place", "token")
    apart = True

    def build_requests(self, responder: Responder) -> Requests:
        """Each token in each place, of a method that has latent tokens."""
        if not isinstance(responder, LatentTokens) or self.eval_set.settings.explain is None:
            return []
        task = Task("chat", self.eval_set.settings.max_new_tokens)
        question = EXPLAIN[self.eval_set.settings.explain].format(name=f"<{LATENT}>")
        return [
            (
                {"subject": subject, "place": place, "token": token, "question": question},
                Request(task, f"{place}@{token}", (subject,), None, question),
            )
            for subject in self.eval_set.questions
            for place in get_args(TokenPlace)
            for token in range(responder.latent_tokens(subject))
        ]

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of TOKEN_EXPLANATIONS."""
        predicted = {
            subject: predicts(answer.text, questions.text)
            for subject, questions in self.eval_set.questions.items()
            if questions.text
        }
        own = predicted.pop(row["subject"], None)
        others = statistics.fmean(predicted.values()) if predicted and own is not None else None
        return row | {"answer": answer.text, "predicts": own, "predicts_others": others}


def predicts(explanation: str, questions: Sequence[ChoiceQuestion]) -> float:
    """Share of these questions whose right option an explanation names; half where it names none, or both."""
    chosen = [(only_option(explanation, question.options), question) for question in questions]
    return statistics.fmean(
        0.5 if option is None else float(option == question.options[question.answer])
        for option, question in chosen
    )
