"""python -m tests.support.straight: all stages one after another in one process, in the current folder.

What `dvc repro` does, without its receipts and without importing torch anew for each stage.
"""

from importlib import import_module

from common.core import errors, params


def main() -> str:
    """Run every stage for the subjects and methods of ./params.yaml."""
    p = params.load()
    stages = ["check", "render", "index", "retrieve", "synthesize", "assemble"]
    calls = [(stage, ()) for stage in stages] + [("train", tuple(p.subjects)), ("evaluate", ())]
    calls += [(stage, (method,)) for method in p.methods for stage in ("fit_baseline", "evaluate")]
    calls += [("report", ())]
    said = [import_module(f"stages.{stage}.__main__").main(*words) for stage, words in calls]
    return said[-1]


if __name__ == "__main__":
    errors.run(main)
