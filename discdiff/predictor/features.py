"""Frozen features of a trained denoiser: what a few measured values suffice to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from discdiff import registry
from discdiff.checkpoint import network_config
from discdiff.domain import Domain
from discdiff.errors import DataError, InputError
from discdiff.licence import Stated, inherited, of_card
from discdiff.model import Model
from discdiff.nn.transformer import Transformer
from discdiff.padding import Padded
from discdiff.predictor.representation import Representation, Unread

_ROWS = 128  # of a pass


class Features(Representation):
    """The mean over positions of what the head of a trained transformer reads, at time 0.

    The members are linear maps of it: ridge or logistic regressions on resamples of the data. The
    network is kept with the predictor.

    Args:
        model: a `Model`, or a folder or shipped name to load it from.
        denoiser: or the settings of a denoiser, whose weights are loaded afterwards; then
        domain: is needed too.

    Raises:
        InputError: if the model is no transformer, writes its own end, or not exactly one of
            `model` and `denoiser` is given.

    Example:
        >>> from discdiff.model import LengthLaw
        >>> from discdiff.domain import Letters
        >>> from discdiff.process import MaskedProcess
        >>> net = Transformer(4, 8, width=16, depth=1, heads=2)
        >>> model = Model(net, MaskedProcess(4), Letters("ACGT"), LengthLaw.fixed(8))
        >>> features = Features(model)
        >>> features.collate(features.items(["GATT", "AC"])).shape
        torch.Size([2, 16])
    """

    linear: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True

    def __init__(
        self,
        model: Model | str | Path | None = None,
        denoiser: Mapping[str, Any] | None = None,
        domain: Domain | None = None,
    ) -> None:
        super().__init__()
        if (model is None) == (denoiser is None):
            raise InputError(
                "exactly one of model and denoiser must be given: model=FOLDER, or the name of a "
                "shipped one"
            )
        if denoiser is not None:
            if domain is None:
                raise InputError("domain must be given with denoiser")
            network, self.domain = registry.build("denoisers", denoiser), domain
        elif isinstance(model, Model | str | Path):
            loaded = model if isinstance(model, Model) else Model.load(model)
            if isinstance(loaded.domain, Padded):
                raise InputError("model must be given the length of its rows, got one that pads")
            network, self.domain = loaded.denoiser, loaded.domain
            called = str(loaded.card.get("title", "not stated") if loaded is model else model)
            self.made_with = inherited({}, [Stated("model", called, of_card(loaded.card))])
        else:
            raise InputError(f"model must be a Model, a folder or a name, got {model!r}")
        if not isinstance(network, Transformer):
            raise InputError(f"model must have a transformer, got {type(network).__name__}")
        self.network = network.requires_grad_(False).eval()

    def items(self, strings: Sequence[str]) -> list[Any]:
        found: list[Any] = [self._ids(string) for string in strings]
        read = [i for i, ids in enumerate(found) if not isinstance(ids, Unread)]
        read.sort(key=lambda i: len(found[i]))
        pad = self.domain.alphabet.pad_id
        for start in range(0, len(read), _ROWS):
            rows = read[start : start + _ROWS]
            longest = max(len(found[i]) for i in rows)
            tokens = [found[i] + [pad] * (longest - len(found[i])) for i in rows]
            x_0 = torch.tensor(tokens, device=self.network.head.weight.device)
            with torch.no_grad():
                vectors = self._vectors(x_0, x_0 != pad).cpu()
            for i, vector in zip(rows, vectors, strict=True):
                found[i] = vector
        return found

    def _ids(self, string: str) -> list[int] | Unread:
        try:
            ids = self.domain.encode(string)
        except DataError as error:
            return Unread(str(error))
        longest = self.network.max_length
        if not 0 < len(ids) <= longest:
            return Unread(f"{len(ids)} tokens, the model reads 1 to {longest}")
        return ids

    def _vectors(self, x_0: Tensor, real: Tensor) -> Tensor:
        features = self.network.features(x_0, torch.zeros(len(x_0), device=x_0.device))
        weight = real[..., None].to(features.dtype)
        mean: Tensor = (features * weight).sum(1) / weight.sum(1)
        return mean

    def collate(self, items: Sequence[Any]) -> Tensor:
        return torch.stack(list(items))

    def member(self, outputs: int) -> nn.Module:
        return nn.Linear(self.network.width, outputs)

    def relaxed(self, rows: Tensor) -> Tensor:
        if rows.shape[1] > self.network.max_length:
            raise InputError(
                f"rows must have at most {self.network.max_length} tokens, got {rows.shape[1]}"
            )
        whole = torch.cat([rows, rows.new_zeros(*rows.shape[:2], 2)], -1)  # the mask and PAD
        return self._vectors(whole, torch.ones_like(rows[..., 0], dtype=torch.bool))

    def train(self, mode: bool = True) -> Features:
        """Keep the network in evaluation mode, whatever its owner is told."""
        super().train(mode)
        self.network.eval()
        return self

    def settings(self) -> dict[str, object]:
        return {"denoiser": network_config(self.network)}
