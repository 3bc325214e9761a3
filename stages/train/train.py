"""The stage itself: learn the rows of some subjects side by side, or go on where a killed run was."""

from collections.abc import Mapping
from typing import Any

from common import vlm
from common.core import io, paths
from common.training.checkpoint import Checkpoint
from common.training.learn import learn
from common.training.recipe import TrainingRecipe
from common.training.samples import TrainingSet
from stages.train.outputs import write_outputs


def train(
    base: vlm.Base,
    training_sets: Mapping[str, TrainingSet],
    recipe: TrainingRecipe,
    data: Mapping[str, bool],
    depends_on: Mapping[str, Any],
    *,
    keep_epochs: bool,
) -> str:
    """Write the soft prompts and curves of these subjects (id → training set); return which epochs were best.

    `data` says which parts of the datasets the training sets hold. A killed training is gone on with only if
    `depends_on`, datasets, base and code are what they were.
    """
    learned_from = {name: {"sha256": io.sha256_file(paths.dataset(name)), **data} for name in training_sets}
    checkpoint = Checkpoint.of(
        paths.checkpoint(next(iter(training_sets))),
        **depends_on,
        data=learned_from,
        base=[base.name, base.fingerprint],
        recipe=vars(recipe),
    )
    info = {name: {"data": data_card} for name, data_card in learned_from.items()}
    learned = learn(base, training_sets, recipe, info=info, checkpoint=checkpoint)
    lines = [write_outputs(of.best, of.curve, of.epochs if keep_epochs else []) for of in learned.values()]
    checkpoint.remove()
    return "; ".join(lines)
