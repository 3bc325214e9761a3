"""Keys and values of everything before the soft prompt, computed.

Causal attention makes them independent of what is learned, so they are computed once per image, without
autograd, and every step and every answer starts from them. Where they are kept: `prefix_cache`.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL import Image

from common.core.errors import UserError
from common.core.images import within
from common.core.progress import bar
from common.vlm.families import Inputs, Positions, positions
from common.vlm.interleaved import ImageTokenCache
from common.vlm.kv_cache import Prefix
from common.vlm.memory import HostMemory, MemoryBudget, to_device
from common.vlm.prefix_cache import PrefixCache

if TYPE_CHECKING:
    from common.vlm.load import Base

Prefixes = PrefixCache | ImageTokenCache  # of images; which of both is the layout's business

# A training forward pass holds the prefix of each row about this many times: gathered, gathered for the next
# batch, extended by the suffix, and, in static memory (`graph`) or activations, as much again. So does one
# that answers: there a row holds questions as long as its prefix, and is gathered with the next.
WORKING_COPIES = 4
# Of a processor's tensors; others are of the image.
TEXT = ("input_ids", "attention_mask", "mm_token_type_ids")


def encode_prefixes(
    base: "Base",
    images: Sequence[Image.Image],
    batch_size: int = 32,
    *,
    working_rows: int | None = None,
    budget: MemoryBudget | None = None,
    progress: str | None = None,
) -> Prefixes:
    """Run the prefix, for LLaVA ``[SYSTEM ]USER: <image>\\n``, of every image; keep what there is room for.

    The first images are kept on the device, the next in host memory; of the rest only the pixels are, and
    their prefixes are computed whenever they are asked for. Each is computed alone, then as now: in a batch,
    its last bits would depend on the others. Where the layout has the photo in the suffix, image tokens are
    all that is kept.

    Args:
        base: the model.
        images: RGB; may be empty, then only the text-only prefix is there.
        batch_size: images that are made ready at once.
        working_rows: rows of the forward passes to come, which need memory as well; None for `batch_size`.
        budget: memory to keep prefixes in; None to measure what is free, within `base.prefix_bytes`.
        progress: title of a progress bar; None for no bar.

    """
    tokens = base.layout.tokenizer(base.layout.prefix_text(image=False), return_tensors="pt").input_ids
    text = _encode(base, {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
    compute = partial(_encode, base)
    words = PrefixCache([], text, compute)
    if not images:
        return words
    if base.layout.photo_in_suffix:
        return ImageTokenCache(words, image_tokens(base, images, batch_size))
    before, position = base.layout.prefix_text(image=True), text.states[..., 0, :].nbytes
    if budget is None:
        largest = max(images, key=lambda image: image.width * image.height)
        longest = _processed(base, [largest], before)[0]["input_ids"].shape[1]
        rows = batch_size if working_rows is None else working_rows
        budget = MemoryBudget.measure(
            base.device, WORKING_COPIES * rows * position * longest, base.prefix_bytes
        )
    on_device, host = budget.device, HostMemory(budget.host, pinned=base.device.type == "cuda")
    prefixes: list[Prefix] = []
    starts = range(0, len(images), batch_size)
    for start in bar(starts, progress) if progress else starts:
        for inputs in _processed(base, images[start : start + batch_size], before):
            size = position * inputs["input_ids"].shape[1]
            if size <= on_device:
                on_device -= size
                prefixes.append(compute(inputs))
            elif (place := host.take(size, len(images) - len(prefixes) - 1)) is not None:
                prefixes.append(_moved(compute(inputs), place))
            else:
                prefixes.append(Prefix(None, inputs))
    return PrefixCache(prefixes, text, compute)


def image_tokens(base: "Base", images: Sequence[Image.Image], batch_size: int = 32) -> torch.Tensor:
    """Compute the P image tokens of each of n images, as the language model is given them.

    Returns (n, P, D) float32 on the CPU.

    Raises UserError if there are more of some images than of others.
    """
    tokens = [features[0] for features in image_features(base, images, batch_size)]
    if len({len(rows) for rows in tokens}) > 1:
        raise UserError(
            f"{base.name} makes more tokens of some pictures than of others, so that they have no mean: "
            "set train.initial to random in params.yaml"
        )
    return torch.stack(tokens)


@torch.no_grad()
def image_features(
    base: "Base", images: Sequence[Image.Image], batch_size: int = 32
) -> list[tuple[torch.Tensor, ...]]:
    """Compute what the language model is given of each image, (P, D) float32 on the CPU, P being the image's.

    First its image tokens, then, for families with DeepStack (Meng et al., NeurIPS 2024), what is added to
    the hidden states of the first layers at their positions.
    """
    features: dict[int, tuple[torch.Tensor, ...]] = {}
    alone = base.layout.image_token
    for start in range(0, len(images), batch_size):
        for numbers, inputs in _alike(_processed(base, images[start : start + batch_size], alone)):
            shown = {name: to_device(inputs[name], base.device) for name in inputs if name not in TEXT}
            made = base.model.get_image_features(**shown)
            parts = (made.pooler_output, *getattr(made, "deepstack_features", ()))
            for number, *rows in zip(numbers, *parts, strict=True):
                features[start + number] = tuple(each.float().cpu() for each in rows)
    return [features[number] for number in range(len(images))]


def prefix_inputs(base: "Base", images: Sequence[Image.Image], text: str) -> tuple[torch.Tensor, Positions]:
    """Tokenize a text with images: ids (1, P) int64 on the CPU, and where they stand (see `families`)."""
    if not images:
        inputs = base.layout.tokenizer(text, return_tensors="pt")
    else:
        shown = [within(image, base.image_size) for image in images]
        inputs = base.processor(images=[shown], text=[text], return_tensors="pt")
    return inputs["input_ids"], positions(base.model, inputs)


def _processed(base: "Base", images: Sequence[Image.Image], text: str) -> list[Inputs]:
    """What the model is given of each image and the text: on the CPU, pixels in the model's dtype."""
    images = [within(image, base.image_size) for image in images]
    same: dict[Hashable, list[int]] = defaultdict(list)
    for number, image in enumerate(images):
        same[image.size].append(number)
    inputs: dict[int, Inputs] = {}
    for numbers in same.values():  # of one size, so that everything about them is, too, and nothing is padded
        shown = [images[number] for number in numbers]
        made = base.processor(images=shown, text=[text] * len(shown), return_tensors="pt")
        parts = {
            name: (values.to(base.model.dtype) if values.is_floating_point() else values).chunk(len(shown))
            for name, values in made.items()
        }
        inputs |= {number: {name: parts[name][at] for name in parts} for at, number in enumerate(numbers)}
    return [inputs[number] for number in range(len(images))]


def _alike(inputs: Sequence[Inputs]) -> Iterator[tuple[list[int], Inputs]]:
    """Put inputs of equal shapes together: their numbers, and their tensors one after another."""
    same: dict[Hashable, list[int]] = defaultdict(list)
    for number, each in enumerate(inputs):
        same[tuple((name, values.shape) for name, values in each.items())].append(number)
    for numbers in same.values():
        first = inputs[numbers[0]]
        yield numbers, {name: torch.cat([inputs[number][name] for number in numbers]) for name in first}


@torch.no_grad()
def _encode(base: "Base", inputs: Inputs) -> Prefix:
    """Compute the prefix of one image or of none, alone in its forward."""
    from transformers import DynamicCache

    places, position_offset = positions(base.model, inputs)
    cache = DynamicCache()
    base.model.model(
        **{name: to_device(values, base.device) for name, values in inputs.items()},
        position_ids=None if places is None else to_device(places, base.device),
        past_key_values=cache,
        use_cache=True,
    )
    layers = [torch.cat([layer.keys, layer.values]).to(base.device) for layer in cache.layers]
    return Prefix(torch.stack(layers), None, int(position_offset.item()))  # kv: (L, 2, H, P, d)


def _moved(prefix: Prefix, place: torch.Tensor) -> Prefix:
    """Copy keys and values to a place in host memory without waiting: read the copy on the same stream."""
    target = place.view(prefix.states.dtype).view(prefix.states.shape)
    return prefix._replace(kv=target.copy_(prefix.states, non_blocking=True))
