"""python -m tests.benchmarks.engine: seconds per training step with and without reuse of image prefixes.

Both ways give the same gradients (tests/unit/test_vlm_exact.py); this measures what the reuse saves with the
base model, threads and batch size of params.yaml.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from stages import vlm
from stages.core import errors, params, seed

STEPS = 10


def main() -> str:
    """Time both ways on pictures of noise; the content does not matter."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(
        p.base.model, p.base.revision, system=p.base.system, dtype=p.base.dtype, device=p.base.device
    )
    prompt = vlm.SoftPrompt.initial(base, "bo", p.train.latent_tokens, seed.torch_stream(p.seed, "benchmark"))
    for rows in (prompt.embeddings, prompt.output_row):
        rows.requires_grad_()
    pixels = seed.stream(p.seed, "benchmark").integers(0, 255, (p.train.batch_size, 48, 48, 3), np.uint8)
    images = [Image.fromarray(picture) for picture in pixels]
    suffixes = [vlm.suffix(base, prompt, "Is <bo> in this photo?", "Yes")] * len(images)
    kept = vlm.encode_prefixes(base, images)

    def step(prefixes: vlm.PrefixCache) -> None:
        batch = prefixes.batch(range(len(images)))
        vlm.suffix_loss(base, batch, suffixes, [prompt] * len(images)).mean().backward()

    reused = seconds(lambda: step(kept))
    computed = seconds(lambda: step(vlm.encode_prefixes(base, images)))
    return f"{reused:.3f} s per step of {len(images)} with prefix reuse, {computed:.3f} s without, timed"


def seconds(work: Callable[[], None]) -> float:
    """Median time of a call, after one to warm up."""
    work()
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


if __name__ == "__main__":
    errors.run(main)
