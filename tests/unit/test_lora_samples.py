"""Which questions an adapter learns from, which are held out, and how classes weigh."""

from typing import Any

import pytest

from common.core.errors import UserError
from common.methods.lora.early_stop import held_out
from common.methods.lora.method import crossed
from common.methods.lora.settings import EarlyStop
from common.training.samples import Sample, balanced_accuracy


def test_held_out_questions_are_kept_from_training_with_all_their_answers() -> None:
    asked = [Sample(f"Question {i % 5}?", str(i), None, None) for i in range(20)]
    seen = [Sample("Is <bo> here?", "Yes", 0, True)] * 3
    learned, kept = held_out([*asked, *seen], EarlyStop(held_out=0.4, patience=1), 0, "bo")
    assert len(kept) == 8 and len({sample.question for sample in kept}) == 2
    assert not {s.question for s in kept} & {s.question for s in learned} and len(learned) == 15
    assert held_out(asked, None, 0, "bo") == (asked, [])
    with pytest.raises(UserError, match="bo has no two different questions"):
        held_out(seen + asked[:1], EarlyStop(held_out=0.4, patience=1), 0, "bo")


def test_who_shares_an_adapter_is_told_apart_by_name() -> None:
    def rows(subject: str) -> list[dict[str, Any]]:
        roles = [("positive", "yes")] * 4 + [("hard", "no")] * 2 + [("easy", "no")] * 4 + [("text", None)]
        return [
            {"split": split, "role": role, "label": label, "question": subject, "image": {"bytes": b""}}
            | {"image_sha256": f"{subject} {split} {role} {i}"}
            for split in ("train", "validation")
            for i, (role, label) in enumerate(roles)
        ]

    datasets = [rows("bo"), rows("mam"), rows("x")]
    made = crossed(datasets)[0]
    for split in ("train", "validation"):
        shown = [row["image_sha256"] for row in made if row["role"] == "easy" and row["split"] == split]
        assert shown == [f"{other} {split} positive {i}" for other in ("mam", "x") for i in (0, 2)]
    assert [row | {"image_sha256": 0} for row in made] == [row | {"image_sha256": 0} for row in datasets[0]]
    assert [row for row in made if row["role"] != "easy"] == [r for r in datasets[0] if r["role"] != "easy"]
    assert crossed(datasets[:1]) == datasets[:1]


def test_told_rightly_weighs_both_classes_alike() -> None:
    seen = [Sample("?", "Yes", 0, True), *[Sample("?", "No", 0, False)] * 3]
    scores = balanced_accuracy(seen, [True, True, False, False])
    assert scores == {"positive": 1.0, "negative": 0.666667, "weighted": 0.833333}
