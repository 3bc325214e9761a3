"""The files of one subject's training: the best epoch's rows, the curve and, where asked for, all epochs."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from common import vlm
from common.core import io, paths


def write(
    best: vlm.SoftPrompt,
    curve: Sequence[Mapping[str, Any]],
    epochs: Sequence[vlm.SoftPrompt],
    data: Mapping[str, Any],
) -> str:
    """Write models/subjects/<id> and reports/train/<id>.csv; return which epoch was best.

    `data` is what was learned from, for the cards. Epochs of an earlier
    training go, whether or not there are new ones.
    """
    folder = paths.subject_epochs(best.subject)
    shutil.rmtree(folder, ignore_errors=True)
    for prompt in epochs:
        prompt.info["data"] = data
        prompt.save(folder / str(prompt.info["validation"]["epoch"]))
    best.info["data"] = data
    best.save(paths.subject_model(best.subject))
    io.write_csv(paths.train_curve(best.subject), curve)
    scores = best.info["validation"]
    chosen = f"the best is {scores['epoch']} with {scores['weighted']:.3f} weighted"
    return f"{best.subject}, {len(curve)} epochs, {chosen}"
