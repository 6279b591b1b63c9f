"""All closed-form PMO tasks by name."""

from __future__ import annotations

from rdkit.Chem import Mol

from discdiff import _check
from discdiff.chem.oracles.descriptors import QED
from discdiff.chem.oracles.molecular import Descriptor, PerMolecule
from discdiff.chem.oracles.pmo import hop, properties, rediscovery

_CLASSES: tuple[type[Descriptor], ...] = (
    QED,
    rediscovery.AlbuterolSimilarity,
    rediscovery.CelecoxibRediscovery,
    rediscovery.IsomersC7H8N2O2,
    rediscovery.IsomersC9H10N2O2PF2Cl,
    rediscovery.Median1,
    rediscovery.Median2,
    rediscovery.MestranolSimilarity,
    rediscovery.ThiothixeneRediscovery,
    rediscovery.TroglitazoneRediscovery,
    properties.AmlodipineMPO,
    properties.FexofenadineMPO,
    properties.OsimertinibMPO,
    properties.PerindoprilMPO,
    properties.RanolazineMPO,
    properties.SitagliptinMPO,
    properties.ValsartanSmarts,
    properties.ZaleplonMPO,
    hop.DecoHop,
    hop.ScaffoldHop,
)

TASKS = {task.name: task for task in sorted(_CLASSES, key=lambda task: task.name)}
"""The 20 closed-form tasks: name to class. Each class is an oracle of its own."""


class PMO(PerMolecule):
    """One of the 20 closed-form PMO tasks, in [0, 1].

    The definitions are those of the current benchmark code; its releases before 2022 counted atoms
    in the text of the SMILES in the four tasks that contain a formula.

    Args:
        task: its name, for example ``celecoxib_rediscovery``; `TASKS` lists all.

    Raises:
        InputError: if there is no such task.

    Source:
        Sample efficiency matters: a benchmark for practical molecular optimization (Gao et al.,
        2022, 2206.12411).

    Example:
        >>> PMO("median1")(["CC1(C)C2CCC1(C)C(=O)C2", "CC(C)C1CCC(C)CC1O"]).round(3)
        array([0.4, 0.4])
        >>> PMO("median3")
        Traceback (most recent call last):
        discdiff.errors.InputError: task must be one of ... Did you mean 'median1' or 'median2'?
    """

    def __init__(self, task: str) -> None:
        self._task = TASKS[_check.one_of("task", task, tuple(TASKS))]()
        self.name = task
        super().__init__(task=task)

    def value(self, mol: Mol) -> float:
        return self._task.value(mol)
