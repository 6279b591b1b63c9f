r"""A network that has learned the soft value $\log\mathbb E[e^{\lambda r(x_0)}\mid x_t]$."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from discdiff import _check
from discdiff.errors import CheckpointError, InputError
from discdiff.fingerprint import fingerprint
from discdiff.guidance.value import live_rows
from discdiff.nn.transformer import Transformer
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.state import State

if TYPE_CHECKING:
    from discdiff.guidance.value_training import Loss

FORMAT_VERSION = 1
CONFIG, WEIGHTS = "value.json", "value.safetensors"
_ROWS = 512  # of a pass


class ValueNetwork(nn.Module):
    """One number a row: the mean over its tokens of what a transformer makes of them.

    Args:
        vocab_size: V.
        max_length: longest row.
        width: of the transformer.
        depth: of the transformer.
        heads: of the transformer.
        needs_time: whether the number depends on `t`.

    Example:
        >>> network = ValueNetwork(4, 8, width=16, depth=1, heads=2)
        >>> network(torch.tensor([[0, 4, 5, 5]]), torch.ones(1)).shape
        torch.Size([1])
    """

    centre: Tensor

    def __init__(
        self,
        vocab_size: int,
        max_length: int,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        *,
        needs_time: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = Transformer(vocab_size, max_length, width, depth, heads, needs_time=needs_time)
        self.trunk.head = nn.Linear(width, 1)
        nn.init.zeros_(self.trunk.head.weight)
        nn.init.zeros_(self.trunk.head.bias)
        # added to what the network says: it begins with a constant that is about right
        self.register_buffer("centre", torch.zeros((), dtype=torch.float64))

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON values."""
        names = ("vocab_size", "max_length", "width", "depth", "heads", "needs_time")
        return {name: getattr(self.trunk, name) for name in names}

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return float64 log-values `(B,)` of int64 tokens `(B, L)` at times `(B,)`."""
        real = x_t != self.trunk.vocab_size + 1
        found = self.trunk.head(self.trunk.features(x_t, t))[..., 0].double()
        mean = torch.where(real, found, 0.0).sum(1) / real.sum(1).clamp(min=1)
        return mean + self.centre


class LearnedValue:
    r"""Values of unfinished designs from a network: no evaluation and no pass of the denoiser.

    It is fitted to designs of one sampler and reward at one scale λ; asked at another scale
    $\lambda'$ it answers $\lambda'/\lambda$ times what it learned.

    Args:
        network: tokens and times to log-values.
        scale: the λ that it was fitted at.

    Attributes:
        counts: what fitting cost: `designs` drawn, rows of the denoiser `nfe`, evaluations
            `requested`.

    Raises:
        InputError: if `scale` is 0 or not finite.

    Law: exact in every weighted method; in SVDD exact as candidates → ∞ where the network is.

    Source: Derivative-Free Guidance in Continuous and Discrete Diffusion Models with Soft
    Value-Based Decoding (Li et al., 2024, arXiv:2408.08252), there for the mean of the reward.

    Example:
        >>> from discdiff.guidance.svdd import SVDD
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> value = LearnedValue.fit(sampler, reward, scale=5.0, designs=64, steps=50, key=1)
        >>> value.counts["requested"]
        64
        >>> SVDD(candidates=10, scale=5.0, value=value).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    def __init__(self, network: ValueNetwork, scale: float) -> None:
        self.network = network.eval()
        self.scale = _check.finite("scale", scale)
        if scale == 0:
            raise InputError("scale must not be 0, at which all values are")
        self.fingerprint = fingerprint(network)
        self.counts: dict[str, int] = {}

    @classmethod
    def fit(
        cls,
        sampler: Sampler,
        reward: Reward,
        *,
        scale: float = 10.0,
        designs: int = 1024,
        loss: Loss = "linex",
        bootstrap: int = 0,
        steps: int = 2000,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        follow: float = 0.02,
        network: ValueNetwork | None = None,
        key: int = 0,
        accelerator: str = "cpu",
        logger: Any = False,
        progress: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> LearnedValue:
        r"""Return a value fitted to designs that the sampler draws, each evaluated by the reward.

        With $y$ the target and $V$ the network's answer the losses are `linex`
        $e^{y-V}-(y-V)-1$, `exponential` $e^V-e^yV$ and `contrastive`
        $-\sum_ke^{y_k}\log\mathrm{softmax}(V)_k$ over a batch (V up to a constant, which is set at
        the end). The minimiser of each is $\log\mathbb E[e^y\mid x_t]$. The target is λ times the
        reward of the design that the state became; with `bootstrap` children it is the value of
        each child of the next event, by a copy of the network that follows it slowly, and λ r for
        finished children. A design without a reward has the weight $e^y=0$.

        Args:
            sampler: the base sampler.
            reward: tokens to reward; what is drawn here is counted in its meter.
            scale: λ.
            designs: drawn for it.
            loss: `linex`, `exponential` or `contrastive`.
            bootstrap: children of every state whose values are its target; 0 for the design that it
                became. Finished children are evaluated, one for each design and child.
            steps: of the optimiser.
            batch_size: states of a step.
            learning_rate: of AdamW at the start; it falls to 0 along a cosine.
            follow: share of the network that its copy takes over at every step.
            network: what is fitted, in place; a small transformer by default.
            key: of the designs and of all that is random in fitting.
            accelerator: Lightning's name of the device.
            logger: a logger of Lightning, for the loss.
            progress: whether to show a progress bar.
            given: what is fixed of every design, as for `Sampler.init`: `length`, `template`,
                `seeds`, `cond`.

        Raises:
            InputError: if an argument is out of range, or no design has a reward.

        Source: linex, A Bayesian approach to real estate assessment (Varian, 1975); contrastive,
        Contrastive Energy Prediction for Exact Energy-Guided Diffusion Sampling in Offline
        Reinforcement Learning (Lu et al., 2023, arXiv:2304.12824), with weights that are not
        normalised within the batch, which makes it exact for any.
        """
        from discdiff.guidance.value_training import Fitting, fit, gathered

        settings = Fitting(
            loss, steps, batch_size, learning_rate, follow, key, accelerator, logger, progress
        )
        if _check.finite("scale", scale) == 0:
            raise InputError("scale must not be 0, at which all values are")
        if loss == "contrastive" and bootstrap:
            raise InputError("bootstrap must be 0 with loss='contrastive', which fixes no constant")
        states = gathered(
            sampler,
            reward,
            scale,
            _check.positive_int("designs", designs),
            _check.non_negative_int("bootstrap", bootstrap),
            key,
            dict(given or {}),
        )
        model = sampler.model
        if network is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(key)
                network = ValueNetwork(
                    model.vocab_size, model.max_length, needs_time=model.process.needs_time
                )
        value = cls(fit(network, states, settings), scale)
        value.counts = states.counts
        return value

    @torch.no_grad()
    def __call__(
        self, sampler: Sampler, state: State, reward: Reward, scale: float
    ) -> tuple[State, Tensor]:
        self._check_fits(sampler)
        live = live_rows(sampler, state)
        self.network.to(state.tokens.device)
        found = [
            self.network(state.tokens[rows], state.t[rows]) for rows in torch.split(live, _ROWS)
        ]
        values = torch.zeros_like(state.log_weight)
        values[live] = torch.cat(found) * (scale / self.scale)
        return state, values

    def save(self, folder: str | Path) -> None:
        """Write the network to a folder, new or with an older value.

        Raises:
            InputError: if the folder holds something else.
        """
        folder = Path(folder)
        if folder.exists() and not (folder.is_dir() and _holds_value(folder)):
            raise InputError(f"folder must be new or hold a value, got {str(folder)!r}")
        folder.mkdir(parents=True, exist_ok=True)
        weights = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        config = {"format": FORMAT_VERSION, "scale": self.scale, "counts": self.counts}
        config |= {"network": self.network.settings()}
        safetensors.torch.save_file(weights, folder / WEIGHTS)
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str) -> LearnedValue:
        """Return the value that `save` wrote to a folder.

        Args:
            folder: where it is.

        Raises:
            CheckpointError: if there is none, or it cannot be read.
        """
        path = Path(folder)
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
            weights = safetensors.torch.load_file(path / WEIGHTS)
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise CheckpointError(f"{path} does not hold a value: {error}") from error
        try:
            if config["format"] != FORMAT_VERSION:
                raise CheckpointError(
                    f"{path / CONFIG} must have the format {FORMAT_VERSION}, got {config['format']}"
                )
            network = ValueNetwork(**config["network"])
            network.load_state_dict(weights)
            value = cls(network, config["scale"])
            value.counts = dict(config["counts"])
        except (KeyError, TypeError, RuntimeError, InputError) as error:
            raise CheckpointError(f"{path / CONFIG} does not describe a value: {error}") from error
        return value

    def _check_fits(self, sampler: Sampler) -> None:
        here = (sampler.model.vocab_size, sampler.model.max_length)
        learned = (self.network.trunk.vocab_size, self.network.trunk.max_length)
        if here[0] != learned[0] or here[1] > learned[1]:
            raise InputError(
                f"value must be one of {here[0]} tokens and rows of {here[1]}, got one that was "
                f"learned for {learned[0]} and {learned[1]}"
            )
        if sampler.process.needs_time and not self.network.trunk.needs_time:
            raise InputError("value must read the time on a process whose states depend on it")

    def __repr__(self) -> str:
        return f"LearnedValue(scale={self.scale}, fingerprint={self.fingerprint!r})"


def _holds_value(folder: Path) -> bool:
    inside = {file.name for file in folder.iterdir()}
    return inside <= {CONFIG, WEIGHTS}
