"""Feynman-Kac steering: sequential Monte Carlo over K particles per design."""

from __future__ import annotations

from typing import Literal

from discdiff import _check
from discdiff.guidance.method import Guidance, Progress, conclude
from discdiff.guidance.particles import ParticleLoop
from discdiff.guidance.population import POTENTIALS, Potential
from discdiff.guidance.resample import SCHEMES, Scheme
from discdiff.guidance.value import SampledValue, Value
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.samples import Samples
from discdiff.samplers.state import State


class FKSteering(Guidance):
    r"""Resamples K particles by potentials whose product is $e^{\lambda r(x_0)}$.

    With $v_t$ the estimated value: `difference` $e^{\lambda(v_s-v_t)}$, `max`
    $e^{\lambda\max_{u\ge s}v_u}$, `sum` $e^{\lambda\sum_{u\ge s}v_u}$; the terminal potential
    divides by the product along the particle's own lineage. Values may be tempered: after $e$ of
    `ramp` events they count with $\lambda e/\mathrm{ramp}$, $e^{\lambda_sr_s-\lambda_tr_t}$,
    so that early and uncertain ones decide less.

    Args:
        particles: K.
        scale: inverse temperature λ.
        value: estimates values; one sampled posterior design by default.
        potential: `difference`, `max` or `sum`.
        threshold: resample when the effective sample size falls below this fraction of K; 1
            resamples at every valued event.
        scheme: `ssp`, `systematic` or `multinomial`.
        interval: events between two evaluations of values.
        skip: events before the first, while previews still say little.
        ramp: events over which the λ of values rises to `scale`; 0 for at once.
        keep: `one` design per population, drawn by its weight, or `all` K with their weights.

    Raises:
        InputError: if an argument is out of range, or n is no multiple of K with `keep="all"`.

    Law: exact as particles → ∞, for every potential and value; the normaliser is unbiased.

    Source: A General Framework for Inference-time Scaling and Steering of Diffusion Models
    (Singhal et al., 2025, arXiv:2501.06848).

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> sampler = FirstHitting(Model.tabular(["AC", "GT"]))
        >>> reward = Reward(sampler.model.domain, lambda strings: [s.count("G") for s in strings])
        >>> FKSteering(particles=16, scale=50.0).run(sampler, reward, 2, key=1).strings
        ['GT', 'GT']
    """

    def __init__(
        self,
        particles: int = 16,
        scale: float = 10.0,
        value: Value | None = None,
        potential: Potential = "difference",
        threshold: float = 0.5,
        scheme: Scheme = "ssp",
        interval: int = 1,
        skip: int = 0,
        ramp: int = 0,
        keep: Literal["one", "all"] = "one",
    ) -> None:
        _check.one_of("potential", potential, POTENTIALS)
        _check.one_of("scheme", scheme, SCHEMES)
        self.keep = _check.one_of("keep", keep, ("one", "all"))
        self.particles = _check.positive_int("particles", particles)
        self.returned = particles if keep == "all" else 1
        self.loop = ParticleLoop(
            value=SampledValue() if value is None else value,
            scale=_check.finite("scale", scale),
            ramp=_check.non_negative_int("ramp", ramp),
            potential=potential,
            group=self.particles,
            threshold=_check.fraction("threshold", threshold),
            scheme=scheme,
            interval=_check.positive_int("interval", interval),
            skip=_check.non_negative_int("skip", skip),
        )

    def guide(
        self, sampler: Sampler, reward: Reward, state: State, progress: Progress | None
    ) -> Samples:
        return self.steer(self.loop, sampler, reward, state, progress)

    def steer(
        self,
        loop: ParticleLoop,
        sampler: Sampler,
        reward: Reward,
        state: State,
        progress: Progress | None,
    ) -> Samples:
        """Return the designs that `loop` makes of the populations; arguments as in `guide`."""
        done, ledger = loop.run(sampler, reward, state, progress)
        pick: Literal["all", "softmax"] = "all" if self.keep == "all" else "softmax"
        return conclude(sampler, done.state, done.entry, ledger, self.particles, pick)
