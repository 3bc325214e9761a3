"""python -m stages.fit METHOD: fit a section under `methods` in params.yaml to all subjects."""

from stages import methods
from stages.core import errors, params, seed
from stages.methods.interface import Subject
from stages.methods.tools import opened


def main(method: str) -> str:
    """Read the parameters, let the method learn, and check that it left something."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)
    tools = opened(p.base.opening, p.base.clip, p.base.clip_revision, p.seed, p.base.batch_size)
    fitted = methods.prepare(method, p.methods, tools)
    fitted.fit([Subject(subject, entry.kind) for subject, entry in p.subjects.items()])
    return f"{method}: {len(p.subjects)} subjects"


if __name__ == "__main__":
    errors.run(main)
