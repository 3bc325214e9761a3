"""What is wrong in a published dataset, by cause. Owns how it is told, not the causes or the sentences."""

from collections.abc import Mapping

UNREADABLE, DUPLICATES = "Unreadable files", "Duplicate photos"
OF_TWO, NEAR = "Photos of two subjects", "Near duplicates across train and test"
LEFT_OUT = "Subjects left out"


class Findings(dict[str, list[str]]):
    """Cause → one sentence per case, in the order in which causes are told."""

    def __init__(self, causes: Mapping[str, str]) -> None:
        """Have no case yet; `causes` says of each cause what was done about it."""
        super().__init__((cause, []) for cause in causes)
        self.done = dict(causes)

    def counts(self) -> list[str]:
        """A line for each cause that has cases."""
        return [f"{cause}: {len(cases)}" for cause, cases in self.items() if cases]

    def sections(self) -> list[str]:
        """Markdown: a heading for each cause that has cases, and the cases under it."""
        return [
            f"## {cause} ({len(cases)}): {self.done[cause]}\n\n" + "\n".join(f"- {case}" for case in cases)
            for cause, cases in self.items()
            if cases
        ]
