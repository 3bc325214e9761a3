"""The command line of add: one subject with its kind, or a dataset. Owns the words, not what they do."""

import argparse
from collections.abc import Sequence
from pathlib import Path

YOLLAVA, MYVLM = "yollava", "myvlm"  # in place of a subject's id
OWN = """Copy a folder of photos into data/subjects/ID and add ID to params.yaml.

The copies are upright JPEG, PNG or WebP (HEIC is converted) without metadata such as the place and the time.
Left out, and named: files that are no photo, the same or nearly the same picture again, and pictures that
another subject has. Five photos are to learn from, chosen by the seed in params.yaml, the others test."""
PUBLISHED = {
    YOLLAVA: """Import the Yo'LLaVA dataset: photos, questions and hard negatives of forty subjects.

FOLDER is yollava-data as published, or the repository that holds it. Text questions come from a file beside
yollava-visual-qa.json whose name holds "text" and "qa", as in yollava-text-only-qa.json; hard negatives from
train/SUBJECT/negative_example. What is wrong in it is left out, and named in data/yollava/report.md.""",
    MYVLM: """Import the MyVLM dataset: photos and captions of 29 objects.

FOLDER holds the concepts' folders as published, each with its photos and captions.json. Four photos of each,
which the seed in params.yaml draws, are to learn from, the others test. What is wrong in it is left out, and
named in data/myvlm/report.md.""",
}


def read(words: Sequence[str], kinds: Sequence[str]) -> argparse.Namespace:
    """`subject` and `folder` with their options, or a dataset with its own; ends the process on mistakes."""
    dataset = next((name for name in PUBLISHED if words[:1] == (name,)), None)
    parser = argparse.ArgumentParser(
        prog="python -m commands.add",
        usage=None
        if dataset
        else "%(prog)s [-h] ID FOLDER --kind KIND [--noun NOUN] [--test SHARE] "
        "[--photographs [--others PICTURES]]",
        description=PUBLISHED[dataset] if dataset else OWN,
        epilog=None
        if dataset
        else "Published datasets: " + ", ".join(f"%(prog)s {name} --help" for name in PUBLISHED),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if dataset:
        parser.add_argument("subject", choices=[dataset], metavar=dataset, help="the dataset's name")
    else:
        parser.add_argument("subject", metavar="ID", help="name of the subject: a-z, 0-9 and -, as in my-dog")
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, help="where the photos are; nothing there changes"
    )
    if not dataset:
        parser.add_argument(
            "--kind", required=True, choices=kinds, help="what it is: " + ", ".join(kinds), metavar="KIND"
        )
        parser.add_argument(
            "--noun",
            metavar="NOUN",
            help="what it is, as dog or teapot: learned, whatever the base takes it for",
        )
        parser.add_argument(
            "--test",
            type=_share,
            metavar="SHARE",
            help="share of the photos for the test, as in 0.3, in place of all but five",
        )
        parser.add_argument(
            "--photographs",
            action="store_true",
            help="use the base for photographs, for your subjects alone: the drawn ones leave params.yaml",
        )
        parser.add_argument(
            "--others",
            type=Path,
            metavar="PICTURES",
            help="with --photographs: pictures of anything else, from which negatives are taken: a folder, "
            "or a list of URLs, as COCO's captions_val2017.json, Open Images' CSV, or Parquet",
        )
    if dataset == YOLLAVA:
        parser.add_argument(
            "--negatives",
            type=_count,
            metavar="N",
            help="hard negatives per subject, those with the highest scores in scores.json, in place of all",
        )
    options = parser.parse_args(words)
    if not dataset and options.others and not options.photographs:
        parser.error("--others belongs to --photographs: add it")
    return options


def entry(options: argparse.Namespace) -> dict[str, str]:
    """What the subject's line in params.yaml says."""
    return {"kind": options.kind} | ({"noun": options.noun} if options.noun is not None else {})


def _count(word: str) -> int:
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"{word} is no number from 1 on: use one such as 100")
    return int(word)


def _share(word: str) -> float:
    try:
        share = float(word)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{word} is not between 0 and 1: use a share such as 0.3")
    return share
