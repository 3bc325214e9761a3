"""python -m stages.evaluate [METHOD]: ask all questions of the test and write data/predictions/<method>/.

METHOD is a section under `methods` in params.yaml; without one, soft prompts and their controls are asked.
"""

from common import methods
from common.core import errors, params, paths, seed
from common.methods.backbones import lazy_backbones
from stages.evaluate.benchmarks import open_benchmarks
from stages.evaluate.eval_set import load_eval_set
from stages.evaluate.evaluate import evaluate


def main(method: str = paths.SOFT_PROMPT) -> str:
    """Read the parameters, load the frozen models once, evaluate every subject."""
    p = params.load()
    eval_set = load_eval_set({name: one.source for name, one in p.subjects.items()}, p.evaluate, p.seed)
    benchmarks = open_benchmarks(eval_set)

    seed.seed_everything(p.seed, p.threads)
    backbones = lazy_backbones(
        p.base.load_kwargs, p.base.clip.model, p.base.clip.revision, p.seed, p.base.device.batch_size
    )
    responder = methods.fitted(method, p.methods, backbones, list(p.subjects))
    rows = evaluate(responder, eval_set, benchmarks)
    return f"{method}: {len(p.subjects)} subjects, " + ", ".join(f"{n:,} {name}" for name, n in rows.items())


if __name__ == "__main__":
    errors.run(main)
