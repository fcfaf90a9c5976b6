"""Changed targets and memories of targets: against the published implementations' numbers, and tiny cases by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.inputs.mixup import draw_share
from noisewise.methods.targets.bootstrap import BootstrapHard
from noisewise.methods.targets.d2l import D2L, has_turned
from noisewise.methods.targets.elr_plus import ELRPlus, ramp_up
from noisewise.methods.targets.sop import SOP, overparametrised_loss, sparse_noise
from noisewise.methods.targets.sop_plus import SOPPlus, imbalance, view_divergence
from noisewise.theory.dimension import intrinsic_dimension
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask
from noisewise.training.networks import Networks, mean_of_logits
from noisewise.training.step import objective_of, step

from ..golden import batch, hot, stored

pytestmark = pytest.mark.usefixtures("double")
RNG = torch.Generator()


def evaluate(method, z, given):
    """The evaluated batch, the objective and its gradient by the logits (N, B, K)."""
    z = z.clone().requires_grad_()
    found, objective = objective_of(method, given, z)
    (gradient,) = torch.autograd.grad(objective, z)
    return found, objective.detach(), gradient


def test_bootstrap_hard():
    numbers = stored("keras_losses")
    given = batch(torch.zeros(6, 1), numbers["labels"], 10)
    found, _, gradient = evaluate(BootstrapHard(0.8), numbers["logits"][None], given)
    assert_close(found.losses[0].detach(), numbers["bootstrap_hard__value"], rtol=1e-5, atol=1e-6)
    assert_close(gradient[0], numbers["bootstrap_hard__grad"], rtol=1e-5, atol=1e-6)


def teaching(numbers, at):
    """A batch whose edit leaves the official draws, and the method that makes it."""
    share, partner = float(numbers["mixup_l"]), numbers["permutation"][at]
    rows = numbers["index"][at]
    clock = Clock(epoch=int(numbers["iteration"][at]), epochs=2 * int(numbers["coef_step"]))
    return share, partner, rows, clock


def official_memory(numbers, at, memory):
    """Memory of the rows of step `at` after the official update, by the description of the numbers."""
    rows, beta = numbers["index"][at], float(numbers["beta"])
    return beta * memory[rows] + (1 - beta) * numbers["teacher_logits"][at].softmax(dim=1)


def elr_plus(lam=3.0, beta=0.7, **options):
    nets = Networks([nn.Linear(3, 4), nn.Linear(3, 4)]).train()
    method = ELRPlus(nets, beta, lam, **options)
    method.prepare(LearningTask(10, 4, torch.zeros(10, dtype=torch.int64), networks=2))
    return nets, method


def test_elr_plus_over_three_steps():
    numbers = stored("elr_plus") | {k: v for k, v in stored("elr").items() if k in ("given", "index", "beta", "lam")}
    _, method = elr_plus(float(numbers["lam"]), float(numbers["beta"]), ramp=0.5)
    for at in range(3):
        share, partner, rows, clock = teaching(numbers, at)
        memory = official_memory(numbers, at, method.memory[0])
        q = share * memory + (1 - share) * memory[partner]
        info = {"rows": rows, "memory": memory[:, None].expand(-1, 2, -1), "expected": q[:, None].expand(-1, 2, -1)}
        mixed = Batch(torch.zeros(5, 3), numbers["mixed_labels"][at], None, torch.ones(5), clock, info=info)
        found, objective, gradient = evaluate(method, numbers["logits"][at].expand(2, -1, -1), mixed)
        assert_close(ramp_up(clock.progress, 0.5), float(numbers["rampup"][at]))
        assert_close(objective / 2, numbers["loss"][at])
        assert_close(gradient, numbers["grad"][at].expand(2, -1, -1))
        with torch.no_grad():
            method.observe(found)
        assert_close(method.memory, numbers["memory"][at].expand(2, -1, -1))


def test_elr_plus_remembers_what_the_other_teacher_said_of_the_unmixed_row():
    nets, method = elr_plus(alpha=2.0)
    method.memory.copy_(torch.rand(2, 10, 4))
    before = method.memory.clone()
    given = batch(torch.randn(6, 3), torch.arange(6) % 4, 4, index=torch.arange(2, 8))
    with torch.no_grad():
        mixed = method.edit(given, nets, RNG.manual_seed(5))
        expected = 0.7 * before[:, 2:8] + 0.3 * method.teachers(given.x).softmax(dim=-1).flip(0)
        share = draw_share(2.0, RNG.manual_seed(5))
        share, partner = max(share, 1 - share), torch.randperm(6, generator=RNG)
        method.observe(mixed)
    assert_close(method.memory[:, 2:8], expected)
    assert torch.equal(method.memory[:, [0, 1, 8, 9]], before[:, [0, 1, 8, 9]])
    q = share * expected + (1 - share) * expected[:, partner]
    assert_close(mixed.info["expected"].movedim(0, 1), q)
    assert_close(mixed.x, share * given.x + (1 - share) * given.x[partner])
    assert_close(mixed.y, share * given.y + (1 - share) * given.y[partner])


@pytest.mark.parametrize("step, decay", [(0, 0.9 * math.exp(-5)), (2, 0.9 * math.exp(-5 / 4)), (4, 0.9), (7, 0.9)])
def test_the_teachers_follow_the_networks_ever_more_slowly(step, decay):
    nets, method = elr_plus(decay=0.9)
    first = method.teachers.nets[1].weight.clone()
    with torch.no_grad():
        nets[1].weight.add_(1.0)
        rows = batch(torch.randn(6, 3), torch.arange(6) % 4, 4, clock=Clock(step=step, steps=8))
        method.observe(method.edit(rows, nets, RNG.manual_seed(0)))
    assert_close(method.teachers.nets[1].weight, first + 1 - decay)


def test_a_teacher_averages_over_a_tenth_of_a_short_training():
    _, method = elr_plus()
    for epochs, steps, expected in [(200, 391, 0.997), (20, 28, 1 - 1 / 56), (2, 1, 0.0)]:
        method.prepare(LearningTask(10, 4, torch.zeros(10, dtype=torch.int64), epochs=epochs, steps=steps, networks=2))
        assert method.decay == pytest.approx(expected)


def test_elr_plus_trains_and_predicts_with_both_networks():
    _, method = elr_plus()
    z = torch.randn(2, 3, 4)
    assert_close(method.predict(z), mean_of_logits(z))
    assert method.joint_parameters() == []


def over_parametrised(numbers, both=True):
    """SOP at the official start, moved at the official rates in batches of five."""
    lr_u, lr_v = (float(numbers[name]) * 128 / 5 for name in ("lr_u", "lr_v"))
    method = SOP(lr_u, lr_v, both)
    method.prepare(LearningTask(10, 4, numbers["given"], epochs=300))
    method.memory = numbers["v_start"][None].clone()
    method.memory[0].scatter_(1, numbers["given"][:, None], numbers["u_start"])
    return method


def test_sop_over_three_steps():
    numbers = stored("sop")
    method, labels = over_parametrised(numbers), numbers["given"][:, None]
    for at in range(3):
        rows = numbers["index"][at]
        given = batch(torch.zeros(5, 1), numbers["given"][rows], 4, index=rows)
        residual = functional.mse_loss(official_sum(method, given, numbers["logits"][at]), given.y, reduction="sum") / 5
        found, objective, gradient = evaluate(method, numbers["logits"][at][None], given)
        assert_close(objective + residual, numbers["loss"][at])
        assert_close(gradient[0], numbers["grad"][at])
        with torch.no_grad():
            method.observe(found)
        expected = numbers["v"][at].scatter(1, labels, numbers["u"][at])
        assert_close(method.memory[0], expected)


def official_sum(method, given, logits):
    more, less = sparse_noise(method.memory[0, given.rows], given.y)
    return hot(logits.argmax(dim=1), 4) + more - less


def test_u_of_the_paper_follows_the_cross_entropy_alone_and_v_the_residual_alone():
    method = SOP(lr_u=2.0, lr_v=3.0)
    method.prepare(LearningTask(1, 3, torch.tensor([0]), epochs=300))
    method.memory = torch.tensor([[[0.5, 0.4, -0.6]]])
    logits = torch.tensor([[[0.0, 1.0, -1.0]]])
    found, _, _ = evaluate(method, logits, batch(torch.zeros(1, 1), torch.tensor([0]), 3))
    with torch.no_grad():
        method.observe(found)

    def value(u):
        memory = torch.tensor([[[u, 0.4, -0.6]]])
        return float(overparametrised_loss(logits, hot(torch.tensor([0]), 3), memory))

    slope = (value(0.5 + 1e-6) - value(0.5 - 1e-6)) / 2e-6
    by_hand = [0.5 - 2 / 128 * slope, 0.4 + 3 / 128 * 4 * 0.4 * (1 - 0.16), -0.6 + 3 / 128 * 4 * 0.6 * 0.36]
    assert_close(method.memory[0, 0], torch.tensor(by_hand), rtol=1e-7, atol=1e-9)


def test_sop_without_noise_terms_is_cross_entropy():
    z, y = torch.randn(2, 6, 4), hot(torch.arange(6) % 4, 4)
    assert_close(overparametrised_loss(z, y, torch.zeros(2, 6, 4)), cross_entropy(z, y))


def test_a_full_noise_term_takes_the_pull_off_a_wrong_label():
    z = torch.tensor([[8.0, 0.0, 0.0]]).requires_grad_()
    y, full = hot(torch.tensor([1]), 3), torch.tensor([[0.0, 1.0, 0.0]])
    pulls = [torch.autograd.grad(overparametrised_loss(z, y, m).sum(), z)[0] for m in (0 * full, full)]
    assert pulls[1].norm() < 1e-3 < 1 < pulls[0].norm()


@pytest.mark.parametrize("epochs, size", [(300, 4), (10, 4), (10, 8)])
def test_a_row_moves_the_same_in_any_training_and_any_batch(epochs, size):
    method = SOP(lr_u=1e-3, lr_v=1e-3)
    method.prepare(LearningTask(8, 3, torch.zeros(8, dtype=torch.int64), epochs=epochs))
    method.memory.fill_(0.3)
    given = batch(torch.zeros(size, 1), torch.zeros(size, dtype=torch.int64), 3)
    found, _, _ = evaluate(method, torch.tensor([0.0, 2.0, 0.0]).expand(1, size, 3), given)
    with torch.no_grad():
        method.observe(found)
    assert_close(method.memory[0, 0, 1], torch.tensor(0.3 + 1e-3 / 128 * 1.2 * 0.91))


def test_noise_terms_stay_within_one():
    method = SOP(lr_u=1e4, lr_v=1e4)
    method.prepare(LearningTask(2, 3, torch.zeros(2, dtype=torch.int64)))
    method.memory.fill_(0.5)
    found, _, _ = evaluate(method, torch.randn(1, 2, 3), batch(torch.zeros(2, 1), torch.tensor([0, 1]), 3))
    with torch.no_grad():
        method.observe(found)
    assert method.memory.abs().max() == 1


def test_sop_plus_regularisers():
    numbers = stored("sop")
    given = batch(torch.zeros(5, 1), numbers["given"][numbers["index"][0]], 4)
    z, views = numbers["logits"][0], numbers["views"]
    student = views.clone().requires_grad_()
    divergence = view_divergence(student, z)
    assert_close(divergence.detach(), numbers["consistency"])
    (pull,) = torch.autograd.grad(0.9 * divergence.mean(), student)
    assert_close(pull, numbers["plus_grad"][5:])
    method = SOPPlus(consistency=0.0)
    method.prepare(LearningTask(5, 4, given.y.argmax(dim=1)))
    method.memory.zero_()
    plain = Batch(given.x, given.y, given.index, given.w, info={"other": z[:, None]})
    _, objective, gradient = evaluate(method, z[None], plain)
    assert_close(gradient[0], numbers["plus_grad"][:5])
    residual = (hot(z.argmax(dim=1), 4) - given.y).square().sum() / 5
    whole = objective + 0.1 * math.log(4) + residual + 0.9 * divergence.mean().detach()
    assert_close(whole, numbers["plus_loss"])


def test_the_expected_pull_of_exchangeable_views_is_the_same_through_either():
    z = torch.randn(2, 5, 4).requires_grad_()
    one = torch.autograd.grad(view_divergence(z[0], z[1]).sum() + view_divergence(z[1], z[0]).sum(), z)[0]
    two = torch.autograd.grad(view_divergence(z, z.flip(0)).sum(), z)[0]
    assert_close(one, two)


def test_balance():
    assert_close(imbalance(torch.zeros(2, 5, 4)), torch.zeros(2))
    assert imbalance(torch.tensor([[9.0, 0.0], [9.0, 0.0]])) > 1


def test_sop_plus_looks_at_another_view():
    nets, method = Networks([nn.Linear(3, 4)]).train(), SOPPlus(jitter=0.5)
    x = torch.randn(50, 3)
    given = batch(x, torch.arange(50) % 4, 4)
    with torch.no_grad():
        shaken = method.edit(given, nets, RNG.manual_seed(1)).info["other"][:, 0]
        seen = Batch(x, given.y, given.index, given.w, view=lambda rng: 2 * x)
        assert_close(method.edit(seen, nets, RNG).info["other"][:, 0], nets(2 * x)[0])
        noise = torch.randn(50, 3, generator=RNG.manual_seed(1))
        assert_close(shaken, nets(x + 0.5 * x.std() * noise)[0])


def test_sop_plus_learns_from_the_strong_view_what_the_other_predicts():
    nets, method = Networks([nn.Linear(3, 4)]).train(), SOPPlus(consistency=0.7, balance=0.2)
    x, shaken = torch.randn(2, 6, 3, generator=RNG.manual_seed(0)).to(nets[0].weight)
    labels = torch.arange(6) % 4
    method.prepare(LearningTask(6, 4, labels))
    given = replace(batch(x, labels, 4), strong=lambda rng: shaken)
    method.memory.normal_(0, 0.3)
    before = method.memory.clone()
    weak, strong = nets[0](x), nets[0](shaken)
    expected = overparametrised_loss(weak, labels, before[0]).mean() + 0.2 * imbalance(weak)
    p = weak.softmax(dim=-1).detach()
    expected = expected + 0.7 * (p * (p.log() - strong.log_softmax(dim=-1))).sum(dim=-1).mean()
    expected.backward()
    gradients = [parameter.grad.clone() for parameter in nets.parameters()]
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.0), given, RNG)
    for parameter, gradient in zip(nets.parameters(), gradients, strict=True):
        assert_close(parameter.grad, gradient)
    assert evaluated.index is None
    assert (method.memory != before).any(dim=-1).all()


def test_intrinsic_dimension():
    numbers = stored("d2l")
    features = numbers["features"].double()
    assert_close(intrinsic_dimension(features, 20), numbers["lid"], rtol=1e-5, atol=1e-5)
    assert_close(intrinsic_dimension(features[2:14], 20), numbers["lid_small"], rtol=1e-5, atol=1e-5)


def test_the_dimension_of_a_plane_is_two_and_equal_distances_stay_finite():
    plane = torch.rand(600, 2, generator=RNG.manual_seed(0)) @ torch.randn(2, 9, generator=RNG)
    assert 1.7 < float(intrinsic_dimension(plane, 20).median()) < 2.3
    assert_close(intrinsic_dimension(torch.eye(5), 3), torch.full((5,), 1e3))
    assert torch.isfinite(intrinsic_dimension(torch.zeros(5, 2), 3)).all()


def epoch_of(method, lid, epoch, epochs):
    """One epoch of D2L in which the dimension was `lid` on every row of two."""
    clock = Clock(epoch, epochs, steps=2)
    seen = batch(torch.zeros(2, 1), torch.tensor([0, 1]), 3, clock=clock, info={"dimension": lid.expand(2, 1)})
    method.observe(seen)
    method.refit(EpochEnd(None, epoch, epochs, None, None))


def test_d2l_turns_and_paces_as_published():
    numbers = stored("d2l")
    epochs = len(numbers["lids"])
    method = D2L(window=int(numbers["window"]), burn_in=int(numbers["init_epoch"]) / epochs)
    method.prepare(LearningTask(2, 3, torch.tensor([0, 1]), epochs=epochs))
    for epoch, lid in enumerate(numbers["lids"]):
        epoch_of(method, lid, epoch, epochs)
        official = float(numbers["alpha"][epoch])
        assert bool(method.turned) == (official < 1)
        measured_before = (epoch + 1) / epoch if epoch else 1
        assert_close(-math.log(float(method.alpha)), -math.log(official) * measured_before)


def test_d2l_mixes_the_predicted_class_into_the_label():
    method = D2L()
    method.prepare(LearningTask(2, 3, torch.tensor([0, 1]), networks=2))
    method.alpha.copy_(torch.tensor([1.0, 0.25]))
    z = torch.tensor([[0.0, 1.0, 5.0], [0.0, 4.0, 1.0]]).expand(2, 2, 3)
    found, _, _ = evaluate(method, z, batch(torch.zeros(2, 1), torch.tensor([0, 1]), 3))
    assert_close(found.y[0], torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    assert_close(found.y[1], torch.tensor([[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]]))


def test_d2l_measures_the_first_rows_of_an_epoch_and_never_a_short_batch():
    nets = Networks([nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4))]).train()
    method = D2L(neighbours=4, points=16)
    method.prepare(LearningTask(30, 4, torch.zeros(30, dtype=torch.int64)))

    def measure(step, rows=8):
        given = batch(torch.randn(rows, 3), torch.arange(rows) % 4, 4, clock=Clock(step=step, steps=4))
        with torch.no_grad():
            seen = method.edit(given, nets, RNG)
            method.observe(seen)
        return seen.info.get("dimension")

    first = measure(0)
    assert first.shape == (8, 1)
    assert measure(3, rows=2) is None
    assert measure(1) is not None
    assert measure(2) is None
    assert float(method.count) == 16
    assert nets.training


def test_has_turned_compares_with_the_epochs_before():
    steady = torch.tensor([4.0, 5.0, 4.0, 5.0])
    assert not has_turned(torch.cat([steady, torch.tensor([5.4])]))
    assert has_turned(torch.cat([steady, torch.tensor([5.6])]))


@pytest.mark.parametrize(
    "spec", ["bootstrap-hard:beta=2", "elr-plus:decay=1.5", "sop:lr_u=-1", "sop-plus:jitter=-1", "d2l:window=1"]
)
def test_options_outside_their_range(spec):
    with pytest.raises(BadInput, match=spec.partition(":")[0]):
        build(spec)(None)
