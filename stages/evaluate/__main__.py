"""python -m stages.evaluate [METHOD]: ask all questions of the test and write data/predictions/<method>/.

METHOD is a section under `methods` in params.yaml; without one, soft prompts and their controls are asked.
"""

from pathlib import Path

from common import methods
from common.core import errors, params, paths, seed
from common.methods.backbones import lazy_backbones
from stages.evaluate.eval_set import load_eval_set


def main(method: str = paths.SOFT_PROMPT) -> str:
    """Read the parameters, load the frozen models once, evaluate every subject."""
    p = params.load()
    e = p.evaluate
    sources = {subject: entry.source for subject, entry in p.subjects.items()}
    eval_set = load_eval_set(sources, Path(e.two_subjects), Path(e.general), e.threshold_negatives, p.seed)

    # Not at the top: torch takes seconds to import, and a mistake in the test's files should show at once.
    from stages.evaluate.evaluate import Sizes, evaluate

    seed.seed_everything(p.seed, p.threads)
    backbones = lazy_backbones(
        p.base.load_kwargs, p.base.clip.model, p.base.clip.revision, p.seed, p.base.device.batch_size
    )
    responder = methods.fitted(method, p.methods, backbones, list(p.subjects))
    sizes = Sizes(e.max_new_tokens, e.general_subjects, e.captioned_others)
    rows = evaluate(responder, eval_set, method, sizes, p.seed)
    return f"{method}: {len(p.subjects)} subjects, " + ", ".join(f"{n:,} {name}" for name, n in rows.items())


if __name__ == "__main__":
    errors.run(main)
