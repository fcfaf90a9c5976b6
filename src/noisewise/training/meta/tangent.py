"""The directional derivative of a network's output along a change of its weights, on the graph of its forward pass.

Forward-mode differentiation by torch computes the outputs once more together with their derivative. Here the graph of a
forward pass that has been made anyway is walked from the weights to the output, and every operation's derivative is
computed from the tensors that the graph keeps for the backward pass. This saves the forward pass, and most of the many
small operations into which torch's forward mode decomposes normalisation.

Operations with a symmetric Jacobian (ReLU and other functions of single values; batch normalisation as a function of
its input) need no formula of their own: the derivative along a change is their backward pass, applied to the change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Node = Any
Change = Tensor | None
Rule = Callable[[Node, Sequence[Change]], Tensor]


class NoDerivative(Exception):
    """The graph holds an operation without a rule here."""


@torch.no_grad()
def along(output: Tensor, changes: Mapping[Tensor, Tensor]) -> Tensor:
    """Differentiate an output along a change of the leaves of its graph. The graph is kept.

    Args:
        output: with a graph.
        changes: the change of each leaf, by the leaf; leaves that are not named do not change.

    Returns:
        d/de output(leaves + e changes) at e = 0, of the output's shape.

    Raises:
        NoDerivative: an operation that has no rule.
    """
    found: dict[Node, Change] = {}
    order = [(node, node.name()) for node in in_order(output.grad_fn)]
    for node, name in order:  # before anything is computed
        if name != _LEAF and (name not in RULES or any(position for _, position in node.next_functions)):
            raise NoDerivative(name)
    for node, name in order:
        if name == _LEAF:
            found[node] = changes.get(node.variable)
            continue
        before = [None if other is None else found[other] for other, _ in node.next_functions]
        if all(change is None for change in before):
            found[node] = None
            continue
        found[node] = RULES[name](node, before)
    change = found[output.grad_fn]
    return torch.zeros_like(output) if change is None else change


def in_order(last: Node) -> list[Node]:
    """The nodes of a graph, each after those that it depends on."""
    order: list[Node] = []
    seen, stack = {last}, [(last, iter(last.next_functions))]
    while stack:
        node, others = stack[-1]
        for other, _ in others:
            if other is not None and other not in seen:
                seen.add(other)
                stack.append((other, iter(other.next_functions)))
                break
        else:
            order.append(node)
            stack.pop()
    return order


def _shape(node: Node) -> torch.Size:
    """The shape of what the operation returned."""
    return torch.Size(node._input_metadata[0].shape)


def _whole(number: int) -> int:
    """A dimension as it was given: the graph keeps negative ones as unsigned numbers."""
    return number - 2**64 if number >= 2**63 else number


def _sum(parts: Sequence[Change]) -> Tensor:
    """The sum of fresh tensors, in the memory of the first: allocating large ones takes as long as adding them."""
    there = [part for part in parts if part is not None]
    for part in there[1:]:
        there[0].add_(part)
    return there[0]


def _only(change: Sequence[Change]) -> Tensor:
    assert change[0] is not None
    return change[0]


def _by_backward(node: Node, changes: Sequence[Change]) -> Tensor:
    found = node(_only(changes))
    return found[0] if isinstance(found, tuple) else found


def _reshape(node: Node, changes: Sequence[Change]) -> Tensor:
    return _only(changes).reshape(_shape(node))


def _convolution(node: Node, changes: Sequence[Change]) -> Tensor:
    x, weight, bias = changes
    more = (
        node._saved_stride,
        node._saved_padding,
        node._saved_dilation,
        node._saved_transposed,
        node._saved_output_padding,
        node._saved_groups,
    )
    parts = [] if weight is None else [torch.convolution(node._saved_input, weight, bias, *more)]
    if x is not None:
        parts.append(torch.convolution(x, node._saved_weight, bias if weight is None else None, *more))
    elif weight is None and bias is not None:
        return bias.reshape(-1, *[1] * (len(_shape(node)) - 2)).expand(_shape(node))
    return _sum(parts)


def _addmm(node: Node, changes: Sequence[Change]) -> Tensor:
    bias, one, other = changes
    found = None if bias is None else (node._saved_beta * bias).expand(_shape(node))
    for left, right in ((one, node._saved_mat2), (node._saved_mat1, other)):
        if left is not None and right is not None:
            found = (
                node._saved_alpha * (left @ right)
                if found is None
                else found.addmm(left, right, alpha=node._saved_alpha)
            )
    assert found is not None
    return found


def _batch_norm(node: Node, changes: Sequence[Change]) -> Tensor:
    x, weight, bias = changes
    inputs, training = node._saved_input, node._saved_training
    mean = node._saved_result1 if training else node._saved_running_mean
    scale = node._saved_result2 if training else (node._saved_running_var + node._saved_eps).rsqrt()
    parts: list[Change] = []
    if x is not None:
        parts.append(node(x)[0])  # symmetric as a function of its input
    if weight is not None or bias is not None:
        weight = torch.zeros_like(mean) if weight is None else weight
        parts.append(torch.batch_norm(inputs, weight, bias, mean, scale**-2, False, 0.0, 0.0, False))
    return _sum(parts)


def _max_pool(node: Node, changes: Sequence[Change]) -> Tensor:
    x, places = _only(changes), node._saved_result1
    if x.is_contiguous() or x.ndim != 4:
        return x.flatten(-2).gather(-1, places.flatten(-2)).reshape(places.shape)
    # The same with channels last, so that neither this nor the operations that follow must copy to another layout.
    batch, channels, height, width = places.shape
    inside = x.permute(0, 2, 3, 1).reshape(batch, -1, channels)
    at = places.permute(0, 2, 3, 1).reshape(batch, -1, channels)
    return inside.gather(1, at).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _largest(node: Node, changes: Sequence[Change]) -> Tensor:
    x, dims, keep = node._saved_self, [_whole(d) for d in node._saved_dim], node._saved_keepdim
    result = node._saved_result if keep or not dims else _spread(node._saved_result, dims, x.ndim)
    largest = (x == result).to(x.dtype)
    count = largest.sum(dim=dims, keepdim=keep)
    return (_only(changes) * largest).sum(dim=dims, keepdim=keep) / count


def _spread(values: Tensor, dims: list[int], ndim: int) -> Tensor:
    for dim in sorted(d % ndim for d in dims):
        values = values.unsqueeze(dim)
    return values


def _add(node: Node, changes: Sequence[Change]) -> Tensor:
    one, other = changes
    if other is not None:
        alpha = node._saved_alpha
        one = alpha * other if one is None else torch.add(one, other, alpha=alpha)
    return _only([one]).expand(_shape(node))


def _times(node: Node, changes: Sequence[Change]) -> Tensor:
    one, other = changes
    left = None if one is None else one * node._saved_other
    return _sum([left, None if other is None else node._saved_self * other]).expand(_shape(node))


def _cat(node: Node, changes: Sequence[Change]) -> Tensor:
    if any(change is None for change in changes):
        raise NoDerivative("CatBackward0 of constants")
    return torch.cat([change for change in changes if change is not None], dim=_whole(node._saved_dim))


def _stack(node: Node, changes: Sequence[Change]) -> Tensor:
    there: list[Tensor] = [change for change in changes if change is not None]
    whole = [torch.zeros_like(there[0]) if change is None else change for change in changes]
    return torch.stack(whole, dim=_whole(node._saved_dim))


def _mean(node: Node, changes: Sequence[Change]) -> Tensor:
    return _only(changes).mean(dim=[_whole(d) for d in node._saved_dim], keepdim=node._saved_keepdim)


def _pad(node: Node, changes: Sequence[Change]) -> Tensor:
    return torch.constant_pad_nd(_only(changes), node._saved_pad, 0)


def _slice(node: Node, changes: Sequence[Change]) -> Tensor:
    start, end = _whole(node._saved_start), _whole(node._saved_end)
    return torch.ops.aten.slice(_only(changes), _whole(node._saved_dim), start, end, node._saved_step)


def _convert(node: Node, changes: Sequence[Change]) -> Tensor:
    return _only(changes).to(node._input_metadata[0].dtype)


def _transpose(node: Node, changes: Sequence[Change]) -> Tensor:
    return _only(changes).t()


_LEAF = "torch::autograd::AccumulateGrad"
_SYMMETRIC = "Relu LeakyRelu Hardtanh Tanh Sigmoid Gelu Silu Elu Softplus Hardswish NativeDropout Clone"
_SAME_VALUES = "View UnsafeView Unsqueeze ReshapeAlias"

RULES: dict[str, Rule] = {
    **dict.fromkeys((f"{name}Backward0" for name in _SYMMETRIC.split()), _by_backward),
    **dict.fromkeys((f"{name}Backward0" for name in _SAME_VALUES.split()), _reshape),
    "SqueezeBackward1": _reshape,
    "ConvolutionBackward0": _convolution,
    "AddmmBackward0": _addmm,
    "NativeBatchNormBackward0": _batch_norm,
    "CudnnBatchNormBackward0": _batch_norm,
    "MaxPool2DWithIndicesBackward0": _max_pool,
    "AmaxBackward0": _largest,
    "AddBackward0": _add,
    "MulBackward0": _times,
    "CatBackward0": _cat,
    "StackBackward0": _stack,
    "MeanBackward1": _mean,
    "ConstantPadNdBackward0": _pad,
    "SliceBackward0": _slice,
    "ToCopyBackward0": _convert,
    "TBackward0": _transpose,
}
