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

    base = cache(lambda: vlm.load(**p.base.opening))
    clip = cache(lambda: Clip(p.base.clip, p.base.clip_revision, p.base.device))
    fitted = methods.prepare(method, p.methods, Tools(base, clip, p.seed, p.base.batch_size))
    fitted.fit([Subject(subject, entry.kind) for subject, entry in p.subjects.items()])
    return f"{method}: {len(p.subjects)} subjects"


if __name__ == "__main__":
    errors.run(main)
