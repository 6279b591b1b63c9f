"""Where positions are independent, or there is one, every sampler is exact at every setting."""

import pytest

from discdiff.samplers.adaptive import ConfidenceOrder, EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.parallel import Parallel
from discdiff.samplers.remdm import ReMDM
from discdiff.schedule import CosineMD4
from tests.exact.laws import (
    dirichlet,
    drawn,
    fits,
    independent,
    model_of,
)

SETTINGS = {
    "first hitting": ("masked", lambda m: FirstHitting(m)),
    "ancestral, 1 step": ("masked", lambda m: Ancestral(m, steps=1)),
    "ancestral, 3 steps": ("masked", lambda m: Ancestral(m, steps=3, grid="cosine")),
    "parallel": ("masked", lambda m: Parallel(m, steps=2, counts="cosine")),
    "entropy": ("masked", lambda m: EntropyOrder(m, steps=1)),
    "confidence": ("masked", lambda m: ConfidenceOrder(m, steps=2)),
    "remasking, cap": ("masked", lambda m: ReMDM(m, steps=5, strategy="cap", eta=0.4)),
    "remasking, rescale": ("masked", lambda m: ReMDM(m, steps=4, eta=0.7, grid="cosine")),
    "remasking, max": ("masked", lambda m: ReMDM(m, steps=3, strategy="max")),
    "remasking, loop": ("masked", lambda m: ReMDM(m, 9, "cap", 0.5, loop=(0.7, 0.3, 0.6))),
    "uniform, 1 step": ("uniform", lambda m: Ancestral(m, steps=1)),
    "uniform, 3 steps": ("uniform", lambda m: Ancestral(m, steps=3)),
}
every = pytest.mark.parametrize("setting", SETTINGS)


@every
def test_independent_positions(setting):
    law = independent(2, 3)
    kind, sampler = SETTINGS[setting]
    assert fits(law, drawn(sampler(model_of(law, kind, CosineMD4()))))


@every
def test_one_position(setting):
    law = dirichlet(5, 1, seed=2)
    kind, sampler = SETTINGS[setting]
    assert fits(law, drawn(sampler(model_of(law, kind))))


def test_one_position_remasked_by_confidence():
    law = dirichlet(5, 1, seed=2)
    sampler = ReMDM(model_of(law), steps=4, eta=0.9, confidence=True)
    assert fits(law, drawn(sampler))
