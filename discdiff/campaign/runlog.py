"""`log.txt`: what happened in a run, line by line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discdiff.campaign.store import LOG

logger = logging.getLogger("discdiff.campaign")


@contextmanager
def logged(folder: Path) -> Iterator[logging.Logger]:
    """Append what the campaign logs to `log.txt` in `folder`, as long as the context lasts."""
    handler = logging.FileHandler(folder / LOG, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield logger
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
