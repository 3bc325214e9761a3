"""The files of one subject's training: the best epoch's rows, the curve and, where asked for, all epochs."""

import shutil
from collections.abc import Sequence

from common import vlm
from common.core import io, paths
from common.core.io import TableRows


def write_outputs(best: vlm.SoftPrompt, curve: TableRows, epochs: Sequence[vlm.SoftPrompt]) -> str:
    """Write models/subjects/<id> and reports/train/<id>.csv; return which epoch was best.

    `epochs` are those to be kept. Epochs of an earlier training go, whether or not there are new ones.
    """
    folder = paths.subject_epochs(best.subject)
    shutil.rmtree(folder, ignore_errors=True)
    for prompt in epochs:
        prompt.save(folder / str(prompt.info["validation"]["epoch"]))
    best.save(paths.subject_model(best.subject))
    io.write_csv(paths.train_curve(best.subject), curve)
    scores = best.info["validation"]
    chosen = f"the best is {scores['epoch']} with {scores['weighted']:.3f} weighted"
    return f"{best.subject}, {len(curve)} epochs, {chosen}"
