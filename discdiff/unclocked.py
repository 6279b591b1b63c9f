r"""A class-masked model without its clock: $p(x_0^i\mid\text{what is visible})$, in any order.

Masks of a class-masked process say something of what they hide, but at $t=1$, where everything is
masked. A position that is frozen says nothing by its being visible. So a network that was trained
with frozen positions also knows the conditionals of plain masked diffusion: they are its answers
with masks at $t=1$ and all else frozen.
"""

from __future__ import annotations

from torch import Tensor

from discdiff.class_masked import ClassMaskedProcess
from discdiff.denoiser import At, Denoiser
from discdiff.errors import UnsupportedError
from discdiff.model import Model
from discdiff.process import MaskedProcess


class Unclocked(Denoiser):
    """The answers of `inner` with masks at t = 1 and all else frozen.

    Args:
        inner: the network of a class-masked process, trained with frozen positions.

    Example:
        >>> import torch
        >>> from discdiff.denoiser import TabularDenoiser
        >>> from discdiff.schedule import Polynomial
        >>> slow = {"token_classes": {"slow": [1]}, "schedules": {"slow": Polynomial(3.0)}}
        >>> table, process = torch.tensor([[0], [1]]), ClassMaskedProcess(2, **slow)
        >>> net = TabularDenoiser(table, torch.ones(2), process)
        >>> late = torch.tensor([0.5])
        >>> net(torch.tensor([[2]]), late).exp().tolist()
        [[[0.8, 0.2]]]
        >>> Unclocked(net)(torch.tensor([[2]]), late).exp().tolist()
        [[[0.5, 0.5]]]
    """

    def __init__(self, inner: Denoiser) -> None:
        super().__init__(inner.vocab_size, inner.max_length, needs_time=False)
        self.inner = inner
        self.classes = getattr(inner, "classes", 0)

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        mask = self.vocab_size
        hidden = x_t[..., mask].detach() if x_t.is_floating_point() else (x_t == mask).double()
        found: Tensor = self.inner(x_t, hidden, cond, at)
        return found


def in_any_order(model: Model, what: str) -> Model:
    """Return a class-masked model as the plain masked one that it also is; others as they are.

    Args:
        model: the model.
        what: that needs it, for the message.

    Raises:
        UnsupportedError: if a class-masked model was not trained with frozen positions.
    """
    process = model.process
    if not isinstance(process, ClassMaskedProcess):
        return model
    if not model.frozen_training:
        raise UnsupportedError(
            f"{what} reveals tokens in an order of its own, for which a {process.kind} model must "
            "be trained with frozen_fraction > 0; or use first_hitting or ancestral"
        )
    plain = MaskedProcess(process.vocab_size, process.schedule)
    parts = (Unclocked(model.denoiser), plain, model.domain, model.lengths)
    return Model(*parts, model.card, model.frozen_training)
