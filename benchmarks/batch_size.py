"""python -m benchmarks.batch_size: what larger batches save, and whether they learn as well.

Each batch size trains the same subjects by the pipeline's own recipe, its learning rate scaled with the
square root of the batch size, from several seeds. Accuracy is that of the best epoch on the validation rows,
the mean of the shares of positives and of negatives told rightly.
"""

import math
import statistics
from functools import partial
from typing import Any

from benchmarks import data, measure, models, report
from common import vlm
from common.core import errors, params
from common.training.learn import learn
from common.training.recipe import TrainingRecipe

BATCH_SIZES, SEEDS, SUBJECTS = (1, 4, 16, 32), (0, 1, 2), 4


def trained(base: vlm.Base, batch_size: int, seed: int) -> list[float]:
    """Accuracies of the subjects."""
    settings = params.load()
    of = settings.train
    rate = of.learning_rate * math.sqrt(batch_size / of.batch_size)
    changed = {"batch_size": batch_size, "learning_rate": rate}
    recipe = TrainingRecipe(
        seed=seed,
        micro_batch_size=settings.base.device.batch_size,
        **of.model_dump(exclude={"data", "keep_epochs"}) | changed,
    )
    learned = learn(base, data.work(models.SMALL, SUBJECTS, of.balance).training_sets, recipe)
    return [each.best.info["validation"]["weighted"] for each in learned.values()]


def row(base: vlm.Base, batch_size: int) -> dict[str, Any]:
    """Seconds for a subject, and accuracy by seed."""
    seconds, accuracies = [], []
    for seed in SEEDS:
        of_seed: list[float] = []
        work = partial(trained, base, batch_size, seed)
        seconds.append(measure.seconds(base.device, lambda: of_seed.extend(work())) / SUBJECTS)  # noqa: B023
        accuracies.append(round(statistics.mean(of_seed), 4))
    return {
        "batch_size": batch_size,
        "seconds": round(statistics.median(seconds), 3),
        "seconds_range": [round(min(seconds), 3), round(max(seconds), 3)],
        "weighted": round(statistics.mean(accuracies), 4),
        "weighted_range": [min(accuracies), max(accuracies)],
        "weighted_by_seed": accuracies,
    }


def main() -> str:
    """Measure, print the table, and write the numbers: after each row, for a row takes minutes."""
    base = models.open_model(models.SMALL)
    rows: list[dict[str, Any]] = []
    print(f"{'batch':>6}{'seconds':>10}{'weighted':>10}  by seed")
    for batch_size in BATCH_SIZES:
        rows.append(row(base, batch_size))
        of = rows[-1]
        print(
            f"{batch_size:6}{of['seconds']:10.2f}{of['weighted']:10.4f}  {of['weighted_by_seed']}", flush=True
        )
        target = report.write("batch_size", base, models.SMALL, {"subjects": SUBJECTS, "batch_sizes": rows})
    return str(target)


if __name__ == "__main__":
    errors.run(main)
