"""`discdiff sample`: designs of a model, without reward."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer

from discdiff import _check
from discdiff.commands.arguments import Arguments, Show, new_file, read
from discdiff.config.settings import Sample

if TYPE_CHECKING:
    from discdiff.data.tables import Table
    from discdiff.domain import Domain
    from discdiff.samplers.samples import Samples

SUFFIXES = (".csv", ".smi", ".txt", ".fasta", ".fa")


def sample(arguments: Arguments = None, show: Show = False) -> None:
    """Draw designs from a model, without reward.

    To standard output, or to out=FILE.csv, .smi or .fasta.
    """
    ((source, settings),) = read("sample", Sample, arguments, show=show)
    out = new_file(source, settings.out, SUFFIXES)
    import torch

    from discdiff.commands.progress import Progress
    from discdiff.config import build

    sampler = build.sampler(settings, source)
    with build.located(source), Progress() as progress:
        drawn = sampler.sample(
            settings.n,
            generator=torch.Generator().manual_seed(_check.seed("seed", settings.seed)),
            **build.given(settings, sampler.model, source),
            batch_size=settings.batch_size,
            progress=lambda done: progress.show("designs", done, settings.n),
        )
    domain = sampler.model.domain
    if out is None:
        typer.echo("\n".join(drawn.strings))
    else:
        from discdiff.campaign.notations import noted
        from discdiff.data.tables import write_table

        table = _table(drawn, domain)
        write_table(noted(table, domain) if out.suffix == ".csv" else table, out)
    if (out is None or out.suffix in (".smi", ".txt")) and len(set(drawn.log_weight.tolist())) > 1:
        typer.echo("these designs carry weights: out=FILE.csv has them as log_weight", err=True)
    valid = [s for s, fine in zip(drawn.strings, drawn.valid, strict=True) if fine]
    distinct = len({domain.canonical(string) for string in valid})
    why = Counter(reason for reason in map(domain.invalid_reason, drawn.strings) if reason)
    because = ", ".join(f"{times} {reason}" for reason, times in why.most_common())
    typer.echo(
        f"{len(drawn)} designs, {len(valid) / len(drawn):.1%} valid"
        f"{because and f' ({because})'}, {distinct} distinct, "
        f"{drawn.counts['nfe']:,} network rows",
        err=True,
    )


def _table(drawn: Samples, domain: Domain) -> Table:
    from discdiff.data.tables import Table

    numbers = {
        "log_likelihood": drawn.log_likelihood,
        "log_weight": drawn.log_weight,
        "confidence": drawn.confidence,
    }
    rows = [
        (string, int(valid), *(f"{value:.6g}" for value in values), domain.invalid_reason(string))
        for string, valid, *values in zip(
            drawn.strings, drawn.valid, *numbers.values(), strict=True
        )
    ]
    return Table((domain.column, "valid", *numbers, "invalid_reason"), rows)
