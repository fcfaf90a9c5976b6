"""Options' legal values: the kinds of bounds, where they are checked, and that every numeric option has one."""

import copy
import fractions
import inspect
import math

import numpy as np
import pytest
import torch

from noisewise.bounds import PATH, SEED, Bounded, at_least, between, bounded, check, flag, one_of, whole
from noisewise.errors import BadInput
from noisewise.methods import METHODS, build
from noisewise.methods.gradients.cdr import CDR
from noisewise.methods.losses.focal import Focal
from noisewise.methods.losses.gce import GCE
from noisewise.training.config import Config
from noisewise.training.method import Chain


@pytest.mark.parametrize(
    "bound, legal, illegal",
    [
        (between(0, 1), [0, 1, 0.5, np.float32(0.5), np.int64(1)], [-0.1, 2, math.inf, np.float64(1.5)]),
        (at_least(2), [2, 1e38], [1.999, 1e39, math.inf]),
        (whole(1), [1, np.int32(7)], [0, 1.5, 2.0]),
        (whole(1, 5), [1, 5], [6]),
        (between(0, 1) | None, [None, 0.5], [2]),
        (one_of("a", "b"), ["a"], ["c", None]),
        (flag(), [True, np.bool_(False)], [1, "true", None]),
    ],
)
def test_what_a_bound_allows(bound, legal, illegal):
    for value in legal:
        assert check("m", "o", value, bound) == value
    for value in (*illegal, math.nan, "x", [0.5], -(10**400)):
        with pytest.raises(BadInput, match=r"^m: o=.* must "):
            check("m", "o", value, bound)


@pytest.mark.parametrize("bound", [between(0, 1), at_least(0), whole(0)])
def test_true_and_none_are_no_numbers(bound):
    for value in (True, None, np.bool_(True)):
        with pytest.raises(BadInput):
            check("m", "o", value, bound)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GCE(q=3), "gce: q=3 must lie between 1e-06 and 1"),
        (lambda: GCE(3), "gce: q=3 must lie between 1e-06 and 1"),
        (lambda: GCE(np.float64(3)), "gce: q=3.0 must lie between 1e-06 and 1"),
        (lambda: GCE(True), "gce: q=True must lie between 1e-06 and 1"),
        (lambda: build("gce:q=nan"), "gce: q=nan must lie between 1e-06 and 1"),
        (lambda: build("glc:first=2"), "glc: first=2 must lie between 0.01 and 1"),
        (lambda: METHODS["glc"](None, first=2), "glc: first=2 must lie between 0.01 and 1"),
        (lambda: Focal(detach=1), "focal: detach=1 must be true or false"),
        (lambda: METHODS["taylor-ce"](1.5), "taylor-ce: order=1.5 must be a whole number between 1 and 1000"),
        (lambda: Config(lr=math.inf), "lr=inf must be at least 0 and finite (in 32 bits)"),
        (
            lambda: Config(augment="non"),
            "augment='non' must be auto, none or steps such as crop:4+flip: unknown augmentation 'non' at character 1 "
            "of 'non'; known: autoaugment, crop, cutout, flip, jitter, randaugment",
        ),
    ],
)
def test_one_message_wherever_the_value_comes_from(make, message):
    with pytest.raises(BadInput) as caught:
        make()
    assert str(caught.value) == message


class Base(Bounded):
    bounds = {"a": between(0, 1), "b": between(0, 1)}

    def __init__(self, a=0.5, b=0.5):
        self.a, self.b = a, b


class Sub(Base):
    bounds = {"b": between(0, 10), "c": whole(1)}

    def __init__(self, a=0.5, b=0.5, c=1, *, other=None):
        super().__init__(a, b)
        self.c = c


def test_a_subclass_inherits_and_replaces_bounds():
    assert Sub(b=5).b == 5
    assert Base.bounds.keys() == {"a", "b"}
    for options in ({"a": 2}, {"b": 11}, {"c": 0}):
        with pytest.raises(BadInput, match=r"^Sub: "):
            Sub(**options)
    with pytest.raises(TypeError, match="unexpected keyword"):
        Sub(d=1)


def test_numpy_numbers_become_pythons():
    made = Sub(np.float32(0.5), c=np.int64(3))
    assert type(made.a) is float
    assert type(made.c) is int

    @bounded("f", {"n": whole(1)})
    def kind(n=1):
        return type(n)

    assert kind(np.int64(2)) is int


def test_options_are_kept_and_shown():
    assert repr(Sub(0.25, other=[1])) == "Sub(a=0.25, b=0.5, c=1)"
    assert repr(GCE()) == "GCE(q=0.7)"
    assert repr(Chain([CDR(tau=0.25), GCE()])).startswith("Chain(CDR(tau=0.25, ")
    assert repr(copy.deepcopy(GCE(0.5))) == "GCE(q=0.5)"
    chained = repr(METHODS["meta-weight-net"](hidden=8).enclose([GCE()]))
    assert chained.startswith("MetaWeightNet(hidden=8, ")
    assert "GCE(q=0.7)" in chained


def test_a_network_is_not_kept_among_the_options():
    class Holds(GCE):
        def __init__(self, net, q=0.5):
            super().__init__(q)

    assert Holds(torch.nn.Linear(1, 1)).options == {"q": 0.5}


def numeric_options(entry):
    """The options of an entry that take numbers, by their annotations."""
    found = {name: str(p.annotation) for name, p in inspect.signature(entry).parameters.items()}
    return [name for name, annotation in found.items() if annotation.split(" |")[0] in ("int", "float")]


def check_numeric_options(entry):
    made = entry if isinstance(entry, type) else lambda **options: entry(None, **options)
    for option in numeric_options(entry):
        assert option in entry.bounds, option
        default = inspect.signature(entry).parameters[option].default
        check("default", option, default, entry.bounds[option])
        for value in (math.nan, math.inf, True, "x", -1e300):
            with pytest.raises(BadInput, match=f": {option}="):
                made(**{option: value})


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_numeric_option_has_a_bound(name):
    check_numeric_options(METHODS[name])


def test_an_option_without_a_bound_is_caught():
    class Loose(GCE):
        def __init__(self, q: float = 0.5, more: float = 1.0):
            super().__init__(q)

    Loose.__init__.__annotations__.update(q="float", more="float")
    with pytest.raises(AssertionError, match="more"):
        check_numeric_options(Loose)


def test_a_message_is_one_short_line_whatever_the_value():
    class Odd:
        def __repr__(self):
            return "a\nb" * 1000

    class Broken:
        def __repr__(self):
            raise RuntimeError

    for value in (Odd(), Broken(), 10**5000, "x\ny" * 1000, np.zeros((40, 40))):
        with pytest.raises(BadInput, match=r"^m: o=.* must be a whole number of at least 1 ") as caught:
            check("m", "o", value, whole(1))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
    assert str(BadInput("one\n  two")) == "one two"


def test_what_is_counted_is_at_most_a_billion_but_a_seed_is_not():
    assert check(None, "n", 10**9, whole(1)) == 10**9
    with pytest.raises(BadInput, match=r"n=10{30} must be a whole number of at least 1 \(at most a billion\)"):
        check(None, "n", 10**30, whole(1))
    assert check(None, "seed", 10**30, SEED) == 10**30


@pytest.mark.parametrize("value", [fractions.Fraction(1, 2), np.float16(0.5), np.longdouble(0.5)])
def test_numbers_become_pythons(value):
    assert type(check(None, "o", value, between(0, 1))) is float


def test_times_are_no_numbers():
    for value in (np.timedelta64(1), np.datetime64("2020-01-01"), np.datetime64("NaT")):
        with pytest.raises(BadInput):
            check(None, "o", value, between(0, 1) | None)


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800", b"x", 3, None])
def test_what_cannot_be_a_path(path):
    assert not PATH.allows(path)
    assert PATH.allows("a/b")
