"""Every row of the support table: weights are unbiased for p(x) exp(λ r(x)), p enumerated."""

import numpy as np
import pytest

from discdiff.guidance.best_of_n import BestOfN
from discdiff.guidance.correctors import Correctors
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.support import TABLE
from discdiff.guidance.svdd import SVDD
from discdiff.guidance.tds import TDS
from discdiff.guidance.unguided import Unguided
from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from tests.exact.chains import (
    at_random,
    block_law,
    class_law,
    given,
    keeps,
    masked_law,
    published_sigma,
    uniform_law,
)
from tests.exact.laws import dirichlet, levels, model_of, reward_of, rewards, tv, unbiased

SCALE, RUNS = 1.5, 4000
LAW = dirichlet(2, 3, seed=2, concentration=1.0)
REWARD = rewards(LAW)


def exact(z):
    return given(LAW, z)


# sampler and the law p that it samples, by plan
PLAIN = {
    ("masked", "first_hitting"): (FirstHitting, {}, LAW),
    ("masked", "entropy"): (EntropyOrder, {}, LAW),
    ("masked", "confidence"): (ConfidenceOrder, {}, LAW),
    ("masked", "parallel"): (Parallel, {"steps": 2}, block_law(exact, [2, 1], at_random)),
    ("masked", "ancestral"): (Ancestral, {"steps": 3}, masked_law(LAW, keeps(3), [0.0] * 3)),
    ("masked", "remdm"): (
        ReMDM,
        {"steps": 4, "eta": 0.8},
        masked_law(LAW, keeps(4), published_sigma("rescale", 0.8, keeps(4))),
    ),
    ("class_masked", "first_hitting"): (FirstHitting, {}, LAW),
    ("class_masked", "ancestral"): (
        Ancestral,
        {"steps": 3},
        class_law(LAW, [1.0, 2 / 3, 1 / 3, 0.0], levels),
    ),
    ("uniform", "ancestral"): (Ancestral, {"steps": 3}, uniform_law(LAW, keeps(3))),
}
METHODS = {
    "none": Unguided(),
    "best_of_n": BestOfN(candidates=3, select="soft", scale=SCALE),
    "svdd": SVDD(candidates=2, scale=SCALE, particles=2, carry=True),
    "fk": FKSteering(particles=4, scale=SCALE, threshold=0.9),
    "tds": TDS(particles=4, scale=SCALE, relax="mean", threshold=0.9),
    "correctors": Correctors(power=2.0, particles=4, scale=SCALE, threshold=0.9),
}


# chains and tilts have no weights, and optimisers no law
UNWEIGHTED = ("isir", "split_gibbs", "importance_tilt", "evolution", "beam", "tree_search")
WEIGHTED = [row for row in TABLE if row.method not in UNWEIGHTED]


@pytest.mark.parametrize("row", WEIGHTED, ids=lambda row: " ".join(row[:3]))
def test_weights_are_unbiased_for_the_tilted_law(row):
    make, options, plain = PLAIN[row.process, row.plan]
    sampler = make(model_of(LAW, row.process), **options)
    samples = METHODS[row.method].run(sampler, reward_of(LAW, REWARD), RUNS, key=3)
    scale = 0.0 if row.method == "none" else SCALE
    p = plain.p**2 if row.method == "correctors" else plain.p
    assert unbiased(p * np.exp(scale * REWARD), LAW, samples)
    # the negative twins: the law untilted, and tilted twice as much
    for other in {0.0, SCALE, 2 * SCALE} - {scale}:
        assert not unbiased(p * np.exp(other * REWARD), LAW, samples)


def test_the_base_laws_of_the_table_are_told_apart():
    assert tv(PLAIN["masked", "parallel"][2].p, LAW.p) > 0.02
    assert tv(PLAIN["masked", "ancestral"][2].p, LAW.p) > 0.02
    assert tv(PLAIN["class_masked", "ancestral"][2].p, LAW.p) > 0.02
