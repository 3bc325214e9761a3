"""Two subjects that LoRA learns in tests, and its section."""

from pathlib import Path
from typing import Any

from common.core import images, io, paths, schema
from tests.support.helpers import set_params
from tests.support.subjects import populate

SECTION: dict[str, Any] = {
    "method": "lora",
    "title": "LoRA",
    "scope": "subject",
    "rank": 2,
    "alpha": 8,
    "dropout": 0.1,
    "learning_rate": 0.02,
    "projector_learning_rate": None,
    "warmup": 0.1,
    "weight_decay": 0.0,
    "max_grad_norm": 1.0,
    "epochs": 2,
    "batch_size": 4,
    "balance": True,
    "gradient_checkpointing": False,
}
SECTIONS = {"lora": SECTION, "lora_all": SECTION | {"scope": "all", "projector_learning_rate": 0.001}}
SUBJECTS = {"bo": "world", "mam": "world"}


def prepare(base: Path, clip: Path) -> None:
    """Make two subjects with datasets as of assemble: their photos, and each other's as negatives."""
    Path("base").symlink_to(base)
    set_params(
        {
            "base.vlm.model": "base",
            "base.clip.model": str(clip),
            "methods": SECTIONS,
            "subjects": {name: {"kind": "pet", "source": source} for name, source in SUBJECTS.items()},
        }
    )
    populate(SUBJECTS)
    for subject in SUBJECTS:
        rows = [
            {
                "split": split,
                "role": "positive" if owner == subject else "easy",
                "label": "yes" if owner == subject else "no",
                "image": photo["image"],
                "image_sha256": photo["sha256"],
                "question": f"Is <{subject}> here?",
                "answer": "Yes" if owner == subject else "No",
            }
            for split in ("train", "validation")
            for owner in SUBJECTS
            for photo in map(images.photo_row, images.list_photos(paths.train_photos(owner, "world")))
        ]
        rows.append(
            {"split": "train", "role": "text", "question": f"What is <{subject}>?", "answer": "A dog."}
        )
        made = [dict.fromkeys(schema.DATASET.names) | row | {"sample": i} for i, row in enumerate(rows)]
        io.write_parquet(paths.dataset(subject), made, schema.DATASET, ["sample"])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}
