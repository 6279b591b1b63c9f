r"""Optimisers of a denoiser: AdamW for everything, or Muon for its matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from discdiff import _check

OPTIMISERS = ("adamw", "muon")


def optimiser(
    network: nn.Module,
    name: str = "adamw",
    *,
    rate: float,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.99),
) -> torch.optim.Optimizer:
    """Return the optimiser called `name` of the parameters of `network`.

    Matrices decay; vectors and the tables of `nn.Embedding` do not.

    Args:
        network: the denoiser.
        name: `adamw`, or `muon`: Muon for hidden matrices and AdamW for tables, vectors and the
            `head`.
        rate: peak learning rate, of the same meaning in both.
        weight_decay: of matrices.
        betas: of AdamW.

    Raises:
        InputError: if `name` is unknown.

    Example:
        >>> network = nn.Sequential(nn.Embedding(4, 8), nn.Linear(8, 8))
        >>> len(optimiser(network, "muon", rate=1e-3).param_groups)
        2
    """
    _check.one_of("optimiser", name, OPTIMISERS)
    tables = {m.weight for m in network.modules() if isinstance(m, nn.Embedding)}
    hidden: list[Tensor] = []
    outer: list[Tensor] = []
    plain: list[Tensor] = []
    for label, parameter in network.named_parameters():
        if parameter.ndim < 2 or parameter in tables:
            plain.append(parameter)
        elif name == "muon" and parameter.ndim == 2 and not label.startswith("head."):
            hidden.append(parameter)
        else:
            outer.append(parameter)
    groups = [
        {"params": outer, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, betas=betas)
    if not hidden:
        return adamw
    muon = torch.optim.Muon(
        hidden, lr=rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return Together(muon, adamw)


class Together(torch.optim.Optimizer):
    """Several optimisers of different parameters that step, save and load as one.

    Args:
        parts: the optimisers; the first one's rate is the default rate.

    Source: Muon is Scalable for LLM Training (Liu et al., 2025, arXiv:2502.16982) for Muon beside
    AdamW at one rate.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> pair = [torch.optim.SGD([parameter], lr=0.1) for parameter in layer.parameters()]
        >>> len(Together(*pair).param_groups)
        2
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        groups = [group for part in parts for group in part.param_groups]
        super().__init__([dict(group) for group in groups], parts[0].defaults)
        self._share()

    def _share(self) -> None:
        # the same dictionaries, so a rate set here is the rate of the part
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run `closure`, then step every part; return the loss of `closure`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the parts, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the states of the parts, in order."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()
