"""Weighted denoising cross-entropy: the training loss over designs weighted towards the tilt."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from discdiff import _check, random
from discdiff.denoiser import Denoiser
from discdiff.errors import InputError
from discdiff.guidance.finetune.method import Drawn
from discdiff.guidance.finetune.replay import Buffered, Keep, Replay, by_weight, tempered
from discdiff.guidance.finetune.tree_buffer import draw_by_search
from discdiff.guidance.tree_search import TreeSearch
from discdiff.loss import nelbo, stratified
from discdiff.model import Model
from discdiff.reward import Reward
from discdiff.samplers.engine import Sampler
from discdiff.samplers.first_hitting import FirstHitting

Source = Literal["policy", "tree_search"]
SOURCES: tuple[Source, ...] = ("policy", "tree_search")


class WDCE(Buffered):
    r"""Trains on designs of the policy as if they were data of the tilted law.

    A design drawn from the policy u on a path ω has the weight $e^{W}$ with
    $W=\lambda r+\log p(\omega)-\log u(\omega)$, normalised over a buffer of the newest designs,
    each with the weight it was drawn with. A step takes designs in proportion to their weights and
    masks each R times: the loss is the process's own negative evidence lower bound, whose only
    minimiser is the denoiser of the tilted law. No path is stored for it and none is passed again.
    Where few designs would carry all the weight, weights are $e^{\beta W}$ with the largest
    $\beta\le1$ that leaves enough of them effective: a step from u towards the tilted law. Where
    the conditionals of p agree in every order, W is constant on that law, so β is 1 there and no
    other law is at rest; where they do not, paths of one design differ in W, and what β below 1
    leaves is a bias, which `bias` states.

    Args:
        designs: of a draw.
        every: optimiser steps between two draws.
        scale: inverse temperature λ.
        buffer: designs that are kept.
        batch: designs of a pass, with repeats where weights are uneven.
        replicas: R, times that each is masked, at levels spread evenly.
        effective: least share of the designs of the buffer that the effective sample size is, from
            0, for β = 1 at all times, to below 1.
        source: `policy`, or `tree_search`: a search under the policy proposes designs. The law that
            it draws from is not known: W is then no more than a ranking, and the result is flagged.
        search: options of the search, such as `{children: 16, iterations: 32, designs: 8}`.
        keep: `newest`, or `best`, which is flagged as well.

    Raises:
        InputError: if an argument is out of range.

    Law: exact as designs → ∞, within each length, where one token is drawn an event and β is 1;
    otherwise biased by the error of the plan or by β. Biased with `tree_search` or `best`.

    Source: MDNS: Masked Diffusion Neural Sampler via Stochastic Optimal Control (Zhu et al., 2025,
    arXiv:2508.10684); TR2-D2: Tree Search Guided Trajectory-Aware Fine-Tuning for Discrete
    Diffusion (Tang et al., 2025, arXiv:2509.25171).

    Example:
        >>> from discdiff.model import Model
        >>> from discdiff.samplers.first_hitting import FirstHitting
        >>> model = Model.tabular(["AC", "GT"])
        >>> sampler, method = FirstHitting(model), WDCE(designs=8, scale=2.0)
        >>> reward = Reward(model.domain, lambda strings: [s.count("G") for s in strings])
        >>> method.begin(model, sampler, reward)
        >>> method.take(method.draw(sampler, reward, 8, key=1, first_design=0))
        >>> sorted({round(weight, 6) for weight in method.log_weights().tolist()})
        [0.0, 2.0]
    """

    name: ClassVar[str] = "wdce"

    def __init__(
        self,
        designs: int = 64,
        every: int = 50,
        scale: float = 10.0,
        buffer: int = 512,
        batch: int = 16,
        replicas: int = 4,
        effective: float = 0.1,
        source: Source = "policy",
        search: dict[str, Any] | None = None,
        keep: Keep = "newest",
    ) -> None:
        super().__init__(designs, every, scale)
        self.replay = Replay(buffer, keep)
        self.batch = _check.positive_int("batch", batch)
        self.replicas = _check.positive_int("replicas", replicas)
        self.effective = _check.in_range("effective", effective, 0.0, 0.99)
        self.source = _check.one_of("source", source, SOURCES)
        self.searched = self._at_once = False
        self._power = 1.0
        self.tree: TreeSearch | None = None
        if source == "tree_search":
            self.title = f"{self.name} on designs of a tree search"
            self.tree = TreeSearch(**{"designs": 8, **(search or {})})
            if self.tree.goal != "best":
                raise InputError(f"search must have the goal 'best', got {self.tree.goal!r}")
        elif search is not None:
            raise InputError(f"search must be null where the policy proposes, got {search!r}")

    @property
    def returned(self) -> int:
        return self.tree.returned if self.tree is not None else 1

    def begin(self, pretrained: Model, sampler: Sampler, reward: Reward) -> None:
        super().begin(pretrained, sampler, reward)
        self._at_once = not isinstance(sampler, FirstHitting)

    def draw(
        self, sampler: Sampler, reward: Reward, n: int, *, key: int, first_design: int, **given: Any
    ) -> Drawn:
        where = {"key": key, "first_design": first_design, **given}
        if self.tree is None:
            return super().draw(sampler, reward, n, **where)
        return draw_by_search(self.tree, sampler, reward, n, self.pretrained, **where)

    def forget(self) -> None:
        super().forget()
        self.searched = False
        self._power = 1.0

    def take(self, drawn: Drawn) -> None:
        self.searched = self.searched or drawn.biased
        super().take(drawn)

    def log_weights(self) -> Tensor:
        """Return W of every design in the buffer, `(N,)`; an invalid one has no weight."""
        held = self.replay.held
        weight = self.scale * held.reward + held.log_pre - held.paths.log_prob
        return weight.nan_to_num(nan=-torch.inf)

    def loss(self, policy: Denoiser, key: Tensor) -> tuple[Tensor, dict[str, float]]:
        log_weight, self._power = tempered(self.log_weights(), self.effective)
        index = by_weight(log_weight, self.batch, key.cpu())
        paths = self.replay.held.paths.take(index).to(key.device)
        count = self.batch * self.replicas
        u = stratified(count, int(key)).to(paths.tokens.device)
        keys = random.fold(key, torch.arange(count, device=paths.tokens.device))
        nats = nelbo(
            policy,
            self.pretrained.process,
            paths.tokens.repeat(self.replicas, 1),
            paths.active.repeat(self.replicas, 1),
            keys,
            cond=None if paths.cond is None else paths.cond.repeat(self.replicas),
            u=u,
        ).sum()
        weight = torch.softmax(log_weight, 0)
        size = 1.0 / float(weight.square().sum())
        tokens = paths.active.sum() * self.replicas
        figures = {"effective_designs": size, "power": self._power, "in_buffer": float(len(weight))}
        return nats / tokens, figures

    def state(self) -> dict[str, Any]:
        return super().state() | {"searched": self.searched, "power": self._power}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.searched = bool(state["searched"])
        self._power = float(state["power"])

    @property
    def bias(self) -> str | None:
        law = "some designs were trained on whose law is not known"
        if self.searched:
            return f"{law}: a search proposed them"
        if self.replay.keep == "best" and self.replay.dropped:
            return f"{law}: the best of all were kept"
        if self._at_once:
            return "tokens that the sampler draws at once are drawn independently"
        if self._power < 1.0:
            return f"the last step's weights were those of the tilt to the power {self._power:.2g}"
        return None
