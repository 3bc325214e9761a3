"""What explanations of latent tokens are worth: known answers."""

import pandas as pd
import pytest

from common.testdata.ground_truth import ChoiceQuestion
from stages.evaluate.benchmarks.token_explanations import predicts
from stages.report.explanations import worth

QUESTIONS = [
    ChoiceQuestion(question="What is <bo>?", options=("a dog", "a cat"), answer=0),
    ChoiceQuestion(question="What color is <bo>?", options=("red", "blue"), answer=1),
]


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("<token> is a blue dog.", 1.0),
        ("<token> is a red dog.", 0.5),
        ("A red cat.", 0.0),
        ("Yes", 0.5),
        ("A red and blue dog.", 0.75),
    ],
)
def test_an_explanation_predicts_what_it_names(said: str, share: float) -> None:
    assert predicts(said, QUESTIONS) == share


def test_worth_is_the_mean_over_tokens_then_subjects_beside_the_control() -> None:
    rows = pd.DataFrame(
        [
            {"subject": subject, "place": place, "token": token, "predicts": own, "predicts_others": 0.5}
            for place in ("alone", "in_prompt", "untrained")
            for subject, shares in (("bo", (1.0, 0.5)), ("mam", (0.25,)))
            for token, own in enumerate(shares)
        ]
    )
    alone, *_ = worth(rows, 0, 50)
    assert alone["own"].value == pytest.approx((0.75 + 0.25) / 2)
    assert alone["difference"].value == pytest.approx(0.0) and alone["difference"].low < 0
    assert worth(rows.assign(predicts=float("nan")), 0, 50) == []
