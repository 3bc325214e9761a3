"""Do the folders and models that params.yaml names exist?

Only what is certain without the network: a hub id is taken as it is, and what render makes may not exist yet.
"""

from collections.abc import Mapping
from pathlib import Path

from stages.core import paths
from stages.core.models import problem


def missing_sources(models: Mapping[str, tuple[str, str | None]], locations: Mapping[str, str]) -> list[str]:
    """One sentence per name in params.yaml that leads nowhere, or to a hub model without its commit.

    `models` maps a key of params.base to the name that stands there and its revision, `locations` any key to
    the file or folder that stands there.
    """
    problems = [found for key, named in models.items() if (found := problem(key, *named))]
    problems += [
        f"{paths.PARAMS}: {key} is {location}, which is missing: mend the name"
        for key, location in locations.items()
        if not Path(location).exists() and not Path(location).is_relative_to(paths.WORLD)
    ]
    return problems
