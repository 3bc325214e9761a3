"""Learn the soft prompts of one or more subjects: `python -m stages.train <id> [<id> …]`."""

from stages.core import io, params, paths, samples, seed
from stages.core.errors import run


def main(subject: str, *subjects: str) -> str:
    """Write the soft prompts and training curves, side by side if several; return what was made."""
    p = params.load()
    rows = {}
    for name in (subject, *subjects):
        p.subject(name)
        rows[name] = samples.read(paths.dataset(name), **p.train.data.model_dump())

    from stages import vlm  # seconds, which a missing dataset need not wait for
    from stages.learning.learn import learn
    from stages.learning.steps import Recipe

    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(**p.base.opening)
    recipe = Recipe(seed=p.seed, scored_at_once=p.base.batch_size, **p.train.model_dump(exclude={"data"}))
    lessons = {name: samples.Lesson.of(rows[name], p.train.balance) for name in rows}
    said = []
    for name, (prompt, curve) in learn(base, lessons, recipe).items():
        prompt.info["data"] = {"sha256": io.sha256_file(paths.dataset(name)), **p.train.data.model_dump()}
        prompt.save(paths.subject_model(name))
        io.write_csv(paths.train_curve(name), curve)
        best = prompt.info["validation"]
        said.append(
            f"{name}, {len(curve)} epochs, the best is {best['epoch']} with {best['weighted']:.3f} weighted"
        )
    return "; ".join(said)


if __name__ == "__main__":
    run(main)
