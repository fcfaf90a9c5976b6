"""Objects of one's own by "module:attribute", wherever a name is taken, and by entry points."""

import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import noisewise as nw
from noisewise import catalogue as module
from noisewise.auditing.gathering.candidates.catalogue import PREDICTORS
from noisewise.catalogue import Catalogue
from noisewise.cli.commands.catalogues import usable
from noisewise.errors import BadInput
from noisewise.models import check
from noisewise.run.experiment import Experiment
from noisewise.spec import parse, places
from noisewise.studies import STUDIES

OWN = """
import numpy as np
from dataclasses import dataclass
import noisewise as nw
from noisewise.auditing.detectors.detector import Detector, DetectorCard
from noisewise.auditing.gathering.candidates.predictor import Predicted, Predictor
from noisewise.noise import CorruptionCard, relabel
from noisewise.probes import Probe, ProbeCard
from noisewise.training import Method, MethodCard, Observer, recipe
from noisewise.training.recipe import single


class Half(Method):
    card = MethodCard("half", "One. Two.", "-", 2026, "L / 2")

    def __init__(self, share=0.5):
        super().__init__()
        self.share = share

    def weight(self, batch):
        return batch.w * self.share


@recipe(MethodCard("twice", "One. Two.", "-", 2026, "L", stations=("weight",)))
def twice(training, share=0.5):
    single(training, Half(share))


@dataclass(frozen=True)
class AllFirst:
    card = CorruptionCard("all-first", "every label becomes the first class", "-", "own_parts:AllFirst")

    def apply(self, data, rng):
        return relabel(data, np.zeros_like(data.given))


FIRST = Detector(DetectorCard("first", "Rows of the first class.", (), "-", 2026, "1[y = 0]"),
                 lambda evidence: (evidence.labels == 0).astype(float))


class Ones(Probe):
    card = ProbeCard("ones", "Ones.", {"ones": "one"}, "nothing", "-", 2026, network=False)

    def measure(self, subject):
        return {"ones": 1.0}


class Silent(Observer):
    def __init__(self, data):
        pass


def uniform(values, task, progress):
    return Predicted(np.full((len(task), task.classes), 1 / task.classes))


UNIFORM = Predictor(("columns",), lambda shape, classes, folds: 0.1, uniform)


def source():
    return nw.Dataset(np.arange(12, dtype=np.float32).reshape(6, 2), np.array([0, 1] * 3), ("a", "b"))


def net(shape, classes):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), classes))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module `own_parts` in the present folder, which is not on Python's path."""
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != ""])
    yield tmp_path
    sys.modules.pop("own_parts", None)


def test_methods_and_corruptions(own, capsys):
    run = nw.train(
        "digits", "own_parts:Half:share=0.3+gce:q=0.5", "own_parts:net", 1, corrupt="own_parts:AllFirst", rows=40
    )
    assert (run.samples["given"] == "0").all()
    said = capsys.readouterr().err
    assert said == f"note: own_parts is imported from {own}, now at the end of Python's path\n"
    assert sys.path[-1] == str(own)
    assert Experiment.read(run.metrics["experiment"]).method == "own_parts:Half:share=0.3+gce:q=0.5"
    assert nw.train("digits", "own_parts:twice:share=0.1", "mlp:4", 1, rows=40).samples is not None


def test_detectors_and_candidates(own):
    found = nw.audit("digits", model="forest", rows=60, detectors="own_parts:FIRST,self-confidence", conditions=False)
    assert {"own_parts:FIRST", "self-confidence"} <= set(found.scores)
    data = nw.Dataset(np.eye(40, 5, dtype=np.float32), np.arange(40) % 2, ("a", "b"))
    *_, one = nw.audit(data, model="own_parts:UNIFORM", conditions=False).candidates
    assert one.name == "own_parts:UNIFORM on columns"


def test_probes_observers_sources_and_models(own):
    assert nw.probe(nw.load("own_parts:source"), "own_parts:Ones")["ones"]["ones"] == 1.0
    run = nw.train("own_parts:source", "ce", "own_parts:net", 1, probe="own_parts:Ones:examples=4,own_parts:Silent")
    assert run.history["ones"].tolist() == [1.0]
    check("own_parts:net")


def test_a_source_of_a_package_is_called(own, installed):
    installed("noisewise.sources", mine="own_parts:source")
    sys.path.append(str(own))
    nw.SOURCES.__dict__.pop("_added", None)
    try:
        assert len(nw.load("mine")) == 6
        with pytest.raises(BadInput, match="labels='y' is for "):
            nw.load("mine", labels="y")
    finally:
        nw.SOURCES.__dict__.pop("_added", None)


def test_a_file_of_that_name_is_read_rather_than_imported(own):
    (own / "own_parts:source").write_text("a,label\n1,x\n2,y\n")
    with pytest.raises(BadInput, match="cannot read own_parts:source"):
        nw.load("own_parts:source")


@pytest.mark.parametrize("catalogue", [nw.METHODS, nw.CORRUPTIONS, nw.DETECTORS, nw.PROBES, nw.OBSERVERS, PREDICTORS])
def test_what_is_not_of_the_kind_is_refused(catalogue):
    with pytest.raises(BadInput, match=f"'os:getcwd' is not an? {catalogue.kind}: it must be an? "):
        catalogue.check("os:getcwd")


def test_a_study_must_be_one():
    with pytest.raises(BadInput, match="'os:sep' is not a study: it must be a Study, not a str"):
        STUDIES["os:sep"]


@pytest.mark.parametrize(
    "spec, said",
    [
        (
            "gec:q",
            r"unknown method 'gec' at character 1 of 'gec:q' \(did you mean '[a-z]*'\?\), and there is no module",
        ),
        ("own_parts:Nothing", "module 'own_parts' has no attribute 'Nothing'"),
        ("own_parts:Half:shar=1", "own_parts:Half has no option 'shar'"),
        ("ce+own_broken:X", "'own_broken:X' cannot be imported: ZeroDivisionError: division by zero"),
        ("own_exits:X", "'own_exits:X' cannot be imported: SystemExit: 3"),
        ("own_needs:X", "'own_needs:X' cannot be imported: ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_what_cannot_be_found_or_imported_is_one_sentence(own, spec, said):
    (own / "own_broken.py").write_text("1 / 0\n")
    (own / "own_exits.py").write_text("raise SystemExit(3)\n")
    (own / "own_needs.py").write_text("import not_there\n")
    with pytest.raises(BadInput, match=said):
        Experiment("digits", spec)


def test_options_behind_a_place_and_their_positions():
    (one, two) = parse("os:sep:1, b=2 + json:dumps", Catalogue("thing", {}))
    assert (one.name, one.args, one.options, two.name, two.args) == ("os:sep", (1,), {"b": 2}, "json:dumps", ())
    with pytest.raises(BadInput, match="a value is missing at character 10"):
        parse("os:sep:1,,", Catalogue("thing", {}))


def test_places_are_named_without_an_import(own):
    (own / "own_broken.py").write_text("1 / 0\n")
    assert places("gce:q=0.3+own_broken:X:a=1 + elr", nw.METHODS) == ["own_broken:X"]
    assert places("gce:q=0.3+elr", nw.METHODS) == []
    assert str(own) not in sys.path


def test_a_known_name_is_never_a_module():
    (term,) = parse("os:sep", Catalogue("thing", {"os": "json:dumps"}))
    assert (term.name, term.args) == ("os", ("sep",))


@pytest.fixture
def installed(monkeypatch):
    """`installed(group, name=place, ...)` adds entry points."""
    points = []
    monkeypatch.setattr(module, "entry_points", lambda group: [point for point in points if point.group == group])

    def install(group, **named):
        points.extend(EntryPoint(name.replace("_", "-"), place, group) for name, place in named.items())

    return install


def test_installed_entries_are_names_like_any_other(own, installed, monkeypatch):
    installed("noisewise.things", half="json:dumps", other="os.path:join")
    things = Catalogue("thing", {"os": "os:sep"}, ("noisewise.things",))
    assert list(things) == ["os", "half", "other"]
    assert things["half"] is __import__("json").dumps
    assert things.own == {"os": "os:sep"}
    assert "other" in things
    assert things.package("os") == "noisewise"
    with pytest.raises(BadInput, match=r"unknown thing 'hafl'.*did you mean 'half'"):
        things.check("hafl")


def test_a_broken_package_is_named_and_disturbs_nobody(installed, capsys):
    installed("noisewise.things", broken="not_there:X", good="json:dumps")
    things = Catalogue("thing", {"os": "os:sep"}, ("noisewise.things",))
    with pytest.raises(BadInput, match="thing 'broken' of a package cannot be imported: ModuleNotFoundError"):
        things["broken"]
    assert usable(things) == ["os", "good"]
    assert "left out: thing 'broken' of a package cannot be imported" in capsys.readouterr().err


def test_a_name_that_is_taken_stays_and_is_said(installed):
    installed("noisewise.things", os="json:dumps")
    things = Catalogue("thing", {"os": "os:sep"}, ("noisewise.things",))
    with pytest.warns(UserWarning, match="adds a thing 'os', which noisewise has already; it can be used as 'json:dum"):
        assert len(things) == 1
    assert things["os"] == "/"


def test_what_is_installed_does_not_change_an_audit_that_does_not_name_it(installed):
    before = nw.audit("digits", model="forest", rows=60, conditions=False)
    installed("noisewise.detectors", broken="not_there:X")
    installed("noisewise.candidates", broken="not_there:X")
    for kept in (nw.DETECTORS, PREDICTORS):
        kept.__dict__.pop("_added", None)
    try:
        after = nw.audit("digits", model="forest", rows=60, conditions=False)
        assert list(after.scores) == list(before.scores)
        assert np.array_equal(after.suspicion, before.suspicion)
    finally:
        for kept in (nw.DETECTORS, PREDICTORS):
            kept.__dict__.pop("_added", None)
