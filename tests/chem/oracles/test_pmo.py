import math

import numpy as np
import pytest

from discdiff.chem.oracles.pmo import properties
from discdiff.chem.oracles.pmo.benchmark import PMO, TASKS
from discdiff.chem.oracles.pmo.task import (
    arithmetic,
    at_least,
    at_most,
    clip,
    gaussian,
    geometric,
)
from discdiff.errors import InputError


@pytest.mark.parametrize("task", TASKS)
def test_task_equals_the_benchmark(task, golden, smiles):
    np.testing.assert_allclose(PMO(task)(smiles), golden[task], rtol=0, atol=1e-6)


def test_the_twenty_closed_form_tasks_and_no_other():
    assert len(TASKS) == 20
    assert not {"drd2", "gsk3b", "jnk3"} & TASKS.keys()


@pytest.mark.parametrize("task", TASKS)
def test_by_task_name_or_by_class_is_the_same(task, smiles):
    by_class, by_name = TASKS[task](), PMO(task)
    assert (by_class.name, by_class.outputs) == (by_name.name, by_name.outputs) == (task, (task,))
    np.testing.assert_array_equal(by_class(smiles[:5]), by_name(smiles[:5]))


def test_order_of_tasks_changes_nothing(smiles):
    # in the benchmark's own code the two hop tasks overwrite each other's references
    alone = PMO("deco_hop")(smiles[:5])
    PMO("scaffold_hop")(smiles[:5])
    np.testing.assert_array_equal(PMO("deco_hop")(smiles[:5]), alone)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_no_molecule_is_nan(task):
    values = PMO(task)(["C1CC", "not a smiles", "", "CCO"])
    assert np.isnan(values).tolist() == [True, True, True, False]


def test_unknown_task_names_the_nearest():
    with pytest.raises(InputError, match=r"task must be one of .* Did you mean 'deco_hop'\?"):
        PMO("decohop")
    with pytest.raises(InputError, match="got 'drd2'"):
        PMO("drd2")


def test_targets_of_sitagliptin(golden):
    constants = golden["constants"]
    mol = properties.reference_molecule("target", properties._SITAGLIPTIN)
    assert math.isclose(properties._logp(mol), constants["sitagliptin_logP"], abs_tol=1e-9)
    assert math.isclose(properties._tpsa(mol), constants["sitagliptin_TPSA"], abs_tol=1e-9)
    assert math.isclose(properties._bertz(mol), constants["sitagliptin_BertzCT"], abs_tol=1e-9)


def test_shapes():
    assert [clip(0.5)(x) for x in (-1, 0, 0.25, 0.5, 2)] == [0, 0, 0.5, 1, 1]
    assert gaussian(2, 3)(2) == 1
    assert math.isclose(gaussian(2, 3)(5), math.exp(-0.5))
    assert [at_most(2, 3)(x) for x in (-9, 2)] == [1, 1]
    assert math.isclose(at_most(2, 3)(5), math.exp(-0.5))
    assert [at_least(2, 3)(x) for x in (2, 9)] == [1, 1]
    assert math.isclose(at_least(2, 3)(-1), math.exp(-0.5))


def test_means():
    assert arithmetic([0.2, 0.4]) == pytest.approx(0.3)
    assert geometric([0.2, 0.8]) == pytest.approx(0.4)
    assert geometric([0.0, 0.8]) == 0
