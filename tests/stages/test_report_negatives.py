"""The page shows every hard negative of a subject, the most similar first, with its similarity."""

import re
from pathlib import Path

import pytest

from common.core import io, paths, schema
from stages.report.__main__ import main
from tests.support.helpers import set_params
from tests.support.predictions import predict
from tests.support.subjects import HOSTILE, populate


@pytest.fixture
def page(workspace: Path) -> str:
    """The report of one subject with twelve hard negatives."""
    set_params({"report.bootstrap": 20, "report.examples": 3, "methods": {}})
    populate({"bo": "world"})
    rows = io.read_parquet(paths.negatives("bo"), schema.NEGATIVES).to_pylist()
    hard = next(row for row in rows if row["role"] == "hard")
    many = [
        hard | {"key": f"{number:03d}", "score": 0.5 + number / 100, "caption": f"{HOSTILE} {number}"}
        for number in range(12)
    ]
    others = [row for row in rows if row["role"] != "hard"]
    io.write_parquet(paths.negatives("bo"), many + others, schema.NEGATIVES, ["role", "key"])
    predict({"bo": "world"})
    main()
    return paths.PAGE.read_text()


def test_all_hard_negatives_are_a_sheet_beside_the_hardest(page: str) -> None:
    large, small = (part.partition("</ul>")[0] for part in re.split(r'<ul class="strip', page)[-2:])
    assert re.findall(r"<span>(\S+)</span>", large) == ["0.610", "0.600", "0.590"]
    assert re.findall(r"<span>(\S+)</span>", small) == [f"{0.61 - number / 100:.3f}" for number in range(12)]
    assert small.count("<img") == 12 and "12, the most similar first" in page
    assert HOSTILE not in page and "&lt;script&gt;" in small
