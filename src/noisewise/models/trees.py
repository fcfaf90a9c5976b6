"""A boosted ensemble of decision trees as a torch module, which can be evaluated and stored like a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class BoostedTrees(nn.Module):
    """T trees of at most M nodes that vote for K classes; logits whose softmax is the SAMME probability.

        f(x) = sum_t a_t v_t(leaf),    v = 1 for the class of the leaf and -1 / (K - 1) for the others
        logits = f / (K - 1)

    Args:
        feature: (T, M) int64, the position in the flattened input that a node compares.
        threshold: (T, M) float32; a row goes left if its value is at most the threshold.
        following: (T, M, 2) int64 left and right child; a leaf is its own child.
        votes: (T, M, K) float32 v of every node.
        alphas: (T,) float32 weights of the trees.
        depth: number of comparisons after which every row is in a leaf.
    """

    feature: Tensor
    threshold: Tensor
    following: Tensor
    alphas: Tensor
    used: Tensor

    def __init__(
        self, feature: Tensor, threshold: Tensor, following: Tensor, votes: Tensor, alphas: Tensor, depth: int
    ) -> None:
        super().__init__()
        for name, value in (
            ("feature", feature),
            ("threshold", threshold),
            ("following", following),
            ("alphas", alphas),
        ):
            self.register_buffer(name, value)
        self.register_buffer("used", torch.ones_like(alphas))
        self.votes = nn.Parameter(votes)
        self.depth = depth

    def use(self, trees: int) -> None:
        """Restrict the vote to the first `trees` trees."""
        self.used.copy_(torch.arange(len(self.used), device=self.used.device) < trees)

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) logits of inputs (B, ...)."""
        x = x.flatten(1)
        trees = torch.arange(len(self.alphas), device=x.device)
        node = trees.new_zeros(len(x), len(trees))
        for _ in range(self.depth):
            right = x.gather(1, self.feature[trees, node]) > self.threshold[trees, node]
            node = self.following[trees, node, right.long()]
        score = (self.votes[trees, node] * (self.alphas * self.used)[:, None]).sum(dim=1)
        return score / (score.shape[-1] - 1)


def tree_tensors(trees: list[Any], labels: np.ndarray, alphas: np.ndarray, classes: int) -> dict[str, Any]:
    """The arguments of `BoostedTrees` for fitted trees of scikit-learn.

    Thresholds are rounded down to float32, which does not change any comparison with a float32 number.

    Args:
        trees: T fitted `sklearn.tree.Tree`.
        labels: (k,) the class of each of their columns.
        alphas: (T,) weights of the trees.
        classes: K.
    """
    nodes = max(tree.node_count for tree in trees)
    feature = np.zeros((len(trees), nodes), dtype=np.int64)
    threshold = np.zeros((len(trees), nodes), dtype=np.float32)
    following = np.tile(np.arange(nodes)[None, :, None], (len(trees), 1, 2))
    votes = np.full((len(trees), nodes, classes), -1 / (classes - 1), dtype=np.float32)
    for t, tree in enumerate(trees):
        inner = np.flatnonzero(tree.children_left >= 0)
        feature[t, inner] = tree.feature[inner]
        threshold[t, inner] = _round_down(tree.threshold[inner])
        following[t, inner, 0], following[t, inner, 1] = tree.children_left[inner], tree.children_right[inner]
        votes[t, np.arange(tree.node_count), labels[tree.value[:, 0].argmax(axis=1)]] = 1.0
    found: dict[str, Any] = {
        name: torch.as_tensor(value)
        for name, value in (("feature", feature), ("threshold", threshold), ("following", following), ("votes", votes))
    }
    found["alphas"] = torch.as_tensor(alphas, dtype=torch.float32)
    return {**found, "depth": max(int(tree.max_depth) for tree in trees)}


def _round_down(values: np.ndarray) -> np.ndarray:
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
