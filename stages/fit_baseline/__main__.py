"""python -m stages.fit_baseline METHOD: fit a section under `methods` in params.yaml to all subjects."""

from common import methods
from common.core import errors, params, seed
from common.methods.backbones import lazy_backbones
from common.methods.interface import MethodSubject


def main(method: str) -> str:
    """Read the parameters, let the method learn, and check that it left something."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)
    backbones = lazy_backbones(
        p.base.load_kwargs, p.base.clip.model, p.base.clip.revision, p.seed, p.base.device.batch_size
    )
    fitted = methods.prepare(method, p.methods, backbones)
    fitted.fit([MethodSubject(subject, entry.kind, entry.noun) for subject, entry in p.subjects.items()])
    return f"{method}: {len(p.subjects)} subjects"


if __name__ == "__main__":
    errors.run(main)
