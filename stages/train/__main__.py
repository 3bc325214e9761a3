"""Learn the soft prompts of one or more subjects: `python -m stages.train <id> [<id> …]`."""

from collections import defaultdict

from common.core import io, log, params, paths, seed
from common.core.errors import run
from common.training import samples


def main(subject: str, *subjects: str) -> str:
    """Write the soft prompts and training curves, side by side if several; return what was made."""
    p = params.load()
    training_sets = {}
    for name in (subject, *subjects):
        p.subject(name)
        rows = samples.read_rows(paths.dataset(name), **p.train.data.model_dump())
        held_out = samples.held_out_sources(rows, p.train.held_out, p.seed, name)
        training_sets[name] = samples.TrainingSet.of(rows, p.train.balance, held_out)

    from common import vlm  # seconds, which a missing dataset need not wait for
    from common.training.learn import learn
    from common.training.recipe import TrainingRecipe
    from stages.train.outputs import write

    seed.seed_everything(p.seed, p.threads)
    with log.phase("load the base model"):
        base = vlm.load(**p.base.load_kwargs)
    settings = p.train.model_dump(exclude={"data", "keep_epochs"})
    recipe = TrainingRecipe(seed=p.seed, micro_batch_size=p.base.device.batch_size, **settings)
    epochs: defaultdict[str, list[vlm.SoftPrompt]] = defaultdict(list)
    learned = learn(base, training_sets, recipe, each_epoch=lambda e: epochs[e.subject].append(e))
    said = []
    for name, (prompt, curve) in learned.items():
        data = {"sha256": io.sha256_file(paths.dataset(name)), **p.train.data.model_dump()}
        said.append(write(prompt, curve, epochs[name] if p.train.keep_epochs else [], data))
    return "; ".join(said)


if __name__ == "__main__":
    run(main)
