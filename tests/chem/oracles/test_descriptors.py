import math
import subprocess
import sys

import numpy as np
import pytest
import rdkit
from rdkit import Chem
from rdkit.Chem import QED as RDKitQED
from rdkit.Chem import Crippen, Descriptors, GraphDescriptors, Lipinski, rdMolDescriptors

from discdiff.chem.oracles import descriptors, synthesis
from discdiff.chem.oracles.descriptors import (
    QED,
    TPSA,
    AromaticRings,
    BertzCT,
    Fsp3,
    HBondAcceptors,
    HBondDonors,
    HeavyAtoms,
    LogP,
    MolecularWeight,
    Rings,
    RotatableBonds,
)
from discdiff.chem.oracles.molecular import PerMolecule
from discdiff.chem.oracles.synthesis import SA, PenalisedLogP
from discdiff.errors import InputError, OracleError

GOLDEN = {
    "qed": QED(),
    "logp": LogP(),
    "tpsa": TPSA(),
    "sa": SA(),
    "sa_raw": SA(normalised=False),
    "penalised_logp": PenalisedLogP(),
}
RDKIT = [
    (QED, RDKitQED.qed),
    (LogP, Crippen.MolLogP),
    (TPSA, Descriptors.TPSA),
    (MolecularWeight, Descriptors.MolWt),
    (HBondAcceptors, Lipinski.NumHAcceptors),
    (HBondDonors, Lipinski.NumHDonors),
    (RotatableBonds, Lipinski.NumRotatableBonds),
    (Rings, lambda mol: len(Chem.GetSymmSSSR(mol))),
    (AromaticRings, rdMolDescriptors.CalcNumAromaticRings),
    (Fsp3, rdMolDescriptors.CalcFractionCSP3),
    (HeavyAtoms, Lipinski.HeavyAtomCount),
    (BertzCT, GraphDescriptors.BertzCT),
]
ALL = [cls() for cls, _ in RDKIT] + [SA(), SA(normalised=False), PenalisedLogP()]


@pytest.mark.parametrize("name", GOLDEN)
def test_equals_the_golden_values(name, golden, smiles):
    np.testing.assert_allclose(GOLDEN[name](smiles), golden[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("oracle", "function"), RDKIT)
def test_equals_rdkit_on_a_fresh_molecule(oracle, function, smiles):
    expected = [function(Chem.MolFromSmiles(s)) for s in smiles]
    np.testing.assert_allclose(oracle()(smiles), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("oracle", ALL, ids=lambda o: o.name)
def test_what_is_no_molecule_is_nan_and_the_rest_is_scored(oracle):
    values = oracle(["CCO", "C1CC", "", "CC extra", "CN(C)(C)(C)C", "CCO"])
    assert values.dtype == np.float64
    assert np.isnan(values).tolist() == [False, True, True, True, True, False]
    assert values[0] == values[-1]
    assert oracle([]).shape == (0,)


@pytest.mark.parametrize("oracle", ALL, ids=lambda o: o.name)
def test_an_oracle_says_what_it_is(oracle):
    assert isinstance(oracle, PerMolecule)
    assert oracle.outputs == (oracle.name,)
    assert rdkit.__version__ in oracle.version
    assert oracle.direction in {"max", "min"}
    assert oracle.licence


def test_scores_do_not_depend_on_what_was_scored_before(smiles):
    # molecules are parsed once and shared, so no oracle may change them
    alone = [oracle(smiles) for oracle in ALL]
    for oracle, expected in reversed(list(zip(ALL, alone, strict=True))):
        np.testing.assert_array_equal(oracle(smiles), expected)


def test_rings_count_the_symmetrised_set():
    adamantane, cubane = "C1C2CC3CC1CC(C2)C3", "C12C3C4C1C5C2C3C45"
    assert Rings()([adamantane, cubane, "CCO"]).tolist() == [4, 6, 0]


def test_normalised_sa_is_reversed_and_scaled(smiles):
    raw, normalised = SA(normalised=False), SA()
    np.testing.assert_allclose(normalised(smiles), (10 - raw(smiles)) / 9, atol=1e-15)
    assert (raw.direction, normalised.direction) == ("min", "max")
    assert raw.parameters != normalised.parameters


def test_penalised_logp_punishes_a_large_ring():
    six, nine = PenalisedLogP()(["C1CCCCC1", "C1CCCCCCCC1"])
    gain = (LogP()(["C1CCCCCCCC1"]) - LogP()(["C1CCCCC1"]))[0] / 1.434324401111988
    sa = SA(normalised=False)(["C1CCCCC1", "C1CCCCCCCC1"])
    expected = gain - (sa[1] - sa[0]) / 0.8335207024513095 - 3 / 0.2860212110245455
    assert math.isclose(nine - six, expected, abs_tol=1e-9)


def test_sa_leaves_the_import_path_alone():
    code = (
        "import sys; before = list(sys.path); "
        "from discdiff.chem.oracles.synthesis import SA; SA()(['CCO']); "
        "assert sys.path == before and 'sascorer' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sa_refuses_a_flag_in_words():
    with pytest.raises(InputError, match="normalised must be true or false, got 'false'"):
        SA(normalised="false")


def test_sa_without_contrib_says_so(monkeypatch, tmp_path):
    synthesis._scorer.cache_clear()
    monkeypatch.setattr(synthesis.RDConfig, "RDContribDir", str(tmp_path))
    with pytest.raises(
        OracleError, match=r"sa needs the Contrib folder of RDKit, and .* not exist"
    ):
        SA()
    synthesis._scorer.cache_clear()


def test_every_descriptor_is_tested_here():
    classes = {
        cls
        for module in (descriptors, synthesis)
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, PerMolecule) and hasattr(cls, "name")
    }
    assert classes == {type(oracle) for oracle in ALL}
