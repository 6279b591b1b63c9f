"""The peptide domain keeps the laws: a template of residues, a required motif, guidance."""

import numpy as np
import pytest
import torch

from discdiff.bio.oracles.peptides.charge import Charge
from discdiff.bio.peptide import Peptide
from discdiff.bio.residues import AMINO_ACIDS
from discdiff.denoiser import TabularDenoiser
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.tds import TDS
from discdiff.model import LengthLaw, Model
from discdiff.process import MaskedProcess
from discdiff.reward import Reward
from discdiff.samplers.first_hitting import FirstHitting
from tests.exact.laws import Law, dirichlet, unbiased

DOMAIN = Peptide()
USED = dirichlet(4, 3, seed=6, concentration=6.0)
IDS = np.array(DOMAIN.encode("DGKR"))
LAW = Law(len(AMINO_ACIDS), IDS[USED.rows], USED.p)
SPELT = DOMAIN.decode_batch(torch.from_numpy(LAW.rows))
KEYS = {"required": ["KR"], "forbidden": ["DG"]}
TEMPLATE = DOMAIN.read_template("X[^CG]X")
FITS = np.array([s[1] != "G" for s in SPELT])
MET = np.array(["KR" in s and "DG" not in s for s in SPELT])
CHARGE = np.array([s.count("K") + s.count("R") - s.count("D") for s in SPELT])


def model():
    process = MaskedProcess(LAW.size)
    network = TabularDenoiser(torch.from_numpy(LAW.rows), torch.from_numpy(LAW.p), process)
    return Model(network, process, DOMAIN, LengthLaw.fixed(3))


@pytest.mark.parametrize("template", [None, TEMPLATE], ids=["free", "template"])
def test_draws_have_the_law_given_template_and_motifs(template):
    sampler = FirstHitting(model(), constraint=KEYS)
    samples = sampler.sample(6000, key=1, template=template)
    measure = LAW.p * (1 if template is None else FITS)
    assert unbiased(measure * MET, LAW, samples)
    assert not unbiased(measure, LAW, samples)


@pytest.mark.parametrize("name", ["fk", "tds"])
def test_steering_by_charge_has_the_tilted_law(name):
    """The ends of an amide are neutral, so that the charge is that of the side chains."""
    oracle = Charge(ph=7.0, pk="lehninger", amide=True, acetyl=True)
    method, constraint = {
        "fk": (FKSteering(4, scale=0.5, threshold=1.0), KEYS),
        "tds": (TDS(4, scale=0.5), None),
    }[name]
    sampler = FirstHitting(model(), constraint=constraint)
    samples = method.run(sampler, Reward(DOMAIN, oracle), 3000, key=2, template=TEMPLATE)
    measure = LAW.p * FITS * (1 if constraint is None else MET)
    assert np.abs(oracle(SPELT) - CHARGE).max() < 1e-2
    assert unbiased(measure * np.exp(0.5 * oracle(SPELT)), LAW, samples)
    assert not unbiased(measure, LAW, samples)
