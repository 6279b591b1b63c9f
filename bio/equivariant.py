"""Networks that read both strands: what they say of a sequence and of its reverse complement."""

from __future__ import annotations

import torch
from torch import Tensor

from discdiff.bio.bases import reverse_complement
from discdiff.denoiser import At, Denoiser
from discdiff.domain import Alphabet
from discdiff.errors import UnsupportedError

_FLOOR = -1e4  # stands in for the logarithm of 0 until the two strands are averaged


class ReverseComplement(Denoiser):
    r"""A denoiser whose answer for a sequence is that for its reverse complement, read backwards.

    With $\bar x$ the reverse complement of $x$ within its own length $\ell$ and $\bar v$ the
    complement of base $v$,
    $\log p'(x_0^i=v\mid x_t)=\frac12[\log p(x_0^i=v\mid x_t)
    +\log p(x_0^{\ell-1-i}=\bar v\mid\bar x_t)]$, normalised. So a sampler that treats positions
    alike draws a sequence and its reverse complement equally often. A base that one strand
    excludes is excluded; where they agree on none, those that either allows remain.

    One pass of twice the rows; `nfe` counts rows as they are asked for, half of those passed.

    Args:
        inner: the network, over one of four bases a token.
        alphabet: its tokens.

    Raises:
        UnsupportedError: if the tokens are no bases, or one lacks its complement.

    Example:
        >>> from discdiff.denoiser import FactorisedDenoiser
        >>> net = FactorisedDenoiser(torch.tensor([[0.8, 0.1, 0.1, 0.0125]]).log())
        >>> both = ReverseComplement(net, Alphabet("ACGT"))
        >>> both(torch.tensor([[4]]), torch.tensor([1.0])).exp()[0, 0]
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    complement: Tensor

    def __init__(self, inner: Denoiser, alphabet: Alphabet) -> None:
        bases = "".join(alphabet.tokens)
        pairs = [reverse_complement(base, bases) for base in alphabet.tokens]
        if not set(bases) <= set("ACGTU") or set(pairs) != set(alphabet.tokens):
            raise UnsupportedError(
                f"equivariant must be false where tokens are no complementary bases, got {bases!r}"
            )
        if inner.vocab_size != len(alphabet):
            raise UnsupportedError(
                "equivariant must be false for a model that writes where a design ends"
            )
        super().__init__(inner.vocab_size, inner.max_length, inner.needs_time)
        self.inner, self.classes = inner, inner.classes
        ids = [*map(alphabet.index, pairs), alphabet.mask_id, alphabet.pad_id]
        self.register_buffer("complement", torch.tensor(ids))

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Tensor | None = None, at: At | None = None
    ) -> Tensor:
        places = self._turned(x_t)
        both = torch.cat([x_t, self._other_strand(x_t, places)])
        times = torch.cat([t, t.gather(1, places) if t.dim() == 2 else t])
        classes = None if cond is None else torch.cat([cond, cond])
        size = self.vocab_size
        if at is None:
            own, other = self.inner(both, times, classes).chunk(2)
            other = other.gather(1, places[..., None].expand(-1, -1, size))
        else:
            rows, cols = at
            columns = torch.cat([cols, places[rows, cols]])
            twice = (torch.cat([rows, rows + len(x_t)]), columns)
            own, other = self.inner(both, times, classes, twice).chunk(2)
        return _mean(own, other[..., self.complement[:size]])

    def _turned(self, x_t: Tensor) -> Tensor:
        """Return where each position stands on the other strand, `(B, L)`."""
        pad = self.vocab_size + 1
        filled = x_t[..., pad] < 0.5 if x_t.is_floating_point() else x_t != pad
        length = filled.sum(1, keepdim=True)
        place = torch.arange(x_t.shape[1], device=x_t.device)
        return torch.where(place < length, length - 1 - place, place)

    def _other_strand(self, x_t: Tensor, places: Tensor) -> Tensor:
        if not x_t.is_floating_point():
            return self.complement[x_t.gather(1, places)]
        turned = x_t.gather(1, places[..., None].expand(x_t.shape))
        return turned[..., self.complement]


def _mean(own: Tensor, other: Tensor) -> Tensor:
    mean = 0.5 * (own.clamp(min=_FLOOR) + other.clamp(min=_FLOOR))
    log_p = mean.log_softmax(-1)
    return log_p.masked_fill(log_p < 0.25 * _FLOOR, -torch.inf)
