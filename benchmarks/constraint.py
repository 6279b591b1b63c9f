"""What closing SMILES does to the validity of shipped models, and what a constrained step costs.

Each arm draws the same designs with and without `constraint={"smiles": "closed"}`. Steps of both
samplers are timed in turn on the same rows, so that a busy machine slows both, and the median of
their ratios is reported.

    python benchmarks/constraint.py [--designs 500] [--models zinc_smiles qm9_masked] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass

import torch

from discdiff.constraint.constraint import Constraint
from discdiff.model import Model
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.engine import Sampler
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State

CLOSED = {"smiles": "closed"}
SAMPLERS: dict[str, tuple[type[Sampler], float]] = {
    "entropy, T = 0.8": (EntropyOrder, 0.8),
    "first hitting": (FirstHitting, 1.0),
}
KEY = 20261122


@dataclass(frozen=True)
class Arm:
    """Designs of one sampler.

    `most_weight` is the largest share that one design has in the sum of weights, `effective` the
    effective number of designs; without a constraint all weigh the same.
    """

    model: str
    sampler: str
    constrained: bool
    valid: float
    closed: float
    distinct: float
    effective: float
    reasons: dict[str, int]


def arm(name: str, model: Model, label: str, constrained: bool, designs: int) -> Arm:
    """Draw the designs of one row of the table."""
    sampler = made(model, label, constrained)
    drawn = sampler.sample(designs, key=KEY, batch_size=64)
    closed = Constraint(model.domain, CLOSED)
    reasons = Counter(map(model.domain.invalid_reason, drawn.strings))
    fine = [s for s in drawn.strings if model.domain.invalid_reason(s) is None]
    return Arm(
        model=name,
        sampler=label,
        constrained=constrained,
        valid=len(fine) / designs,
        closed=sum(closed.fault(s) is None for s in drawn.strings) / designs,
        distinct=len({model.domain.canonical(s) for s in fine}) / max(len(fine), 1),
        effective=effective(drawn),
        reasons={str(reason): n for reason, n in reasons.most_common() if reason is not None},
    )


def effective(drawn: Samples) -> float:
    """Return the effective number of designs over their number."""
    weight = torch.softmax(drawn.log_weight, dim=0)
    return float(1.0 / (weight.square().sum() * len(drawn)))


def made(model: Model, label: str, constrained: bool) -> Sampler:
    kind, temperature = SAMPLERS[label]
    return kind(model, temperature=temperature, constraint=CLOSED if constrained else None)


def overhead(model: Model, label: str, rows: int) -> float:
    """Return the median ratio of a constrained step to a plain one, over a whole run."""
    ratios = []
    states: list[tuple[Sampler, State]] = []
    for constrained in (False, True):
        sampler = made(model, label, constrained)
        states.append((sampler, sampler.init(rows, key=KEY)))
    while not all(sampler.done(state) for sampler, state in states):
        times, after = [], []
        for sampler, state in states:
            begun = time.perf_counter()
            after.append((sampler, sampler.step(state)))
            times.append(time.perf_counter() - begun)
        states = after
        ratios.append(times[1] / times[0])
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--designs", type=int, default=500)
    parser.add_argument("--rows", type=int, default=64, help="rows of a timed step")
    parser.add_argument("--models", nargs="+", default=["zinc_smiles", "qm9_masked"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict[str, object]] = []
    for name in options.models:
        model = Model.load(name)
        for label in SAMPLERS:
            for constrained in (False, True):
                row = arm(name, model, label, constrained, options.designs)
                found.append(asdict(row))
                if not options.json:
                    print(shown(row, options.designs), flush=True)
            ratio = overhead(model, label, options.rows)
            found.append({"model": name, "sampler": label, "step_ratio": ratio})
            if not options.json:
                print(f"{name}, {label}: a constrained step takes {ratio:.2f} times a plain one")
    if options.json:
        print(json.dumps(found, indent=1))


def shown(row: Arm, designs: int) -> str:
    """Return one line of the table, with the standard error of validity."""
    error = math.sqrt(max(row.valid * (1 - row.valid), 1e-9) / designs)
    reasons = ", ".join(f"{n} {reason}" for reason, n in row.reasons.items())
    return (
        f"{row.model:12} {row.sampler:17} {'closed' if row.constrained else 'plain':6}  "
        f"valid {row.valid:6.1%} ± {error:.1%}  closed {row.closed:6.1%}  "
        f"distinct {row.distinct:6.1%}  effective {row.effective:6.1%}  [{reasons}]"
    )


if __name__ == "__main__":
    main()
