"""What sampling costs above its network passes, and what the oracle layer costs above RDKit.

The passes of one run are recorded and made again bare; both are timed in turn, so that a busy
machine slows both, and the median of their ratios is reported.

    python benchmarks/overhead.py [--model zinc_selfies] [--batch 256] [--repeats 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from rdkit import Chem
from torch import nn

SAMPLERS: dict[str, dict[str, object]] = {
    "first_hitting": {"name": "first_hitting"},
    "ancestral": {"name": "ancestral", "steps": 1000},
}
KEY = 20240521
LAYER_REPEATS = 7
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Settings:
    """What to measure, and how often."""

    model: str
    device: str
    batch: int
    repeats: int
    threads: int


@dataclass(frozen=True)
class SamplerCost:
    """One sampler against its own passes; times are medians in seconds.

    `most_rows_above` is the largest excess of a design's rows over its own length + 1.
    """

    overhead_ratio: float
    sampler_seconds: float
    passes_seconds: float
    passes: int
    rows_per_design: float
    length_plus_one: float
    most_rows_above: int
    peak_memory_mb: float
    strings: list[str] = field(repr=False)


@dataclass(frozen=True)
class LayerCost:
    """The oracle layer against the same RDKit calls; times are medians in microseconds a design."""

    speed_ratio: float
    layer_microseconds: float
    bare_microseconds: float
    designs: int


@contextmanager
def recording(denoiser: nn.Module) -> Iterator[list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    """Collect the arguments of every pass made inside the block."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    handle = denoiser.register_forward_pre_hook(
        lambda _, args, kwargs: calls.append((args, kwargs)), with_kwargs=True
    )
    try:
        yield calls
    finally:
        handle.remove()


def seconds(job: Callable[[], object], device: str) -> float:
    """Return the wall time of `job`, with the device's queue empty before and after."""
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    wait()
    start = time.perf_counter()
    job()
    wait()
    return time.perf_counter() - start


def peak_memory(device: str) -> float:
    """Return the most memory this process has held, in MiB: of the device, or of the host."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / MEBIBYTE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MEBIBYTE if sys.platform == "darwin" else 1024)


def sampler_cost(name: str, settings: Settings) -> SamplerCost:
    """Measure one sampler; run in a process of its own, for the sake of the peak memory."""
    from discdiff import registry
    from discdiff.model import Model

    torch.set_num_threads(settings.threads)
    model = Model.load(settings.model, settings.device)
    sampler = registry.build("samplers", SAMPLERS[name], model=model)

    def sample() -> Any:
        return sampler.sample(settings.batch, key=KEY, batch_size=settings.batch)

    @torch.no_grad()
    def passes() -> None:
        for args, kwargs in calls:
            model.denoiser(*args, **kwargs)

    with recording(model.denoiser) as calls:
        samples = sample()
    peak = peak_memory(settings.device)
    pairs = []
    for turn in range(settings.repeats):
        jobs = (sample, passes) if turn % 2 else (passes, sample)
        times = {job: seconds(job, settings.device) for job in jobs}
        pairs.append((times[sample], times[passes]))
    lengths = (samples.tokens != model.process.pad_id).sum(1)
    alone = [sampler.sample(1, key=KEY, first_design=i) for i in range(settings.batch)]
    rows = torch.tensor([one.counts["nfe"] for one in alone])
    return SamplerCost(
        overhead_ratio=statistics.median(whole / bare for whole, bare in pairs),
        sampler_seconds=statistics.median(whole for whole, _ in pairs),
        passes_seconds=statistics.median(bare for _, bare in pairs),
        passes=len(calls),
        rows_per_design=sum(len(args[0]) for args, _ in calls) / settings.batch,
        length_plus_one=float(lengths.double().mean()) + 1,
        most_rows_above=int((rows - lengths - 1).max()),
        peak_memory_mb=peak,
        strings=[s for s, valid in zip(samples.strings, samples.valid, strict=True) if valid],
    )


def bare_loop(strings: Sequence[str]) -> list[tuple[float, float]]:
    """Make the RDKit calls that the layer makes: read, write, read back, write, QED, SA."""
    from rdkit.Chem.QED import qed
    from rdkit.Contrib.SA_Score import sascorer

    found = []
    for string in strings:
        mol = Chem.MolFromSmiles(string)
        form = Chem.MolToSmiles(mol)
        if form != string:
            mol = Chem.MolFromSmiles(form)
            Chem.MolToSmiles(mol)
        found.append((qed(mol), sascorer.calculateScore(mol)))
    return found


def layer_cost(forms: Sequence[str], settings: Settings) -> LayerCost:
    """Measure predicate, canonical form, QED and SA through the oracle wrappers.

    Every repeat has designs of its own, so that no cache of molecules can help.
    """
    from discdiff import oracle, registry
    from discdiff.model import Model

    domain = Model.load(settings.model).domain
    spellings = [random_spelling(form) for form in forms]
    both = oracle.Combined({n: registry.build("oracles", {"name": n}) for n in ("qed", "sa")})
    size = len(spellings) // (LAYER_REPEATS + 1)
    chunks = [spellings[k * size : (k + 1) * size] for k in range(LAYER_REPEATS + 1)]
    pairs = []
    for turn, chunk in enumerate(chunks):
        jobs = [partial(oracle.stack(both, domain), chunk), partial(bare_loop, chunk)]
        order = (0, 1) if turn % 2 else (1, 0)
        times = {which: seconds(jobs[which], "cpu") for which in order}
        pairs.append((times[0], times[1]))
    pairs = pairs[1:]  # the first chunk loads tables
    return LayerCost(
        speed_ratio=statistics.median(bare / layer for layer, bare in pairs),
        layer_microseconds=statistics.median(layer for layer, _ in pairs) / size * 1e6,
        bare_microseconds=statistics.median(bare for _, bare in pairs) / size * 1e6,
        designs=size * LAYER_REPEATS,
    )


def canonical_form(smiles: str) -> str:
    """Return RDKit's canonical form, leaving no trace in the library's caches."""
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles))


def random_spelling(smiles: str) -> str:
    """Return another spelling, as a generator of designs would write it."""
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles), canonical=False, doRandom=True)


def table(settings: Settings, costs: dict[str, SamplerCost], layer: LayerCost) -> str:
    """Return the results as text."""
    lines = [
        f"{settings.model}, batch {settings.batch}, {settings.device}, "
        f"{settings.threads} threads, {settings.repeats} repeats",
        "",
        f"{'sampler':<14}{'sampler s':>10}{'passes s':>10}{'ratio':>8}{'passes':>8}"
        f"{'rows/design':>13}{'length + 1':>12}{'most above':>12}{'peak MiB':>10}",
    ]
    lines += [
        f"{name:<14}{c.sampler_seconds:>10.2f}{c.passes_seconds:>10.2f}{c.overhead_ratio:>8.3f}"
        f"{c.passes:>8}{c.rows_per_design:>13.2f}{c.length_plus_one:>12.2f}"
        f"{c.most_rows_above:>12}{c.peak_memory_mb:>10.0f}"
        for name, c in costs.items()
    ]
    lines += [
        "",
        f"oracle layer (predicate, canonical form, QED, SA): {layer.layer_microseconds:.0f} us a "
        f"design, bare RDKit calls {layer.bare_microseconds:.0f} us: "
        f"{layer.speed_ratio:.1%} of their speed ({layer.designs} designs)",
    ]
    return "\n".join(lines)


def flat(settings: Settings, costs: dict[str, SamplerCost], layer: LayerCost) -> dict[str, object]:
    """Return the results as one object, `<what>_<figure>: number`."""
    found: dict[str, object] = asdict(settings)
    for name, cost in costs.items():
        figures = asdict(cost)
        del figures["strings"]
        found |= {f"{name}_{key}": value for key, value in figures.items()}
    return found | {f"oracle_layer_{key}": value for key, value in asdict(layer).items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="zinc_selfies", help="shipped name or folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    settings = Settings(**options)
    costs = {}
    for name in SAMPLERS:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            costs[name] = pool.submit(sampler_cost, name, settings).result()
    forms = {canonical_form(string) for cost in costs.values() for string in cost.strings}
    layer = layer_cost(sorted(forms), settings)
    if as_json:
        print(json.dumps(flat(settings, costs, layer), indent=2))
    else:
        print(table(settings, costs, layer))


if __name__ == "__main__":
    main()
