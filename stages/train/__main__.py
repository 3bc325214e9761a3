"""Learn the soft prompt of one subject: `python -m stages.train <id>`."""

from stages.core import io, params, paths, seed
from stages.core.errors import run
from stages.train import samples


def main(subject: str) -> str:
    """Write the subject's soft prompt and its training curve; return what was made."""
    p = params.load()
    p.subject(subject)
    rows = samples.read(paths.dataset(subject), **p.train.data.model_dump())

    from stages import vlm  # seconds, which a missing dataset need not wait for
    from stages.train.learn import Recipe, learn

    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(
        p.base.model, p.base.revision, system=p.base.system, dtype=p.base.dtype, device=p.base.device
    )
    recipe = Recipe(seed=p.seed, scored_at_once=p.base.batch_size, **p.train.model_dump(exclude={"data"}))
    prompt, curve = learn(base, subject, samples.Lesson.of(rows, p.train.balance), recipe)
    prompt.info["data"] = {"sha256": io.sha256_file(paths.dataset(subject)), **p.train.data.model_dump()}
    prompt.save(paths.subject_model(subject))
    io.write_csv(paths.train_curve(subject), curve)
    best = prompt.info["validation"]
    return f"{subject}, {len(curve)} epochs, the best is {best['epoch']} with {best['weighted']:.3f} weighted"


if __name__ == "__main__":
    run(main)
