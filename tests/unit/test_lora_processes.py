"""Two processes learn what one does: the same losses, gradients and values but for rounding, and resume."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from common import vlm
from common.core.errors import UserError
from common.methods.lora import launching
from tests.support import lora_processes
from tests.support.helpers import ROOT

Learned = tuple[dict[str, torch.Tensor], list[dict[str, Any]]]
Found = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def found(tiny_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What each of two processes has, by rank: data parallel, and FSDP."""
    folder = tmp_path_factory.mktemp("found")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"),
            *("-m", "tests.support.lora_processes", str(tiny_llava), str(folder)),
        ],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {
        way: [torch.load(folder / f"{way}-{rank}.pt", weights_only=True) for rank in (0, 1)]
        for way in ("data", "fsdp")
    }


@pytest.fixture(scope="module", params=["data", "fsdp"])
def ranks(request: pytest.FixtureRequest, found: Found) -> list[dict[str, Any]]:
    assert [rank["sharded"] for rank in found[request.param]] == [request.param == "fsdp"] * 2
    return found[request.param]


def test_the_loss_and_gradients_are_those_of_one_process(base: vlm.Base, ranks: list[dict[str, Any]]) -> None:
    wanted = lora_processes.gradients(base)
    for rank in ranks:
        for mine, theirs in zip(rank["gradients"], wanted, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5 * theirs.abs().max().item())


@pytest.mark.parametrize(("what", "changes"), [("adapter", {}), ("all weights", lora_processes.WHOLE)])
def test_what_is_learned_and_how_it_is_judged_are_those_of_one_process(
    base: vlm.Base, ranks: list[dict[str, Any]], what: str, changes: dict[str, Any]
) -> None:
    """Over batches with pictures and without, of which the latter leave the projector as it is."""
    values, curve = lora_processes.trained(base, **changes)
    for learned, judged in (rank[what] for rank in ranks):
        assert list(learned) == list(values)
        for name, value in values.items():
            torch.testing.assert_close(learned[name], value, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(judged, curve, strict=True):
            assert mine == pytest.approx(theirs, abs=1e-4)


def test_an_ended_training_goes_on_with_the_same_bits_in_every_process(ranks: list[dict[str, Any]]) -> None:
    first: Learned = ranks[0]["resumed"][0]
    for values, curve in (learned for rank in ranks for learned in rank["resumed"]):
        assert curve == first[1]
        assert all(torch.equal(values[name], value) for name, value in first[0].items())


def test_the_base_is_as_before_in_every_process(ranks: list[dict[str, Any]]) -> None:
    assert all(rank["unchanged"] for rank in ranks)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("distributed_type: DEEPSPEED\ncompute_environment: LOCAL_MACHINE\n", "distributed_type DEEPSPEED"),
        ("distributed_type: 'NO'\ncompute_environment: LOCAL_MACHINE\n", "distributed_type NO"),
        ("- 1\n", "cannot be read"),
    ],
)
def test_a_file_that_accelerate_would_not_share_by_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "accelerate.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=rf"accelerate\.yaml .*{said}.*run `accelerate config"):
        launching.launch(2, str(file), "stages.fit_baseline", "lora")
