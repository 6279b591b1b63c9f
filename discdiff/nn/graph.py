"""Graphs as batches of integers, and a network of GINE layers that reads them.

Nothing here knows what the nodes are: of molecules, `discdiff.chem.graphs` says that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.nn.conv import GINEConv

from discdiff import _check
from discdiff.errors import InputError

Ints = NDArray[np.int64]
_TYPICAL = 32.0  # nodes, so that the sum over them is of the size of their mean


@dataclass(frozen=True)
class Graph:
    """One graph; every edge is listed in both directions.

    Attributes:
        nodes: categories of the nodes `(N, A)`.
        ends: from which node to which an edge goes `(2, E)`.
        edges: categories of the edges `(E, B)`.
    """

    nodes: Ints
    ends: Ints
    edges: Ints

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True)
class Graphs:
    """Several graphs as one that is not connected.

    Attributes:
        nodes: categories of all nodes `(N, A)`.
        ends: from which node to which an edge goes `(2, E)`.
        edges: categories of the edges `(E, B)`.
        owner: which graph a node belongs to `(N,)`.
        sizes: numbers of nodes of the graphs `(G,)`.
    """

    nodes: Tensor
    ends: Tensor
    edges: Tensor
    owner: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, graphs: Sequence[Graph]) -> Graphs:
        """Return the batch of some graphs, in order."""
        sizes = np.array([len(graph) for graph in graphs], dtype=np.int64)
        first = np.cumsum(sizes) - sizes
        ends = [graph.ends + start for graph, start in zip(graphs, first, strict=True)]
        return cls(
            torch.from_numpy(np.concatenate([graph.nodes for graph in graphs])),
            torch.from_numpy(np.concatenate(ends, axis=1)),
            torch.from_numpy(np.concatenate([graph.edges for graph in graphs])),
            torch.from_numpy(np.repeat(np.arange(len(graphs)), sizes)),
            torch.from_numpy(sizes),
        )

    def to(self, device: torch.device | str) -> Graphs:
        """Return the batch on `device`."""
        parts = (self.nodes, self.ends, self.edges, self.owner, self.sizes)
        return Graphs(*(part.to(device) for part in parts))


class Categories(nn.Module):
    """The sum of one learned vector for each of several categories.

    Args:
        sizes: how many values each category has.
        width: of the vectors.
    """

    first: Tensor

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        counts = [_check.positive_int("sizes", size) for size in sizes]
        self.table = nn.Embedding(sum(counts), width)
        nn.init.normal_(self.table.weight, std=len(counts) ** -0.5)
        starts = torch.tensor([0, *counts[:-1]]).cumsum(0)
        self.register_buffer("first", starts, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return `(N, width)` of categories `(N, C)`."""
        total: Tensor = F.embedding_bag(values + self.first, self.table.weight, mode="sum")
        return total


class GraphNet(nn.Module):
    r"""Layers of GINE with residual connections, then the mean and the sum over nodes.

    A layer adds to each node
    $\mathrm{MLP}\big((1+\epsilon)z_i+\sum_{j\to i}\max(0, z_j+W e_{ji})\big)$, with z the nodes,
    normed, e the edge and $\epsilon$ learned. Nodes have no order, so a graph whose nodes are
    listed in another order has the same answer.

    Args:
        node_sizes: how many values each category of nodes has.
        edge_sizes: and of edges.
        outputs: R.
        width: channels.
        depth: layers: what is that many edges away is seen.
        dropout: chance that a channel of a layer is dropped in training.

    Raises:
        InputError: if an argument is outside its range.

    Source:
        Strategies for Pre-training Graph Neural Networks (Hu et al., 2020, arXiv:1905.12265).

    Example:
        >>> net = GraphNet([3], [2], 1, width=8, depth=2, dropout=0.0).eval()
        >>> one = Graph(np.array([[0], [2]]), np.array([[0, 1], [1, 0]]), np.array([[1], [1]]))
        >>> net(Graphs.of([one, one, one])).shape
        torch.Size([3, 1])
    """

    def __init__(
        self,
        node_sizes: Sequence[int],
        edge_sizes: Sequence[int],
        outputs: int,
        width: int,
        depth: int,
        dropout: float,
    ) -> None:
        super().__init__()
        if not node_sizes or not edge_sizes:
            raise InputError("nodes and edges must each have a category")
        self.nodes = Categories(node_sizes, width)
        self.edges = Categories(edge_sizes, width)
        self.layers = nn.ModuleList(_Layer(width, dropout) for _ in range(depth))
        self.norm = nn.RMSNorm(width)
        self.hidden = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)
        nn.init.zeros_(self.head.bias)

    def forward(self, graphs: Graphs) -> Tensor:
        """Return numbers `(G, R)`."""
        hidden = self.nodes(graphs.nodes)
        edges = self.edges(graphs.edges)
        for layer in self.layers:
            hidden = layer(hidden, graphs.ends, edges)
        hidden = self.norm(hidden)
        total = hidden.new_zeros(len(graphs.sizes), hidden.shape[1])
        total = total.index_add(0, graphs.owner, hidden)
        sizes = graphs.sizes[:, None].to(total.dtype)
        pooled = torch.cat([total / sizes, total / _TYPICAL], -1)
        out: Tensor = self.head(self.drop(F.gelu(self.hidden(pooled))))
        return out


class _Layer(nn.Module):
    """Norm and GINE, added to what came in."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        inner = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.conv = GINEConv(inner, train_eps=True, edge_dim=width)

    def forward(self, hidden: Tensor, ends: Tensor, edges: Tensor) -> Tensor:
        out: Tensor = hidden + self.conv(self.norm(hidden), ends, edges)
        return out
