"""Message passing against a dense computation, and what a batch may not change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import erf

from discdiff.errors import InputError
from discdiff.nn.graph import Graph, GraphNet, Graphs

NODES, EDGES = (3, 2), (2, 4)


def random_graph(size: int, seed: int) -> Graph:
    """A connected graph: a random tree and a few further edges."""
    rng = np.random.default_rng(seed)
    pairs = {(int(rng.integers(i)), i) for i in range(1, size)}
    pairs |= {(min(a, b), max(a, b)) for a, b in rng.integers(size, size=(3, 2)).tolist() if a != b}
    ends = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    kinds = np.stack([rng.integers(n, size=len(ends)) for n in EDGES], 1)
    nodes = np.stack([rng.integers(n, size=size) for n in NODES], 1)
    both = np.ascontiguousarray(np.concatenate([ends, ends[:, ::-1]]).T)
    return Graph(nodes, both, np.tile(kinds, (2, 1)))


@pytest.fixture
def net() -> GraphNet:
    torch.manual_seed(0)
    found = GraphNet(NODES, EDGES, 2, width=8, depth=3, dropout=0.2).eval()
    with torch.no_grad():
        for name, value in found.named_parameters():
            if name.endswith(("eps", "norm.weight")):
                value.add_(0.3 * torch.randn_like(value))  # 0 and 1 would hide a fault
    return found


def dense(net: GraphNet, graph: Graph) -> np.ndarray:
    """What the network is defined to say of one graph, with an adjacency matrix, in float64."""
    w = {name: value.double().numpy() for name, value in net.state_dict().items()}

    def norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        mean = (x**2).mean(-1, keepdims=True)
        return x / np.sqrt(mean + np.finfo(np.float32).eps) * weight

    def gelu(x: np.ndarray) -> np.ndarray:
        return x * 0.5 * (1.0 + erf(x / np.sqrt(2.0)))

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def looked_up(values: np.ndarray, name: str, sizes: tuple[int, ...]) -> np.ndarray:
        hot = np.concatenate([np.eye(n)[values[:, i]] for i, n in enumerate(sizes)], 1)
        return hot @ w[f"{name}.table.weight"]

    size = len(graph)
    adjacent = np.zeros((size, size), bool)
    edge = np.zeros((size, size, 8))
    for (start, end), vector in zip(
        graph.ends.T, looked_up(graph.edges, "edges", EDGES), strict=True
    ):
        adjacent[end, start], edge[end, start] = True, vector
    hidden = looked_up(graph.nodes, "nodes", NODES)
    for i in range(len(net.layers)):
        z = norm(hidden, w[f"layers.{i}.norm.weight"])
        message = np.maximum(z[None] + linear(edge, f"layers.{i}.conv.lin"), 0.0)
        mixed = (1.0 + w[f"layers.{i}.conv.eps"]) * z + (message * adjacent[..., None]).sum(1)
        inner = gelu(linear(mixed, f"layers.{i}.conv.nn.0"))
        hidden = hidden + linear(inner, f"layers.{i}.conv.nn.3")
    hidden = norm(hidden, w["norm.weight"])
    pooled = np.concatenate([hidden.mean(0), hidden.sum(0) / 32.0])
    return linear(gelu(linear(pooled, "hidden")), "head")


@torch.no_grad()
def test_layers_are_the_dense_computation(net):
    graphs = [random_graph(size, seed) for seed, size in enumerate((1, 2, 7, 15))]
    said = net(Graphs.of(graphs)).numpy()
    expected = np.stack([dense(net, graph) for graph in graphs])
    np.testing.assert_allclose(said, expected, atol=2e-5)
    moved = Graph(graphs[2].nodes, graphs[2].ends, 1 - graphs[2].edges[:, :1].repeat(2, 1))
    assert np.abs(dense(net, moved) - expected[2]).max() > 1e-3  # edges count


@torch.no_grad()
def test_the_order_of_nodes_does_not_matter(net):
    graph = random_graph(12, seed=5)
    order = np.random.default_rng(1).permutation(12)
    place = np.argsort(order)
    shuffled = np.random.default_rng(2).permutation(graph.ends.shape[1])
    other = Graph(graph.nodes[order], place[graph.ends][:, shuffled], graph.edges[shuffled])
    torch.testing.assert_close(net(Graphs.of([graph])), net(Graphs.of([other])))


@torch.no_grad()
def test_a_row_is_the_same_in_any_batch(net):
    graphs = [random_graph(size, seed=size) for size in (4, 9, 1)]
    together = net(Graphs.of(graphs))
    alone = torch.cat([net(Graphs.of([graph])) for graph in graphs])
    torch.testing.assert_close(together, alone)


def test_all_weights_learn(net):
    net(Graphs.of([random_graph(9, seed=3)])).sum().backward()
    assert all(bool(p.grad.abs().sum() > 0) for p in net.parameters())


def test_refusals():
    with pytest.raises(InputError, match="must each have a category"):
        GraphNet([], [2], 1, 8, 1, 0.0)
    with pytest.raises(InputError, match="sizes must be a positive integer, got 0"):
        GraphNet([0], [2], 1, 8, 1, 0.0)
