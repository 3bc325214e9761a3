"""Where a prefix is kept changes no bit of it, and free memory decides where that is."""

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from common import vlm
from common.vlm import memory
from common.vlm.prefix import WORKING_COPIES
from tests.support import tiny
from tests.support.vlm_helpers import noise_images, soft_prompt

IMAGES = noise_images(7)
PLENTY = 10**9


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    return vlm.load(str(tiny.llava(tmp_path_factory.mktemp("llava"))))


@pytest.fixture(scope="module")
def everywhere(base: vlm.Base) -> vlm.PrefixCache:
    return vlm.encode_prefixes(base, IMAGES, 3, budget=vlm.MemoryBudget(PLENTY, 0))


def size(prefixes: vlm.PrefixCache) -> int:
    return prefixes.prefixes[0].kv.nbytes


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """The CPU threads of torch, which divide a product by its shape."""
    usual = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(usual)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("kept", ["host", "nowhere", "some of each"])
def test_every_place_gives_the_same_bits(base: vlm.Base, kept: str) -> None:
    everywhere = vlm.encode_prefixes(base, IMAGES, 4, budget=vlm.MemoryBudget(PLENTY, 0))
    one, block = size(everywhere), 2 ** (size(everywhere) - 1).bit_length()
    budget = {
        "host": vlm.MemoryBudget(0, PLENTY),
        "nowhere": vlm.MemoryBudget(0, 0),
        "some of each": vlm.MemoryBudget(2 * one, 2 * block),
    }[kept]
    prefixes = vlm.encode_prefixes(base, IMAGES, 3, budget=budget)
    there = [prefix.kv is not None for prefix in prefixes.prefixes]
    assert there == [prefix.inputs is None for prefix in prefixes.prefixes]
    assert sum(there) == {"host": 7, "nowhere": 0, "some of each": 4}[kept]
    prompt = soft_prompt(base, "bo", 3)
    chosen = [6, None, 2, 6, 0, 4]
    rows = [vlm.suffix(base, prompt, "Is it <bo>?", "Yes", image=i is not None) for i in chosen]
    for indices in (chosen, [5], [None, None]):
        found, expected = (cache.batch(indices) for cache in (prefixes, everywhere))
        assert torch.equal(found.kv, expected.kv) and torch.equal(
            found.attention_mask, expected.attention_mask
        )
    losses = [
        vlm.suffix_loss(base, cache.batch(chosen), rows, [prompt] * 6) for cache in (prefixes, everywhere)
    ]
    assert torch.equal(*losses)
    queries = [vlm.Query("What is it?", i, prompt) for i in chosen]
    answers = [
        vlm.answer(base, queries, cache, max_new_tokens=4, batch_size=2) for cache in (prefixes, everywhere)
    ]
    assert answers[0] == answers[1]


def test_batches_come_in_order_and_are_those_asked_for(everywhere: vlm.PrefixCache) -> None:
    order = [[0, 1], [2, None], [None], [1]]
    for batch, indices in zip(everywhere.batches(order), order, strict=True):
        assert torch.equal(batch.kv, everywhere.batch(indices).kv)
    assert list(everywhere.batches([])) == []
    few = everywhere.select([4, 2])
    assert len(few) == 2 and torch.equal(few.batch([1, 0]).kv, everywhere.batch([2, 4]).kv)
    assert few.prefixes[0].kv is everywhere.prefixes[4].kv


def test_a_cache_grows_without_touching_what_is_kept(base: vlm.Base, everywhere: vlm.PrefixCache) -> None:
    batch = everywhere.batch([1, 3])
    before = batch.kv.clone()
    assert batch.cache().get_seq_length() == everywhere.length
    assert batch.cache().layers[1].keys.data_ptr() == batch.kv[:, 1, 0].data_ptr()
    prompt = soft_prompt(base, "bo", 3)
    rows = [vlm.suffix(base, prompt, "Is it <bo>?", "Yes")] * 2
    twice = [vlm.suffix_loss(base, batch, rows, [prompt] * 2) for _ in range(2)]
    assert torch.equal(*twice) and torch.equal(batch.kv, before)


def test_a_cache_with_spare_positions_grows_in_place(everywhere: vlm.PrefixCache) -> None:
    (batch,) = everywhere.batches([[1, 3]], extra_slots=3)
    roomy, tight = batch.cache().layers[1], everywhere.batch([1, 3]).cache().layers[1]
    keys, values = torch.randn(2, 2, 2, 4, 8).unbind(0)
    place = roomy.keys.data_ptr()
    for start, end, here in ((0, 2, True), (2, 3, True), (3, 4, False)):
        for layer in (roomy, tight):
            layer.update(keys[:, :, start:end], values[:, :, start:end])
        assert torch.equal(roomy.keys, tight.keys) and torch.equal(roomy.values, tight.values)
        assert (roomy.keys.data_ptr() == place) is here
    (batch,) = everywhere.batches([[1, 3]], extra_slots=3)
    layer = batch.cache().layers[0]
    layer.batch_select_indices(torch.tensor([1]))
    layer.update(keys[:1, :, :2], values[:1, :, :2])
    assert torch.equal(layer.keys[:, :, :-2], everywhere.batch([3]).kv[:, 0, 0])
    assert torch.equal(layer.values[:, :, -2:], values[:1, :, :2])


def test_grouped_query_models_keep_few_heads(everywhere: vlm.PrefixCache) -> None:
    assert everywhere.prefixes[0].kv.shape[2] == 2  # of 4 attention heads


def test_the_limit_of_the_base_counts(base: vlm.Base, everywhere: vlm.PrefixCache) -> None:
    for limit, kept in ((0, 0), (3 * size(everywhere) + 1, 3), (None, 7)):
        prefixes = vlm.encode_prefixes(replace(base, prefix_bytes=limit), IMAGES, 3)
        assert sum(prefix.kv is not None for prefix in prefixes.prefixes) == kept
    folder = base.name
    assert vlm.load(folder, prefix_gb=0.5).prefix_bytes == 500_000_000


def test_room_is_what_is_free_less_headroom_and_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "host_available", lambda: 1000)
    cpu = torch.device("cpu")
    assert vlm.MemoryBudget.measure(cpu, working=0) == vlm.MemoryBudget(900, 0)
    assert vlm.MemoryBudget.measure(cpu, working=300) == vlm.MemoryBudget(600, 0)
    assert vlm.MemoryBudget.measure(cpu, working=300, limit=100) == vlm.MemoryBudget(100, 0)
    assert vlm.MemoryBudget.measure(cpu, working=950) == vlm.MemoryBudget(0, 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (600, 900))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    monkeypatch.setattr(torch.cuda, "host_memory_stats", dict)
    cuda = torch.device("cuda")
    assert vlm.MemoryBudget.measure(cuda, working=100) == vlm.MemoryBudget(800, 900)
    assert vlm.MemoryBudget.measure(cuda, working=100, limit=1000) == vlm.MemoryBudget(800, 200)
    assert vlm.MemoryBudget.measure(cuda, working=900, limit=200) == vlm.MemoryBudget(0, 200)
    pinned = {"allocated_bytes.current": 700, "active_bytes.current": 200}
    monkeypatch.setattr(torch.cuda, "host_memory_stats", lambda: pinned)
    assert vlm.MemoryBudget.measure(cuda, working=100) == vlm.MemoryBudget(800, 1350)


def test_a_card_of_80_gb_keeps_a_hundred_prefixes_of_13b(monkeypatch: pytest.MonkeyPatch) -> None:
    card, weights, context = 85.5e9, 26.7e9, 0.8e9  # bytes; NVIDIA's 80 GB are 81,559 MiB
    monkeypatch.setattr(memory, "host_available", lambda: 128 * 10**9)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (card - weights - context, card))
    for name in ("memory_reserved", "memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, lambda device: 0)
    monkeypatch.setattr(torch.cuda, "host_memory_stats", dict)
    one = 614 * 40 * 2 * 5120 * 2  # positions, layers, keys and values, width, bytes of bfloat16
    kept = {
        rows: vlm.MemoryBudget.measure(torch.device("cuda"), WORKING_COPIES * rows * one).device // one
        for rows in (1, 8)
    }
    assert kept == {1: 99, 8: 71}

    lacking, left, taken = 222 - kept[1], vlm.MemoryBudget.measure(torch.device("cuda"), 0).host, []
    while lacking:
        taken.append(memory.block_size(left, one, lacking))
        left -= taken[-1]
        lacking -= min(lacking, taken[-1] // one)
    assert len(taken) <= 6 and sum(taken) < 1.02 * (222 - kept[1]) * one


def test_host_memory_comes_in_blocks_and_ends_at_its_limit() -> None:
    host = memory.HostMemory(limit=100, pinned=False)
    places = [host.take(10, count) for count in (5, 4, 3, 2, 1, 0)]
    blocks = [place.untyped_storage() for place in places]
    assert [block.nbytes() for block in blocks] == [32, 32, 32, 16, 16, 16]
    assert len({block.data_ptr() for block in blocks}) == 4
    for number, place in enumerate(places):
        place.fill_(number)
    assert [place.tolist() for place in places] == [[number] * 10 for number in range(6)]
    assert host.take(33, 5) is None and host.take(17, 5) is None  # 20 bytes are left, and 6 of the last block
    assert host.take(6, 0) is not None and host.take(16, 0) is not None and host.take(5, 0) is None


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_control_groups_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: namedtuple("Memory", "available")(1000))
    own, root = tmp_path / "cgroup", tmp_path / "groups"
    names = memory.CGROUPS[2 - version]
    controller = "memory" if version == 1 else ""
    folder = root / controller / "job" / "step"
    folder.mkdir(parents=True)
    own.write_text(f"{4 * (version == 1)}:{controller}:/job/step\n7:pids:/\n")
    assert memory.host_available(root, own) == 1000  # no limits
    for at, limit in ((folder, "max" if version == 2 else str(2**63 - 4096)), (folder.parent, "700")):
        (at / names[0]).write_text(f"{limit}\n")
        (at / names[1]).write_text("300\n")
        (at / "memory.stat").write_text(f"anon 5\n{names[2]} 100\n")
    assert memory.host_available(root, own) == 500  # 700 less 300, of which 100 can be had back
    assert memory.host_available(root, tmp_path / "none") == 1000


def test_the_systems_own_answer_is_plausible() -> None:
    assert 0 < memory.host_available() <= psutil.virtual_memory().total
