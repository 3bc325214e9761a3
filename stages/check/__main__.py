"""python -m stages.check: refuse a run that would fail later, with every problem in one list."""

from common import methods
from common.core import errors, io, params, paths, progress
from stages.check.photos import inspect
from stages.check.sources import missing_sources, remains

RECEIPT = b"params.yaml and data/subjects are fit to run.\n"


def main() -> str:
    """Collect all problems; raise them together, or write the receipt."""
    p = params.load()
    own = [name for name, subject in p.subjects.items() if subject.source == "own"]
    found = inspect(own)
    named = {
        "vlm": (p.base.vlm.model, p.base.vlm.revision),
        "clip": (p.base.clip.model, p.base.clip.revision),
    }
    places = {"index.location": p.index.location, "evaluate.two_subjects": p.evaluate.two_subjects}
    places["evaluate.general"] = p.evaluate.general
    problems = missing_sources(named, places) + remains(p.subjects, p.methods)
    problems += methods.check(p.methods) + found.problems
    if problems:
        raise errors.UserError("\n       ".join(problems))
    for warning in found.warnings:
        progress.say(f"warning: {warning}")
    io.write_bytes(paths.CHECKED, RECEIPT)
    return f"params.yaml, {len(p.subjects)} subjects and {found.photos:,} own photos are fit to run"


if __name__ == "__main__":
    errors.run(main)
