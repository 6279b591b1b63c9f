"""Oracles are sent to worker processes by pickling."""

import pickle

import numpy as np
import pytest

from discdiff.chem.oracles.alerts import Alerts
from discdiff.chem.oracles.descriptors import QED
from discdiff.chem.oracles.isomer import Isomer
from discdiff.chem.oracles.nearest import Nearest
from discdiff.chem.oracles.pmo.benchmark import PMO, TASKS
from discdiff.chem.oracles.similarity import Similarity
from discdiff.chem.oracles.smarts import Smarts
from discdiff.chem.oracles.synthesis import SA, PenalisedLogP
from discdiff.oracle import as_oracle, identity

ORACLES = [
    QED(),
    SA(normalised=False),
    PenalisedLogP(),
    Similarity("CCO", "ap"),
    Smarts("[#7]", "count"),
    Isomer("C2H6O"),
    Alerts(["nih"]),
    Nearest(["CCO", "CCN"], high=0.9),
    PMO("zaleplon_mpo"),
    TASKS["deco_hop"](),
]


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.name)
def test_a_pickled_oracle_is_the_same(oracle, smiles):
    copy = pickle.loads(pickle.dumps(oracle))
    assert identity(as_oracle(copy)) == identity(as_oracle(oracle))
    np.testing.assert_array_equal(copy(smiles[:4]), oracle(smiles[:4]))
