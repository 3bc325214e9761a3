"""`python -m stages.retrieve`: write data/negatives/<id>.parquet for every subject."""

from common.core import params, seed
from common.core.errors import run
from stages.retrieve.make import Rules, make


def main() -> str:
    """Read params.yaml and retrieve for all subjects."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)
    sources = {name: subject.source for name, subject in p.subjects.items()}
    rules = Rules(**p.retrieve.model_dump())
    return make(sources, p.base.clip.model, p.base.clip.revision, p.base.device.type, rules, p.seed)


if __name__ == "__main__":
    run(main)
