"""What values show at the prompt: one line that names them, never a wall of numbers, weights or text."""

from dataclasses import replace

import pytest
import torch

import noisewise as nw
from noisewise.auditing.plan import AuditPlan
from noisewise.compute import SerialEngine, run
from noisewise.data import load, split
from noisewise.methods import METHODS
from noisewise.methods.losses.gce import GCE
from noisewise.run.experiment import Experiment
from noisewise.studies import Results, find
from noisewise.training import Config, EpochEnd, Training
from noisewise.training.step import objective_of

EXPERIMENT = Experiment("digits", "gce", model="mlp:8", corrupt="symmetric:0.3", rows=200, config=Config(epochs=2))


@pytest.fixture(scope="module")
def trained():
    data = split(nw.corrupt(load("digits"), "symmetric:0.3", seed=0), validation=0.1, trusted=50)
    training = Training(data, "mlp:8", Config(epochs=2))
    training.fit(training.learner(), GCE(), 1)
    return training


def short(value, most=200):
    text = repr(value)
    assert "\n" not in text
    assert len(text) <= most
    assert " at 0x" not in text
    return text


def test_a_training_and_its_parts(trained):
    learner = trained.learner()
    assert short(trained) == "Training(mlp:8 on digits: 1,244 rows, 1 epoch of 2 recorded)"
    assert short(learner) == "Learner(name='main', epochs_done=1)"
    assert short(trained.ledger) == "Ledger(1,244 rows, 10 classes, 1 observation)"
    assert short(trained.task) == "LearningTask(rows=1797, classes=10, epochs=2, noise_rate=None, networks=1, steps=10)"
    end = EpochEnd(learner.nets, 0, 2, trained.passes, trained.ledger)
    assert short(end) == "EpochEnd(epoch=0, epochs=2, ledger=Ledger(1,244 rows, 10 classes, 1 observation))"


def test_a_batch_shows_its_shapes(trained):
    batch = next(iter(trained.passes(trained.learner().nets)))
    rows = len(batch)
    assert short(replace(batch, logits=None)) == f"Batch(x ({rows}, 1, 8, 8), y ({rows}, 10))"
    with torch.no_grad():
        evaluated, _ = objective_of(GCE(), replace(batch, auxiliary={"trusted": batch}), batch.scores)
    text = f"Batch(x ({rows}, 1, 8, 8), y ({rows}, 10), logits (1, {rows}, 10), trusted: {rows} rows)"
    assert short(evaluated) == text


def test_experiments_runs_and_data():
    assert short(EXPERIMENT).startswith("Experiment(source='digits', method='gce', model='mlp:8'")
    found = EXPERIMENT.run()
    assert short(found).startswith("Run(gce with mlp:8 on digits: 200 rows, ")
    assert short(EXPERIMENT.data()).startswith("Dataset(digits: ")


def test_plans_and_findings():
    plan = AuditPlan("digits", model="linear", rows=200)
    assert short(plan) == "AuditPlan(source='digits', model='linear', rows=200)"
    assert short(nw.audit("digits", model="linear", rows=200)).startswith("Findings(digits: 200 rows, noise rate ")


def test_studies_tasks_and_results(tmp_path):
    study = find("finite-sample-expressivity")
    assert short(study).startswith("Study(finite-sample-expressivity: ")
    assert short(study).endswith("scales: smoke, cpu)")
    assert len(repr(study.card)) < 500
    tasks = study.tasks("smoke")[:1]
    list(run(tasks, tmp_path, SerialEngine()))
    results = Results.read(study.scale("smoke"), tasks, tmp_path)
    assert short(results) == f"Results(smoke: 1 run: 1 {tasks[0].name})"
    assert short(results.items[0], 500).startswith(f"Result({tasks[0].title}: ")
    assert short(results.of("nothing")) == "Results(smoke: 0 runs)"


def test_catalogues_and_their_entries():
    assert short(nw.DETECTORS["aum"]) == "Detector(aum: needs ledger)"
    assert short(METHODS, 1000).startswith(f"Catalogue of {len(METHODS)} methods: auto, ce, ")


def test_a_notebook_shows_findings_runs_and_catalogues(tmp_path):
    names = ("</td><script>alert(1)</script>", "b")
    data = nw.corrupt(nw.subset(load("digits"), 200, seed=0), "symmetric:0.3", seed=0)
    data = nw.Dataset(data.inputs, data.given % 2, names, kind=data.kind, name="digits")
    found = nw.audit(data, model="linear", conditions=False)
    page = found._repr_html_()
    assert f"{found.is_issue.sum()} issue" in page
    assert "<script" not in page
    assert page.count("<tr>") == min(10, found.is_issue.sum()) + 1
    run = EXPERIMENT.run()
    page = run._repr_html_()
    assert f"{run.metrics['suspects']['rows']} rows are suspect" in page
    assert page.count("<tr>") == 3
    page = METHODS._repr_html_()
    assert page.count("<tr>") == len(METHODS) + 1
    assert all(f"<td>{name}</td>" in page for name in METHODS)
    assert "<td></td>" not in page
