"""The whole campaign: `python -m tests.hostile [EXAMPLES]`, or `make hostile`.

Tries so many inputs of each kind (1000 if not said), prints and keeps a table, and ends with 1 if one failed.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile import campaign

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Hostile inputs

Made by `make hostile` ({examples} inputs of each kind, the same ones each time; `tests/hostile/campaign.py`).
Good is what ends as its reader promises, with a result or with its one documented error.

| kind | tried | good | failed |
| --- | ---: | ---: | ---: |
"""


def main(examples: int) -> int:
    """Run all kinds; return how many inputs failed."""
    lines, failed = [], 0
    with TemporaryDirectory() as folder, campaign.prepared(Path(folder) / "work"):
        for kind in campaign.KINDS:
            count = campaign.run(kind, examples)
            lines.append(f"| {kind} | {count.tried} | {count.tried - count.failed} | {count.failed} |")
            print(lines[-1], *count.examples[:2], sep="\n", flush=True)
            failed += count.failed
    RESULTS.write_text(HEAD.format(examples=examples) + "\n".join(lines) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 1000) > 0)
