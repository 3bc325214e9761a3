"""What tells why a number on a GPU is as it is: traffic, kernels, and how fast a step could be.

The step that is timed here is the bare one: forward and backward of the language model over the suffixes of
some rows behind their prefixes, without loss and optimizer.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import data, measure, ours
from benchmarks.gpu_call import Call
from common import vlm
from common.vlm import memory

ROWS = (1, 4, 8)
LENGTH, TOTAL = 50, 664  # positions of a suffix of the paper's samples, and with its prefix: a multiple of 8
STEPS = 8  # timed
SHOWN = 20  # kernels by name
MIB = 2**20
NEEDS = 15  # seconds of one part on the largest model


Step = Callable[[], object]


def take(call: Call, base: vlm.Base, model: str, share: float, one_in: int) -> None:
    """Take all parts; a capture that fails may leave the device unusable, so that graphs come last."""
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "traffic": partial(traffic, base.device),
        "kernels": partial(kernels, base),
        "prefixes in their part of the room": partial(training, base, model, one_in, whole_room=False),
        "prefixes in all of the room": partial(training, base, model, one_in, whole_room=True),
    }
    for way in (eager, captured) if base.device.type == "cuda" else (eager,):
        for rows in ROWS:
            for exact in (True, False):
                name = f"step {way.__name__}, {rows} rows, {'' if exact else 'not '}deterministic"
                parts[name] = partial(step_seconds, base, rows, way, deterministic=exact)
    for name, work in parts.items():
        part = f"{model}: {name}"
        numbers = call.take(part, share * NEEDS, work)
        if numbers:
            call.note(part, **numbers)


def traffic(device: torch.device) -> dict[str, float]:
    """How long pinning host memory takes, and the rates from there to the device and within the device."""
    on_gpu = device.type == "cuda"
    size = 1024 * MIB if on_gpu else MIB
    start = time.perf_counter()
    host = torch.empty(size, dtype=torch.uint8, pin_memory=on_gpu).fill_(1)
    pinned = time.perf_counter() - start
    near, far = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    timer = measure.Timer(device)
    for source, target in ((host, near), (near, far)):
        target.copy_(source)
        timer(lambda: [target.copy_(source, non_blocking=True) for _ in range(STEPS)])  # noqa: B023
    arriving, within = (STEPS * size / call.seconds for call in timer.calls)
    return {
        "pinned_bytes_per_second": size / pinned,
        "host_to_device_bytes_per_second": arriving,
        "device_bytes_per_second_read_and_written": 2 * within,
        "host_bytes_available": memory.host_available(),
    }


def training(base: vlm.Base, model: str, one_in: int, *, whole_room: bool) -> dict[str, Any]:
    """Where the prefixes lie, and what each part of an epoch takes, with one in so many samples.

    With the whole room, a small part of the pictures finds it on the device: the difference is the traffic.
    Steps that should be captured as CUDA graphs and cannot be are warned of.
    """
    work = data.work(model, 1)
    part = work.share(one_in)
    share = 1.0 if whole_room else part.pictures / work.pictures
    trained, timer = ours.Training(base, part.training_sets, 1, share=share), measure.Timer(base.device)
    parts = {"encode": trained.encode, "steps": trained.steps, "validate": trained.validate}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for each in parts.values():
            timer(each)
    seconds = dict(zip(parts, (call.seconds for call in timer.calls), strict=True))
    return {
        "prefixes": trained.kept(),
        "captured": trained.captured,
        "warned": [str(each.message) for each in warned],
        "steps": len(part.first()[1].training),
        "seconds_of": seconds,
    }


def bare_step(base: vlm.Base, rows: int) -> Step:
    """Forward and backward of the language model over suffixes, on memory that stays where it is."""
    text, device, dtype = base.model.config.text_config, base.device, base.model.dtype
    before = TOTAL - LENGTH
    head = text.hidden_size // text.num_attention_heads
    kv = torch.randn(
        rows,
        text.num_hidden_layers,
        2,
        text.num_key_value_heads,
        before,
        head,
        device=device,
        dtype=dtype,
    )
    seen = torch.ones(rows, before, dtype=torch.long, device=device)
    prefixes = vlm.PrefixBatch(kv, seen, torch.zeros(rows, 1, dtype=torch.long, device=device))
    inputs = torch.randn(rows, LENGTH, text.hidden_size, device=device, dtype=dtype, requires_grad=True)
    weight = torch.randn_like(inputs)
    places = torch.arange(TOTAL, device=device)
    own = places[before:]
    mask = torch.zeros(rows, 1, LENGTH, TOTAL, device=device, dtype=dtype)
    mask.masked_fill_(places > own[:, None], -torch.inf)

    def step() -> torch.Tensor:
        hidden = base.model.model.language_model(
            inputs_embeds=inputs,
            attention_mask=mask,
            position_ids=own.expand(rows, -1),
            past_key_values=prefixes.cache(),
            use_cache=True,
        ).last_hidden_state
        return torch.autograd.grad(hidden, inputs, weight)[0]

    return step


def eager(step: Step) -> Step:
    """The step as it is."""
    return step


def captured(step: Step) -> Step:
    """The step as a CUDA graph, which is launched as one."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        made = step()
    return lambda: (graph.replay(), made)


def step_seconds(
    base: vlm.Base, rows: int, way: Callable[[Step], Step], *, deterministic: bool
) -> dict[str, float]:
    """How long a bare step takes, and how long until the CPU has launched it."""
    usual = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(deterministic)
    try:
        step = bare_step(base, rows)
        for _ in range(2):
            step()
        step = way(step)
        step()
        timer = measure.Timer(base.device)
        timer(lambda: [step() for _ in range(STEPS)])
    finally:
        torch.use_deterministic_algorithms(usual)
    (taken,) = timer.calls
    return {"step_seconds": taken.seconds / STEPS, "step_seconds_queued": taken.queued / STEPS}


def kernels(base: vlm.Base) -> dict[str, Any]:
    """How many kernels a bare step of one row launches, and how long they keep the device busy."""
    of = "device" if base.device.type == "cuda" else "cpu"
    activity = ProfilerActivity.CUDA if of == "device" else ProfilerActivity.CPU
    step = bare_step(base, 1)
    step()
    measure.finish(base.device)
    with profile(activities=[activity]) as profiler:
        step()
        measure.finish(base.device)
    launched = {
        event.key: (event.count, getattr(event, f"self_{of}_time_total")) for event in profiler.key_averages()
    }
    longest = sorted(launched.items(), key=lambda item: -item[1][1])
    return {
        "kernels": sum(count for count, _ in launched.values()),
        "busy_seconds": sum(taken for _, taken in launched.values()) / 1e6,
        "longest": [[name[:90], count, taken / 1e6] for name, (count, taken) in longest[:SHOWN]],
    }
