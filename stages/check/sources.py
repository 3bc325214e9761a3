"""Do the folders and models that params.yaml names exist?

Only what is certain without the network: a hub id is taken as it is, and what render makes may not exist yet.
"""

import re
from pathlib import Path

from stages.core import paths

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")  # organization/model


def missing_sources(model: str, clip: str, revision: str | None, location: str) -> list[str]:
    """One sentence per name in params.yaml that leads nowhere."""
    file = paths.PARAMS
    problems = [
        f"{file}: base.{key} names the folder {name}, which is missing: mend the name or restore the folder"
        for key, name in (("model", model), ("clip", clip))
        if not Path(name).is_dir() and not HUB_ID.fullmatch(name)
    ]
    if revision is not None and Path(model).is_dir():
        problems.append(f"{file}: base.revision is for hub models, but {model} is a folder: set it to null")
    if not Path(location).exists() and not Path(location).is_relative_to(paths.WORLD):
        problems.append(f"{file}: index.location is {location}, which is missing: mend the name")
    return problems
