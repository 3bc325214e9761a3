"""Learn the soft prompts of one or more subjects: `python -m stages.train <id> [<id> …]`."""

from common.core import log, params, paths, seed
from common.core.errors import run
from common.training import samples


def main(subject: str, *subjects: str) -> str:
    """Write the soft prompts and training curves, side by side if several; return what was made."""
    p = params.load()
    training_sets, data = {}, p.train.data.model_dump()
    for name in (subject, *subjects):
        p.subject(name)
        rows = samples.read_rows(paths.dataset(name), **data)
        held_out = samples.held_out_sources(rows, p.train.held_out, p.seed, name)
        training_sets[name] = samples.TrainingSet.of(rows, p.train.balance, held_out)

    from common import vlm  # seconds, which a missing dataset need not wait for
    from common.training.recipe import TrainingRecipe
    from stages.train.train import train

    seed.seed_everything(p.seed, p.threads)
    with log.phase("load the base model"):
        base = vlm.load(**p.base.load_kwargs)
    settings = p.train.model_dump(exclude={"data", "keep_epochs"})
    recipe = TrainingRecipe(seed=p.seed, micro_batch_size=p.base.device.batch_size, **settings)
    depends_on = {"load": p.base.load_kwargs, "threads": p.threads}
    return train(base, training_sets, recipe, data, depends_on, keep_epochs=p.train.keep_epochs)


if __name__ == "__main__":
    run(main)
