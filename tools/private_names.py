"""Names that only this repository used, by which nobody could guess what they meant: gone for good.

Here they stand, so that none comes back and an earlier commit can be searched for them.
"""

import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

NAMES = {
    *("Lesson", "told_rightly", "Learner", "scored_at_once", "small_lesson", "Laid", "GrowingCache"),
    *("whole_head", "seeing", "Illustrated", "PhotoCache", "opening", "Pace", "Answering", "ToldSettings"),
    *("Signals", "Exam", "of_two", "validation_negatives", "together_photos", "sibling", "siblings"),
    *("SIBLINGS", "sibling_folders", "sibling_photos", "Listed", "Course", "Ask", "asks", "cue", "later"),
    *("lay", "packs", "learners", "widest", "Room", "Tools", "opener", "splice", "appended", "spare"),
    *("inline", "INLINE", "check_inline", "Stored", "Talk", "Similarity", "NonNegativeFloat"),
}
MODULES = {
    *("splice", "store", "inline", "appended", "listed", "opener", "truth", "material", "wording", "exam"),
    *("chats", "choices", "talk", "gates", "together"),
}


def private_names(folder: Path) -> Iterator[str]:
    """Yield where Python files below a folder use one of the names, or are called by one."""
    for path in sorted(folder.glob("**/*.py")):
        if path.stem in MODULES:
            yield f"{path}: {path.stem}"
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            if token.type == tokenize.NAME and token.string in NAMES:
                yield f"{path}:{token.start[0]}: {token.string}"
