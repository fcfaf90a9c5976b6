"""The report of a run: whole, without a network, and harmless whatever the data say."""

import re

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import noisewise as nw
from noisewise.reports.curves import progress, traces

HOSTILE = "</td><script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a short run on classes with hostile names."""
    folder = tmp_path_factory.mktemp("run")
    data = nw.subset(nw.load("digits"), 300, seed=0)
    names = (HOSTILE, *(f"class {k}" for k in range(1, 10)))
    noisy = nw.corrupt(nw.Dataset(data.inputs, data.given, names, kind=data.kind), "symmetric:0.3", seed=0)
    nw.train(noisy, "ce", model="fast", epochs=3, probe="label-fit,effective-parameters", out=folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_it_shows_the_run_its_probes_and_suspects(page):
    assert all(word in page for word in ("label-fit", "effective-parameters", "Arpit"))
    assert page.count("data:image/svg+xml;base64,") == 3
    assert page.count("<tr><td class=number>") == 20


def test_suspects_follow_the_rule_that_is_stated(tmp_path):
    data = nw.corrupt(nw.subset(nw.load("digits"), 300, seed=0), "symmetric:0.3", seed=0)
    run = nw.train(data, "ce", model="fast", epochs=3, out=tmp_path)
    suspects = run.metrics["suspects"]
    assert suspects["rows"] == run.samples["is_issue"].sum()
    assert ((run.samples["suspicion"] > suspects["threshold"]) == run.samples["is_issue"]).all()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    shown = [int(index) for index in re.findall(r"<tr><td class=number>(\d+)</td>", page)]
    assert len(shown) == min(20, suspects["rows"])
    assert run.samples.set_index("index").loc[shown, "is_issue"].all()
    rule = "even if the noise rate" if suspects["weak"] else f"suspicion is above {suspects['threshold']:.2f}"
    assert (rule in page, suspects["weak"][:40] in page) == (True, True)


def test_notes_of_the_reader_and_columns_are_on_the_page(tmp_path):
    rows = [{"id": f"r{at}", "x": at % 2 + at / 99, "label": "Cat" if at % 2 else "dog"} for at in range(60)]
    pd.DataFrame(rows).replace({"label": {"dog": "cat"}}).to_csv(tmp_path / "t.csv", index=False)
    nw.train(tmp_path / "t.csv", "ce", epochs=1, out=tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Left out as identifier: id" in page
    assert "are probably the same, written differently" in page


def test_data_is_escaped_and_the_page_is_offline(page):
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=[\"']?(?!data:)\w+:", page)


def test_a_run_can_do_without(tmp_path):
    nw.train(nw.subset(nw.load("digits"), 100, seed=0), "ce", model="mlp:8", epochs=1, out=tmp_path, report=False)
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "run.json").exists()


def history(**columns):
    return pd.DataFrame({"epoch": [1, 2], "selected": [True, True], **columns})


def test_a_panel_per_column_with_its_most_moving_parts():
    parts = {f"fisher/{k}": [1.0, 1.0 + k] for k in range(9)}
    drawn = traces(history(fisher=[1.0, 500.0], **parts), {"fisher": "trace", "absent": "nothing"}).decode()
    shown = [k for k in range(9) if f"<!-- {k} -->" in drawn]
    assert {3, 4, 5, 6, 7, 8} <= set(shown)
    assert "<!-- absent -->" not in drawn


def test_panels_without_numbers_are_left_out():
    drawn = progress(history(train_accuracy=[0.1, 0.2], train_loss=[2.0, 1.0], clean_fit=[float("nan")] * 2)).decode()
    assert "<!-- accuracy -->" in drawn
    assert "<!-- rows predicted as labelled -->" not in drawn


def test_parts_are_named_as_they_are():
    parts = {"fisher/_fc": [1.0, 2.0], "fisher/$x_{$": [1.0, 3.0]}
    drawn = traces(history(fisher=[1.0, 5.0], **parts), {"fisher": "trace"}).decode()
    assert "<!-- _fc -->" in drawn
    assert "<!-- $x_{$ -->" in drawn


@pytest.mark.filterwarnings("error")
def test_infinite_numbers_do_not_disturb_the_choice_of_parts():
    parts = {f"fisher/{k}": [float("inf"), 1.0] for k in range(6)}
    drawn = traces(history(fisher=[1.0, float("inf")], **parts, **{"fisher/moves": [0.0, 9.0]}), {"fisher": "trace"})
    assert "<!-- moves -->" in drawn.decode()


def test_a_network_that_shares_weights_is_saved(tmp_path):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64))
    net[3].weight = net[1].weight
    net.append(torch.nn.Linear(64, 10))
    nw.train(nw.subset(nw.load("digits"), 100, seed=0), "ce", model=net, epochs=1, out=tmp_path, report=False)
    stored = load_file(tmp_path / "model.safetensors")
    assert torch.equal(stored["nets.0.1.weight"], stored["nets.0.3.weight"])


@pytest.mark.parametrize("epochs", [2, 20])
def test_lines_have_markers_where_epochs_are_few(epochs):
    frame = pd.DataFrame({"epoch": range(epochs), "selected": True, "lid": 1.0, "lid/a": 2.0})
    drawn = traces(frame, {"lid": "dimension"}).decode()
    assert bool(re.search(r"<g clip-path=[^>]*>\s*<use", drawn)) == (epochs < 15)
    assert "<!-- total -->" not in drawn
    assert drawn.count("<!-- lid -->") == 2  # the title, and the line of the column itself
