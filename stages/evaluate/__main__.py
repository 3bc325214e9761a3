"""python -m stages.evaluate: ask the evaluation's questions and write data/predictions/*.parquet."""

from stages.core import errors, params, seed
from stages.evaluate.exam import prepare


def main() -> str:
    """Read the parameters, load the base model once, evaluate every subject."""
    p = params.load()
    exam = prepare({subject: entry.source for subject, entry in p.subjects.items()})

    # Not at the top: torch takes seconds to import, and a mistake in the test's files should show at once.
    from stages import vlm
    from stages.evaluate.evaluate import evaluate

    seed.seed_everything(p.seed, p.threads)
    b = p.base
    base = vlm.load(
        b.model, b.revision, system=b.system, dtype=b.dtype, device=b.device, prefix_gb=b.prefix_gb
    )
    rows = evaluate(
        base,
        exam,
        seed=p.seed,
        batch_size=b.batch_size,
        max_new_tokens=p.evaluate.max_new_tokens,
    )
    return (
        f"{len(p.subjects)} subjects, {rows['photos']:,} photos, {rows['recognition']:,} recognition and "
        f"{rows['questions']:,} question answers"
    )


if __name__ == "__main__":
    errors.run(main)
