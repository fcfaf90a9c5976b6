"""What single parts of the report say: the gate, conditions, blank names, texts, the scale of the matrix."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from noisewise.auditing.candidate import Candidate
from noisewise.auditing.findings import Findings
from noisewise.auditing.gate import gate
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.report import charts, matrix
from noisewise.auditing.report.markdown import render_markdown
from noisewise.auditing.report.models import model_lines, models_in_short
from noisewise.auditing.report.page import render
from noisewise.auditing.report.shown import shown
from noisewise.auditing.rows.conditions import find_conditions
from noisewise.data.columns.column import Column
from noisewise.data.dataset import Dataset
from noisewise.files import to_json


def findings(n=60, classes=("cat", "dog", "fox"), inputs=None, kind="vector", **fields):
    draw = np.random.default_rng(0)
    k = len(classes)
    inputs = draw.normal(size=(n, 3)).astype(np.float32) if inputs is None else inputs
    data = Dataset(inputs, np.arange(n) % k, classes, kind, **fields)
    suspicion = draw.random(n)
    called = suspicion > 0.5
    suggested = np.where(called, (data.given + 1) % k, data.given)
    transition = draw.dirichlet(np.ones(k), k)
    return Findings(data, Judgement(suspicion, suggested, called, 0.184, (0.172, 0.196), transition))


def words(page):
    """The words of the page before its data, without tags."""
    return " ".join(re.sub("<[^>]*>", "", page.split('<script type="application/json"')[0]).split())


@pytest.mark.parametrize(
    "limit,sure,said",
    [
        (0.05, False, "Gate failed: the estimated noise, 18.4 %, is above the limit of 5.0 %."),
        (0.18, True, "Gate passed: the lower end of the interval, 17.2 %, is not above the limit of 18.0 %."),
    ],
)
def test_the_gate_is_told(limit, sure, said):
    found = findings()
    assert said in words(render(replace(found, gate=gate(found.noise_rate, found.interval, limit, sure))))
    assert "Gate" not in words(render(found))


def test_names_of_white_space_are_readable():
    page = render(findings(classes=("", " \n", "fox")))
    assert words(page).count("(blank)") > 4
    data = re.search('id="data">(.*?)</script>', page, re.DOTALL)
    assert json.loads(data[1])["classes"] == ["", " \n", "fox"]


@pytest.mark.parametrize("kind,longest", [("text", 600), ("table", 240)])
def test_texts_are_shown_longer_than_cells(kind, longest):
    frame = pd.DataFrame({"text": ["word " * 300] * 6})
    assert len(shown(findings(6, described=frame, kind=kind), 6)["rows"][0]["cells"][0]) == longest


def test_conditions_show_numbers_as_people_write_them():
    frame = pd.DataFrame({"mass": np.full(60, 5315.196973314739), "note": [None] * 60})
    found = findings(described=frame, kind="table", inputs=np.ones((60, 2), np.float32))
    text = words(render(replace(found, conditions=find_conditions(found.data, found.is_issue))))
    assert "mass 5315.2, note" in text
    assert "5315.196" not in text


@pytest.mark.parametrize("edge,small", [(28, True), (90, False)])
def test_only_small_pictures_keep_hard_edges(edge, small):
    found = findings(inputs=np.zeros((60, edge, edge, 1), np.uint8), kind="image")
    page = render(replace(found, conditions=find_conditions(found.data, found.is_issue)))
    assert page.count("<img ") == 4
    assert page.count('<img class="small" ') == 4 * small


@pytest.mark.parametrize("bare", [True, False])
def test_what_was_not_compared_is_not_counted(bare):
    found = findings(inputs=np.zeros((60, 0), np.float32)) if bare else findings()
    text = words(render(replace(found, conditions=find_conditions(found.data, found.is_issue))))
    assert ("Duplicates 0 rows" in text.replace("Duplicates0", "Duplicates 0")) != bare
    assert ("Labels without inputs or embeddings are not compared." in text) == bare


def test_weak_confusions_are_not_coloured():
    transition = np.array([[0.5, 0.02, 0.48], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    heat = matrix.heat_map(transition, ("a", "b", "c"), [0, 1, 2])
    assert re.findall('<td class="(\\w+)"', heat)[:3] == ["diagonal", "h0", "h9"]


@pytest.mark.parametrize("k,told", [(14, False), (15, True)])
def test_a_matrix_without_numbers_tells_its_scale(k, told):
    found = findings(classes=tuple(f"class {i}" for i in range(k)))
    transition = np.eye(k)
    transition[0, :2] = 0.75, 0.25
    text = words(render(replace(found, judgement=replace(found.judgement, transition=transition))))
    assert ("The strongest colour is 25.0 %." in text) == told


def test_of_many_classes_those_with_most_wrong_labels_are_shown():
    labels, suspicion = np.repeat([0, 1, 2, 3], [1, 100, 40, 10]), np.repeat([1.0, 0.2, 0.4, 0.01], [1, 100, 40, 10])
    page = words(charts.class_bars(labels, suspicion, ("one", "large", "middle", "clean"), most=2))
    assert page == "025.0 %50.0 %wrongmiddle40.0 % of 40large20.0 % of 100"


WEAK = "The model is hardly better than guessing <b>; more rows help."
CANDIDATES = (
    Candidate("guessing", 1.1, 0.34),
    Candidate("neighbours", 0.9, 0.5, 2.0, 0.0, "k=10"),
    Candidate("re<g>|ression", 0.6, 0.75, 1.5, 0.75, "C=0.01"),
    Candidate("networks", note="not needed"),
    Candidate("forest", 0.5, 0.8, 3.5, 0.25),
)


def judged(**fields):
    found = findings()
    return replace(found, judgement=replace(found.judgement, **fields), candidates=CANDIDATES)


def test_weak_evidence_is_said_before_anything_else():
    found = judged(weak=WEAK)
    page, markdown = render(found), render_markdown(found)
    said = "Weak evidence. The model is hardly better than guessing"
    assert words(page).index(said) < words(page).index("of the given labels are wrong")
    assert "&lt;b&gt;; more rows help." in page
    assert markdown.splitlines()[2].startswith("> **Weak evidence.** The model is hardly better")
    assert next(iter(json.loads(to_json(found.summary)))) == "weak"
    for text in (words(render(judged())), render_markdown(judged())):
        assert "Weak evidence" not in text


def test_models_are_listed_by_weight_with_guessing_last():
    found = judged()
    assert [line[0] for line in model_lines(CANDIDATES)] == [
        "re<g>|ression",
        "forest",
        "neighbours",
        "networks",
        "guessing",
    ]
    page, markdown = words(render(found)), render_markdown(found)
    assert "re&lt;g&gt;|ressionC=0.010.60075.0 %1.50.75" in page.replace("\u00a0", " ")
    assert "networksnot needednot run" in page
    assert "| re&lt;g&gt;\\|ression | C=0.01 | 0.600 | 75.0 % | 0.75 |" in markdown
    assert "| guessing | always predicts the frequencies of the classes | 1.100 | 34.0 % |  |" in markdown
    assert models_in_short(CANDIDATES) == (
        "re<g>|ression (weight 0.75, held-out loss 0.600), forest (weight 0.25, held-out loss 0.500), "
        "guessing (loss 1.100)"
    )


def test_the_cleaned_copy_is_described():
    issues = findings().is_issue
    one = np.flatnonzero(issues)[0]
    relabel = issues & (np.arange(60) != one)
    said = f"The cleaned copy relabels {issues.sum() - 1} of them; 1 keeps its given label, since its suggestion is not"
    for text in (words(render(judged(relabel=relabel))), render_markdown(judged(relabel=relabel))):
        assert said in text
    none = np.zeros(60, dtype=bool)
    quiet = judged(is_issue=none, relabel=none, suggested=findings().data.given)
    assert "cleaned copy" not in render_markdown(quiet)


def test_what_the_models_learned_from_is_listed():
    columns = (Column("mass", "number", True), Column("<i>d", "identifier", False, "differs in every row"))
    found = findings()
    listed = replace(found, data=replace(found.data, columns=columns))
    page, markdown = words(render(listed)), render_markdown(listed)
    for text in (page.partition("What the models learned from.")[2], markdown.partition("### Inputs")[2]):
        assert "mass" in text
        assert "&lt;i&gt;d" in text
        assert "<i>" not in text
    assert "Inputs" not in render_markdown(found)
