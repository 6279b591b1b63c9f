"""What designs start from: noise of some length, templates with free positions, or noised seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.domain import Domain, Template
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.gapped import Gapped, Templates
from discdiff.samplers.state import CHOICE, PRIOR

if TYPE_CHECKING:
    from discdiff.model import Model


@dataclass(frozen=True)
class Seeds:
    r"""Known strings that designs start from: each is noised to a level and denoised from there.

    $x_t\sim q(\cdot\mid x_0)$ at `level`, then the sampler from t = `level` to 0. A design keeps
    the length of its seed, and the more of it the lower the level.

    Args:
        strings: the seeds; a design draws one of them, all equally likely.
        level: the time t in (0, 1]; 1 keeps nothing but the length.

    Raises:
        InputError: if there is no seed, or `level` is out of range.

    Law: exact: seeds drawn from the model's law become designs drawn from it.

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["ACCA", "GTTG"]))
        >>> sampler.sample(2, key=0, seeds=Seeds(["GTTG"], level=0.3)).strings
        ['GTTG', 'GTTG']
    """

    strings: Sequence[str]
    level: float

    def __post_init__(self) -> None:
        if isinstance(self.strings, str) or not self.strings:
            raise InputError(f"seeds must be a list of strings, got {self.strings!r}")
        if not 0 < _check.finite("level", self.level) <= 1:
            raise InputError(f"level must lie in (0, 1], got {self.level}")

    def tokens(self, model: Model) -> Tensor:
        """Return the seeds as int64 tokens `(S, W)`, prepared as training data are.

        Raises:
            DataError: if the model cannot write a seed; the message has its number.
        """
        return seed_tokens(self.strings, model.domain, model.max_length)


def seed_tokens(strings: Sequence[str], domain: Domain, longest: int) -> Tensor:
    """Return seeds as int64 tokens `(S, longest)`, prepared as training data are.

    Raises:
        DataError: if the domain cannot encode a seed, or it has too many tokens.
    """
    rows = []
    for number, string in enumerate(strings, start=1):
        ids = seed_ids(f"seed {number}", string, domain, longest)
        rows.append(ids + [domain.alphabet.pad_id] * (longest - len(ids)))
    return torch.tensor(rows)


def seed_ids(name: str, string: str, domain: Domain, longest: int) -> list[int]:
    """Return the token ids of one seed, which is called `name` in messages.

    Raises:
        DataError: if the domain cannot encode it, or it has too many tokens.
    """
    try:
        ids = domain.encode(domain.prepare(string))
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    if not 0 < len(ids) <= longest:
        raise DataError(f"{name} must have 1 to {longest} tokens, got {len(ids)}")
    if domain.alphabet.mask_id in ids:
        raise DataError(f"{name} must be known at every position, got {string!r}")
    return ids


@dataclass(frozen=True)
class Start:
    """Noisy rows, their clocks, and what may stand where.

    Attributes:
        x_t: int64 tokens `(B, W)`.
        t: float64 clocks `(B,)`.
        active: positions that may change, bool `(B, W)`.
        allowed: alphabets of T templates, bool `(T, W, V)`, or None.
        layout: the template of each row `(B,)`, or None.
    """

    x_t: Tensor
    t: Tensor
    active: Tensor
    allowed: Tensor | None = None
    layout: Tensor | None = None


def beginning(
    model: Model,
    keys: Tensor,
    choice: Tensor,
    length: int | None,
    template: Templates | None,
    seeds: Seeds | None,
) -> Start:
    """Return the rows that designs start from, whatever was asked for.

    Args:
        model: says what every design starts from where it is held to a scaffold.
        keys: int64 row keys `(B,)`.
        choice: keys of the draw of a length, template or seed, `(B,)`.
        length: tokens per design, or None.
        template: what is fixed, or None.
        seeds: what to noise, or None.

    Raises:
        InputError: if what is asked for does not go together.
    """
    held = model.domain.template
    if held is not None and (template is not None or seeds is not None):
        raise InputError("template and seeds must be None for a model held to a scaffold")
    fixed = template if held is None else held
    if seeds is not None:
        if fixed is not None or length is not None:
            raise InputError("length and template must be None where seeds are given")
        return from_seeds(model, keys, choice, seeds)
    if fixed is None:
        return from_noise(model, keys, choice, length)
    return from_templates(model, keys, choice, fixed, length)


def from_noise(model: Model, keys: Tensor, choice: Tensor, length: int | None) -> Start:
    """Return rows of noise, of a given length or of one drawn from the length law."""
    if length is None:
        lengths = model.lengths.at(random.uniform(random.fold(choice, CHOICE), 1)[:, 0])
    else:
        _check_length(model, length)
        lengths = torch.full((len(keys),), length, device=keys.device)
    return _noised(model, keys, _blank(model, lengths))


def from_templates(
    model: Model, keys: Tensor, choice: Tensor, given: Templates, length: int | None
) -> Start:
    """Return rows of noise around the fixed tokens of templates, each row's drawn at random.

    Positions beyond the end of a template are free.

    Raises:
        InputError: if there is no template, or one does not fit the length.
        UnsupportedError: if the model needs the time and was not trained with fixed positions, or
            writes where a design ends and the template has gaps.
    """
    device, width = keys.device, model.max_length
    templates, layout = _drawn(model, choice, given, length)
    lengths = []
    for template in templates:
        if len(template) > width:
            if length is not None:  # as long as that because it was asked for
                _check_length(model, length)
            raise InputError(
                f"template must have at most {width} positions, the model's, got {len(template)}"
            )
        whole = width if model.length_mode == "pad_as_token" else len(template)
        lengths.append(_check_length(model, whole if length is None else length))
        if lengths[-1] < len(template):
            raise InputError(
                f"length must be at least the template's {len(template)}, got {lengths[-1]}"
            )
    blank = _blank(model, torch.tensor(lengths, device=device))
    for row, template in zip(blank, templates, strict=True):
        row[: len(template)] = template.tokens.to(device)
    start = _noised(model, keys, blank[layout])
    filled = start.x_t != model.process.pad_id
    if not model.handles_frozen and bool((start.active != filled).any()):
        raise UnsupportedError(
            "template must leave every position free: fixed positions on a "
            f"{model.process.kind} process need a model trained with a noise level per position; "
            "train it with frozen_fraction > 0 or use a masked model"
        )
    alphabets = [template.allowed_over(width, device) for template in templates]
    if all(alphabet is None for alphabet in alphabets):
        return start
    full = torch.ones(width, model.vocab_size, dtype=torch.bool, device=device)
    allowed = torch.stack([full if a is None else a for a in alphabets])
    return Start(start.x_t, start.t, start.active, allowed, layout)


def from_seeds(model: Model, keys: Tensor, choice: Tensor, seeds: Seeds) -> Start:
    """Return seeds noised to their level, each row's drawn at random."""
    known = seeds.tokens(model).to(keys.device)
    x_0 = known[_one_of(len(known), choice)]
    active = x_0 != model.process.pad_id
    t = torch.full((len(keys),), seeds.level, dtype=torch.float64, device=keys.device)
    return Start(model.process.corrupt(x_0, t, active, random.fold(keys, PRIOR)), t, active)


def _drawn(
    model: Model, choice: Tensor, given: Templates, length: int | None
) -> tuple[Sequence[Template], Tensor]:
    """Return the templates that rows have, and which of them each row has."""
    if isinstance(given, Gapped):
        if model.length_mode == "pad_as_token":
            raise UnsupportedError(
                "template must be without gaps, because this model writes where a design ends"
            )
        u = random.uniform(random.fold(choice, CHOICE), 1 + given.gaps)
        return given.draw(model.lengths, u, length)
    templates = [given] if isinstance(given, Template) else given
    if not templates:
        raise InputError("template must be a Template or several, got none")
    return templates, _one_of(len(templates), choice)


def _one_of(count: int, choice: Tensor) -> Tensor:
    u = random.uniform(random.fold(choice, CHOICE), 1)[:, 0]
    return (u * count).long()


def _check_length(model: Model, length: int) -> int:
    if not 1 <= length <= model.max_length:
        raise InputError(f"length must lie in [1, {model.max_length}], got {length}")
    if model.length_mode == "pad_as_token" and length != model.max_length:
        raise InputError(
            f"length must be {model.max_length} or left out, because this model writes where a "
            f"design ends, got {length}"
        )
    return length


def _blank(model: Model, lengths: Tensor) -> Tensor:
    filled = torch.arange(model.max_length, device=lengths.device) < lengths[:, None]
    return torch.where(filled, model.process.mask_id, model.process.pad_id)


def _noised(model: Model, keys: Tensor, tokens: Tensor) -> Start:
    active = tokens == model.process.mask_id
    x_t = model.process.prior(tokens, active, random.fold(keys, PRIOR))
    return Start(x_t, torch.ones(len(keys), dtype=torch.float64, device=keys.device), active)
