"""python -m stages.check: refuse a run that would fail later, with every problem in one list."""

from common import methods
from common.core import crop, errors, io, params, paths, private, progress
from stages.check import sources
from stages.check.photos import inspect

RECEIPT = b"params.yaml and data/subjects are fit to run.\n"


def main() -> str:
    """Collect all problems; raise them together, or write the receipt."""
    p = params.load()
    own = [name for name, subject in p.subjects.items() if subject.source == "own"]
    findings = inspect(own)
    places = {"index.location": p.index.location, "evaluate.two_subjects": p.evaluate.two_subjects}
    places |= {"evaluate.general": p.evaluate.general}
    problems = sources.missing_sources(p.base.named, places) + sources.remains(p.subjects, p.methods)
    problems += sources.unreadable(p.evaluate.general, p.evaluate.two_subjects)
    problems += sources.unknown_prompts(p.synthesize.questions, p.assemble.recognition)
    problems += methods.check(p.methods) + findings.problems
    if problems:
        raise errors.UserError("\n       ".join(problems))
    io.write_bytes(paths.CHECKED, RECEIPT)
    further = [private.warning(), crop.warning(p.base.named, findings.sizes)]
    further += [sources.drawn_negatives(own, p.index.location)]
    others = {f"base.{key}.model": model for key, (model, _) in p.base.named.items()}
    others |= {"index.safety_model": p.index.safety_model, "index.serve": p.index.serve}
    others |= {
        f"methods.{name}.{key}": value for name, own in p.methods.items() for key, value in own.items()
    }
    for warning in [*findings.warnings, *sources.unnoticed(others), *filter(None, further)]:
        progress.say(f"warning: {warning}")
    return f"params.yaml, {len(p.subjects)} subjects and {len(findings.sizes):,} own photos are fit to run"


if __name__ == "__main__":
    errors.run(main)
