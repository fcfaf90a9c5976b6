import inspect
import json

import numpy as np
import pytest

import noisewise as nw
from noisewise.auditing.plan import AuditPlan
from noisewise.cli.commands.audit import audit
from noisewise.cli.commands.corrupt import corrupt
from noisewise.cli.commands.probe import probe
from noisewise.cli.commands.train import train
from noisewise.data.reading import FIELDS, Reading
from noisewise.data.sources import read
from noisewise.errors import BadInput
from noisewise.run.experiment import Experiment

LEGAL = {
    "labels": "y",
    "text": "note",
    "columns": ("a", "b"),
    "ignore": ("c",),
    "id": "patient",
    "na": ("n/a", "?"),
    "size": 32,
    "skip_broken": True,
    "trusted": "checked",
}


def test_load_takes_every_option():
    assert set(FIELDS) <= set(inspect.signature(nw.load).parameters)
    assert set(LEGAL) == set(FIELDS)


@pytest.mark.parametrize("command", [audit, train, corrupt, probe], ids=lambda command: command.name)
def test_every_command_takes_every_option(command):
    assert set(FIELDS) <= {parameter.name for parameter in command.params}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("of", [Experiment.of, AuditPlan])
def test_an_experiment_and_a_plan_record_it(name, of):
    made = of("table.csv", **{name: LEGAL[name]})
    assert made.reading == Reading(**{name: LEGAL[name]})
    written = json.loads(json.dumps(made.plain()))
    assert type(made).read(written) == made
    assert name in repr(made)


def test_what_is_not_stated_leaves_the_key_of_an_experiment_as_it_was():
    assert set(Experiment("digits", labels="y").stated()) == {"source", "labels"}
    assert Reading().stated() == {}


def test_lists_and_one_text_are_equal():
    assert Reading(columns=["a"], na="?") == Reading(columns=("a",), na=("?",)) == Reading(columns="a", na=["?"])
    assert Reading(size=[8, 9]).size == (8, 9)
    assert Reading(size=np.int64(8)).size == 8
    assert repr(Reading(id="a")) == "Reading(id='a')"


@pytest.mark.parametrize(
    "stated, said",
    [
        ({"labels": 3}, "labels=3 must be text or None"),
        ({"columns": 3}, "columns=3 must be a text or a list of texts"),
        ({"na": [1]}, r"na=\[1\] must be a text or a list"),
        ({"id": ""}, "id='' must be text, not empty"),
        ({"size": 0}, "size=0 must be a whole number"),
        ({"size": (3, 0)}, "size=0 must be a whole number"),
        ({"size": (3, None)}, r"size=\(3, None\) must be a whole number of at least 1, or two"),
        ({"size": (1, 2, 3)}, r"size=\(1, 2, 3\) must be a whole number"),
        ({"skip_broken": 1}, "skip_broken=1 must be true or false"),
        ({"trusted": 20}, "trusted=20 must be text"),
        ({"columns": ["a", "b"], "text": "a"}, "text='a' is the only input"),
        ({"ignore": ["a"], "text": "a"}, "text='a' is the only input"),
        ({"columns": ["a", "b"], "ignore": ["b"]}, "columns='b' is also in ignore"),
    ],
)
def test_what_is_not_legal_is_refused(stated, said):
    with pytest.raises(BadInput, match=said):
        Reading(**stated)
    with pytest.raises(BadInput):
        AuditPlan("digits", **stated)


@pytest.mark.parametrize("name", FIELDS)
def test_nothing_is_ignored_in_silence(name, images, tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(9) % 3)
    for source in ("digits", tmp_path / "labels.npy", *([] if name == "size" else [images()])):
        with pytest.raises(BadInput, match=f"^{name}="):
            read(source, Reading(**{name: LEGAL[name]}))
