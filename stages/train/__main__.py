"""Learn the soft prompts of one or more subjects: `python -m stages.train <id> [<id> …]`."""

from common.core import io, log, params, paths, seed
from common.core.errors import run
from common.training import samples


def main(subject: str, *subjects: str) -> str:
    """Write the soft prompts and training curves, side by side if several; return what was made."""
    p = params.load()
    rows = {}
    for name in (subject, *subjects):
        p.subject(name)
        rows[name] = samples.read_rows(paths.dataset(name), **p.train.data.model_dump())

    from common import vlm  # seconds, which a missing dataset need not wait for
    from common.training.learn import learn
    from common.training.steps import TrainingRecipe

    seed.seed_everything(p.seed, p.threads)
    with log.phase("load the base model"):
        base = vlm.load(**p.base.load_kwargs)
    recipe = TrainingRecipe(
        seed=p.seed, micro_batch_size=p.base.device.batch_size, **p.train.model_dump(exclude={"data"})
    )
    training_sets = {name: samples.TrainingSet.of(rows[name], p.train.balance) for name in rows}
    said = []
    for name, (prompt, curve) in learn(base, training_sets, recipe).items():
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
