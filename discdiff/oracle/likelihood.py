"""A model's log-likelihood as an oracle: how much a design looks like the training data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from discdiff import _check, licence, random
from discdiff.class_masked import ClassMaskedProcess
from discdiff.errors import DataError, InputError
from discdiff.fingerprint import fingerprint
from discdiff.loss import FORMS, Form, nelbo
from discdiff.model import Model
from discdiff.oracle.scores import Floats, Scores

_ROWS = 256  # rows of one network pass


class ModelLikelihood:
    r"""Estimate of the log-likelihood that a model gives a sequence of its length, in nats.

    $-\frac1D\sum_d \mathcal L(x; u_d)$ with $\mathcal L$ the one-sample estimate of the negative
    evidence bound and $u_d=(d+U)/D$ stratified: unbiased for the bound, which lies below the
    log-likelihood and meets it for an exact masked model. The law of the length is left out. The
    random numbers come from the seed and the sequence alone, so a sequence has one value in
    whatever batch it comes. As a goal, neither extreme is wanted: give the term a
    `discdiff.objective.transform.Band`.

    The spelling that is scored is the one the oracle is given, the canonical one behind `stack`.
    A sequence that the model cannot write (unknown token, too long) is *failed*, with the reason.

    Args:
        model: a `Model`, or a folder or shipped name to load it from.
        draws: D, network passes a sequence; the error falls as 1/D to 1/sqrt(D).
        form: the estimator of masked and class-masked models: ``count``, ``level`` or ``time``.
        seed: of the noise.
        per_token: divide by the number of tokens.

    Raises:
        InputError: if `draws` is not positive, `form` is unknown or `model` is no model.

    Example:
        >>> from discdiff.denoiser import TabularDenoiser
        >>> from discdiff.domain import Letters
        >>> from discdiff.model import LengthLaw
        >>> from discdiff.process import MaskedProcess
        >>> law, process = torch.tensor([0.25, 0.75]), MaskedProcess(2)
        >>> net = TabularDenoiser(torch.tensor([[0], [1]]), law, process)
        >>> model = Model(net, process, Letters("AB"), LengthLaw.fixed(1))
        >>> np.exp(ModelLikelihood(model)(["A", "B"]).values).round(6).tolist()
        [[0.25], [0.75]]
    """

    name = "log_likelihood"
    signed = True
    version = "1"
    licence = ""
    outputs = ("log_likelihood",)
    sees_flanks = False  # the model writes what lies between them
    direction = "max"

    def __init__(
        self,
        model: Model | str | Path,
        draws: int = 8,
        form: Form = "count",
        seed: int = 0,
        per_token: bool = False,
    ) -> None:
        if not isinstance(model, Model | str | Path):
            raise InputError(f"model must be a Model, a folder or a name, got {model!r}")
        self.model = model if isinstance(model, Model) else Model.load(model)
        self.draws = _check.positive_int("draws", draws)
        _check.one_of("form", form, FORMS)
        self.form: Form = form
        self.seed = _check.seed("seed", seed)
        self.per_token = bool(per_token)
        self.licence = licence.of_card(self.model.card)
        kind = self.model.domain.kind
        self.reads = (kind,) if kind else ()
        self.parameters: dict[str, object] = {
            "model": _identity(self.model),
            "draws": draws,
            "form": form,
            "seed": seed,
            "per_token": self.per_token,
        }

    def __call__(self, sequences: Sequence[str], /) -> Scores:
        """Return the estimates of `sequences`, in nats."""
        ids, reasons = self._encode(sequences)
        values = np.full((len(sequences), 1), np.nan)
        by_length: dict[int, list[int]] = {}
        for place, tokens in enumerate(ids):
            if tokens:
                by_length.setdefault(len(tokens), []).append(place)
        step = max(1, _ROWS // self.draws)
        for places in by_length.values():  # one width a pass: no padding, so no effect of the batch
            for start in range(0, len(places), step):
                chunk = places[start : start + step]
                keys = [_key(sequences[i]) for i in chunk]
                values[chunk, 0] = self._estimate(torch.tensor([ids[i] for i in chunk]), keys)
        return Scores(
            values=values,
            valid=np.ones(len(sequences), dtype=bool),
            status=tuple("failed" if reason else "ok" for reason in reasons),
            reasons=tuple(reasons),
        )

    def _encode(self, sequences: Sequence[str]) -> tuple[list[list[int]], list[str]]:
        ids: list[list[int]] = []
        reasons: list[str] = []
        for sequence in sequences:
            try:
                tokens, reason = self.model.domain.encode(sequence), ""
            except DataError as error:
                tokens, reason = [], str(error)
            if len(tokens) > self.model.max_length:
                reason = f"{len(tokens)} tokens, the model writes {self.model.max_length}"
                tokens = []
            ids.append(tokens)
            reasons.append(reason if tokens or reason else "no tokens")
        return ids, reasons

    def _estimate(self, x_0: Tensor, keys: list[int]) -> Floats:
        """Return the estimates `(B,)` of tokens `(B, L)`."""
        denoiser = self.model.denoiser
        device = next(iter(denoiser.state_dict().values()), x_0).device
        draw = torch.arange(self.draws)
        root = random.fold(torch.tensor(keys), self.seed)
        row_keys = random.fold(root[:, None], draw[None, :]).reshape(-1)
        strata = (draw + random.uniform_at(root, torch.tensor(0))[:, None]) / self.draws
        rows = x_0.repeat_interleave(self.draws, 0).to(device)
        training = denoiser.training
        denoiser.eval()
        try:
            with torch.no_grad():
                bound = nelbo(
                    denoiser,
                    self.model.process,
                    rows,
                    torch.ones_like(rows, dtype=torch.bool),
                    row_keys.to(device),
                    self.form,
                    u=strata.reshape(-1).to(device),
                )
        finally:
            denoiser.train(training)
        mean = -bound.double().reshape(len(x_0), self.draws).mean(1)
        return np.asarray((mean / x_0.shape[1] if self.per_token else mean).cpu().numpy())


def _key(sequence: str) -> int:
    digest = hashlib.sha256(sequence.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _identity(model: Model) -> str:
    """Name the model by its weights, process and domain, for the cache key."""
    process = model.process
    about: list[object] = [process.kind, type(process.schedule).__name__]
    about.append(process.schedule.settings())
    if isinstance(process, ClassMaskedProcess):
        about.append(repr(process))
    text = f"{fingerprint(model.denoiser)} {about} {model.domain.settings()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
