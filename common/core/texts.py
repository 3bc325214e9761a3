"""Texts that people write beside their photos and settings, read within bounds."""

import stat
from pathlib import Path

from common.core.errors import UserError, file_error, shown


def read(path: Path, max_bytes: int) -> str:
    """Read a text that a human may have written; a byte order mark is passed over, line ends become "\\n".

    Raises:
        FileNotFoundError: there is none.
        UserError: it is no regular file, which may never end, is larger, or is no UTF-8.

    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{shown(path)} is no file: put a text there, or remove it")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise UserError(f"{shown(path)} has more than {max_bytes:,} bytes: leave some out")
        return "\n".join(data.decode("utf-8-sig").split("\r\n"))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise file_error(path, error) from error
    except ValueError:
        raise UserError(f"{shown(path)} cannot be read as text: save it as UTF-8, or remove it") from None
