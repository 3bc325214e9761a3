import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from common.core import seed
from tests.support.helpers import ROOT

WATCHED = """
import importlib, pathlib, sys, types
def find_spec(name, *more):
    if name == "common":
        sys.exit("libgomp" in pathlib.Path("/proc/self/maps").read_text())
sys.meta_path.insert(0, types.SimpleNamespace(find_spec=find_spec))
importlib.import_module(sys.argv[1])
sys.exit("never imports common")
"""
OPENMP = "import common, ctypes, pathlib; ctypes.CDLL(next(pathlib.Path({folder!r}).glob('libgomp*')))"


def test_streams_depend_on_seed_and_names_only():
    first = seed.stream(0, "retrieve", "bo").integers(0, 10**9, 4)
    np.random.random(100)
    assert (first == seed.stream(0, "retrieve", "bo").integers(0, 10**9, 4)).all()
    others = [
        seed.stream(1, "retrieve", "bo"),
        seed.stream(0, "retrieve", "mam"),
        seed.stream(0, "retrieveb", "o"),
    ]
    assert all((first != other.integers(0, 10**9, 4)).any() for other in others)


def test_streams_are_the_same_on_every_machine():
    assert seed.stream(0, "a", 1).integers(0, 10**9) == 128603674
    assert torch.randint(10**9, (1,), generator=seed.torch_stream(0, "a", 1)).item() == 72344705


def test_seed_everything_pins_all_three_generators_and_the_threads():
    threads = torch.get_num_threads()
    try:
        draws = []
        for _ in range(2):
            seed.seed_everything(3, 1)
            draws.append((random.random(), np.random.random(), torch.rand(1).item()))
        assert draws[0] == draws[1]
        assert torch.get_num_threads() == 1
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cuda.enable_cudnn_sdp(True)
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("asked", "found"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")])
def test_threads_that_wait_sleep_unless_a_user_wants_it_otherwise(asked: dict[str, str], found: str):
    ours = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = OPENMP.format(folder=str(Path(torch.__file__).parent / "lib"))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=ours | asked | {"OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
    )
    assert f"OMP_WAIT_POLICY = '{found}'" in done.stderr


@pytest.mark.parametrize("room", ["stages", "commands"])
def test_nothing_loads_openmp_before_its_threads_are_told_to_sleep(room: str):
    """It is not there yet when `common` is imported, whichever `__main__` is run."""
    for path in ROOT.glob(f"{room}/*/__main__.py"):
        module = f"{room}.{path.parent.name}.__main__"
        subprocess.run([sys.executable, "-c", WATCHED, module], cwd=ROOT, check=True)
