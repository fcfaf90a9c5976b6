"""What CDR can do otherwise: criteria, thresholds and the L1 decay, by hand on a few weights."""

import math

import pytest
import torch
from tests.pretend_device import DEVICE, PretendDevice
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods.gradients.cdr import CDR, proximal_term
from noisewise.methods.gradients.criticality import (
    importances,
    keep_largest,
    kth_mask,
    sampled_mask,
    supplement_mask,
)
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import LearningTask

RNG = torch.Generator()
PARAMS = {"a.weight": torch.randn(6, 10, generator=RNG.manual_seed(0)), "a.bias": torch.ones(6)}
PARAMS["b.weight"] = 0.01 * torch.randn(4, 5, generator=RNG)
GRADIENTS = {name: torch.randn(p.shape, generator=RNG) for name, p in PARAMS.items()}


def prepared(tau, **options):
    """CDR with its share and seed."""
    method = CDR(tau, **options)
    method.prepare(LearningTask(10, 4, torch.zeros(10, dtype=torch.int64)))
    return method


def handed(method, epoch=0, gradients=GRADIENTS, params=PARAMS, lr=0.1):
    """What the optimiser is handed."""
    clock = Clock(epoch=epoch, epochs=10, lr=lr)
    rows = Batch(torch.zeros(2, 1), one_hot(torch.zeros(2, dtype=torch.int64), 4), None, torch.ones(2), clock=clock)
    return method.gradient(gradients, params, None, rows)


def kept(method, epoch=0):
    """Which weights follow the gradient, flattened over both matrices."""
    found = handed(method, epoch)
    return torch.cat([(found[n] != 0).reshape(-1) for n in ("a.weight", "b.weight")])


def flat(of):
    """Both matrices as one vector."""
    return torch.cat([of["a.weight"].reshape(-1), of["b.weight"].reshape(-1)])


def test_the_defaults_keep_the_largest_products():
    product = (flat(GRADIENTS) * flat(PARAMS)).abs()
    expected = product >= product.sort().values[32]
    assert torch.equal(kept(prepared(0.4)), expected)
    found = handed(prepared(0.4))
    assert_close(flat(found), flat(GRADIENTS) * expected * 0.6)
    assert found["a.bias"] is GRADIENTS["a.bias"]


def first_of_the_largest(values, keep):
    """A mask of the `keep` largest, the first ones of equal numbers."""
    order = sorted(range(len(values)), key=lambda at: (-float(values[at]), at))
    return torch.zeros(len(values), dtype=torch.bool).index_fill_(
        0, torch.tensor(order[:keep], dtype=torch.int64), True
    )


@pytest.mark.parametrize("keep", [0, 1, 17, 50, 79, 80, 81])
@pytest.mark.parametrize("levels", [None, 4, 1])
def test_the_largest_are_kept_and_the_first_of_equal_ones_on_every_device(levels, keep):
    """`levels` different numbers, so that many are equal."""
    gradients = [GRADIENTS["a.weight"], GRADIENTS["b.weight"]]
    space = torch.rand(80, generator=RNG.manual_seed(5))
    space = space if levels is None else (space * levels).floor()
    important = [space[:60].view(6, 10), space[60:].view(4, 5)]
    expected = flat(GRADIENTS) * first_of_the_largest(space, keep)
    found = keep_largest(gradients, important, space, keep)
    assert torch.equal(torch.cat([part.reshape(-1) for part in found]), expected)
    with PretendDevice() as device:
        there, room = [gradient.to(DEVICE) for gradient in gradients], space.to(DEVICE)
        with device.no_waits():
            found = keep_largest(there, [room[:60].view(6, 10), room[60:].view(4, 5)], room, keep)
        assert torch.equal(torch.cat([part.cpu().reshape(-1) for part in found]), expected)


@pytest.mark.parametrize("stirs", [False, True])
def test_of_weights_without_importance_only_the_first_with_a_gradient_are_kept(stirs):
    """Most gradients are zero, as of dead units; `stirs`: one weight is zero and has a gradient."""
    gradient, weight = torch.zeros(50), torch.ones(50)
    gradient[40:], weight[44] = torch.arange(1.0, 11.0), 0.0
    if not stirs:
        gradient[44] = 0.0
    space = torch.empty(50)
    important = importances("product", [gradient], [weight], space)
    (found,) = keep_largest([gradient], important, space, 30)
    expected = gradient.clone()
    expected[44] = 0.0
    assert torch.equal(found, expected)
    (found,) = keep_largest([gradient], important, space, 50)
    assert torch.equal(found, gradient)


def test_the_order_of_weights_in_memory_changes_nothing():
    weights = {"a.weight": torch.randn(4, 3, 5, 5, generator=RNG.manual_seed(6)), "b.weight": torch.randn(4, 5)}
    gradients = {name: torch.randn(w.shape, generator=RNG) for name, w in weights.items()}
    turned = {name: w.to(memory_format=torch.channels_last) if w.ndim == 4 else w for name, w in weights.items()}
    for options in ({}, {"criterion": "sum"}, {"compat_kth": True}, {"sampled": 40}, {"ordering": "tensor"}):
        torch.manual_seed(0)
        here = handed(prepared(0.4, **options), gradients=gradients, params=weights)
        torch.manual_seed(0)
        there = handed(prepared(0.4, **options), gradients=gradients, params=turned)
        assert all(torch.equal(here[name], there[name]) for name in here)


def test_the_sum_keeps_the_largest_sums():
    total = flat(GRADIENTS).abs() + flat(PARAMS).abs()
    assert torch.equal(kept(prepared(0.4, criterion="sum")), total >= total.sort().values[32])
    (found,) = importances("sum", [torch.tensor([-1.0])], [torch.tensor([-2.0])], torch.empty(1))
    assert_close(found, torch.tensor([3.0]))


def test_a_fixed_mask_is_drawn_once_and_stored_with_the_method():
    torch.manual_seed(0)
    one, other = (prepared(0.4, criterion="fixed") for _ in range(2))
    assert torch.equal(kept(one, 0), kept(one, 7))
    assert int(kept(one).sum()) == 48
    assert not torch.equal(kept(one), kept(other))
    other.load_state_dict(one.state_dict())
    assert torch.equal(kept(one), kept(other))
    wider = prepared(0.2, criterion="fixed")
    wider.draws.seed = one.draws.seed
    assert bool((kept(wider) >= kept(one)).all())


def test_the_ordering_by_tensor_keeps_the_share_of_each():
    by_tensor, together = kept(prepared(0.4, ordering="tensor")), kept(prepared(0.4))
    assert (int(by_tensor[:60].sum()), int(by_tensor[60:].sum())) == (36, 12)
    assert int(together[60:].sum()) < 12
    assert int(together.sum()) == 48


def test_without_scale_the_critical_gradient_is_whole():
    assert_close(flat(handed(prepared(0.4, scale=False))), flat(GRADIENTS) * kept(prepared(0.4)))


# thresholds


def test_the_strict_rule_keeps_one_more_and_every_tie():
    values = torch.tensor([4.0, 1.0, 3.0, 2.0, 5.0])
    assert kth_mask(values, 2).tolist() == [True, False, True, True, True]
    assert kth_mask(values, 0).all()
    assert kth_mask(torch.zeros(5), 3).all()
    assert int(kept(prepared(0.4, compat_kth=True)).sum()) == 49
    assert int(kept(prepared(0.4)).sum()) == 48


def test_a_sampled_threshold_keeps_about_the_share():
    values = torch.rand(20_000, generator=RNG.manual_seed(1))
    share, entries = 0.4, 500
    found = [float(sampled_mask(values, share, entries, RNG).double().mean()) for _ in range(200)]
    mean, deviation = sum(found) / 200, math.sqrt(share * (1 - share) / entries)
    assert mean == pytest.approx(1 - share, abs=4 * deviation / math.sqrt(200) + 1 / entries)
    spread = math.sqrt(sum((f - mean) ** 2 for f in found) / 200)
    assert spread == pytest.approx(deviation, rel=0.25)


def test_a_sampled_threshold_keeps_what_is_above_it():
    values = torch.rand(1000, generator=RNG.manual_seed(2))
    mask = sampled_mask(values, 0.5, 50, RNG)
    assert values[mask].min() > values[~mask].max()
    assert int(sampled_mask(values, 0.9999, 50, RNG).sum()) < 100


def test_a_sample_is_drawn_anew_every_step_and_all_is_used_where_there_is_no_more():
    method = prepared(0.4, sampled=20)
    assert not torch.equal(kept(method, 0), kept(method, 1))
    assert torch.equal(kept(method, 0), kept(method, 0))
    assert torch.equal(kept(prepared(0.4, sampled=80)), kept(prepared(0.4)))
    assert_close(flat(handed(prepared(0.0, sampled=20))), flat(GRADIENTS))


def test_the_rule_of_the_supplement_by_hand():
    """Of 40,000 entries a half of (1 - 0.4) is kept: k = 10,000 (1 - 0.6 / 2) = 7,000 of the first 10,000."""
    assert supplement_mask(torch.zeros(1000), 0.4).all()
    rising = torch.arange(1.0, 2001.0)
    assert int(supplement_mask(rising, 0.4).sum()) == 2000 - 799
    large = torch.cat([torch.randperm(10_000, generator=RNG.manual_seed(3)).float(), torch.full((30_000,), 6999.0)])
    mask = supplement_mask(large, 0.4)
    assert mask[:10_000].sum() == 3001
    assert mask[10_000:].all()
    large[10_000:] = 6998.0
    assert not supplement_mask(large, 0.4)[10_000:].any()
    huge = torch.arange(4_000_000.0)
    assert int((~supplement_mask(huge, 0.999)).sum()) == 9989


def test_the_supplement_leaves_small_tensors_alone_and_drops_the_factor():
    params = {"a.weight": torch.randn(50, 40, generator=RNG.manual_seed(4)), "b.weight": torch.ones(10, 100)}
    gradients = {name: torch.randn(p.shape, generator=RNG) for name, p in params.items()}
    found = handed(prepared(0.4, compat_supplement=True), gradients=gradients, params=params)
    assert torch.equal(found["b.weight"], gradients["b.weight"])
    kept_here = found["a.weight"] != 0
    assert int(kept_here.sum()) == 2000 - 799
    assert torch.equal(found["a.weight"], gradients["a.weight"] * kept_here)


# decay


def soft(w, threshold):
    """w moved towards zero by the threshold, and no further."""
    return w.sign() * (w.abs() - threshold).clamp_min(0)


def test_the_proximal_term_makes_a_step_end_at_the_soft_threshold():
    w, g, lr, lam = PARAMS["b.weight"], GRADIENTS["b.weight"], 0.1, 0.05
    assert_close(w - lr * (g + proximal_term(w, g, lam, lr)), soft(w - lr * g, lr * lam))
    small = torch.tensor([0.003, -0.002, 0.5])
    still = torch.zeros(3)
    assert_close(small - lr * proximal_term(small, still, lam, lr), torch.tensor([0.0, 0.0, 0.495]))


def test_the_sign_overshoots_where_the_proximal_step_stops():
    weights = {"a.weight": torch.full((3, 2), 0.003)}
    still = {"a.weight": torch.zeros(3, 2)}
    for decay, after in (("sign", -0.002), ("proximal", 0.0)):
        found = handed(prepared(0.0, l1=0.05, decay=decay), gradients=still, params=weights)["a.weight"]
        assert_close(weights["a.weight"] - 0.1 * found, torch.full((3, 2), after))


def test_the_decay_moves_weights_that_are_not_critical_and_no_biases():
    plain, decayed = handed(prepared(0.4)), handed(prepared(0.4, l1=0.05))
    assert_close(flat(decayed), flat(plain) + 0.05 * flat(PARAMS).sign())
    assert decayed["a.bias"] is GRADIENTS["a.bias"]


def test_a_learning_rate_of_zero_gives_a_finite_gradient():
    assert torch.isfinite(flat(handed(prepared(0.4, l1=0.05, decay="proximal"), lr=0.0))).all()


def test_the_gradient_that_is_handed_in_is_left_alone():
    before = {name: g.clone() for name, g in GRADIENTS.items()}
    for options in ({}, {"compat_kth": True}, {"sampled": 20}, {"criterion": "fixed"}, {"l1": 0.1}):
        handed(prepared(0.4, **options))
        assert all(torch.equal(GRADIENTS[name], g) for name, g in before.items())


@pytest.mark.parametrize(
    "options, said",
    [
        ({"criterion": "odd"}, "cdr: criterion='odd' must be one of product, sum, fixed"),
        ({"decay": "l3"}, "cdr: decay='l3' must be one of sign, proximal"),
        ({"ordering": "odd"}, "cdr: ordering='odd' must be one of global, tensor"),
        ({"sampled": 0}, "cdr: sampled=0 must be a whole number between"),
        ({"sampled": 9, "compat_kth": True}, "cdr: sampled and compat_kth are two ways"),
        ({"sampled": 9, "compat_supplement": True}, "cdr: sampled and compat_supplement are two ways"),
    ],
)
def test_options_out_of_range_are_named(options, said):
    with pytest.raises(BadInput, match=said):
        CDR(0.4, **options)
