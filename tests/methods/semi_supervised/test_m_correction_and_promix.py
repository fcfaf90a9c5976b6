"""M-correction and ProMix: against the numbers of the authors' code, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.methods.inputs.fmix import mix_regions, region
from noisewise.methods.mixtures import BetaMixture, fit, loss_model, noisy_probability
from noisewise.methods.semi_supervised import m_correction, mixmatch
from noisewise.methods.semi_supervised.m_correction import MCorrection, class_prior_penalty
from noisewise.methods.semi_supervised.mixmatch import negative_entropy
from noisewise.methods.semi_supervised.promix import ProMix, Settings, TwoHeads, agreed, small_losses
from noisewise.training import Config, Training
from noisewise.training.batch import Clock, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask
from noisewise.training.networks import Networks
from noisewise.training.step import step

from ..golden import MLP, assert_gradients, batch, hot, stored

pytestmark = pytest.mark.usefixtures("double")


def test_beta_mixture_matches_the_authors_code():
    n = stored("m_correction")
    found = fit(n["values"].numpy())
    for name in ("alphas", "betas", "weights"):
        assert_close(torch.as_tensor(getattr(found, name)), n[name], rtol=1e-6, atol=0)
    x = n["grid"]
    c, a, b = found.odds
    assert_close(torch.sigmoid(c + a * x.log() + b * torch.log1p(-x)), n["posterior"])


def test_beta_mixture_of_the_losses_of_a_pass():
    n = stored("m_correction")
    losses = cross_entropy(n["track_logits"], hot(n["track_labels"], 4))
    assert_close(losses, n["track_losses"])
    low, high = np.percentile(losses, [5, 95])
    inside = losses[(losses >= low) & (losses <= high)].numpy()
    found = fit((inside - low) / (high - low))
    for name in ("alphas", "betas", "weights"):
        assert_close(torch.as_tensor(getattr(found, name)), n[f"track_{name}"], rtol=2e-2, atol=0)
    assert_close(loss_model(losses.numpy())[5:].double(), torch.tensor([low, high]), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind, reg", [("hard", 0.7), ("soft", 0.0)])
def test_m_correction_step_matches_the_authors_code(kind, reg, monkeypatch):
    n = stored("m_correction")
    monkeypatch.setattr(m_correction, "draw_share", lambda alpha, rng: float(n[f"{kind}_share"]))
    monkeypatch.setattr(torch, "randperm", lambda size, generator=None: n[f"{kind}_permutation"])
    monkeypatch.setattr(m_correction, "noisy_probability", lambda losses, model: n[f"{kind}_noisy"])
    nets, method = Networks([MLP(n, "net_")]), MCorrection(kind, reg=reg, warmup=0.0)
    method.prepare(LearningTask(9, 4, torch.zeros(9, dtype=torch.int64)))
    evaluated = step(
        nets, method, torch.optim.SGD(nets.parameters(), 0.0), batch(n["inputs"], n["labels"], 4), torch.Generator()
    )
    assert_close(evaluated.losses.mean() + method.penalty(evaluated), n[f"{kind}_loss"])
    assert_gradients(nets, n, f"{kind}_grad_")


def test_the_step_reads_the_authors_probabilities():
    n = stored("m_correction")
    losses = cross_entropy(n["track_logits"], hot(n["track_labels"], 4)).numpy()
    logits = MLP(n, "net_")(n["inputs"]).detach()
    found = noisy_probability(cross_entropy(logits, hot(n["labels"], 4)), loss_model(losses).double())
    assert abs(found - n["hard_noisy"]).max() < 0.03


@pytest.mark.parametrize(
    "alphas, betas",
    [((2.0, 3.0), (3.0, 2.0)), ((1.0, 9.0), (4.0, 6.0)), ((2.0, 0.8), (9.0, 1.1)), ((0.5, 8.0), (0.4, 2.0))],
)
def test_noisy_probability_is_monotonic_in_the_loss(alphas, betas):
    mixture = BetaMixture(np.array(alphas), np.array(betas), np.array([0.6, 0.4]))
    model = torch.tensor([*mixture.odds, *mixture.reach, 0.0, 1.0])
    found = noisy_probability(torch.linspace(-0.2, 1.2, 500), model)
    assert (found.diff() >= -1e-12).all()
    assert found[-1] > found[0]


def test_noisy_probability_of_equal_losses_is_zero():
    losses = np.full(30, 0.7)
    assert noisy_probability(torch.as_tensor(losses), loss_model(losses)).max() < 1e-6
    with pytest.raises(ValueError, match="not finite"):
        loss_model(np.array([0.1, np.nan]))


def test_noisy_probability_separates_two_groups():
    rng = np.random.default_rng(0)
    losses = np.concatenate([rng.gamma(1, 0.1, 300), rng.normal(3, 0.5, 200)])
    noisy = noisy_probability(torch.as_tensor(losses), loss_model(losses)).numpy()
    assert noisy[:300].mean() < 0.05
    assert noisy[300:].mean() > 0.8


def test_class_prior_penalty_is_the_divergence_from_uniform():
    logits = torch.randn(2, 7, 4)
    mean = logits.softmax(dim=-1).mean(dim=1)
    expected = (0.25 * (0.25 / mean).log()).sum()
    assert_close(class_prior_penalty(logits), expected)
    assert torch.isfinite(class_prior_penalty(1e4 * logits))


def test_m_correction_reads_the_losses_between_epochs():
    method = MCorrection()
    method.prepare(LearningTask(40, 4, torch.zeros(40, dtype=torch.int64), epochs=10))
    logits = torch.zeros(1, 40, 4)
    logits[0, :, 0] = torch.where(torch.arange(40) < 30, 4.0, -4.0) + 0.3 * torch.randn(40)
    seen = replace(batch(torch.zeros(40, 6), torch.zeros(40, dtype=torch.int64), 4), logits=logits)
    method.refit(EpochEnd(Networks([]), 0, 1, lambda mask=None: iter([seen]), ledger=None))
    assert method.selection()[:30].mean() > 0.9
    assert method.selection()[30:].mean() < 0.1
    assert not method.corrects(replace(seen, clock=Clock(epoch=3, epochs=10)))
    assert method.corrects(replace(seen, clock=Clock(epoch=4, epochs=10)))


def test_unknown_kind_is_refused():
    with pytest.raises(BadInput, match=r"kind=.medium. must be one of hard, soft"):
        MCorrection("medium")


class Heads(TwoHeads):
    """The stored network with its auxiliary head."""

    def __init__(self, n):
        super().__init__(MLP(n, "net_"))
        self.auxiliary.load_state_dict({"weight": n["net_pseudo.weight"], "bias": n["net_pseudo.bias"]})


@pytest.fixture(params=["late", "early"])
def pro_mix(request, monkeypatch):
    """The stored batch on the stored networks, with and without rows that join by agreement."""
    n = stored("promix")
    monkeypatch.setattr(mixmatch, "draw_share", lambda alpha, rng: float(n["drawn"]))
    monkeypatch.setattr(torch, "randperm", lambda size, generator=None: torch.arange(size).flip(0))
    settings = Settings(None, float(n["tau"]), 0.8, 0, 50, 0.5)
    nets, peer = Networks([Heads(n)]).train(), Networks([MLP(n, "peer_")])
    method, rows = ProMix(peer, settings), len(n["labels"])
    method.prepare(LearningTask(rows, 4, n["labels"]))
    method.memory.copy_(torch.stack([n["pi"], n["pi_unrel"]]))
    method.base.copy_(n["selected"] > 0)
    clock = Clock(epoch=30, epochs=40 if request.param == "late" else 400)
    clock = replace(clock, steps=100_000 // clock.epochs)
    whole = batch(n["inputs"], n["labels"], 4, clock=clock, view=lambda rng: n["inputs2"])
    return n, request.param, nets, method, whole


def test_promix_step_matches_the_authors_code(pro_mix):
    n, when, nets, method, whole = pro_mix
    scale = 1 + 2 * float(n["w"])
    evaluated = step(nets, method, torch.optim.SGD(nets.parameters(), 0.0), whole, torch.Generator())
    rows = len(n["labels"])
    assert torch.equal(torch.nonzero(evaluated.info["reliable"][:rows])[:, 0], n[f"{when}_chosen"])
    assert_close((evaluated.w * evaluated.losses).mean() * scale, n[f"{when}_loss"])
    for name, parameter in nets[0].named_parameters():
        stored_as = name.removeprefix("net.").replace("auxiliary", "pseudo")
        assert_close(parameter.grad * scale, n[f"{when}_grad_{stored_as}"])
    assert_close(method.memory, torch.stack([n[f"{when}_pi"], n[f"{when}_pi_unrel"]]))


def test_the_parts_of_a_batch_are_normalised_apart():
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 4))
    heads, x = TwoHeads(net).train(), torch.randn(9, 3)
    apart = torch.cat([heads(x[:4]), heads(x[4:])])
    heads.parts = [4, 5]
    assert_close(heads(x), apart)
    heads.parts = None
    assert not torch.allclose(heads(x), apart)


def test_promix_passes_weak_strong_and_mixed_rows_apart(pro_mix):
    n, _, nets, method, whole = pro_mix
    rows = len(n["labels"])
    edited = method.edit(whole, nets, torch.Generator())
    assert nets[0].parts == [rows, rows, len(edited) - 2 * rows]
    method.settings = replace(method.settings, warmup=1000)
    method.edit(whole, nets, torch.Generator())
    assert nets[0].parts is None


def test_promix_may_add_its_terms_and_penalise_confidence(pro_mix):
    n, _, nets, method, whole = pro_mix
    averaged = method.edit(whole, nets, torch.Generator())
    method.settings = replace(method.settings, average=False, negentropy=True)
    added = method.edit(whole, nets, torch.Generator())
    assert_close(added.w, averaged.w * (1 + 2 * float(n["w"])))
    assert method.penalty(replace(added, logits=nets(added.x))) == 0.0
    method.settings = replace(method.settings, warmup=1000)
    plain = replace(method.edit(whole, nets, torch.Generator()), logits=nets(whole.x))
    assert_close(method.penalty(plain), negative_entropy(plain.scores[..., :4]))


def test_the_late_rows_join_by_agreement():
    n = stored("promix")
    assert torch.equal(n["early_chosen"], n["early_matched"])
    assert len(n["late_chosen"]) > len(n["early_chosen"])


@pytest.mark.parametrize("rho", [0.3, 0.5, 0.9])
def test_the_small_losses_of_every_class(rho):
    n = stored("promix")
    losses = cross_entropy(n["small_logits"], hot(n["small_labels"], 4))
    found = small_losses(losses, n["small_labels"], 4, rho)
    assert torch.equal(found, n[f"small_{rho}"] > 0)


def test_agreement_fills_up_to_nine_tenths():
    own = torch.full((10, 2), 0.5)
    own[:, 0] = torch.linspace(0.8, 0.98, 10)
    own[:, 1] = 1 - own[:, 0]
    chosen = torch.arange(10) < 5
    found = agreed(own, own, chosen, 0.85)
    assert torch.nonzero(found)[:, 0].tolist() == [6, 7, 8, 9]
    assert not agreed(own, own.flip(1), chosen, 0.85).any()
    assert not agreed(own, own, torch.arange(10) < 9, 0.85).any()


def test_two_heads_share_features_and_one_remains():
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
    heads, x = TwoHeads(net), torch.randn(6, 3)
    assert_close(heads.eval()(x), net(x))
    both = heads.train()(x)
    assert_close(both, torch.cat([net(x), heads.auxiliary(net[:2](x))], dim=1))
    assert not net[2]._forward_pre_hooks
    plain = TwoHeads(torch.nn.Flatten()).train()
    assert_close(plain(x), x)


def images_of_promix(**options):
    """A step of ProMix, past its ramp, on sixteen grey images that are all reliable."""
    torch.manual_seed(0)
    x, labels = torch.randn(16, 1, 6, 6), torch.arange(16) % 4
    heads = TwoHeads(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 4)))
    nets, peer = Networks([heads]).train(), Networks([torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 4))])
    method = ProMix(peer, Settings(1.0, 0.9, 0.8, 0, 1, 0.1, **options))
    method.prepare(LearningTask(16, 4, labels))
    given = replace(batch(x, labels, 4, clock=Clock(epoch=5, epochs=20)), view=lambda rng: 2 * x)
    return x, method.edit(given, nets, torch.Generator().manual_seed(0)), heads


@pytest.mark.parametrize("average", [True, False])
def test_fmix_is_a_further_part_with_the_weight_of_the_others(average):
    x, edited, heads = images_of_promix(fmix=True, average=average)
    assert heads.parts == [16, 16, 16, 16]
    weights = (edited.w.reshape(4, 16).sum(dim=1) / 64).tolist()
    assert weights == pytest.approx([0.25] * 4 if average else [1.0] * 4)
    mixed, targets = edited.x[48:], edited.y[48:]
    assert not torch.equal(mixed, x)
    assert_close(targets.sum(dim=1), torch.ones(16).to(targets))
    assert len(images_of_promix()[1].x) == 48


@pytest.mark.parametrize("size", [(32, 32), (7, 12)])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_regions_of_fmix(size, share):
    mask = region(*size, share, torch.Generator().manual_seed(0))
    assert int(mask.sum()) == round(share * size[0] * size[1])
    assert torch.equal(mask, region(*size, share, torch.Generator().manual_seed(0)))
    if share == 0.3:
        edges = (mask[1:] != mask[:-1]).float().mean() + (mask[:, 1:] != mask[:, :-1]).float().mean()
        assert edges < 0.5 * 2 * 2 * 0.3 * 0.7  # half of what independent pixels have


def test_images_are_mixed_as_their_targets():
    x, y = torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 1, 20, 20), torch.eye(8)
    mixed, targets = mix_regions(x, y, 1.0, torch.Generator().manual_seed(0))
    share = (mixed == x).flatten(1).float().mean(dim=1)
    moved = targets.diagonal() < 1
    assert moved.any()
    assert_close(share[moved], targets.diagonal()[moved].float(), atol=0.01, rtol=0)
    other = targets.clone().fill_diagonal_(0).argmax(dim=1)
    assert (((mixed == x) | (mixed == other.reshape(8, 1, 1, 1))).flatten(1).all(dim=1))[moved].all()


def test_fmix_is_for_images():
    data = Dataset(np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2, ("a", "b"))
    with pytest.raises(BadInput, match="fmix=true mixes images"):
        build("promix:fmix=true")(Training(data, "mlp:4", Config(epochs=2, batch_size=8, validation=0.0)))
