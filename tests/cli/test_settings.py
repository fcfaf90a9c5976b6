"""`--set`, arrays from files, and what is printed of text from data."""

import pytest

from noisewise.cli.settings import read_settings
from noisewise.cli.text import printable
from noisewise.errors import BadInput
from noisewise.formatting import percent
from noisewise.training import Config


@pytest.mark.parametrize(
    "pair, expected",
    [
        ("lr=0.05", {"lr": 0.05}),
        ("lr=1", {"lr": 1.0}),
        ("lr=none", {"lr": None}),
        ("batch_size=64", {"batch_size": 64}),
        ("patience = 5", {"patience": 5}),
        ("optimizer=adamw", {"optimizer": "adamw"}),
        ("milestones=0.3,0.6", {"milestones": (0.3, 0.6)}),
        ("augment=crop:4,pad=zero+flip", {"augment": "crop:4,pad=zero+flip"}),
        ("strong=randaugment:3,5+cutout:16,smaller=true", {"strong": "randaugment:3,5+cutout:16,smaller=true"}),
    ],
)
def test_settings_are_read_by_the_type_of_their_field(pair, expected):
    found = read_settings([pair])
    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]
    Config(**found)


@pytest.mark.parametrize(
    "pair, message",
    [
        ("lr", "not of the form name=value"),
        ("lr=", "not of the form name=value"),
        ("bach_size=3", "there is no setting 'bach_size' (did you mean 'batch_size'?)"),
        ("xyzzy=3", "there is no setting 'xyzzy'; known: batch_size,"),
        ("batch_size=3.5", "'3.5' is not a whole number"),
        ("lr=nan", "'nan' is not a finite number"),
        ("lr=fast", "'fast' is not a finite number"),
        ("epochs=3", "epochs has its own option, --epochs"),
    ],
)
def test_settings_that_cannot_be_read(pair, message):
    with pytest.raises(BadInput) as error:
        read_settings([pair])
    assert message in str(error.value)


def test_later_settings_win():
    assert read_settings(["lr=1", "lr=2"]) == {"lr": 2.0}


def test_printable_is_one_safe_line():
    assert printable("a\tb\n c") == "a b c"
    assert printable("\x1b[2J\x07") == "?[2J?"
    assert printable("Käse 猫") == "Käse 猫"


def test_percent():
    assert percent(0.1234) == "12.3 %"
