"""A trained model: denoiser, process, domain and length law, and the folder they are stored in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from discdiff import _check, registry
from discdiff.banded import Banded
from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import Denoiser, TabularDenoiser
from discdiff.domain import Domain, Letters
from discdiff.errors import InputError, UnsupportedError
from discdiff.gapped import Point
from discdiff.padding import LENGTH_MODES, Padded
from discdiff.precision import PRECISIONS, Bfloat16
from discdiff.process import MaskedProcess, Process, UniformProcess
from discdiff.schedule import Schedule


class LengthLaw:
    """The law of the number of tokens of a sequence.

    Args:
        probabilities: weight of every length 0..max_length; normalised here, length 0 has none.

    Raises:
        InputError: if a weight is negative or not finite, length 0 has weight, or none has.

    Example:
        >>> law = LengthLaw([0.0, 0.0, 1.0, 3.0])
        >>> law.max_length, law.at(torch.tensor([0.2, 0.3], dtype=torch.float64)).tolist()
        (3, [2, 3])
    """

    def __init__(self, probabilities: Sequence[float]) -> None:
        weights = [_check.in_range("length probability", p, 0.0, math.inf) for p in probabilities]
        total = sum(weights)
        if len(weights) < 2 or weights[0] or not 0 < total < math.inf:
            raise InputError(
                "probabilities must be 0 for length 0 and have a positive, finite sum, "
                f"got {len(weights)} of sum {total:g}"
            )
        self.probabilities = torch.tensor(weights, dtype=torch.float64) / total

    @property
    def max_length(self) -> int:
        """The longest length."""
        return len(self.probabilities) - 1

    def at(self, u: Tensor) -> Tensor:
        """Return the int64 length at each quantile `u` in (0, 1): the inverse CDF."""
        cdf = self.probabilities.cumsum(0).to(u.device)
        longest = int(self.probabilities.nonzero()[-1])
        return torch.searchsorted(cdf, u.double(), right=True).clamp(max=longest)

    def between(self, low: int, high: int) -> Self | None:
        """Return the law of lengths in `[low, high]`, None where they have no weight."""
        kept = [p if low <= n <= high else 0.0 for n, p in enumerate(self.probabilities.tolist())]
        return type(self)(kept) if any(kept) else None

    def among(self, lengths: Sequence[bool]) -> Self | None:
        """Return the law of the lengths that are True, None where they have no weight."""
        pairs = zip(self.probabilities.tolist(), lengths, strict=True)
        kept = [p if fits else 0.0 for p, fits in pairs]
        return type(self)(kept) if any(kept) else None

    @classmethod
    def of(cls, lengths: Sequence[int], weights: Sequence[float]) -> Self:
        """Return the law of weighted lengths, which may repeat.

        Example:
            >>> LengthLaw.of([2, 1, 2], [1.0, 1.0, 2.0]).probabilities.tolist()
            [0.0, 0.25, 0.75]
        """
        sums = [0.0] * (max(lengths) + 1)
        for length, weight in zip(lengths, weights, strict=True):
            sums[length] += weight
        return cls(sums)

    @classmethod
    def fixed(cls, length: int) -> Self:
        """Return the law of one length."""
        return cls([0.0] * _check.positive_int("length", length) + [1.0])


class Model:
    """What a sampler needs: a network, the process it was trained for, a domain, a length law.

    Args:
        denoiser: the network.
        process: its process; both over the domain's alphabet.
        domain: strings and tokens; `Padded` makes the end a token that the model writes.
        lengths: law of the number of tokens, at most the network's `max_length`.
        card: what the model card says, heading by heading, JSON values.
        frozen_training: whether a uniform or class-masked model was trained with random frozen
            neighbours; a masked one needs no such training.

    Raises:
        InputError: if sizes disagree or the network lacks the time its process needs.

    Example:
        >>> from discdiff.domain import Letters
        >>> from discdiff.nn.transformer import Transformer
        >>> from discdiff.process import MaskedProcess
        >>> net = Transformer(4, max_length=8, width=16, depth=1, heads=2)
        >>> model = Model(net, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(8))
        >>> model.vocab_size, model.max_length
        (4, 8)
    """

    def __init__(
        self,
        denoiser: Denoiser,
        process: Process,
        domain: Domain,
        lengths: LengthLaw,
        card: Mapping[str, object] | None = None,
        frozen_training: bool = False,
    ) -> None:
        sizes = (denoiser.vocab_size, process.vocab_size, len(domain.alphabet))
        if len(set(sizes)) > 1:
            raise InputError(
                "denoiser, process and domain must have one vocabulary, got sizes "
                f"{', '.join(map(str, sizes))}"
            )
        if lengths.max_length > denoiser.max_length:
            raise InputError(
                f"lengths must end at the denoiser's {denoiser.max_length} tokens, "
                f"got {lengths.max_length}"
            )
        self._check_width(domain, lengths)
        if process.needs_time and not denoiser.needs_time:
            raise InputError(
                f"a {process.kind} process needs a denoiser with needs_time=True, got needs_time="
                "False"
            )
        self.denoiser, self.process, self.domain, self.lengths = denoiser, process, domain, lengths
        self.card = dict(card or {})
        self.frozen_training = bool(frozen_training)

    @staticmethod
    def _check_width(domain: Domain, lengths: LengthLaw) -> None:
        if not isinstance(domain, Padded):
            return
        if lengths.max_length != domain.width or bool(lengths.probabilities[:-1].any()):
            raise InputError(
                f"lengths must be LengthLaw.fixed({domain.width}), the width of the padded domain"
            )

    @classmethod
    def tabular(
        cls,
        strings: Sequence[str],
        probabilities: Sequence[float] | None = None,
        kind: str = "masked",
        schedule: Schedule | None = None,
        schedules: Mapping[str, Schedule] | None = None,
    ) -> Model:
        """Return the exact model of a finite law over strings of letters, for tests and lessons.

        Args:
            strings: the support; lengths may differ.
            probabilities: one weight a string, normalised here; equal by default.
            kind: `masked`, `class_masked` or `uniform`.
            schedule: of the process; log-linear by default.
            schedules: of a class-masked process, of letters: each run of letters is a class.

        Example:
            >>> Model.tabular(["AC", "GTT"]).max_length
            3
        """
        domain = Letters.fit(strings)
        size = len(domain.alphabet)
        _check.one_of("kind", kind, ("masked", "class_masked", "uniform"))
        process: Process
        if kind == "class_masked":
            classes = {run: domain.encode(run) for run in schedules or {}}
            process = ClassMaskedProcess(size, schedule, classes, schedules)
        elif schedules:
            raise InputError(f"schedules need kind 'class_masked', got {kind!r}")
        else:
            process = (MaskedProcess if kind == "masked" else UniformProcess)(size, schedule)
        weights = [1.0] * len(strings) if probabilities is None else list(probabilities)
        table = domain.encode_batch(strings)
        denoiser = TabularDenoiser(table, torch.tensor(weights, dtype=torch.float64), process)
        lengths = LengthLaw.of([len(string) for string in strings], weights)
        return cls(denoiser, process, domain, lengths, frozen_training=True)

    @property
    def vocab_size(self) -> int:
        """Number of sampleable tokens, V."""
        return self.process.vocab_size

    @property
    def max_length(self) -> int:
        """Longest sequence the model writes."""
        return self.lengths.max_length

    @property
    def length_mode(self) -> str:
        """`pad_as_token` where the model writes its end itself, else `given_length`."""
        return LENGTH_MODES[isinstance(self.domain, Padded)]

    def with_template(self, template: str, points: Mapping[int, object] | None = None) -> Model:
        r"""Return this model held to a scaffold: everything it writes is grown from `template`.

        The template is a string of the domain with attachment points, for molecules a SMILES with
        atoms ``[*:1]``, ``[*:2]`` and so on in place of substituents. All but the points is fixed;
        a point grows a run of tokens that may stand there. The returned model's domain calls a
        design that lost the scaffold invalid, for the reason "scaffold lost".

        Args:
            template: the scaffold.
            points: what may grow at a point, by its number: a length, a range ``(2, 12)``, a
                `Point` or a mapping of its arguments. By default a run of one token up to as many
                as there is room for.

        Raises:
            InputError: if the template is no scaffold with points, cannot be written with the
                model's tokens or has no room, or `points` does not fit it.
            UnsupportedError: if the model cannot keep a scaffold; the message names shipped ones
                that can.

        Law: see `Gapped`: the length of a design is drawn from the model's law as far as the
        template and its ranges allow, shared out over the points with equal chances; given that,
        exact, by the weights.

        Example:
            >>> from discdiff.samplers.first_hitting import FirstHitting
            >>> model = Model.load("qm9_masked")
            >>> held = model.with_template("C1CC([*:1])C1", points={1: (1, 3)})
            >>> drawn = FirstHitting(held).sample(4, key=1)
            >>> all(string.startswith("C1CC(") for string in drawn.strings)
            True
        """
        from discdiff import checkpoint

        if not self.domain.keeps_scaffolds:
            able = " or ".join(f"model={name}" for name in checkpoint.keeping_scaffolds())
            raise UnsupportedError(
                f"template cannot be kept by a model of {self.domain.name} strings, in which a "
                f"scaffold has no tokens of its own: use {able or 'another model'}"
            )
        if not self.handles_frozen or self.length_mode == "pad_as_token":
            raise UnsupportedError(
                "template needs a model with fixed positions whose length is given: a masked one, "
                "or a uniform or class-masked one trained with frozen_fraction > 0"
            )
        read = {number: _point(number, value) for number, value in (points or {}).items()}
        domain = self.domain.with_template(template, read, self.max_length)
        if domain.template is not None:
            domain.template.lengths(self.lengths)  # refuses what is too long or too short
        return self._in(domain)

    def in_domain(self, name: str | None = None, **options: object) -> Model:
        """Return this model with its strings read by a domain over the same tokens.

        Args:
            name: a registered domain; by default the model's own, of which other options are kept.
                Another one that takes tokens gets those of the model.
            options: arguments of that domain.

        Raises:
            InputError: if an option is unknown or wrong, or the domain has other tokens.

        Example:
            >>> model = Model.tabular(["ACGT", "TTGA"]).in_domain("dna", flank5="GG")
            >>> model.domain.flanks
            ('GG', '')
        """
        own = self.domain.inner if isinstance(self.domain, Padded) else self.domain
        stays = name in (None, own.name)
        kept = own.settings() if stays else {}
        offered = {} if stays else {"tokens": own.alphabet.tokens}
        domain = registry.build("domains", {"name": name or own.name, **kept, **options}, **offered)
        if domain.alphabet.tokens != own.alphabet.tokens:
            raise InputError(
                f"domain must have the tokens of the model, {' '.join(own.alphabet.tokens)}, got "
                f"{' '.join(domain.alphabet.tokens)}"
            )
        if isinstance(self.domain, Padded):
            return self._in(Padded(domain, self.domain.width))
        return self._in(domain)

    def equivariant(self) -> Model:
        """Return this model with its network averaged over the symmetry of its strings.

        Raises:
            UnsupportedError: if strings of its kind have no symmetry.
        """
        network = self.domain.symmetrised(self.denoiser)
        parts = (network, self.process, self.domain, self.lengths)
        return Model(*parts, self.card, self.frozen_training)

    def near(self, seeds: Sequence[str], low: float = 0.0, high: float = 1.0) -> Model:
        """Return this model with designs in a band of similarity to the nearest of `seeds`.

        The returned model's domain calls other designs invalid; see `Banded`.

        Args:
            seeds: strings, in any spelling.
            low: least similarity to the nearest seed, in [0, 1].
            high: most, in [0, 1].

        Raises:
            InputError: if the band is empty or out of range.
            DataError: if a seed is not valid; the message has its number.

        Example:
            >>> model = Model.tabular(["ACCA", "ACCT", "GTTG"]).near(["ACCA"], low=0.3, high=0.9)
            >>> [model.domain.invalid_reason(string) for string in ("ACCA", "ACCT", "GTTG")]
            ['too like a seed', None, 'too unlike the seeds']
        """
        if isinstance(self.domain, Padded):
            banded = Banded(self.domain.inner, seeds, low, high)
            return self._in(Padded(banded, self.domain.width))
        return self._in(Banded(self.domain, seeds, low, high))

    def _in(self, domain: Domain) -> Model:
        parts = (self.denoiser, self.process, domain, self.lengths)
        return Model(*parts, self.card, self.frozen_training)

    @property
    def handles_frozen(self) -> bool:
        """Whether fixed positions are part of what the network was trained on."""
        return not self.process.needs_time or self.frozen_training

    def to(self, device: str | torch.device) -> Self:
        """Move the network to `device` and return the model."""
        self.denoiser.to(device)
        return self

    def save(self, folder: str | Path, dtype: str = "float32") -> None:
        """Write the model folder: config.json, model.safetensors, README.md; see `checkpoint`.

        Args:
            folder: new, or an older model folder, which is replaced as a whole.
            dtype: `float32`, or `bfloat16` to halve the file.
        """
        from discdiff import checkpoint

        checkpoint.write(self, Path(folder), dtype)

    @classmethod
    def load(
        cls,
        source: str | Path,
        device: str | torch.device = "cpu",
        precision: str = "float32",
    ) -> Model:
        """Return the model of a folder, or a shipped model by name, in evaluation mode.

        Args:
            source: a folder, or a registered name such as `zinc_selfies`.
            device: where the network goes.
            precision: `float32`, or `bfloat16` for faster passes that batches may change.

        Raises:
            CheckpointError: if the folder of the model is broken, foreign or newer.
            InputError: if there is no such model, or the precision is another.
        """
        from discdiff import checkpoint

        _check.one_of("precision", precision, PRECISIONS)
        model = checkpoint.read(checkpoint.locate(source)).to(device)
        if precision == "bfloat16":
            model.denoiser = Bfloat16(model.denoiser)
        return model


def _point(number: object, value: object) -> Point:
    try:
        return Point.of(value)
    except InputError as error:
        raise InputError(f"points: {number}: {error}") from error
