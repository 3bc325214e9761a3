"""A small dataset for `bo`, and a recipe to learn it by."""

import io as bytesio
from pathlib import Path
from typing import Any

import torch

from common import vlm
from common.core import io, paths, schema
from common.training import samples
from common.training.learn import learn
from common.training.recipe import TrainingRecipe
from tests.support.helpers import set_params
from tests.support.vlm_helpers import noise_images

EVERYTHING = {"conversations": True, "hard": True, "easy": True}
RECIPE = TrainingRecipe(
    latent_tokens=2,
    initial="random",
    epochs=4,
    learning_rate=0.02,
    schedule="cosine",
    weight_decay=0.01,
    batch_size=4,
    balance=True,
    seed=0,
    micro_batch_size=8,
)

KILLED = """
import os, signal, sys
from common.training.checkpoint import Checkpoint
from stages.{stage}.__main__ import main
save, left = Checkpoint.save, int(sys.argv[1])
def save_and_die(checkpoint, state):
    global left
    save(checkpoint, state)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
Checkpoint.save = save_and_die
main(*sys.argv[2:])
"""  # a program: the stage's arguments behind the number of epochs after which it ends itself


def rows() -> list[dict[str, Any]]:
    pictures = list(zip(noise_images(7), ["positive"] * 2 + ["hard"] * 3 + ["easy"] * 2, strict=True))
    made = []
    for split, question in (("train", "Is <bo> in this photo?"), ("validation", "Can you see <bo>?")):
        for image, role in pictures:
            file = bytesio.BytesIO()
            image.save(file, "PNG")
            label = "yes" if role == "positive" else "no"
            made.append(
                {
                    "task": "recognition",
                    "role": role,
                    "split": split,
                    "image": {"bytes": file.getvalue(), "path": "x.png"},
                    "image_sha256": io.sha256_bytes(file.getvalue()),
                    "label": label,
                    "question": question,
                    "answer": "Yes, <bo> is here." if label == "yes" else "No",
                }
            )
    for answer in ("<bo> is red.", "A dog."):
        made.append(
            {
                "task": "conversation",
                "role": "text",
                "split": "train",
                "question": "What is <bo>?",
                "answer": answer,
            }
        )
    return made


def write_dataset(made: list[dict[str, Any]], subject: str = "bo") -> None:
    numbered = [row | {"sample": number} for number, row in enumerate(made)]
    io.write_parquet(paths.dataset(subject), numbered, schema.DATASET, sort_by=["sample"])


def prepare(tiny_llava: Path) -> Path:
    """Make of the current folder a workspace with a dataset for `bo`: 2 photos, 5 negatives, 2 conversations.

    Returns the dataset's path.
    """
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "train.latent_tokens": 2,
            "train.epochs": 3,
            "train.batch_size": 4,
            "train.learning_rate": 0.02,
        }
    )
    write_dataset(rows())
    return paths.dataset("bo")


def learn_bo(
    base: vlm.Base, training_set: samples.TrainingSet, recipe: TrainingRecipe
) -> tuple[vlm.SoftPrompt, list[dict[str, Any]]]:
    learned = learn(base, {"bo": training_set}, recipe)["bo"]
    return learned.best, learned.curve


def curve(subject: str) -> torch.Tensor:
    lines = paths.train_curve(subject).read_text().splitlines()[1:]
    return torch.tensor([[float(cell) for cell in line.split(",")] for line in lines])
