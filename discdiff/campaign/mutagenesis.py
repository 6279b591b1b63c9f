"""In-silico mutagenesis: what every single substitution would do to the reward of a design."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from discdiff.campaign.reward import without_memory
from discdiff.campaign.rulers import Rows, text
from discdiff.errors import UnsupportedError
from discdiff.objective import Objective
from discdiff.objective.aggregation import Difference
from discdiff.oracle import Combined, Scores, Streaming, Wrapper
from discdiff.oracle.check import Checked
from discdiff.oracle.scores import Bools, Floats
from discdiff.relaxed import Relaxed, relaxed_values
from discdiff.reward import Reward
from discdiff.strip import NAMESPACE

CELLS = 4000  # of a map: L times V
_ROWS = 512  # substitutions of one call
_SIZE, _LEFT, _FOOT = 14.0, 34.0, 24.0
_LOW, _MIDDLE, _HIGH = (166, 78, 0), (247, 247, 247), (0, 90, 160)  # orange to blue
_UNKNOWN = "#9aa5ae"


def substituted(reward: Reward, string: str) -> Floats:
    """Return the rewards of a design with each token at each position, `(L, V)`.

    They are those of the oracles on the substituted strings, but are asked of their `relaxed` on
    one-hot rows, which no budget counts and nothing records. A penalty for repeats is left out, and
    so are applicability domains: a predictor that would refuse a string answers its rows. NaN where
    the string is not valid, or has no reward.

    Args:
        reward: of the run.
        string: a valid design in canonical form.

    Raises:
        UnsupportedError: if an oracle that the reward reads has no `relaxed`, or the design is too
            long for a map.
        OracleError: if a `relaxed` fails.

    Example:
        >>> from discdiff.domain import Letters
        >>> class Gs:
        ...     name, version, outputs = "gs", "1", ("gs",)
        ...     def __call__(self, strings): return [float(s.count("G")) for s in strings]
        ...     def relaxed(self, rows): return rows[:, :, 2].sum(1)
        >>> substituted(Reward(Letters("ACGT"), Gs()), "AG").tolist()
        [[1.0, 1.0, 2.0, 1.0], [0.0, 0.0, 1.0, 0.0]]
    """
    unread = not set(_used(reward)) & set(_unanswered(reward))
    values = relaxed_values(reward.oracle, 0.0 if unread else None)
    if values is None:
        names = ", ".join(dict.fromkeys(_without(reward.oracle)))
        raise UnsupportedError(
            f"{names} cannot be asked without cost: it has no relaxed(rows), which answers rows "
            "of probabilities"
        )
    domain = reward.domain
    tokens, size = torch.tensor(domain.encode(string)), len(domain.alphabet)
    if len(tokens) * size > CELLS:
        raise UnsupportedError(
            f"a map has at most {CELLS:,} cells, and this design has {len(tokens)} positions of "
            f"{size} tokens"
        )
    mutants = tokens.repeat(len(tokens), size, 1)  # (L, V, L)
    places = torch.arange(len(tokens))
    mutants[places, :, places] = torch.arange(size)
    flat = mutants.flatten(0, 1)
    strings = domain.decode_batch(flat)
    valid = np.array(
        [domain.invalid_reason(s) is None and domain.canonical(s) == s for s in strings]
    )
    found = np.full((len(flat), len(reward.oracle.outputs)), np.nan)
    found[valid] = _asked(values, flat[torch.from_numpy(valid)], size)
    return _judged(reward, found, valid, strings).reshape(len(tokens), size)


def of_gradients(reward: Reward) -> tuple[Reward, list[str]]:
    """Return the reward of the terms whose oracles have `relaxed`, and the outputs left out.

    Itself where none has to be left out, none would be left, or a difference would be of fewer
    terms. Filters of outputs that are left
    out are too.

    Args:
        reward: of the run.
    """
    without, objective = _unanswered(reward), reward.objective
    left = [output for output in _used(reward) if output in without]
    if not left or not isinstance(objective, Objective):
        return reward, []
    terms = [term for term in objective.terms if term.output not in without]
    if not terms or isinstance(objective.aggregation, Difference):
        return reward, []
    filters = [rule for rule in objective.filters if not without & set(rule.outputs)]
    rest = Objective(terms, objective.aggregation, filters, None, objective.rejected)
    return Reward(reward.domain, reward.oracle, rest), left


def _used(reward: Reward) -> list[str]:
    """Return the outputs that the reward is made of."""
    if not isinstance(reward.objective, Objective):
        return list(reward.oracle.outputs)
    terms = [term.output for term in reward.objective.terms]
    ruled = [output for rule in reward.objective.filters for output in rule.outputs]
    return list(dict.fromkeys([*terms, *ruled]))


def _unanswered(reward: Reward) -> set[str]:
    """Return the outputs whose oracles have no `relaxed`."""
    answered = _answered(reward.oracle)
    pairs = zip(reward.oracle.outputs, answered, strict=True)
    return {output for output, known in pairs if not known}


def _answered(oracle: Streaming) -> list[bool]:
    if isinstance(oracle, Combined):
        return [known for part in oracle.oracles for known in _answered(part)]
    if isinstance(oracle, Wrapper):
        return _answered(oracle.oracle)
    return [relaxed_values(oracle) is not None] * len(oracle.outputs)


def heat_map(changes: Floats, letters: Sequence[str], string: Sequence[str], name: str) -> str:
    """Return a map of changes `(L, V)` as SVG: positions across, letters down, each cell labelled.

    Args:
        changes: of the reward; NaN where a substitution has none.
        letters: the V tokens.
        string: the L tokens of the design, which are dotted.
        name: of the design, for the text that says what is seen.
    """
    rows = Rows(len(changes), _SIZE, len(letters) * _SIZE + _FOOT, _LEFT)
    most = float(np.nanmax(np.abs(changes), initial=0.0))
    root = ElementTree.Element("svg", xmlns=NAMESPACE, role="img", viewBox=rows.box)
    ElementTree.SubElement(root, "title").text = f"{name}: {in_words(changes, letters, string)}"
    for place, line in enumerate(changes.tolist()):
        for row, change in enumerate(line):
            x, y = rows.x(place), rows.y(place) + 2 + row * _SIZE
            box = {"x": x, "y": y, "width": _SIZE - 0.6, "height": _SIZE - 0.6}
            shape = {key: f"{value:g}" for key, value in box.items()}
            cell = ElementTree.SubElement(root, "rect", shape | {"fill": _colour(change, most)})
            label = f"{string[place]}{place + 1}{letters[row]} {_number(change)}"
            ElementTree.SubElement(cell, "title").text = label
            if letters[row] == string[place]:
                dot = {"cx": f"{x + _SIZE / 2 - 0.3:g}", "cy": f"{y + _SIZE / 2 - 0.3:g}"}
                ElementTree.SubElement(root, "circle", dot | {"r": "2", "fill": "#111111"})
    for first, last in rows.spans:
        for row, letter in enumerate(letters):
            middle = rows.y(first) + 2 + (row + 0.75) * _SIZE
            text(root, _LEFT - 6, middle, letter, "end")
        rows.number(root, first, last, rows.y(first) + len(letters) * _SIZE + 13)
    return ElementTree.tostring(root, encoding="unicode")


def in_words(changes: Floats, letters: Sequence[str], string: Sequence[str]) -> str:
    """Return the best and the worst substitution, and how many raise the reward.

    Example:
        >>> in_words(np.array([[0.0, 0.5], [-1.0, 0.0]]), "AG", "AG")
        'best A1G +0.5, worst G2A -1; 1 of 2 substitutions raise the reward'
        >>> in_words(np.array([[0.0, -0.5]]), "AG", "A")
        'worst A1G -0.5; no substitution raises the reward'
    """
    own = np.array([[letter == token for letter in letters] for token in string])
    known = ~np.isnan(changes) & ~own
    if not known.any():
        return "no substitution has a reward"
    ends = []
    for word, filled, pick in (("best", -np.inf, np.argmax), ("worst", np.inf, np.argmin)):
        place = int(pick(np.where(known, changes, filled)))
        i, j = divmod(place, len(letters))
        ends.append(f"{word} {string[i]}{i + 1}{letters[j]} {_number(float(changes[i, j]))}")
    raising = int((changes[known] > 0).sum())
    if not raising:
        return f"{ends[1]}; no substitution raises the reward"
    return f"{', '.join(ends)}; {raising} of {known.sum()} substitutions raise the reward"


def _asked(values: Relaxed, tokens: torch.Tensor, size: int) -> Floats:
    parts = []
    with torch.no_grad():
        for start in range(0, len(tokens), _ROWS):
            rows = torch.nn.functional.one_hot(tokens[start : start + _ROWS], size).double()
            parts.append(values(rows).cpu().double().numpy())
    return np.concatenate(parts)


def _judged(reward: Reward, values: Floats, valid: Bools, strings: list[str]) -> Floats:
    finite = np.asarray(np.isfinite(values).all(axis=1), dtype=np.bool_)
    status = [
        "ok" if f else "failed" if v else "invalid"
        for f, v in zip(finite.tolist(), valid.tolist(), strict=True)
    ]
    scores = Scores(values, valid, tuple(status), canonical=tuple(strings))
    found = without_memory(reward.objective)(scores, reward.oracle.outputs, strings)
    return np.where(valid, np.asarray(found, dtype=np.float64), np.nan)


def _without(oracle: object) -> Iterator[str]:
    """Yield the names of the oracles that have no `relaxed`."""
    if isinstance(oracle, Combined):
        for part in oracle.oracles:
            yield from _without(part)
    elif isinstance(oracle, Wrapper):
        yield from _without(oracle.oracle)
    elif not isinstance(oracle, Checked) or getattr(oracle.oracle, "relaxed", None) is None:
        yield str(getattr(oracle, "name", type(oracle).__name__))


def _colour(change: float, most: float) -> str:
    if np.isnan(change):
        return _UNKNOWN
    share = change / most if most else 0.0
    end = _HIGH if share > 0 else _LOW
    mixed = (round(m + (e - m) * abs(share)) for m, e in zip(_MIDDLE, end, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _number(change: float) -> str:
    return "no reward" if np.isnan(change) else f"{change:+.3g}" if change else "0"
