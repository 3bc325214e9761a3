"""python -m stages.fit METHOD: fit a section under `methods` in params.yaml to all subjects."""

from functools import cache

from stages import methods
from stages.core import errors, params, seed
from stages.methods.interface import Subject, Tools


def main(method: str) -> str:
    """Read the parameters, let the method learn, and check that it left something."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)

    from stages import vlm
    from stages.core.clip import Clip

    b = p.base
    opening = {"system": b.system, "dtype": b.dtype, "device": b.device, "prefix_gb": b.prefix_gb}
    base = cache(lambda: vlm.load(b.model, b.revision, **opening))
    clip = cache(lambda: Clip(b.clip, b.clip_revision, b.device))
    fitted = methods.prepare(method, p.methods, Tools(base, clip, p.seed, b.batch_size))
    fitted.fit([Subject(subject, entry.kind) for subject, entry in p.subjects.items()])
    return f"{method}: {len(p.subjects)} subjects"


if __name__ == "__main__":
    errors.run(main)
