"""Training on static memory is training, whatever stood in the memory before; a graph's twin runs on the CPU.

`recorded` keeps torch.cuda.make_graphed_callables' contract with the function itself in place of its kernels:
inputs are copied to the memory that was given at capture, and only that is read. The capture itself needs a
GPU.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from common import vlm
from common.vlm import graph
from tests.support import tiny
from tests.support.vlm_helpers import noise_images, soft_prompt
from tests.unit.test_train_side_by_side import COUNTS, apart, engine, start

IMAGES = noise_images(4)
QUESTIONS = (
    "Is it <bo>?",
    "What color is <bo>? Say it in one word, and then what else there is to see here.",
)
Found = Sequence[torch.Tensor]
Batch = list[tuple[int | None, int, str]]  # image, question, answer
BATCHES: list[Batch] = [
    [(0, 1, "<bo> is red."), (1, 0, "Yes"), (2, 0, "No, I do not see <bo> here.")],
    [(3, 0, "No")],  # fewer rows, shorter
    [(None, 0, "Yes"), (None, 1, "Red")],  # another prefix, shorter
    [(2, 0, "Yes"), (None, 0, "A dog"), (0, 0, "No")],
]


def recorded(
    function: Callable[..., torch.Tensor], static: tuple[torch.Tensor, ...], pool: Any
) -> Callable[..., torch.Tensor]:
    """Stand for a captured graph, on the CPU."""

    class Replayed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: torch.Tensor) -> torch.Tensor:
            for memory, given in zip(static, inputs, strict=True):
                if memory.data_ptr() != given.data_ptr():
                    memory.copy_(given)
            with torch.enable_grad():
                ctx.hidden = function(*static)
            return ctx.hidden.detach()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            return (*torch.autograd.grad(ctx.hidden, static[0], gradient), None, None, None)

    return Replayed.apply


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    return vlm.load(str(tiny.llava(tmp_path_factory.mktemp("llava"))), system="Be brief.")


@pytest.fixture(params=["eager", "recorded"])
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "recorded":
        capture(monkeypatch, recorded)
    return request.param


def capture(monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any]) -> None:
    """Let `StaticForward` capture with this on the CPU."""
    monkeypatch.setattr(graph, "capturable", lambda base: True)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", make)


def suffixes(base: vlm.Base, prompt: vlm.SoftPrompt, batch: Batch) -> list[vlm.Suffix]:
    return [
        vlm.suffix(base, prompt, QUESTIONS[asked], answer, image=image is not None)
        for image, asked, answer in batch
    ]


def lengths(base: vlm.Base) -> list[int]:
    prompt = soft_prompt(base, "bo", 3)
    return [max(len(each.ids) for each in suffixes(base, prompt, batch)) for batch in BATCHES]


def losses_and_gradients(
    base: vlm.Base, static: vlm.StaticForward | None, prefixes: vlm.PrefixCache
) -> list[Found]:
    found = []
    for batch in BATCHES:
        prompt = soft_prompt(base, "bo", 3)
        rows = [prompt.embeddings.clone().requires_grad_(), prompt.output_row.clone().requires_grad_()]
        leaf = vlm.SoftPrompt("bo", *rows)
        shown = prefixes.batch([image for image, _, _ in batch])
        losses = vlm.suffix_loss(base, shown, suffixes(base, leaf, batch), [leaf] * len(batch), static)
        (losses * torch.arange(1, len(batch) + 1)).sum().backward()
        found.append([losses.detach(), *(row.grad for row in rows)])
    return found


def assert_close(found: list[Found], expected: list[Found], share: float = 1e-5) -> None:
    """Losses, and gradients of the input and the output rows, of each batch."""
    for batch, wanted in zip(found, expected, strict=True):
        for actual, plain in zip(batch, wanted, strict=True):
            assert (actual - plain).norm() <= share * plain.norm()


def test_losses_and_gradients_are_those_of_the_plain_step(base: vlm.Base, twin: str) -> None:
    prefixes = vlm.encode_prefixes(base, IMAGES)
    static = vlm.StaticForward(base, prefixes, 4, lengths(base))
    plain = losses_and_gradients(base, None, prefixes)
    for _ in range(2):  # the second time over what all batches left behind
        assert_close(losses_and_gradients(base, static, prefixes), plain)


def test_mask_rows_begin_at_multiples_of_8(base: vlm.Base) -> None:
    """Or a GPU's attention would pad a copy in every layer."""
    masks = []
    hook = base.model.model.language_model.register_forward_pre_hook(
        lambda module, args, kwargs: masks.append(kwargs["attention_mask"]), with_kwargs=True
    )
    prefixes = vlm.encode_prefixes(base, IMAGES)
    masks.clear()
    losses_and_gradients(base, None, prefixes)
    hook.remove()
    assert any(mask.shape[-1] % 8 for mask in masks)
    assert all(stride % 8 == 0 for mask in masks for stride in mask.stride()[:-1])


def test_lengths_are_the_longest_and_half_of_it(base: vlm.Base) -> None:
    static = vlm.StaticForward(base, vlm.encode_prefixes(base, []), 1, [37, 52])
    assert [static.length(longest) for longest in (3, 32, 33, 37, 52, 56)] == [32, 32, 56, 56, 56, 56]


def test_training_on_static_memory_takes_the_same_path(
    base: vlm.Base, twin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = engine(base, list(COUNTS))
    monkeypatch.setattr(vlm, "capturable", lambda base: True)
    made = []
    real = vlm.StaticForward.__call__

    def watched(self: vlm.StaticForward, *given: Any) -> torch.Tensor:
        made.append(given[-1].shape)
        return real(self, *given)

    monkeypatch.setattr(vlm.StaticForward, "__call__", watched)
    found = engine(base, list(COUNTS))
    for subject in COUNTS:
        prompt = start(base, subject)
        begin = torch.cat([prompt.embeddings, prompt.output_row])
        assert apart(found[subject], plain[subject], begin) < 1e-4
    assert len({length for _, length in made}) <= 2 and len({rows for rows, _ in made}) > 1


def test_a_failed_capture_is_told_once_and_changes_nothing(
    base: vlm.Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    prefixes = vlm.encode_prefixes(base, IMAGES)
    plain = losses_and_gradients(base, None, prefixes)
    capture(monkeypatch, fails)
    with pytest.warns(RuntimeWarning, match="not captured.*: operation not permitted") as told:
        static = vlm.StaticForward(base, prefixes, 4, lengths(base))
    assert len(told) == 1
    with warnings.catch_warnings(action="error"):
        assert_close(losses_and_gradients(base, static, prefixes), plain)


def test_only_a_whole_model_on_one_gpu_is_captured(base: vlm.Base, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not vlm.capturable(base)
    monkeypatch.setattr(vlm.Base, "device", torch.device("cuda"))
    assert vlm.capturable(base)
    monkeypatch.setattr(base.model, "hf_device_map", {"a": 0, "b": 1}, raising=False)
    assert not vlm.capturable(base)
    monkeypatch.setattr(base.model, "hf_device_map", {"": 0})
    assert vlm.capturable(base) and not vlm.capturable(vlm.in_system(base))
    monkeypatch.setattr(base.model, "is_quantized", True, raising=False)
    assert not vlm.capturable(base)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device to capture on")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_captured_graph_gives_the_numbers_of_the_eager_step(tmp_path: Path, dtype: str) -> None:
    base = vlm.load(str(tiny.llava(tmp_path)), device="cuda", dtype=dtype)
    prefixes = vlm.encode_prefixes(base, IMAGES)
    with warnings.catch_warnings(action="error"):  # a failed capture warns
        static = vlm.StaticForward(base, prefixes, 4, lengths(base))
    plain = losses_and_gradients(base, None, prefixes)
    assert_close(
        losses_and_gradients(base, static, prefixes), plain, {"float32": 1e-5, "bfloat16": 2e-2}[dtype]
    )
