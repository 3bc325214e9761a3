"""python -m stages.evaluate [METHOD]: ask all questions of the test and write data/predictions/<method>/.

METHOD is a section under `methods` in params.yaml; without one, soft prompts and their controls are asked.
"""

from pathlib import Path

from stages import methods
from stages.core import errors, params, paths, seed
from stages.evaluate.exam import prepare
from stages.methods.tools import opened


def main(method: str = paths.SOFT_PROMPT) -> str:
    """Read the parameters, load the frozen models once, evaluate every subject."""
    p = params.load()
    e = p.evaluate
    sources = {subject: entry.source for subject, entry in p.subjects.items()}
    exam = prepare(sources, Path(e.together), Path(e.general), e.validation_negatives, p.seed)

    # Not at the top: torch takes seconds to import, and a mistake in the test's files should show at once.
    from stages.evaluate.evaluate import Sizes, evaluate

    seed.seed_everything(p.seed, p.threads)
    tools = opened(p.base.opening, p.base.clip, p.base.clip_revision, p.seed, p.base.batch_size)
    answering = methods.fitted(method, p.methods, tools, list(p.subjects))
    sizes = Sizes(e.max_new_tokens, e.general_subjects, e.captioned_others)
    rows = evaluate(answering, exam, method, sizes, p.seed)
    return f"{method}: {len(p.subjects)} subjects, " + ", ".join(f"{n:,} {name}" for name, n in rows.items())


if __name__ == "__main__":
    errors.run(main)
