"""What holds for every corruption, and for chains of them."""

import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noisewise.data import load
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise import CORRUPTIONS, CorruptionCard, corrupt

every = pytest.mark.parametrize("name", list(CORRUPTIONS))


def changing(kind):
    return [name for name, corruption in CORRUPTIONS.items() if corruption.card.changes == kind]


of_labels, of_inputs, of_rows = (pytest.mark.parametrize("name", changing(k)) for k in ("labels", "inputs", "rows"))
ARGUMENTS = {"matrix": ("t.npy",), "blur": (8,), "longtail": (100,), "step": (10,), "openset": (0.4,), "pgd": (0.1,)}
RATED = {"symmetric": 0.4, "uniform": 0.4, "pair": 0.45, "asymmetric": 0.4, "instance": 0.4, "annotators": 0.4}


@every
def test_the_card_is_complete_and_its_example_works(name, fashion, here):
    card = CORRUPTIONS[name].card
    assert isinstance(card, CorruptionCard)
    assert card.name == name
    assert card.example.partition(":")[0] == name
    assert card.changes in ("labels", "inputs", "rows")
    assert card.does
    assert card.paper == "-" or card.paper[-4:].isdigit()
    assert corrupt(fashion, card.example).provenance


@of_labels
def test_only_the_given_labels_of_the_training_split_change(name, fashion, here):
    given_before, inputs_before = fashion.given.copy(), fashion.inputs.copy()
    noisy = corrupt(fashion, CORRUPTIONS[name].card.example)
    for field in dataclasses.fields(Dataset):
        if field.name not in ("given", "truth", "provenance", "classes"):
            assert getattr(noisy, field.name) is getattr(fashion, field.name), field.name
    assert noisy.classes == fashion.classes
    np.testing.assert_array_equal(noisy.truth, given_before)
    np.testing.assert_array_equal(fashion.given, given_before)
    np.testing.assert_array_equal(fashion.inputs, inputs_before)
    assert fashion.truth is None
    assert noisy.given.dtype == np.int64
    assert 0 < noisy.noise_rate < 1


@of_inputs
def test_only_inputs_change(name, fashion, here):
    inputs_before = fashion.inputs.copy()
    noisy = corrupt(fashion, CORRUPTIONS[name].card.example)
    splits = ("test", "validation", "trusted") if name == "shuffled-pixels" else ()
    for field in dataclasses.fields(Dataset):
        if field.name not in ("inputs", "provenance", "classes", *splits):
            assert getattr(noisy, field.name) is getattr(fashion, field.name), field.name
    for split in splits:
        np.testing.assert_array_equal(getattr(noisy, split).given, getattr(fashion, split).given)
    assert (noisy.inputs.shape, noisy.inputs.dtype) == (fashion.inputs.shape, np.uint8)
    changed = (noisy.inputs != fashion.inputs).any(axis=(1, 2, 3)).mean()
    assert noisy.provenance[0]["inputs_changed"] == changed > 0.35
    np.testing.assert_array_equal(fashion.inputs, inputs_before)


@of_rows
def test_only_which_rows_there_are_changes(name, fashion, here):
    noisy = corrupt(fashion, "symmetric:0.3+" + CORRUPTIONS[name].card.example)
    whole = corrupt(fashion, "symmetric:0.3")
    assert len(noisy) < len(fashion)
    assert (np.diff(noisy.index) > 0).all()
    for field in ("inputs", "given", "truth"):
        np.testing.assert_array_equal(getattr(noisy, field), getattr(whole, field)[noisy.index])
    for field in ("test", "validation", "trusted", "name", "kind"):
        assert getattr(noisy, field) is getattr(fashion, field)
    record = noisy.provenance[1]
    assert (record["rows_before"], record["sizes"]) == (6000, np.bincount(noisy.given).tolist())


@of_labels
def test_the_seed_decides_and_the_global_generator_does_not(name, fashion, here):
    example = CORRUPTIONS[name].card.example
    np.random.seed(1)
    first = corrupt(fashion, example, seed=7)
    state = np.random.get_state()[1].copy()
    np.random.seed(2)
    np.testing.assert_array_equal(first.given, corrupt(fashion, example, seed=7).given)
    np.random.seed(1)
    np.testing.assert_array_equal(state, np.random.get_state()[1])
    assert (first.given != corrupt(fashion, example, seed=8).given).mean() > 0.1


@pytest.mark.parametrize("name", changing("inputs") + changing("rows"))
def test_the_seed_alone_decides_inputs_and_rows(name, fashion, here):
    example = CORRUPTIONS[name].card.example
    np.random.seed(1)
    first, state = corrupt(fashion, example, seed=7), np.random.get_state()[1].copy()
    second = corrupt(fashion, example, seed=7)
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.index, second.index)
    np.testing.assert_array_equal(state, np.random.get_state()[1])
    other = corrupt(fashion, example, seed=8)
    same = np.array_equal(first.inputs, other.inputs) and np.array_equal(first.index, other.index)
    assert same == (name in ("blur", "vflip"))


@pytest.mark.parametrize("name", changing("inputs") + changing("rows"))
def test_every_record_is_plain_data(name, fashion, here):
    example = CORRUPTIONS[name].card.example
    noisy = corrupt(fashion, example, seed=4)
    (record,) = noisy.provenance
    said = {"step": "corrupt", "spec": example, "seed": 4, "term": 0}
    assert said.items() <= record.items()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert pickle.loads(pickle.dumps(noisy)).provenance == noisy.provenance


@of_labels
def test_the_record_is_plain_data_and_says_what_happened(name, fashion, here):
    example = CORRUPTIONS[name].card.example
    noisy = corrupt(fashion, example, seed=4)
    (record,) = noisy.provenance
    assert {key: record[key] for key in ("step", "spec", "seed", "term")} == {
        "step": "corrupt",
        "spec": example,
        "seed": 4,
        "term": 0,
    }
    assert record["changed"] == noisy.noise_rate
    np.testing.assert_array_equal(record["transition"], noisy.transition)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    copy = pickle.loads(pickle.dumps(noisy))
    assert copy.provenance == noisy.provenance
    np.testing.assert_array_equal(copy.given, noisy.given)


@every
def test_instances_are_frozen_and_equal_by_their_parameters(name):
    kind = CORRUPTIONS[name]
    arguments = ARGUMENTS.get(name, (RATED[name],) if name in RATED else ())
    assert kind(*arguments) == kind(*arguments)
    assert pickle.loads(pickle.dumps(kind(*arguments))) == kind(*arguments)
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind(*arguments).new = 1


@pytest.mark.parametrize("name", RATED)
@pytest.mark.parametrize("bad", ["1.01", "-0.1", "40", "nan", "inf", "true", "none", "much", "9" * 400])
def test_a_rate_lies_between_0_and_1(name, bad, fashion):
    with pytest.raises(BadInput, match=f"{name}: (rate|p)=.* must lie between 0 and 1"):
        corrupt(fashion, f"{name}:{bad}")


@pytest.mark.parametrize("name", RATED)
@pytest.mark.parametrize("exact", ["true", "false"])
def test_a_rate_of_0_changes_nothing(name, exact, fashion):
    assert corrupt(fashion, f"{name}:0,exact={exact}").noise_rate == 0


@pytest.mark.parametrize("name", RATED)
def test_exact_is_true_or_false(name, fashion):
    with pytest.raises(BadInput, match=f"{name}: exact=1 must be true or false"):
        corrupt(fashion, f"{name}:0.4,exact=1")


@pytest.mark.parametrize("name", RATED)
def test_noise_is_nested_over_rates_for_a_fixed_seed(name, fashion):
    low, high = (corrupt(fashion, f"{name}:{rate}") for rate in (0.2, 0.5))
    changed = low.given != low.truth
    assert changed.sum() > 200
    np.testing.assert_array_equal(low.given[changed], high.given[changed])


def test_terms_apply_in_order_and_the_truth_is_from_before_the_first(fashion):
    noisy = corrupt(fashion, "pair:1+permute", seed=3)
    first, second = noisy.provenance
    assert (first["spec"], first["term"], first["changed"]) == ("pair:1", 0, 1.0)
    assert (second["spec"], second["term"], second["seed"]) == ("permute", 1, 3)
    np.testing.assert_array_equal(noisy.truth, fashion.given)
    shifted = np.bincount((fashion.given + 1) % 10, minlength=10)
    np.testing.assert_array_equal(np.bincount(noisy.given, minlength=10), shifted)


def test_composition_of_two_full_pair_noises(fashion):
    noisy = corrupt(fashion, "pair:1+pair:1")
    np.testing.assert_array_equal(noisy.given, (fashion.given + 2) % 10)


def test_generator_depends_on_position_and_name_only(fashion):
    alone = corrupt(fashion, "symmetric:0.4", seed=5)
    chained = corrupt(fashion, "symmetric:0.4+pair:0", seed=5)
    np.testing.assert_array_equal(alone.given, chained.given)
    later = corrupt(fashion, "pair:0+symmetric:0.4", seed=5)
    assert (later.given != alone.given).mean() > 0.1


def test_a_second_call_goes_on_from_the_first(fashion):
    once = corrupt(fashion, "symmetric:0.3", seed=1)
    twice = corrupt(once, "pair:0.3", seed=2)
    np.testing.assert_array_equal(twice.truth, fashion.given)
    assert twice.provenance[0] == once.provenance[0]
    assert twice.provenance[1]["changed"] == np.mean(twice.given != once.given)


def test_reproducible_in_another_process(vectors):
    program = (
        "import numpy as np; from noisewise.data.dataset import Dataset; from noisewise.noise import corrupt;"
        "data = Dataset(np.zeros((30, 1)), np.arange(30) % 3, ('a', 'b', 'c'));"
        "print(''.join(map(str, corrupt(data, 'symmetric:0.5', seed=9).given)))"
    )
    data = Dataset(np.zeros((30, 1)), np.arange(30) % 3, ("a", "b", "c"))
    here = "".join(map(str, corrupt(data, "symmetric:0.5", seed=9).given))
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_a_class_without_rows_has_no_transition():
    data = Dataset(np.zeros((4, 1)), np.array([0, 0, 2, 2]), ("a", "b", "c"))
    (record,) = corrupt(data, "pair:1").provenance
    assert record["transition"] == [[0.0, 1.0, 0.0], [None, None, None], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None, True])
def test_a_seed_is_a_whole_number(seed, fashion):
    with pytest.raises(BadInput, match=r"seed=.* must be a whole number of at least 0"):
        corrupt(fashion, "random", seed=seed)


def test_a_seed_may_be_large_or_a_numpy_integer(fashion):
    assert corrupt(fashion, "random", seed=2**200).provenance[0]["seed"] == 2**200
    assert type(corrupt(fashion, "random", seed=np.int64(3)).provenance[0]["seed"]) is int


@every
def test_one_class_or_no_rows_are_refused(name, here):
    example = CORRUPTIONS[name].card.example
    with pytest.raises(BadInput, match="needs at least 2"):
        corrupt(Dataset(np.zeros((3, 1)), np.zeros(3, int), ("only",)), example)
    with pytest.raises(BadInput, match="no rows"):
        corrupt(Dataset(np.zeros((0, 1)), np.zeros(0, int), ("a", "b")), example)


ANY = st.sampled_from(
    ["0", "1", "4", "noise", "0.3", "-1", "2", "true", "x", '"y"', "", "none", "1e-320", "9" * 400, "nan"]
)
OPTION = st.sampled_from(
    ["exact", "rate", "p", "scale", "source", "variant", "compat_blocks", "file", "size", "ratio", "small", "zzz"]
)
ARGUMENT = ANY | st.builds("{}={}".format, OPTION, ANY)
TERM = st.builds(
    "{}:{}".format, st.sampled_from(list(CORRUPTIONS)), st.lists(ARGUMENT, max_size=3).map(",".join)
) | st.sampled_from(["random", "permute", "pear", ""])


@given(spec=st.lists(TERM, min_size=1, max_size=3).map("+".join), seed=st.integers(0, 2**70))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_specs_are_applied_or_rejected(spec, seed, fashion, here):
    data = fashion.take(np.arange(60))
    try:
        noisy = corrupt(data, spec, seed)
    except BadInput:
        return
    if noisy.truth is not None:
        np.testing.assert_array_equal(noisy.truth, fashion.given[noisy.index])
    assert len(noisy.provenance) == spec.count("+") + 1


def test_a_source_is_loaded():
    noisy = corrupt("digits", "symmetric:0.2", seed=1)
    np.testing.assert_array_equal(noisy.given, corrupt(load("digits"), "symmetric:0.2", seed=1).given)
    for data in (3, None, "", "no-such-source"):
        with pytest.raises(BadInput, match=repr(data) if data != "no-such-source" else data):
            corrupt(data, "symmetric:0.2")
