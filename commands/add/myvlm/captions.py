"""The captions of one concept: which can be used, and which are learned from or compared with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from commands.add.published.findings import Findings
from commands.add.published.photos import Photos
from common.core import facts, myvlm_json, names
from common.core.errors import UserError
from common.core.myvlm_json import AUGMENTED, CAPTIONS
from common.core.progress import UNKNOWN, plain, printable

LOST, NONE = "Captions without their photo", "Photos without a caption"
NAMELESS, MALFORMED = "Captions that do not name their subject", "Malformed captions"
Written = Mapping[str, Sequence[str]]  # photo → its captions, with the subject as ``<id>``


@dataclass(frozen=True)
class Captions:
    """Captions by photo: to be learned from, and as people wrote them."""

    learned: Written
    written: Written

    @classmethod
    def read(cls, folder: Path, subject: str, there: Collection[str], findings: Findings) -> "Captions":
        """Read a concept's files; `there` are the names of its files that may be photos.

        Raises UserError if one is of another form.
        """
        read = {name: myvlm_json.read(folder, name) for name in (CAPTIONS, AUGMENTED)}
        usable = [
            _usable(folder / name, subject, there, captions, findings)
            for name, captions in read.items()
            if captions is not None
        ] or [{}]
        captioned = {photo for captions in usable for photo in captions}
        findings[NONE] += [str(folder / name) for name in sorted(there) if name not in captioned]
        return cls(usable[-1], usable[0])

    def of(self, photos: Photos) -> tuple[Written, Written]:
        """Those of the photos to learn from, and of the test photos."""
        splits = ((photos.train, self.learned), (photos.test, self.written))
        train, test = (
            {photo.path.name: known[photo.path.name] for photo in own if photo.path.name in known}
            for own, known in splits
        )
        return train, test


def _usable(
    path: Path, subject: str, there: Collection[str], captions: Written, findings: Findings
) -> dict[str, list[str]]:
    """The captions of a file that can be used, of photos that are there; `findings` gains what is wrong."""
    token = f"<{subject}>"
    usable: dict[str, list[str]] = {}
    for photo, texts in captions.items():
        at = f"{path}, {printable(photo)}"
        if photo not in there:
            findings[LOST].append(at)
            continue
        for text in dict.fromkeys(texts):
            try:
                said = _about(subject, myvlm_json.with_token(text, path.parent.name, token))
            except UserError as error:
                findings[MALFORMED].append(f"{at}: {error}")
                continue
            usable.setdefault(photo, []).append(said)
            if token not in said:
                findings[NAMELESS].append(f'{at}: "{printable(text)}"')
    return usable


def _about(subject: str, text: str) -> str:
    """The caption with the subject as ``<id>``; UserError if facts.yaml cannot hold it."""
    said = names.about(subject, text.strip())
    if UNKNOWN in plain(said):
        raise UserError("it is no UTF-8 text")
    if not 0 < len(said) <= facts.LONGEST:
        raise UserError(f"it has {len(said):,} letters")
    return said
