import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisewise.catalogue import Catalogue
from noisewise.errors import BadInput
from noisewise.spec import Term, parse

FRUIT = Catalogue("fruit", {"apple": "nowhere:Apple", "pear": "nowhere:Pear"})


def only(text: str) -> Term:
    (term,) = parse(text, FRUIT)
    return term


@pytest.mark.parametrize(
    "text, value",
    [
        ("3", 3),
        ("-3", -3),
        ("0.4", 0.4),
        ("1e-3", 1e-3),
        ("true", True),
        ("False", False),
        ("none", None),
        ("red", "red"),
        ("runs/lr=0.1.npy", "runs/lr=0.1.npy"),
        ('"3"', "3"),
        ('"a+b, c=d.npy"', "a+b, c=d.npy"),
        ('""', ""),
    ],
)
def test_types_of_values(text, value):
    (positional,), (named,) = only(f"apple:{text}").args, only(f"apple:size={text}").options.values()
    assert positional == value
    assert type(positional) is type(value)
    assert named == value


def test_terms_keep_their_order_their_text_and_their_arguments():
    assert parse(" apple : 1 , 2, size = 3 + pear+apple", FRUIT) == [
        Term("apple", (1, 2), {"size": 3}, "apple : 1 , 2, size = 3"),
        Term("pear", (), {}, "pear"),
        Term("apple", (), {}, "apple"),
    ]


@pytest.mark.parametrize(
    "text, position, reason",
    [
        ("", 1, "missing"),
        ("apple+", 7, "missing"),
        ("apple++pear", 7, "missing"),
        ("apple: 1 +  plum", 13, "plum"),
        ("aple", 1, "did you mean 'apple'"),
        ("apple:", 7, "value is missing"),
        ("apple:1,,2", 9, "value is missing"),
        ("pear + apple:1, size=", 17, "value is missing"),
        ("apple:size=1, 2", 15, "follows a named one"),
        ("apple:size=1,size=2", 14, "given twice"),
        ('apple:"1+pear', 7, "not closed"),
    ],
)
def test_an_error_says_why_and_at_which_character(text, position, reason):
    with pytest.raises(BadInput) as caught:
        parse(text, FRUIT)
    assert f"at character {position} of {text!r}" in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize("value", [None, 0.4, b"apple"])
def test_a_spec_is_text(value):
    with pytest.raises(BadInput, match="fruit spec is text"):
        parse(value, FRUIT)


def pick(basket, size, ripe=True, **_):
    return basket, size, ripe


def test_bind_gives_arguments_by_name():
    assert only("apple:3,ripe=false").bind(pick, given=("basket",)) == {"size": 3, "ripe": False}
    assert only("apple:size=3").bind(pick, given=("basket",)) == {"size": 3}
    assert only("apple:1,2,3").bind(pick) == {"basket": 1, "size": 2, "ripe": 3}


@pytest.mark.parametrize(
    "text, reason",
    [
        ("apple", "needs 'size'"),
        ("apple:1,2,3", r"takes at most 2 argument\(s\) \(size, ripe\)"),
        ("apple:1,rip=true", "no option 'rip' .*did you mean 'ripe'"),
        ("apple:1,zzz=true", "no option 'zzz'; it takes size, ripe"),
        ("apple:1,size=2", "'size' is given twice"),
        ("apple:1,basket=2", "no option 'basket'"),
    ],
)
def test_bind_refuses_what_the_function_does_not_take(text, reason):
    with pytest.raises(BadInput, match=reason):
        only(text).bind(pick, given=("basket",))


def test_bind_to_a_function_without_parameters():
    assert only("apple").bind(lambda: None) == {}
    with pytest.raises(BadInput, match="takes no arguments"):
        only("apple:1").bind(lambda: None)


@given(st.text(alphabet=st.sampled_from('apler:,+="= 01.e-\n\0é'), max_size=40) | st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text):
    try:
        terms = parse(text, FRUIT)
    except BadInput:
        return
    assert all(term.name in FRUIT and term.text in text for term in terms)


WORDS = st.text(alphabet='abc+,=:" é', min_size=1).map(lambda text: text.replace('"', ""))
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS


def written(value):
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:f}" if isinstance(value, float) else str(value)


@given(st.lists(VALUES, max_size=3), st.dictionaries(st.sampled_from(["size", "ripe", "_x"]), VALUES))
def test_spec_round_trip(args, options):
    parts = [written(value) for value in args] + [f"{key}={written(value)}" for key, value in options.items()]
    text = "apple" + (":" if parts else "") + ",".join(parts)
    first, second = parse(f"{text}+pear", FRUIT)
    assert [written(value) for value in first.args] == [written(value) for value in args]
    assert {key: written(value) for key, value in first.options.items()} == {k: written(v) for k, v in options.items()}
    assert second.name == "pear"


def test_bind_follows_a_class_like_its_constructor():
    class Box:
        def __init__(self, width, height=2):
            self.area = width * height

    assert Box(**only("apple:3").bind(Box)).area == 6
