"""A random forest on fingerprints: what a graph network should beat on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.oracle.scores import Floats

_SHARE = 1 / 3  # of the features, of which a node of a regression chooses


def refuse_forest(domain: Domain, trees: int) -> None:
    """Raise `InputError` if a forest is asked for where there can be none.

    Args:
        domain: of the strings.
        trees: of the forest; 0 for none.
    """
    if not _check.non_negative_int("forest", trees):
        return
    if domain.fingerprints([]) is None:
        raise InputError(f"forest must be 0: {domain.name} strings have no fingerprints")
    if find_spec("sklearn") is None:
        raise InputError(
            "forest must be 0 without scikit-learn: pip install 'discdiff[forest]' has it"
        )


def forest(
    trained: Sequence[str],
    values: Floats,
    asked: Sequence[str],
    domain: Domain,
    *,
    task: str = "regression",
    trees: int = 500,
    seed: int = 0,
) -> Floats:
    """Return what a random forest says of strings, `(M, R)`: values, or probabilities of class 1.

    Args:
        trained: N valid strings.
        values: theirs, `(N, R)`, NaN where there is none.
        asked: M valid strings.
        domain: whose fingerprints are read.
        task: ``regression`` or ``classification``.
        trees: of the forest.
        seed: of its resamples.

    Raises:
        InputError: if strings of this kind have no fingerprints, or scikit-learn is not installed.

    Source:
        Random forests (Breiman, 2001), by scikit-learn.
    """
    refuse_forest(domain, _check.positive_int("trees", trees))
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    here, there = _features(domain, trained), _features(domain, asked)
    found = np.full((len(asked), values.shape[1]), np.nan)
    for j in range(values.shape[1]):
        known = ~np.isnan(values[:, j])
        if task == "classification":
            model = RandomForestClassifier(trees, random_state=seed)
            model.fit(here[known], values[known, j].astype(int))
            found[:, j] = model.predict_proba(there)[:, list(model.classes_).index(1)]
        else:
            model = RandomForestRegressor(trees, max_features=_SHARE, random_state=seed)
            model.fit(here[known], values[known, j])
            found[:, j] = model.predict(there)
    return found


def _features(domain: Domain, strings: Sequence[str]) -> Floats:
    found = domain.fingerprints(strings)
    if found is None:
        raise InputError(f"{domain.name} strings have no fingerprints")
    return found
