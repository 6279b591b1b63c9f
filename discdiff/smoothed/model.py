"""A smoothed model: denoiser at one level of noise, domain and length law, and its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch

from discdiff import _check, checkpoint, registry
from discdiff.domain import Domain, Letters
from discdiff.errors import CheckpointError, InputError, UnsupportedError
from discdiff.model import LengthLaw
from discdiff.smoothed.denoiser import SmoothedDenoiser, SmoothedNetwork, TabularSmoothed


class SmoothedModel:
    """What a walk-jump sampler needs: a smoothed denoiser, a domain and a length law.

    It stands beside `Model`, and is none: noise is continuous, so there is no `Process`, and no
    sampler or guidance method of discrete steps runs on it.

    Args:
        denoiser: the mean of clean rows, at its level of noise.
        domain: strings and tokens, with the denoiser's vocabulary.
        lengths: law of the number of tokens, at most the denoiser's `max_length`. The length of a
            design is given before it is drawn.
        card: what the model card says, heading by heading, JSON values.
        frozen_training: whether a network was trained with tokens that are known; templates need
            it. The exact denoiser needs no training.

    Raises:
        InputError: if sizes disagree.
        UnsupportedError: if the domain is held to a scaffold.

    Example:
        >>> model = SmoothedModel.tabular(["ACCA", "GTTG"], sigma=0.5)
        >>> model.vocab_size, model.max_length, model.sigma
        (4, 4, 0.5)
    """

    def __init__(
        self,
        denoiser: SmoothedDenoiser,
        domain: Domain,
        lengths: LengthLaw,
        card: Mapping[str, object] | None = None,
        frozen_training: bool = False,
    ) -> None:
        if denoiser.vocab_size != len(domain.alphabet):
            raise InputError(
                "denoiser and domain must have one vocabulary, got sizes "
                f"{denoiser.vocab_size} and {len(domain.alphabet)}"
            )
        if lengths.max_length > denoiser.max_length:
            raise InputError(
                f"lengths must end at the denoiser's {denoiser.max_length} tokens, "
                f"got {lengths.max_length}"
            )
        if domain.template is not None:
            raise UnsupportedError("domain must not be held to a scaffold: give a Template instead")
        self.denoiser, self.domain, self.lengths = denoiser, domain, lengths
        self.card = dict(card or {})
        self.frozen_training = bool(frozen_training)

    @classmethod
    def tabular(
        cls,
        strings: Sequence[str],
        probabilities: Sequence[float] | None = None,
        sigma: float = 0.5,
    ) -> Self:
        """Return the exact model of a finite law over strings of letters, for tests and lessons.

        Args:
            strings: the support; lengths may differ.
            probabilities: one weight a string, normalised here; equal by default.
            sigma: of the noise.

        Example:
            >>> SmoothedModel.tabular(["AC", "GTT"]).max_length
            3
        """
        domain = Letters.fit(strings)
        weights = [1.0] * len(strings) if probabilities is None else list(probabilities)
        table = domain.encode_batch(strings)
        law = torch.tensor(weights, dtype=torch.float64)
        denoiser = TabularSmoothed(table, law, len(domain.alphabet), sigma)
        lengths = LengthLaw.of([len(string) for string in strings], weights)
        return cls(denoiser, domain, lengths, frozen_training=True)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, V."""
        return self.denoiser.vocab_size

    @property
    def max_length(self) -> int:
        """Longest sequence the model writes."""
        return self.lengths.max_length

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise."""
        return self.denoiser.sigma

    def to(self, device: str | torch.device) -> Self:
        """Move the network to `device` and return the model."""
        self.denoiser.to(device)
        return self

    def save(self, folder: str | Path, dtype: str = "float32") -> None:
        """Write the model folder: config.json, model.safetensors and README.md.

        Args:
            folder: new, or an older model folder, which is replaced as a whole.
            dtype: `float32`, or `bfloat16` to halve the file.

        Raises:
            InputError: if `folder` holds something else, the denoiser is no network, or a
                component is not registered.
        """
        if not isinstance(self.denoiser, SmoothedNetwork):
            raise InputError(
                "denoiser must be a SmoothedNetwork to be saved, got "
                f"{type(self.denoiser).__name__}"
            )
        folder, network = Path(folder), self.denoiser.network
        name = checkpoint.registered_name("domains", self.domain)
        config: dict[str, object] = {
            "format_version": checkpoint.FORMAT_VERSION,
            "kind": checkpoint.SMOOTHED,
            "sigma": self.sigma,
            "denoiser": checkpoint.network_config(network),
            "domain": {"name": name} | self.domain.settings(),
            "lengths": checkpoint.length_config(self.lengths),
            "frozen_training": self.frozen_training,
            "card": self.card,
        }
        what = f"smoothed at σ = {self.sigma:g} for walk-jump sampling"
        about = f"at most {self.max_length} tokens."
        card = checkpoint.card(folder.name, network, what, self.domain, about, self.card)
        checkpoint.write_parts(folder, config, network, card, dtype)

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """Return the model of a folder, in evaluation mode.

        Args:
            folder: that `save` wrote.
            device: where the network goes.

        Raises:
            CheckpointError: if there is no such model, or its folder is broken, of another kind of
                model, or newer.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CheckpointError(f"a model is a folder, got {str(folder)!r}")
        config = checkpoint.read_config(folder, checkpoint.SMOOTHED)
        try:
            network = registry.build("denoisers", checkpoint.mapping_of(config, "denoiser"))
            lengths = config["lengths"]
            if not isinstance(lengths, list):
                raise InputError(f"lengths must be a list, got {lengths!r}")
            sigma = _check.positive("sigma", config["sigma"])
            model = cls(
                SmoothedNetwork(network, sigma),
                registry.build("domains", checkpoint.mapping_of(config, "domain")),
                LengthLaw(lengths),
                card=checkpoint.mapping_of(config, "card"),
                frozen_training=config["frozen_training"] is True,
            )
        except (InputError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            where = folder / checkpoint.CONFIG
            raise CheckpointError(f"{where} does not describe a model: {error}") from error
        checkpoint.read_weights(folder, network)
        return model.to(device)
