import random

import numpy as np
import torch

from common.core import seed


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
