"""Oracles say which strings they read; those that read others than a model writes are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discdiff.errors import InputError
from discdiff.oracle.check import Checked, Streaming
from discdiff.oracle.combined import Combined
from discdiff.oracle.wrapper import Wrapper

if TYPE_CHECKING:
    from discdiff.domain import Domain


def refuse_strangers(oracle: Streaming, domain: Domain) -> None:
    """Raise `InputError` if `oracle`, or one of several, reads other strings than `domain` has.

    A domain without a `kind` may have any, and an oracle that does not say what it `reads` may read
    any.

    Example:
        >>> from discdiff.domain import Letters
        >>> from discdiff.oracle import as_oracle
        >>> class GC:
        ...     name, version, outputs, reads = "gc", "1", ("gc",), ("DNA", "RNA")
        ...     def __call__(self, strings):
        ...         return [s.count("G") + s.count("C") for s in strings]
        >>> peptides = Letters("ACDEFGHIKLMNPQRSTVWY")
        >>> refuse_strangers(as_oracle(GC()), peptides)
        >>> peptides.kind = "peptide"
        >>> refuse_strangers(as_oracle(GC()), peptides)
        Traceback (most recent call last):
        discdiff.errors.InputError: oracle 'gc' must read what the model writes, peptide, ...
    """
    if isinstance(oracle, Combined):
        for part in oracle.oracles:
            refuse_strangers(part, domain)
    elif isinstance(oracle, Wrapper):
        refuse_strangers(oracle.oracle, domain)
    elif isinstance(oracle, Checked) and _strange(oracle.reads, domain.kind):
        raise InputError(
            f"oracle {oracle.name!r} must read what the model writes, {domain.kind}, got one of "
            f"{' and '.join(oracle.reads)}"
        )


def _strange(reads: tuple[str, ...], kind: str) -> bool:
    return bool(reads and kind) and kind not in reads
