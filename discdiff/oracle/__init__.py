"""Oracles: strings to scores, with validity, cache, budget, batching and a meter around them."""

from discdiff.oracle.batched import Batched
from discdiff.oracle.budgeted import Budgeted
from discdiff.oracle.cached import Cache, Cached, Entry, MemoryCache
from discdiff.oracle.check import Checked, Oracle, Streaming, as_oracle, identity
from discdiff.oracle.combined import Combined
from discdiff.oracle.flanked import Flanked, flanked
from discdiff.oracle.metered import Counts, Metered
from discdiff.oracle.reply import read_reply
from discdiff.oracle.scores import Part, Scores
from discdiff.oracle.stack import stack
from discdiff.oracle.validated import Canonical, Validated
from discdiff.oracle.wrapper import Wrapper

__all__ = [
    "Batched",
    "Budgeted",
    "Cache",
    "Cached",
    "Canonical",
    "Checked",
    "Combined",
    "Counts",
    "Entry",
    "Flanked",
    "MemoryCache",
    "Metered",
    "Oracle",
    "Part",
    "Scores",
    "Streaming",
    "Validated",
    "Wrapper",
    "as_oracle",
    "flanked",
    "identity",
    "read_reply",
    "stack",
]
