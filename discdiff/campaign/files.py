"""Whole-file writes that a crash or a full disk cannot leave half done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from discdiff.errors import StoreError


def write_atomic(path: Path, text: str | bytes) -> None:
    r"""Write `text` to `path`: readers see the old file or the new one, never a part.

    Args:
        path: the file; its folder must exist.
        text: the whole content, in UTF-8 where it is a string; line ends stay as they are.

    Raises:
        StoreError: if the file cannot be written; what was there before is untouched.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "log.txt"
        >>> write_atomic(path, "done\n")
        >>> path.read_text()
        'done\n'
    """
    partial = None
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(partial, 0o644)  # mkstemp makes it private; a report is there to be shared
        move(Path(partial), path)
    except OSError as error:
        if partial is not None:
            Path(partial).unlink(missing_ok=True)
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def move(source: Path, target: Path) -> None:
    """Put a file in the place of another in the same folder, so that a power cut cannot undo it."""
    os.replace(source, target)
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
