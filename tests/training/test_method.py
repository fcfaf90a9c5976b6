"""Composition: what a chain is, what it refuses, and what happens to memories after rows are mixed."""

import pytest
import torch
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods import build, card, compose
from noisewise.methods.gradients.cdr import CDR
from noisewise.methods.gradients.sam import SAM
from noisewise.methods.inputs.mixup import Mixup
from noisewise.methods.learned.l2rw import L2RW
from noisewise.methods.learned.meta_weight_net import MetaWeightNet
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.methods.losses.gce import GCE
from noisewise.methods.pairs.coteaching import CoTeaching
from noisewise.methods.targets.bootstrap import BootstrapSoft
from noisewise.methods.targets.elr import ELR
from noisewise.methods.weights.self_paced import SelfPaced
from noisewise.training.method import Chain, Method, MethodCard, changes, stations
from noisewise.training.step import step

from .support import assert_caught, make_batch, mlp, prepared, rng, twins, weights


def check_nested_is_flat(nest):
    ours, theirs = twins(mlp())
    for nets, chain in ((ours, nest([SelfPaced(0.5, burn_in=0), GCE(), ELR(), CDR(tau=0.3)])), (theirs, flat())):
        method, optimizer = prepared(chain), torch.optim.SGD(nets.parameters(), 0.1, 0.9)
        for seed in range(5):
            step(nets, method, optimizer, make_batch(seed=seed), rng())
    assert torch.equal(weights(ours.nets), weights(theirs.nets))


def flat():
    return Chain([SelfPaced(0.5, burn_in=0), GCE(), ELR(), CDR(tau=0.3)])


def test_a_nested_chain_is_a_flat_chain():
    check_nested_is_flat(lambda parts: Chain([parts[0], Chain([parts[1], Chain(parts[2:3])]), parts[3]]))
    nested = Chain([Chain([CrossEntropy(), GCE()]), Chain([Chain([ELR()])])])
    assert [type(m) for m in nested.parts] == [CrossEntropy, GCE, ELR]


def test_a_chain_that_loses_a_part_is_caught():
    assert_caught(lambda: check_nested_is_flat(lambda parts: Chain([parts[0], Chain(parts[1:3])])))


def test_the_order_at_a_station_is_the_order_of_the_chain():
    class Adds(Method):
        def weight(self, batch):
            return batch.w + 1

    class Doubles(Method):
        def weight(self, batch):
            return batch.w * 2

    batch = make_batch(3)
    assert_close(Chain([Adds(), Doubles()]).weight(batch), torch.full((3,), 4.0))
    assert_close(Chain([Doubles(), Adds()]).weight(batch), torch.full((3,), 3.0))


def test_two_losses_are_refused_in_one_sentence():
    with pytest.raises(
        BadInput, match=r"^gce and gce each define a loss, and a step has only one: choose one of them$"
    ):
        Chain([GCE(0.7), GCE(0.3)])
    with pytest.raises(BadInput, match="each define a loss"):
        Chain([Chain([GCE(0.7)]), Chain([CrossEntropy(), Chain([GCE(0.3)])])])


@pytest.mark.parametrize("parts", [[Mixup, ELR], [ELR, Mixup]])
def test_mixing_and_a_memory_per_row_are_refused(parts):
    with pytest.raises(BadInput, match="mixup mixes rows, and elr keeps a memory per row"):
        Chain([part() for part in parts])
    with pytest.raises(BadInput, match="mixup mixes rows, and elr keeps"):
        build("+".join(part.card.name for part in parts))


def test_different_numbers_of_networks_are_refused():
    class Three(Method):
        networks = 3

    with pytest.raises(BadInput, match=r"coteaching trains 2 and Three trains 3 network\(s\) together"):
        Chain([CoTeaching(), Three()])
    assert Chain([CoTeaching(), GCE()]).networks == 2
    assert Chain([GCE()]).networks is None


class Undeclared(Method):
    """A memory per row that does not say so."""

    card = MethodCard("undeclared", "Keeps a memory.", "-", 2026)

    def observe(self, batch):
        self.seen = batch.rows


def check_a_memory_after_mixing_fails_loudly(mixer):
    nets, _ = twins(mlp())
    optimizer = torch.optim.SGD(nets.parameters(), 0.1)
    said = ""
    try:
        step(nets, Chain([mixer, Undeclared()]), optimizer, make_batch(), rng())
    except RuntimeError as error:
        said = str(error)
    assert "mixed rows" in said


class KeepsIndex(Mixup):
    def edit(self, batch, nets, rng):
        mixed = super().edit(batch, nets, rng)
        return type(mixed)(mixed.x, mixed.y, batch.index, mixed.w, mixed.clock)


def test_a_memory_after_mixing_fails_loudly():
    check_a_memory_after_mixing_fails_loudly(Mixup())


def test_a_mixer_that_keeps_the_index_is_caught():
    assert_caught(lambda: check_a_memory_after_mixing_fails_loudly(KeepsIndex()))


def test_stations_are_those_a_class_overrides():
    assert stations(GCE) == ("loss",)
    assert stations(ELR()) == ("penalty",)
    assert stations(Chain([SAM(), Mixup(), BootstrapSoft()])) == ("edit", "target", "gradient")
    assert stations(CrossEntropy) == stations(Chain()) == ()
    assert not changes(Chain([CrossEntropy()]), "loss")
    assert card("self-paced").stations == ("weight",)


def test_a_learner_of_a_station_takes_the_others_inside():
    method = compose([GCE(), MetaWeightNet(), ELR()])
    assert isinstance(method, MetaWeightNet)
    assert method.auxiliary == ("trusted",)
    assert method.remembers_rows
    assert stations(method) == ("run", "loss", "weight", "penalty")


def test_two_learners_are_refused():
    with pytest.raises(BadInput, match="two methods that each learn a station on trusted rows"):
        compose([MetaWeightNet(), L2RW()])


def test_enclosing_still_refuses_two_losses():
    with pytest.raises(BadInput, match="each define a loss"):
        compose([MetaWeightNet(), GCE(), GCE()])


@pytest.mark.parametrize(
    "spec, message",
    [
        ("glc+gce", "glc is a recipe"),
        ("gce+dividemix", "dividemix is a recipe"),
        ("gce:q=2", r"gce: q=2 must lie between"),
        ("elr:beta=x", "elr: beta='x' must lie between 0 and 1"),
        ("cdr:ordering=odd", "must be one of global, tensor"),
        ("coteeching", "did you mean 'coteaching'"),
    ],
)
def test_specs_that_cannot_train_are_refused(spec, message):
    with pytest.raises(BadInput, match=message):
        build(spec)


def test_selections_multiply():
    chain = prepared(Chain([SelfPaced(), CoTeaching()]), networks=2)
    first, second = chain.parts
    first.kept.fill_(0.5)
    second.picked[:3] = 0
    assert_close(chain.selection()[:4], torch.tensor([0, 0, 0, 0.5]))
    assert Chain([GCE()]).selection() is None
