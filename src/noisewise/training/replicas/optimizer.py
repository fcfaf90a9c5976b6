"""The optimisers of replicas as one, over their stacked weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from noisewise.training.config import Config
from noisewise.training.networks import Learner
from noisewise.training.replicas.stack import Stack, stacked
from noisewise.training.step import total_epochs


def course_of(learner: Learner, config: Config) -> str:
    """What replicas must agree in to have one parameter group: settings, schedule and steps so far."""
    group, state = learner.optimizer.param_groups[0], learner.optimizer.state
    settings = {name: value for name, value in group.items() if name != "params"}
    first: dict[str, Any] = next(iter(state.values()), {})
    begun = {name: float(value) if _is_count(value) else value is not None for name, value in first.items()}
    done = learner.epochs_done, total_epochs(config, learner)
    return repr((replace(config, seed=0), settings, begun, done))


class StackedOptimizer:
    """One optimiser that steps all replicas, with a parameter group for each run of replicas on one course.

    Args:
        stack: the replicas' networks.
        learners: the replicas, whose optimisers are of one kind; neighbours of one course share a group.
        courses: what `course_of` returns for each.

    Attributes:
        gradients: what `step` reads, one tensor for each of `stack.params`.
    """

    def __init__(self, stack: Stack, learners: Sequence[Learner], courses: Sequence[str]) -> None:
        self.gradients = [torch.zeros_like(leaf) for leaf in stack.params.values()]
        self._learners, self._each = learners, len(stack.members[0])
        starts = [r for r in range(len(learners)) if r == 0 or courses[r] != courses[r - 1]]
        self._spans = list(zip(starts, [*starts[1:], len(learners)], strict=True))
        groups: list[dict[str, Any]] = []
        for span in self._spans:
            part = slice(span[0] * self._each, span[1] * self._each)
            params = [leaf.detach()[part] for leaf in stack.params.values()]
            for param, gradient in zip(params, self.gradients, strict=True):
                param.grad = gradient[part]
            groups.append({**self._settings(span[0]), "params": params})
        kind: Any = type(learners[0].optimizer)
        self._optimizer: torch.optim.Optimizer = kind(groups)
        for span, group in zip(self._spans, groups, strict=True):
            self._gather(span, group["params"])

    def step(self) -> None:
        """Step all replicas at the rates that their own optimisers state."""
        for span, group in zip(self._spans, self._optimizer.param_groups, strict=True):
            group.update(self._settings(span[0]))
        self._optimizer.step()

    def give_back(self) -> None:
        """Write the state (momentum, moments, number of steps) into the replicas' own optimisers."""
        for span, group in zip(self._spans, self._optimizer.param_groups, strict=True):
            for number, param in enumerate(group["params"]):
                for name, value in self._optimizer.state.get(param, {}).items():
                    for replica in range(*span):
                        for position, own in enumerate(self._own(replica, number)):
                            at = (replica - span[0]) * self._each + position
                            part = value.clone() if not isinstance(value, Tensor) or _is_count(value) else value[at]
                            self._put(self._learners[replica], own, name, part)

    def _settings(self, replica: int) -> dict[str, Any]:
        group = self._learners[replica].optimizer.param_groups[0]
        return {name: value for name, value in group.items() if name != "params"}

    def _own(self, replica: int, number: int) -> list[Tensor]:
        """One replica's own parameters that are in the stacked one of this number, one for each of its networks."""
        params = self._learners[replica].optimizer.param_groups[0]["params"]
        each = len(params) // self._each
        return [params[position * each + number] for position in range(self._each)]

    def _gather(self, span: tuple[int, int], params: Sequence[Tensor]) -> None:
        for number, param in enumerate(params):
            owners = [(r, own) for r in range(*span) for own in self._own(r, number)]
            states = [self._learners[r].optimizer.state.get(own, {}) for r, own in owners]
            for name, value in states[0].items():
                whole = value.clone() if _is_count(value) else value
                if isinstance(value, Tensor) and not _is_count(value):
                    whole = stacked([state[name] for state in states])
                self._optimizer.state[param][name] = whole

    @staticmethod
    def _put(learner: Learner, own: Tensor, name: str, value: Any) -> None:
        state = learner.optimizer.state[own]
        before = state.get(name)
        if isinstance(before, Tensor) and isinstance(value, Tensor):
            before.copy_(value)
        else:
            state[name] = torch.empty_like(own).copy_(value) if value.shape == own.shape else value


def _is_count(value: Any) -> bool:
    """Whether a part of an optimiser's state is the number of its steps."""
    return isinstance(value, Tensor) and value.dim() == 0
