"""The DNA domain keeps the laws: a template of IUPAC letters, a constraint, flanks, guidance."""

import numpy as np
import pytest
import torch

from discdiff.bio.domain import DNA
from discdiff.denoiser import TabularDenoiser
from discdiff.guidance.fk import FKSteering
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import dirichlet, unbiased

LAW = dirichlet(4, 3, seed=4, concentration=2.0)
DOMAIN = DNA(length=3, flank5="GA", flank3="C")
SPELT = ["".join("ACGT"[i] for i in row) for row in LAW.rows]
KEYS = {"iupac": {"forbidden": ["GATC"], "both_strands": True}, "homopolymer": 2}
TEMPLATE = DOMAIN.read_template("NWV")
FITS = np.array([s[1] in "AT" and s[2] in "ACG" for s in SPELT])
MET = np.array(["GATC" not in f"GA{s}C" and len(set(s)) > 1 for s in SPELT])


def model():
    process = MaskedProcess(4)
    network = TabularDenoiser(torch.from_numpy(LAW.rows), torch.from_numpy(LAW.p), process)
    return Model(network, process, DOMAIN, LengthLaw.fixed(3))


def strong(strings):
    """Half the number of G and C, of the whole construct."""
    return [0.5 * sum(base in "GC" for base in s) for s in strings]


@pytest.mark.parametrize("template", [None, TEMPLATE], ids=["free", "template"])
def test_draws_have_the_law_given_template_and_constraint(template):
    sampler = FirstHitting(model(), constraint=KEYS)
    samples = sampler.sample(6000, key=1, template=template)
    measure = LAW.p * MET * (1 if template is None else FITS)
    assert unbiased(measure, LAW, samples)
    assert not unbiased(LAW.p * (1 if template is None else FITS), LAW, samples)


def test_steering_has_the_tilted_law_of_the_construct():
    sampler = FirstHitting(model(), constraint=KEYS)
    method = FKSteering(4, scale=1.0, threshold=1.0)
    samples = method.run(sampler, Reward(DOMAIN, strong), 3000, key=1, template=TEMPLATE)
    reward = np.array(strong([f"GA{s}C" for s in SPELT]))
    measure = LAW.p * FITS * MET
    assert unbiased(measure * np.exp(reward), LAW, samples)
    assert not unbiased(measure, LAW, samples)
