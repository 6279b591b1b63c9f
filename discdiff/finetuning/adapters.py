"""Low-rank adapters: a few weights beside frozen ones, which merge into a plain network."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

from discdiff import _check
from discdiff.errors import UnsupportedError

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class LoRA:
    r"""Trains $W+\frac{\alpha}{r}BA$ in place of every linear layer's W, with A and B of rank r.

    Args:
        rank: r.
        alpha: α; by default 2 r.
        targets: linear layers, by the ends of their names; None for all but the head.

    Raises:
        InputError: if an argument is out of range.
    """

    rank: int = 8
    alpha: float | None = None
    targets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check.positive_int("rank", self.rank)
        if self.alpha is not None:
            _check.positive("alpha", self.alpha)

    def adapt(self, network: nn.Module) -> None:
        """Put adapters into `network`, in place; all other weights are frozen.

        Raises:
            UnsupportedError: if peft is not installed, or there is no such layer.
        """
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError as error:
            raise UnsupportedError(
                "lora needs the package peft: pip install 'discdiff[lora]'"
            ) from error
        linear = [n for n, m in network.named_modules() if isinstance(m, nn.Linear) and n != "head"]
        if self.targets is not None:
            linear = [n for n in linear if n.endswith(self.targets)]
        if not linear:
            raise UnsupportedError(
                f"lora needs linear layers, and {type(network).__name__} has none"
                + f" called {', '.join(self.targets or ())}" * (self.targets is not None)
            )
        alpha = 2.0 * self.rank if self.alpha is None else self.alpha
        options: dict[str, Any] = {"r": self.rank, "lora_alpha": alpha, "target_modules": linear}
        inject_adapter_in_model(LoraConfig(**options), network)


def merged(network: Network) -> Network:
    """Return a copy of `network` with its adapters merged into its weights; itself without any."""
    if not any(hasattr(module, "get_base_layer") for module in network.modules()):
        return network
    plain = copy.deepcopy(network)
    adapted = [(n, m) for n, m in plain.named_modules() if hasattr(m, "get_base_layer")]
    for name, module in adapted:
        layer: Any = module
        layer.merge()
        parent, _, last = name.rpartition(".")
        setattr(plain.get_submodule(parent), last, layer.get_base_layer())
    return plain
