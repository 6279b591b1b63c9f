r"""Masked diffusion in which tokens of different classes are masked on different schedules.

With $m_t^v=1-\alpha_{c(v)}(t)$ the noise level of the class $c(v)$ of token $v$, per position:

* forward: $q(x_t=m\mid x_0=v)=m_t^v$;
* posterior, for an exact network: $p(x_0\mid x_t)\propto p(x_0)\prod_{i:x_t^i=m}m_t^{x_0^i}$ over
  the $x_0$ that agree with what is visible: a mask says something of the class, so it depends on t;
* reverse, with $p(v)=p(x_0=v\mid x_t)$ and $s<t$: $p(x_s=v\mid x_t=m)=p(v)(m_t^v-m_s^v)/m_t^v$, and
  the mask stays with probability $\sum_vp(v)m_s^v/m_t^v$;
* in the limit, $v$ is revealed at the rate $r_t^vp(v)$ with $r_t^v=\dot m_t^v/m_t^v$.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from discdiff import _check
from discdiff.domain import Domain
from discdiff.errors import InputError
from discdiff.process import Absorbing, Transition, per_position
from discdiff.schedule import Schedule


def class_ids(domain: Domain) -> dict[str, list[int]]:
    """Return the token ids of the classes that `domain` names.

    Raises:
        DataError: if a class has a token that the domain does not.

    Example:
        >>> from discdiff.chem.smiles import Smiles
        >>> class_ids(Smiles(["(", ")", "=", "C", "1"]))
        {'branch': [0, 1], 'bond': [2], 'ring': [4]}
    """
    named = domain.token_classes()
    return {name: [domain.alphabet.index(token) for token in named[name]] for name in named}


class ClassMaskedProcess(Absorbing):
    r"""Absorbing diffusion with a schedule for each class of tokens.

    The network's output is $p(x_0^i\mid x_t)$ with all that the masks say, so it needs the time.

    Args:
        vocab_size: V, the number of sampleable tokens; the mask is V.
        schedule: of the tokens whose class has no schedule of its own; log-linear by default.
        token_classes: the token ids of each class, by its name; a token is in one class at most.
        schedules: schedules of classes, by name.

    Raises:
        InputError: if a token is in two classes or in none of the alphabet, or a schedule is that
            of no class.

    Attributes:
        distinct: the schedules that tokens have, each once.

    Source: Simplified and Generalized Masked Diffusion for Discrete Data (Shi et al., 2024,
    arXiv:2406.04329); PepTune: De Novo Generation of Therapeutic Peptides with Multi-Objective-
    Guided Discrete Diffusion (Tang et al., 2024, arXiv:2412.17780), with its missing terms.

    Example:
        >>> from discdiff.schedule import Polynomial
        >>> late = {"bond": Polynomial(3.0)}
        >>> process = ClassMaskedProcess(3, token_classes={"bond": [2]}, schedules=late)
        >>> process.levels(torch.tensor([0.5], dtype=torch.float64)).tolist()
        [[0.5, 0.5, 0.125]]
    """

    kind = "class_masked"
    needs_time = True

    def __init__(
        self,
        vocab_size: int,
        schedule: Schedule | None = None,
        token_classes: Mapping[str, Sequence[int]] | None = None,
        schedules: Mapping[str, Schedule] | None = None,
    ) -> None:
        super().__init__(vocab_size, schedule)
        classes = {name: list(ids) for name, ids in (token_classes or {}).items()}
        self.token_classes, self.schedules = classes, dict(schedules or {})
        for name, one in self.schedules.items():
            if name not in classes:
                raise InputError(
                    f"schedules must be those of classes ({', '.join(classes) or 'there is none'})"
                    f", got one of {name!r}.{_check.suggestion(name, classes)}"
                )
            if not isinstance(one, Schedule):
                raise InputError(f"schedules must be schedules, got {one!r} of {name!r}")
        owner: dict[int, str] = {}
        for name, ids in classes.items():
            for token in ids:
                if not 0 <= token < vocab_size:
                    raise InputError(
                        f"token_classes must hold ids in [0, {vocab_size}), got {token} in {name!r}"
                    )
                if owner.setdefault(token, name) != name:
                    raise InputError(
                        f"token_classes must share no token, got {token} in {owner[token]!r} and "
                        f"{name!r}"
                    )
        own = [self.schedules.get(owner.get(v, ""), self.schedule) for v in range(vocab_size)]
        self.distinct: tuple[Schedule, ...] = tuple({id(one): one for one in own}.values())
        places = {id(one): place for place, one in enumerate(self.distinct)}
        self._place = torch.tensor([places[id(one)] for one in own])

    def levels(self, t: Tensor) -> Tensor:
        """Return the noise level of every token at times of any shape, float64 `(..., V)`."""
        t = t.to(torch.float64)
        return self._by_token([schedule.noise(t) for schedule in self.distinct])

    def rates(self, t: Tensor) -> Tensor:
        r"""Return $r_t^v=\dot m_t^v/m_t^v$ at times of any shape above 0, float64 `(..., V)`."""
        t = t.to(torch.float64)
        return self._by_token([one.alpha_prime(t).neg() / one.noise(t) for one in self.distinct])

    def clocks(self, level: Tensor) -> Tensor:
        """Return the time at which every token has a noise level, float64 `(..., V)`."""
        level = level.to(torch.float64)
        return self._by_token([schedule.time_at_noise(level) for schedule in self.distinct])

    def _by_token(self, found: list[Tensor]) -> Tensor:
        stacked = torch.stack(found, dim=-1)
        return stacked[..., self._place.to(stacked.device)]

    def noise_of(self, x_0: Tensor, t: Tensor) -> Tensor:
        token = x_0.clamp(max=self.vocab_size - 1)[..., None]
        return self.levels(per_position(t, x_0)).gather(-1, token)[..., 0]

    def transition(self, x_t: Tensor, log_p_x0: Tensor, t: Tensor, s: Tensor) -> Transition:
        """Return the reverse kernel over V + 1 ids, the mask last; arguments as in `Process`."""
        t, s = per_position(t, x_t), per_position(s, x_t)
        stays = self.stay_probability(log_p_x0, t, s)
        shown = log_p_x0 + self._revealed(t, s).log()
        masked = torch.cat([shown, stays.log()[..., None]], dim=-1)
        own = torch.nn.functional.one_hot(x_t.clamp(max=self.mask_id), self.mask_id + 1)
        visible = torch.where(own.bool(), 0.0, -torch.inf).double()
        return Transition(torch.where((x_t == self.mask_id)[..., None], masked, visible))

    def stay_probability(self, log_p_x0: Tensor, t: Tensor, s: Tensor) -> Tensor:
        r"""Return $\sum_vp(v)m_s^v/m_t^v$, the chance of a mask at `t` to be one at `s`.

        Args:
            log_p_x0: log-probabilities `(..., V)`.
            t: times `(...)`.
            s: earlier times `(...)`.
        """
        kept = self.levels(s) / self.levels(t)
        return (log_p_x0.double().exp() * kept).sum(-1).clamp(max=1.0)

    def _revealed(self, t: Tensor, s: Tensor) -> Tensor:
        """Return the chance of each token under a mask to be shown from `t` to `s`, `(..., V)`."""
        level = self.levels(t)
        return ((level - self.levels(s)) / level).clamp(0.0, 1.0)

    def event_log_probs(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Return the log-law `(N, V)` of tokens that are revealed from `t` to `s`, or just at `t`.

        Arguments as in `Process`; where `s` is `t`, tokens are in proportion to their rates.
        """
        moment = (s == t)[..., None]
        weight = torch.where(moment, self.rates(t), self._revealed(t, s))
        return torch.log_softmax(log_p_x0.double() + weight.log(), dim=-1)

    def clean_at_event(self, log_p_x0: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        return self.event_log_probs(log_p_x0, x_t, t, s)

    def log_bridge(self, x_s: Tensor, x_t: Tensor, t: Tensor, s: Tensor) -> Tensor:
        ids = torch.arange(self.vocab_size, device=x_s.device)
        shown = torch.where(ids == x_s[..., None], 0.0, -torch.inf).double()
        hidden = self.levels(s).log() - self.levels(t).log()
        return torch.where((x_s == self.mask_id)[..., None], hidden, shown)

    def __repr__(self) -> str:
        return (
            f"ClassMaskedProcess({self.vocab_size}, {self.schedule!r}, {self.token_classes!r}, "
            f"{self.schedules!r})"
        )
