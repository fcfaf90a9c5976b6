"""Whole steps, memories and attacks against the published implementations' numbers."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from noisewise.methods.gradients.cdr import CDR
from noisewise.methods.gradients.criticality import keep_largest
from noisewise.methods.inputs.pgd_training import PGDTraining
from noisewise.methods.learned.l2rw import L2RW
from noisewise.methods.learned.meta_weight_net import WeightNet
from noisewise.methods.targets.elr import ELR
from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.meta import Learned
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import objective_of, step

from .golden import MLP, assert_gradients, assert_weights, batch, hot, stored
from .learned.support import alignment, meta_gradient

pytestmark = pytest.mark.usefixtures("double")
RNG = torch.Generator()


def test_elr_over_three_steps():
    numbers = stored("elr")
    method = ELR(float(numbers["beta"]), float(numbers["lam"]))
    method.prepare(LearningTask(10, 4, numbers["given"]))
    for at in range(3):
        rows = numbers["index"][at]
        z = numbers["logits"][at][None].clone().requires_grad_()
        given = batch(torch.zeros(5, 1), numbers["given"][rows], 4, index=rows)
        evaluated, objective = objective_of(method, given, z)
        (gradient,) = torch.autograd.grad(objective, z)
        assert_close(objective.detach(), numbers["loss"][at])
        assert_close(gradient[0], numbers["grad"][at])
        with torch.no_grad():
            method.observe(evaluated)
        assert_close(method.memory[0], numbers["memory"][at])


class CDRNet(nn.Module):
    """The network that the official step was run on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc1, self.fc2 = nn.Conv2d(1, 2, 3), nn.Linear(32, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(torch.tanh(self.conv(x)).flatten(1))))


@pytest.mark.parametrize("tau", [0.2, 0.4])
def test_cdr_over_two_steps(tau):
    numbers = stored("cdr")
    net = CDRNet()
    net.load_state_dict({k.removeprefix("start_"): v for k, v in numbers.items() if k.startswith("start_")})
    nets, method = Networks([net]), CDR(tau=tau)
    method.prepare(LearningTask(6, 3, torch.zeros(6, dtype=torch.int64)))
    settings = {name: float(numbers[name]) for name in ("lr", "momentum", "weight_decay")}
    optimizer = torch.optim.SGD(nets.parameters(), **settings)
    for at in range(2):
        prefix = f"tau{tau}_step{at}_"
        evaluated = step(nets, method, optimizer, batch(numbers["inputs"][at], numbers["labels"][at], 3), RNG)
        assert_close(evaluated.losses.mean(), numbers[f"{prefix}loss"])
        assert_gradients(nets, numbers, f"{prefix}grad_")
        assert_weights(nets, numbers, f"{prefix}after_")


@pytest.mark.parametrize("prefix", ["tau0.2_step0_", "tau0.2_step1_", "tau0.4_step0_", "tau0.4_step1_"])
def test_cdr_masks(prefix):
    numbers = stored("cdr")
    metric = numbers[f"{prefix}metric"]
    (kept,) = keep_largest([torch.ones_like(metric)], [metric], metric, int(numbers[f"{prefix}kept"]))
    assert torch.equal(kept == 1, metric >= numbers[f"{prefix}threshold"])


def meta_weight_net():
    """Networks, the learner and the batch with its trusted one, as stored."""
    numbers = stored("meta_weight_net")
    nets = Networks([MLP(numbers, "start_")])
    net = WeightNet()
    method = Learned([net], lr=float(numbers["vnet_lr"]), optimizer="sgd")
    net.v[0].load_state_dict({k: numbers[f"vnet_start_linear1.{k}"] for k in ("weight", "bias")})
    net.v[2].load_state_dict({k: numbers[f"vnet_start_linear2.{k}"] for k in ("weight", "bias")})
    clock = Clock(lr=float(numbers["alpha"]))
    trusted = batch(numbers["meta_inputs"], numbers["meta_labels"], 3, clock=clock)
    whole = batch(numbers["inputs"], numbers["labels"], 3, clock=clock, auxiliary={"trusted": trusted})
    return numbers, nets, method, net, whole


KNOBS = ("linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias")


def test_meta_gradient_of_meta_weight_net():
    numbers, nets, method, net, whole = meta_weight_net()
    knobs = list(net.v.parameters())
    for name, found in zip(KNOBS, meta_gradient(method, whole, nets, knobs), strict=True):
        assert_close(found, numbers[f"vnet_grad_{name}"], rtol=1e-9, atol=1e-12)


def test_a_step_of_meta_weight_net():
    numbers, nets, method, net, whole = meta_weight_net()
    before, _ = objective_of(method, whole, nets(whole.x))
    assert_close(before.losses[0].detach(), numbers["losses"])
    assert_close(before.w[0].detach(), numbers["weights_before"])
    optimizer = torch.optim.SGD(nets.parameters(), float(numbers["model_lr"]))
    evaluated = step(nets, method, optimizer, whole, RNG)
    for name, parameter in zip(KNOBS, net.v.parameters(), strict=True):
        assert_close(parameter.detach(), numbers[f"vnet_after_{name}"])
    assert_close(evaluated.w[0], numbers["weights_after"])
    assert_close((evaluated.w * evaluated.losses).mean(), numbers["final_loss"])
    assert_gradients(nets, numbers, "grad_")
    assert_weights(nets, numbers, "after_")


@pytest.mark.parametrize("case, classes", [("binary_", 2), ("multi_", 3)])
def test_l2rw(case, classes):
    numbers = stored("l2rw")
    nets, method = Networks([MLP(numbers, f"{case}start_", pad=case == "binary_")]), L2RW(cap=None)
    trusted = batch(numbers[f"{case}trusted_inputs"], numbers[f"{case}trusted_labels"], classes)
    whole = batch(numbers[f"{case}inputs"], numbers[f"{case}labels"], classes, auxiliary={"trusted": trusted})
    found = alignment(method, whole, nets)
    assert_close(-float(numbers["alpha"]) * found[0], numbers[f"{case}eps_grad"])
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.1), whole, RNG)
    assert_close(evaluated.w[0] / len(whole), numbers[f"{case}weights"])
    assert_close(evaluated.losses[0], numbers[f"{case}losses"])
    assert_gradients(nets, numbers, f"{case}grad_")


def pgd_by_hand(net, x, labels, start, *, eps, size, steps, project_start):
    """The attack as a loop; the official one does not project its start, Madry's own code does."""
    moved = x + start
    if project_start:
        moved = moved.clamp(0, 1)
    for _ in range(steps):
        moved = moved.detach().requires_grad_()
        (slope,) = torch.autograd.grad(nn.functional.cross_entropy(net(moved), labels), moved)
        moved = torch.min(torch.max(moved.detach() + size * slope.sign(), x - eps), x + eps).clamp(0, 1)
    return moved


def pgd():
    """The stored numbers, the network, and the method with the box [0, 1]."""
    numbers = stored("pgd")
    eps, size, steps = float(numbers["epsilon"]), float(numbers["step_size"]), int(numbers["steps"])
    method = PGDTraining(eps, size, steps)
    method.prepare(LearningTask(6, 3, numbers["labels"], box=(torch.zeros(1), torch.ones(1))))
    return numbers, MLP(numbers), method, {"eps": eps, "size": size, "steps": steps}


def test_pgd_from_the_inputs():
    numbers, net, method, _ = pgd()
    found = method.attack(Networks([net]), numbers["inputs"], hot(numbers["labels"], 3), torch.zeros(6, 10))
    assert_close(found, numbers["plain_adversarial"])
    wrong = (net(found).argmax(dim=1) != numbers["labels"]).sum()
    assert wrong == numbers["plain_errors_adversarial"]


def test_pgd_from_a_random_start():
    numbers, net, method, settings = pgd()
    x, labels, noise = numbers["inputs"], numbers["labels"], numbers["noise"]
    official = pgd_by_hand(net, x, labels, noise, project_start=False, **settings)
    assert_close(official, numbers["random_adversarial"])
    ours = method.attack(Networks([net]), x, hot(labels, 3), noise)
    assert_close(ours, pgd_by_hand(net, x, labels, noise, project_start=True, **settings))
    assert (ours - x).abs().max() <= settings["eps"] + 1e-12
    assert cross_entropy(net(ours), hot(labels, 3)).mean() > cross_entropy(net(x), hot(labels, 3)).mean()
