"""Do the folders and models that params.yaml names exist?

Only what is certain without the network: a hub id is taken as it is, and what render makes may not exist yet.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from stages.core import paths

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")  # organization/model
COMMIT = re.compile(r"[0-9a-f]{40}")


def missing_sources(models: Mapping[str, tuple[str, str | None]], location: str) -> list[str]:
    """One sentence per name in params.yaml that leads nowhere, or to a hub model without its commit.

    `models` maps a key of params.base to the name that stands there and its revision.
    """
    file = paths.PARAMS
    problems = []
    for key, (name, revision) in models.items():
        pin = "base.revision" if key == "model" else f"base.{key}_revision"
        if Path(name).is_dir():
            if revision is not None:
                problems.append(f"{file}: {pin} is for hub models, but {name} is a folder: set it to null")
        elif not HUB_ID.fullmatch(name):
            problems.append(
                f"{file}: base.{key} names the folder {name}, which is missing: "
                "mend the name or restore the folder"
            )
        elif not COMMIT.fullmatch(revision or ""):
            problems.append(f"{file}: {pin} is {revision!r}: give the 40-digit commit of {name} on the hub")
    if not Path(location).exists() and not Path(location).is_relative_to(paths.WORLD):
        problems.append(f"{file}: index.location is {location}, which is missing: mend the name")
    return problems
