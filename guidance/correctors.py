r"""Correctors: powers and products of models, sampled exactly by weights, one token an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from discdiff import _check
from discdiff.errors import InputError, UnsupportedError
from discdiff.guidance.fk import FKSteering
from discdiff.guidance.method import Progress
from discdiff.guidance.resample import Scheme
from discdiff.guidance.value import SampledValue, Value, ZeroValue
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.forward import evaluate
from discdiff.samplers.plan import Event
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class Correctors(FKSteering):
    r"""Samples powers and products of models, times a reward.

    The target is $p(x)^\gamma\,p(x\mid\varnothing)^{\gamma_0}\prod_kp_k(x)^{\gamma_k}\,
    e^{\lambda r(x)}$, with $p(x\mid\varnothing)$ the sampler's own model without its class.
    An event reveals one position. Its token is drawn from the product $f(v)$ of the models'
    conditionals in their powers, normalised, and the weight is multiplied by the normaliser
    $\sum_vf(v)$; particles are resampled as in `FKSteering`. Special cases:

    * annealing: `power` other than 1;
    * a product of models: `models` and `powers`, for designs that all of them find likely;
    * classifier-free guidance of strength $w$: a class, `power` $w$ and `unconditional` $1-w$.

    Each length keeps its chance under the sampler; the target is that of the designs of one length.
    A token that a model in the product gives no chance, in a power below 0 too, is left out.

    Args:
        power: γ of the sampler's own model, greater than 0.
        models: further models over the same alphabet, or names or folders of such.
        powers: their powers; 1 each when None.
        unconditional: power γ₀ of the sampler's model without its class.
        particles: K.
        scale: inverse temperature λ of the reward.
        value: estimates values of the reward; by default one sampled posterior design, and none
            where λ = 0.
        threshold: resample when the effective sample size falls below this fraction of K.
        scheme: `ssp`, `systematic` or `multinomial`.
        interval: events between two evaluations of values.
        skip: events before the first.
        ramp: events over which the λ of values rises to `scale`; 0 for at once.
        keep: `one` design per population, drawn by its weight, or `all` K with their weights.

    Raises:
        InputError: if an argument is out of range, or the alphabets differ.
        UnsupportedError: with another sampler than `first_hitting`, a network that reads the
            clock, or `unconditional` without a class.

    Law: exact as particles → ∞ for networks whose conditionals agree, else the average over orders
    of reveal; the normaliser is unbiased.

    Source: Feynman-Kac Correctors in Diffusion: Annealing, Guidance, and Product of Experts
    (Skreta et al., 2025, arXiv:2503.02819) for the continuous-time form; the weights here are those
    of one token at a time, without an error of discretisation.

    Example:
        >>> from discdiff.model import Model
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"], [0.1, 0.9]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [0.0 for _ in strings])
        >>> method = Correctors(power=2.0, scale=0.0, particles=64)
        >>> samples = method.run(sampler, reward, 50, key=1)
        >>> samples.log_normaliser.exp().mean().round(decimals=2).item()  # .1² + .9²
        0.82
    """

    def __init__(
        self,
        power: float = 1.0,
        models: Sequence[Model | str] = (),
        powers: Sequence[float] | None = None,
        unconditional: float = 0.0,
        particles: int = 16,
        scale: float = 10.0,
        value: Value | None = None,
        threshold: float = 0.5,
        scheme: Scheme = "ssp",
        interval: int = 1,
        skip: int = 0,
        ramp: int = 0,
        keep: Literal["one", "all"] = "one",
    ) -> None:
        estimate = value or (SampledValue() if scale else ZeroValue())
        super().__init__(
            particles,
            scale,
            estimate,
            threshold=threshold,
            scheme=scheme,
            interval=interval,
            skip=skip,
            ramp=ramp,
            keep=keep,
        )
        self.power = _check.positive("power", power)
        self.unconditional = _check.finite("unconditional", unconditional)
        if isinstance(models, str):
            raise InputError(f"models must be a list, got {models!r}")
        self.models = [Model.load(one) if isinstance(one, str) else one for one in models]
        given = [1.0] * len(self.models) if powers is None else list(powers)
        self.powers = [_check.finite("powers", one) for one in given]
        if len(self.powers) != len(self.models) or 0.0 in self.powers:
            raise InputError(
                f"powers must be one other than 0 for each of {len(self.models)} models, got "
                f"{powers!r}"
            )

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        self._refuse(sampler, state)
        run = replace(self.loop, target=self.target(sampler))
        return self.steer(run, sampler, reward, state, progress)

    def target(self, sampler: Sampler) -> _Product:
        """Return what the correctors multiply the sampler's own law by, event by event."""
        others = list(zip(self.models, self.powers, strict=True))
        return _Product(sampler.model, self.power, others, self.unconditional)

    def _refuse(self, sampler: Sampler, state: State) -> None:
        if not isinstance(sampler, FirstHitting):
            raise UnsupportedError(
                f"correctors on a {sampler.process.kind} process need first_hitting, which reveals "
                f"one token an event, got {type(sampler).__name__}"
            )
        if sampler.process.kind != "masked":
            raise UnsupportedError(
                f"correctors on a {sampler.process.kind} process are not supported: the product of "
                "laws would have to decide when a token is revealed; use fk, svdd or isir"
            )
        if self.unconditional and state.cond is None:
            raise UnsupportedError(
                f"unconditional must be 0 without a class (cond), got {self.unconditional}"
            )
        own = sampler.model
        for model in (own, *self.models):
            if model.denoiser.needs_time:
                raise UnsupportedError(
                    "correctors need networks that do not read the clock, whose conditionals "
                    "belong to a law of designs"
                )
            if model.process.kind != own.process.kind:
                raise UnsupportedError(
                    f"models must have a {own.process.kind} process, got {model.process.kind}"
                )
            if model.domain.alphabet.tokens != own.domain.alphabet.tokens:
                raise InputError(
                    "models must have the alphabet of the sampler's model, token by "
                    f"token, got {len(model.domain.alphabet)} other tokens"
                )
            if model.max_length < state.tokens.shape[1]:
                raise InputError(
                    f"models must take {state.tokens.shape[1]} tokens, got {model.max_length}"
                )


class _Product:
    """The log-ratio of the product of models to the sampler's own law."""

    def __init__(
        self,
        model: Model,
        power: float,
        others: Sequence[tuple[Model, float]],
        unconditional: float,
    ) -> None:
        self.model, self.power = model, power
        self.others, self.unconditional = others, unconditional

    def __call__(self, state: State, event: Event, law: Tensor) -> Tensor:
        terms = [(law, self.power - 1.0)]
        for model, power in self.others:
            model.to(law.device)
            terms.append((self._law(model, replace(state, cond=None), event), power))
        if self.unconditional:
            found = self._law(self.model, replace(state, cond=None), event)
            terms.append((found, self.unconditional))
        ratio = torch.zeros_like(law)
        for log_p, power in terms:
            possible = log_p > -torch.inf
            ratio = ratio + torch.where(possible, power * log_p.to(law), -torch.inf)
        # where the law itself has no chance its own -inf is enough
        return torch.where(law > -torch.inf, ratio, 0.0)

    def _law(self, model: Model, state: State, event: Event) -> Tensor:
        return evaluate(model, state, event.t, event.rows, event.cols)
