"""Campaigns: rounds of guidance under a budget, recorded, resumable and reported.

Names load when they are used: a worker process has no need of torch, nor a report of a model.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from discdiff.campaign.choosing import Choice
    from discdiff.campaign.laboratory import Told
    from discdiff.campaign.progress import Progress
    from discdiff.campaign.report import write_report
    from discdiff.campaign.runner import Campaign
    from discdiff.campaign.store import Store
    from discdiff.campaign.summary import Summary, render, summarise
    from discdiff.campaign.table import write_designs
    from discdiff.campaign.workers import InWorkers

__all__ = [
    "Campaign",
    "Choice",
    "InWorkers",
    "Progress",
    "Store",
    "Summary",
    "Told",
    "render",
    "summarise",
    "write_designs",
    "write_report",
]

_MODULES = {
    "Campaign": "runner",
    "Choice": "choosing",
    "InWorkers": "workers",
    "Progress": "progress",
    "Store": "store",
    "Summary": "summary",
    "Told": "laboratory",
    "render": "summary",
    "summarise": "summary",
    "write_designs": "table",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
