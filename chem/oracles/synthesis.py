"""Synthetic accessibility, and the penalised logP that contains it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

from rdkit import RDConfig
from rdkit.Chem import Mol

from discdiff.chem.oracles.descriptors import LogP
from discdiff.chem.oracles.molecular import Descriptor, PerMolecule, flag
from discdiff.errors import OracleError


@cache
def _scorer() -> Callable[[Mol], float]:
    """Load the scorer that RDKit ships beside its packages, without touching `sys.path`."""
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("discdiff_sascorer", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise OracleError(
            f"sa needs the Contrib folder of RDKit, and {path} does not exist: install RDKit from "
            "PyPI or conda-forge"
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    score: Callable[[Mol], float] = module.calculateScore
    return score


class SA(PerMolecule):
    r"""Synthetic accessibility, as `(10 - SA) / 9` in [0, 1] with 1 = easy, or raw.

    The raw score lies in [1, 10], 1 = easy: frequency of the fragments in PubChem, less penalties
    for size, stereocentres, spiro and bridgehead atoms and macrocycles.

    Args:
        normalised: `(10 - SA) / 9` if true, else the raw score, to be minimised.

    Raises:
        InputError: if `normalised` is not true or false.

    Source:
        Estimation of synthetic accessibility score of drug-like molecules (Ertl and Schuffenhauer,
        2009), in RDKit's version.

    Example:
        >>> SA()(["CCO"]).round(4), SA(normalised=False)(["CCO"]).round(4)
        (array([0.8911]), array([1.9803]))
    """

    name = "sa"

    def __init__(self, normalised: bool = True) -> None:
        self.normalised = flag("normalised", normalised)
        super().__init__(normalised=normalised)
        self.direction = "max" if normalised else "min"
        self._scorer = _scorer()

    def value(self, mol: Mol) -> float:
        raw = self._scorer(mol)
        return (10.0 - raw) / 9.0 if self.normalised else raw


class PenalisedLogP(Descriptor):
    r"""logP, less synthetic accessibility and large rings, each standardised on ZINC.

    `(logP - 2.457) / 1.434 - (SA - 3.053) / 0.834 - (max(c - 6, 0) - 0.0486) / 0.286` with the
    constants in full precision and `c` the size of the largest ring of the smallest set of smallest
    rings. Codes that take `c` from an arbitrary cycle basis differ on some cages. Not bounded
    above.

    Source:
        Grammar variational autoencoder (Kusner et al., 2017, 1703.01925), constants of Junction
        tree variational autoencoder (Jin et al., 2018, 1802.04364).

    Example:
        >>> PenalisedLogP()(["c1ccccc1"]).round(4)
        array([2.0952])
    """

    name = "penalised_logp"
    signed = True

    def __init__(self) -> None:
        super().__init__()
        self._logp = LogP()
        self._sa = SA(normalised=False)

    def value(self, mol: Mol) -> float:
        largest = max((len(ring) for ring in mol.GetRingInfo().AtomRings()), default=0)
        logp = (self._logp.value(mol) - 2.4570953396190123) / 1.434324401111988
        ease = (3.0525811293166134 - self._sa.value(mol)) / 0.8335207024513095
        rings = (0.0485696876403053 - max(largest - 6, 0)) / 0.2860212110245455
        return logp + ease + rings
