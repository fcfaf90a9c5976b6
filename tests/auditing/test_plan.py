"""The plan of an audit: validated once, written down, and carried out again; and the progress of its parts."""

import json
import pickle

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import noisewise as nw
from noisewise.auditing.gathering.gather import gather
from noisewise.auditing.gathering.recipe import EPOCHS, FROM_SCRATCH
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.progress import SILENT, Progress
from noisewise.errors import BadInput
from noisewise.training import Config

FULL = {
    "corrupt": "symmetric:0.2",
    "model": "mlp:widths=16",
    "method": "gce:q=0.5",
    "epochs": 2,
    "folds": 2,
    "transition": "anchor",
    "detectors": ["aum", "tracin"],
    "conditions": False,
    "rows": 200,
    "seed": 3,
    "fail_above": 0.4,
    "fail_when_sure": True,
    "lr": 0.05,
    "milestones": (0.3, 0.6),
}


def test_an_audit_is_repeated_from_its_summary(tmp_path):
    found = nw.audit("digits", out=tmp_path / "audit", **FULL)
    plan = json.loads((tmp_path / "audit" / "summary.json").read_text())["plan"]
    for again in (nw.audit(plan), nw.audit(found.plan), nw.audit(plan.pop("source"), **plan)):
        assert again.plan == found.plan
        assert np.array_equal(again.suspicion, found.suspicion)
        assert again.interval == found.interval
        assert list(again.scores) == ["aum", "tracin"]
        assert again.gate == found.gate


def test_a_plan_is_carried_out_as_it_stands():
    with pytest.raises(BadInput, match=r"lr=0.1 is given along with a plan"):
        nw.audit(AuditPlan("digits"), lr=0.1)
    with pytest.raises(BadInput, match="needs the field 'source'"):
        nw.audit({"rows": 100})
    with pytest.raises(BadInput, match="names no source"):
        nw.audit(AuditPlan())
    for source in (None, 3):
        with pytest.raises(BadInput, match=f"source={source}"):
            nw.audit(source)


@pytest.mark.parametrize("names", [["probs"], ["features"], ["probs", "features"]])
def test_arrays_in_place_of_training_have_to_be_given_again(names):
    rows = nw.load("digits")
    arrays = {"probs": np.eye(10)[rows.given] * 0.9 + 0.01, "features": rows.inputs.reshape(len(rows), -1) / 16}
    given = {name: arrays[name] for name in names}
    found = nw.audit("digits", conditions=False, **given)
    assert found.plan.given == "+".join(names)
    plan = json.loads(json.dumps(found.summary["plan"], default=str))
    others = [{}, *({name: arrays[name]} for name in arrays if names != [name])]
    for wrong in others:
        with pytest.raises(BadInput, match=f"an audit with {' and '.join(names)}, which it does not hold"):
            nw.audit(plan, **wrong)
    again = nw.audit(plan, **given)
    assert np.array_equal(again.suspicion, found.suspicion)
    assert again.plan == found.plan


def test_rows_in_memory_have_to_be_given_again():
    noisy = nw.corrupt("digits", "symmetric:0.2")
    features = noisy.inputs.reshape(len(noisy), -1) / 16
    found = nw.audit(noisy, features=features, conditions=False)
    with pytest.raises(BadInput, match="rows in memory, 'digits', which it does not hold"):
        nw.audit(found.plan, features=features)
    plan = {name: value for name, value in found.plan.plain().items() if name != "source"}
    again = nw.audit(noisy, features=features, **plan)
    assert np.array_equal(again.suspicion, found.suspicion)
    assert again.plan == found.plan


def test_a_plan_is_plain_data_and_back():
    plan = AuditPlan.of("digits", FULL)
    read = AuditPlan(**json.loads(json.dumps(plan.plain())))
    assert read == plan
    assert read.settings == {"lr": 0.05, "milestones": (0.3, 0.6)}
    assert read.detectors == ("aum", "tracin")
    assert AuditPlan(detectors="all").plain()["detectors"] == "all"


def test_plans_and_findings_can_be_pickled():
    data = nw.subset(nw.load("digits"), 50, 0)
    found = nw.audit(data, model="mlp:widths=4", epochs=1, lr=0.1)
    read = pickle.loads(pickle.dumps(found))
    assert read.plan == found.plan
    assert read.summary["plan"]["settings"] == {"lr": 0.1}


def test_objects_appear_by_their_names():
    plain = AuditPlan(model=LogisticRegression(), method=None).plain()
    assert (plain["model"], plain["method"]) == ("LogisticRegression", None)


def test_the_config_is_made_of_the_plan():
    assert AuditPlan().config == Config(epochs=EPOCHS, **FROM_SCRATCH)
    assert AuditPlan(epochs=3, seed=5, settings={"lr": 0.2}).config == Config(epochs=3, seed=5, lr=0.2)
    assert AuditPlan(settings={"device": "cpu"}).for_networks == {}
    assert AuditPlan(method="ce", settings={"lr": 0.1}).for_networks == {"method": "ce", "lr": 0.1}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"momentun": 0.5}, "no argument or setting 'momentun' .*'momentum'"),
        ({"detector": "aum"}, "no argument or setting 'detector' .*'detectors'"),
        ({"settings": {"lrr": 0.5}}, "'lrr'"),
        ({"epochs": 0}, "epochs=0"),
        ({"folds": 1}, "folds=1 must be a whole number of at least 2"),
        ({"folds": 2.5}, "folds=2.5"),
        ({"rows": 1}, "rows=1"),
        ({"seed": -1}, "seed=-1"),
        ({"corrupt": "symetric:0.2"}, "symmetric"),
        ({"method": "coteching"}, "coteaching"),
        ({"transition": "hok"}, "hoc"),
        ({"detectors": "aun"}, "aum"),
        ({"fail_above": 1.5}, "fail_above=1.5"),
        ({"fail_above": "some"}, "fail_above='some' must lie between 0 and 1"),
        ({"fail_when_sure": True}, "fail_when_sure"),
        ({"conditions": None}, "conditions=None must be true or false"),
        ({"conditions": 3}, "conditions=3"),
        ({"method": 3}, "method=3"),
        ({"method": "gce:q=7"}, "q=7"),
        ({"model": 3}, "model=3"),
        ({"model": []}, r"model=\[\]"),
        ({"model": "LogisticRegression"}, "unknown model 'LogisticRegression'"),
        ({"embed": 3}, "embed=3"),
        ({"text": 3}, "text=3"),
        ({"labels": 3}, "labels=3"),
        ({"corrupt": 3}, "corrupt=3"),
        ({"settings": None}, "settings=None"),
        ({"settings": 3}, "settings=3"),
        ({"settings": {"epochs": 3}}, "holds 'epochs'"),
        ({"settings": {1: 2}}, "unknown setting 1"),
        ({"given": "labels"}, "given='labels'"),
    ],
)
def test_a_plan_refuses_before_rows_are_loaded(values, words):
    with pytest.raises(BadInput, match=words) as caught:
        nw.audit("no-such-source", **values)
    assert "\n" not in str(caught.value)


def test_numpy_numbers_of_a_plan_become_pythons():
    plan = AuditPlan(folds=np.int64(3), rows=np.int32(50), seed=np.uint8(2))
    assert json.loads(json.dumps(plan.plain())) == AuditPlan(folds=3, rows=50, seed=2).plain()


def test_a_plan_shows_what_was_stated():
    assert repr(AuditPlan()) == "AuditPlan()"
    plan = AuditPlan.of("digits", {"epochs": 3, "lr": 0.1})
    assert repr(plan) == "AuditPlan(source='digits', epochs=3, settings={'lr': 0.1})"


def test_findings_say_what_they_are():
    data = nw.subset(nw.load("digits"), 100, 0)
    found = nw.audit(data, probs=np.eye(10)[data.given])
    assert repr(found).startswith("Findings(digits: 100 rows, noise rate ")
    assert repr(found.judgement).startswith("Judgement(100 rows, noise rate ")
    assert len(repr(found)) < 200


def test_parts_of_the_work_report_in_the_whole():
    shares = []
    whole = Progress(shares.append)
    half = whole.part(0.5, 0.5)
    half(0.5)
    step = half.part(0.5, 0.5).steps(2)
    for share in (0.5, 1.0, 0.5, 1.0):
        step(share)
    assert shares == pytest.approx([0.75, 0.8125, 0.875, 0.9375, 1.0])
    SILENT(0.3)


def test_cross_fitting_reports_up_to_the_end():
    shares = []
    data = nw.subset(nw.load("digits"), 60, 0).blind()
    gather(data, AuditPlan(model="mlp:widths=8", epochs=2, folds=2), progress=Progress(shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert any(0 < share < 0.5 for share in shares)


@pytest.mark.parametrize("also", [{"probs": np.full((12, 2), 0.5)}, {"model": "linear"}])
def test_a_device_without_a_network_is_refused(also, monkeypatch):
    monkeypatch.setattr(Config, "torch_device", torch.device("cpu"))  # as if there were a GPU
    data = nw.Dataset(np.arange(24.0).reshape(12, 2), np.arange(12) % 2, classes=("a", "b"))
    with pytest.raises(BadInput, match="device='cuda' is for"):
        nw.audit(data, device="cuda", **also)
    assert nw.audit(data, device="cpu", **also).plan.settings == {"device": "cpu"}


def test_a_device_that_is_not_here_is_refused_before_anything_is_computed():
    data = nw.Dataset(np.arange(24.0).reshape(12, 2), np.arange(12) % 2, classes=("a", "b"))
    with pytest.raises(BadInput, match="device='cuda:97' is not available here"):
        nw.audit(data, device="cuda:97")
