import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from discdiff.chem.oracles.alerts import AlertFilter, Alerts
from discdiff.errors import InputError

QUINONE = "O=C1C=CC(=O)C=C1"


@pytest.mark.parametrize("name", ["pains", "brenk", "nih"])
def test_number_of_alerts_equals_rdkits_matching_entries(name, smiles):
    catalog = FilterCatalog(getattr(FilterCatalogParams.FilterCatalogs, name.upper()))
    patterns = [catalog.GetEntryWithIdx(i) for i in range(catalog.GetNumEntries())]
    chosen = smiles[::6]
    mols = [Chem.MolFromSmiles(s) for s in chosen]
    expected = [sum(entry.HasFilterMatch(mol) for entry in patterns) for mol in mols]
    assert Alerts([name])(chosen).tolist() == expected


def test_sets_add_up(smiles):
    chosen = smiles[:10]
    parts = sum(Alerts([name])(chosen) for name in ("pains", "brenk", "nih"))
    np.testing.assert_array_equal(Alerts()(chosen), parts)
    assert Alerts(["nih", "pains"]).parameters == Alerts(["pains", "nih", "nih"]).parameters


def test_known_alerts():
    assert Alerts(["pains"]).describe(QUINONE) == ["quinone_A(370)"]
    assert Alerts().describe("CCO") == []
    assert Alerts().direction == "min"


def test_invalid_is_nan():
    assert np.isnan(Alerts()(["C1CC", ""])).all()


def test_filter_passes_what_is_clean():
    strings = ["CCO", QUINONE, "C1CC"]
    nothing = np.empty((3, 0))
    assert AlertFilter()(nothing, strings).tolist() == [True, False, False]
    assert AlertFilter(most=9)(nothing, strings).tolist() == [True, True, False]
    assert AlertFilter().outputs == ()


def test_refused_arguments():
    with pytest.raises(
        InputError, match=r"sets must be one of .* got 'pain'. Did you mean 'pains'"
    ):
        Alerts(["pain"])
    with pytest.raises(
        InputError, match="sets must be a list of at least one of pains, brenk, nih"
    ):
        Alerts([])
    with pytest.raises(InputError, match=r"sets must be a list .*, got 'pains'"):
        Alerts("pains")
    with pytest.raises(InputError, match="most must be a non-negative integer, got -1"):
        AlertFilter(most=-1)
    with pytest.raises(InputError, match="smiles must be a SMILES"):
        Alerts().describe("C1CC")
