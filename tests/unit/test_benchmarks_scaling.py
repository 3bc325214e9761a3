"""How the benchmark of growth measures, sums up and draws."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import compare, data, measure, models, scaling
from common import vlm
from tests.support.benchmark_helpers import tiny_base
from tests.support.helpers import ROOT

SIZES = {"SUBJECTS": (1, 2), "SHARE": 40, "SHARES": (40, 20), "FEW": 1, "PHOTOS": (1, 2), "TESTED": 2}


@pytest.fixture(scope="module")
def base() -> vlm.Base:
    return tiny_base()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, base: vlm.Base) -> Iterator[None]:
    """The path of LLaVA-1.5, with the tiny sizes."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("BENCH_FOLDER", str(tmp_path))
    monkeypatch.setattr(data, "NOISE", tmp_path)
    monkeypatch.setattr(models, "open_model", lambda _: base)
    monkeypatch.setattr(measure, "isolated", lambda work: work())
    monkeypatch.setattr(compare, "ROUNDS", 1)
    for name, value in SIZES.items():
        monkeypatch.setattr(scaling, name, value)
    data.eval_set.cache_clear()
    yield
    data.eval_set.cache_clear()


def test_every_point_is_measured_written_and_drawn(small: None, tmp_path: Path) -> None:
    scaling.main("--model", "llava-1.5-7b-tiny")
    written = json.loads((tmp_path / "scaling-cpu-llava-1.5-7b-tiny.json").read_text())
    pictures = [len(scaling.training_set("s0", 24, share).images) for share in SIZES["SHARES"]]
    for few in ("", "_few_kept"):
        points = [f"subjects{few}_{n}" for n in (1, 2)] + [f"pictures{few}_{n}" for n in pictures]
        assert all(written[point].keys() >= {"seconds", "peak_bytes", "steps"} for point in points)
        assert written[points[0]]["tokens"] < written[points[1]]["tokens"]
        assert written[f"subjects{few}_time_over_linear"] > 0
    # what is not kept is computed again
    assert written["subjects_few_kept_2"]["images"] > written["subjects_2"]["images"]
    assert written["photos_2"]["steps"] == 4
    assert (tmp_path / "scaling-cpu-llava-1.5-7b-tiny.svg").read_text().startswith("<?xml")


def test_growth_is_that_of_the_last_step() -> None:
    points = {
        4: {"seconds": 1.0, "peak_bytes": 100},
        1: {"seconds": 9.0, "peak_bytes": 900},
        8: {"seconds": 3.0, "peak_bytes": 140},
    }
    assert scaling.growth(points) == {"time_over_linear": 1.5, "bytes_each": 10.0}


def test_the_same_numbers_make_the_same_plot(tmp_path: Path) -> None:
    points = {1: {"seconds": 1.0, "peak_bytes": 100}, 2: {"seconds": 2.0, "peak_bytes": 150}}
    for name in "ab":
        scaling.draw({"subjects": points, "photos": points, "subjects_few_kept": points}, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
