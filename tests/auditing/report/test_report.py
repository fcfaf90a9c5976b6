"""The report: harmless whatever the data holds, complete, bounded, and readable without a network."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.report import markup, matrix
from noisewise.auditing.report.page import SCRIPTS, render
from noisewise.auditing.report.shown import shown
from noisewise.auditing.report.thumbnails import thumbnails
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

HOSTILE = (
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)" \'',
    "line\nbreak",
    "\u202eright to left \u05e9",
    "</script><img src=x onerror=alert(2)>",
    "x" * 5000,
    "$data ${style}",
    "&lt;b&gt; &amp;",
    "\u2028\u2029]]><!--",
    "odd \udcff file",
)
WRITABLE = HOSTILE[:-1]
SCRIPT = "".join(map(markup.resource, SCRIPTS))


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes, texts, and the content of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.raw, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.raw += [[tag, ""]] if tag in ("script", "style") else []

    def handle_data(self, data):
        if self.cdata_elem:
            self.raw[-1][1] += data
        else:
            self.text.append(data)

    @property
    def data(self):
        return json.loads(self.raw[1][1])

    @property
    def words(self):
        return " ".join("".join(self.text).split())

    def values(self, tag, name):
        return [value for at, attribute, value in self.attributes if (at, attribute) == (tag, name)]


def findings(n=60, classes=("cat", "dog", "fox"), inputs=None, *, seed=0, kind="vector", issues=True, **fields):
    draw = np.random.default_rng(seed)
    k = len(classes)
    probabilities = draw.dirichlet(np.full(k, 0.5), n)
    labels = draw.integers(0, k, n)
    suspicion = 1 - probabilities[np.arange(n), labels]
    called = (suspicion > 0.5) & (probabilities.argmax(1) != labels) & issues
    inputs = draw.normal(size=(n, 3)).astype(np.float32) if inputs is None else inputs
    data = Dataset(inputs, labels, classes, kind, index=draw.permutation(n) * 3, **fields)
    judgement = Judgement(
        suspicion,
        suggested=np.where(called, probabilities.argmax(1), labels),
        is_issue=called,
        noise_rate=0.184,
        interval=(0.172, 0.196),
        transition=draw.dirichlet(np.ones(k), k),
        explanation="By counting.",
    )
    scores = {"margin": suspicion, "distance": draw.random(n)}
    return Findings(data, judgement, scores=scores, probabilities=probabilities)


def hostile(n=40):
    columns = {name: np.resize(np.roll(WRITABLE, at), n).tolist() for at, name in enumerate(WRITABLE)}
    truth = np.arange(n) % len(HOSTILE)
    return findings(n, HOSTILE, described=pd.DataFrame(columns), kind="table", name=HOSTILE[0], truth=truth)


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


both = pytest.mark.parametrize("make", [findings, hostile])


@both
def test_only_the_pages_own_scripts_exist(make):
    page = Page(render(make()))
    assert [tag for tag, _ in page.raw] == ["style", "script", "script"]
    assert page.raw[2][1] == SCRIPT
    assert not {"img", "iframe", "object", "embed", "base", "link", "b"} & set(page.tags)


@both
def test_no_attribute_runs_or_styles_anything(make):
    attributes = {name for _, name, _ in Page(render(make())).attributes}
    assert not [name for name in attributes if name.startswith("on")]
    assert not attributes & {"style", "srcdoc", "action", "formaction"}


def test_hostile_elements_are_no_elements():
    tame = Page(render(findings(40, tuple("abcdefghij"), truth=np.zeros(40, int))))
    wild = Page(render(hostile()))
    assert set(wild.tags) == set(tame.tags)


def test_names_arrive_as_they_were():
    page = Page(render(hostile()))
    assert page.data["classes"] == [*WRITABLE, "odd ? file"]
    assert page.data["columns"] == [name if len(name) < 240 else name[:239] + "…" for name in WRITABLE]
    assert page.words.count(HOSTILE[0]) > 2


def test_the_page_can_be_written_whatever_the_names():
    assert "odd ? file" in render(hostile()).encode("utf-8").decode("utf-8")


def test_the_policy_allows_exactly_the_page():
    page = Page(render(findings()))
    policy = page.values("meta", "content")[0]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert markup.source_hash(page.raw[0][1]) in policy
    assert markup.source_hash(page.raw[2][1]) in policy
    assert "unsafe" not in policy
    assert "connect" not in policy


def test_nothing_is_fetched():
    text = render(findings())
    assert "http" not in text.replace("http-equiv", "")
    assert "@import" not in text
    assert "url(" not in text


def test_the_script_never_parses_data_as_html():
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(", SCRIPT
    )


def test_every_element_the_script_looks_for_exists():
    ids = {value for _, name, value in Page(render(findings())).attributes if name == "id"}
    wanted = set(re.findall(r'find\("([\w-]+)"\)', SCRIPT))
    assert len(wanted) > 10
    assert wanted <= ids


def test_no_control_hides_a_method_of_its_form():
    ids = {value for _, name, value in Page(render(findings())).attributes if name == "id"}
    assert not ids & {"reset", "submit", "action", "elements"}


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_rows_are_the_most_suspect_in_order(limit):
    found = findings(40)
    rows = Page(render(found, limit=limit)).data["rows"]
    expected = found.issues.head(limit)
    assert [row["index"] for row in rows] == expected["index"].tolist()
    assert [found.data.classes[row["given"]] for row in rows] == expected["given"].tolist()
    assert [found.data.classes[row["suggested"]] for row in rows] == expected["suggested"].tolist()
    assert [row["suspicion"] for row in rows] == expected["suspicion"].tolist()
    assert [row["issue"] for row in rows] == expected["is_issue"].tolist()


def test_equal_suspicion_is_ordered_by_index():
    found = findings(30)
    found.suspicion[:] = 0.25
    assert [row["index"] for row in shown(found, 10)["rows"]] == sorted(found.data.index.tolist())[:10]


def test_the_likely_classes_are_the_most_probable():
    found = findings(20)
    place = {int(index): at for at, index in enumerate(found.data.index)}
    for row in shown(found, 20)["rows"]:
        assert row["likely"] == np.argsort(-found.probabilities[place[row["index"]]]).tolist()


def test_the_key_tells_findings_apart():
    assert shown(findings(), 9)["key"] == shown(findings(), 9)["key"]
    assert shown(findings(), 9)["key"] != shown(findings(seed=1), 9)["key"]


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(BadInput, match=f"limit={limit} must be at least 1"):
        render(findings(), limit=limit)


def test_the_headline_says_what_was_found():
    found = findings(60)
    words = Page(render(found)).words
    assert "About 18.4 % of the given labels are wrong (90 % interval 17.2 % to 19.6 %)" in words
    assert f"{found.is_issue.sum()} of 60 rows are called issues: suspicion above 0.50, the threshold with" in words
    assert "By counting." in words


def test_zero_issues_still_make_a_page():
    words = Page(render(findings(issues=False))).words
    assert "No row is called an issue; these 60 rows are the most suspect of 60." in words


def test_unknown_truth_is_not_measured():
    known = render(findings(truth=np.zeros(60, dtype=int)))
    for measure in ("AUROC", "Is suspicion a probability?"):
        assert measure not in render(findings())
        assert measure in known


class Lazy:
    """Inputs that remember which rows were read."""

    def __init__(self, shape):
        self.shape, self.dtype, self.read = shape, np.dtype(np.uint8), []

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, positions):
        self.read += np.atleast_1d(positions).tolist()
        return np.stack([np.full(self.shape[1:], at % 256, np.uint8) for at in np.atleast_1d(positions)])


def test_only_shown_images_are_read():
    lazy = Lazy((20_000, 20, 30, 3))
    found = findings(20_000, inputs=lazy, kind="image")
    data = Page(render(found, limit=12)).data
    rows = data["rows"] + data["drawn"]["others"]
    assert set(found.data.index[lazy.read].tolist()) == {row["index"] for row in rows}
    assert all(row["image"].startswith("data:image/png;base64,") for row in rows)


@pytest.mark.parametrize("channels,mode", [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_small_images_are_exact(channels, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 9, 7, channels), dtype=np.uint8)
    images = [opened(uri) for uri in thumbnails(Dataset(pixels, np.zeros(4, int), ("a", "b"), "image"), np.arange(4))]
    assert {image.mode for image in images} == {mode}
    np.testing.assert_array_equal(np.stack([np.asarray(image).reshape(9, 7, channels) for image in images]), pixels)


def test_large_images_shrink_into_the_budget():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 90, 180, 3), dtype=np.uint8)
    data = Dataset(pixels, np.zeros(20, int), ("a", "b"), "image")
    roomy, tight = thumbnails(data, np.arange(20)), thumbnails(data, np.arange(20), budget=60_000)
    assert opened(roomy[0]).size == (180, 90)
    assert sum(map(len, tight)) <= 60_000 < sum(map(len, roomy))
    assert opened(tight[0]).width < 128
    assert opened(thumbnails(data, np.arange(20), largest=128)[0]).size == (128, 64)


def test_images_that_do_not_fit_at_all_are_left_out_at_the_end():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 90, 180, 3), dtype=np.uint8)
    found = thumbnails(Dataset(pixels, np.zeros(20, int), ("a", "b"), "image"), np.arange(20), budget=6000)
    filled = [bool(uri) for uri in found]
    assert len(found) == 20
    assert 0 < sum(filled) < 20
    assert filled == sorted(filled, reverse=True)
    assert sum(map(len, found)) <= 6000


def test_noisy_images_do_not_make_the_page_large():
    pixels = np.random.default_rng(0).integers(0, 256, (500, 64, 64, 3), dtype=np.uint8)
    assert len(render(findings(500, inputs=pixels, kind="image"))) < 9_000_000


def test_wide_and_long_tables_do_not_make_the_page_large():
    frame = pd.DataFrame({f"column {i}": ["long text " * 100] * 500 for i in range(200)})
    assert len(render(findings(500, described=frame, kind="table"))) < 5_000_000


def test_missing_and_odd_values_are_shown_as_text():
    values = pd.Series([None, np.nan, pd.NaT, 1234.56789, 3, True], dtype=object)
    found = findings(6, described=pd.DataFrame({"value": values}), kind="table")
    texts = {row["index"]: row["cells"][0] for row in shown(found, 6)["rows"]}
    assert [texts[index] for index in found.data.index.tolist()] == ["", "", "", "1234.57", "3", "True"]


def test_a_thousand_classes_show_a_block():
    page = Page(render(findings(3000, tuple(f"class {i}" for i in range(1000)))))
    assert "The 16 classes of 1,000 that are confused with each other most." in page.words
    assert page.tags.count("td") < 1500


@pytest.mark.parametrize("k,cells", [(2, 4), (30, 900)])
def test_few_classes_show_the_whole_matrix(k, cells):
    page = Page(render(findings(100, tuple(f"class {i}" for i in range(k)))))
    assert sum(title.startswith("true class") for title in page.values("td", "title")) == cells


def test_heat_map_tells_the_transition():
    transition = np.array([[0.9, 0.1, 0.0], [0.0, 0.7, 0.3], [np.nan, np.nan, np.nan]])
    page = Page(matrix.heat_map(transition, ("a", "b", "c"), [0, 1, 2]))
    assert page.values("td", "class") == ["diagonal", "h3", "h0", "h0", "diagonal", "h9", "h0", "h0", "diagonal"]
    assert page.values("td", "title")[5] == "true b, given c: 30.00\u00a0%"
    assert (page.values("td", "data-true")[5], page.values("td", "data-given")[5]) == ("1", "2")


def test_densest_block_finds_the_planted_classes():
    transition = np.eye(200) * 0.99
    planted = [3, 77, 150, 151]
    transition[np.ix_(planted, planted)] = 0.25
    assert sorted(matrix.densest_block(transition)) == planted
    assert matrix.densest_block(np.eye(50), 4) == [0, 1, 2, 3]


def test_confused_pairs_count_the_issues():
    labels, suggested = np.array([0, 0, 1, 2, 0]), np.array([1, 1, 2, 2, 1])
    issues = np.array([True, True, True, True, False])
    assert matrix.confused_pairs(labels, suggested, issues, 10) == [(0, 1, 2), (1, 2, 1)]
    assert matrix.confused_pairs(labels, suggested, issues, 1) == [(0, 1, 2)]
    assert matrix.confused_pairs(labels, labels, issues, 10) == []


@given(st.text(st.characters(exclude_categories=()), max_size=60))
@settings(max_examples=200, deadline=None)
def test_escaped_text_stays_text(text):
    page = Page(f'<p title="{markup.escape(text)}">{markup.name(text)}</p>')
    assert page.tags == ["p", "bdi"]
    assert [name for _, name, _ in page.attributes] == ["title"]


plain = st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(plain)
@settings(max_examples=100, deadline=None)
def test_script_json_round_trips_inside_a_script(value):
    text = markup.script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_every_issue_is_on_the_page_and_a_page_of_many_rows_stays_small():
    found = findings(3000)
    assert 500 < found.is_issue.sum() < 3000
    drawn = Page(render(found)).data
    assert {row["index"] for row in drawn["rows"] if row["issue"]} == set(found.data.index[found.is_issue].tolist())
    page = render(findings(100_000))
    assert (len(page) < 4_000_000) is True  # `is True`: a failure should not print the page
    assert len(shown(findings(100_000))["rows"]) == 20_000


def test_without_issues_the_most_suspect_rows_are_on_the_page():
    assert len(shown(findings(3000, issues=False))["rows"]) == 500
    assert len(shown(findings(40, issues=False))["rows"]) == 40


def test_rows_are_shown_with_their_names_and_not_twice():
    described = pd.DataFrame({"patient": [f"P{i}" for i in range(60)], "height": range(60)})
    found = findings(described=described, kind="table", ids=pd.Series(described["patient"], name="patient"))
    drawn = shown(found)
    assert (drawn["names"], drawn["columns"]) == (["patient"], ["height"])
    place = dict(zip(found.data.index.tolist(), described["patient"], strict=True))
    assert all(row["names"] == [place[row["index"]]] for row in drawn["rows"])


def test_findings_save_the_report(tmp_path):
    found = findings()
    found.save(tmp_path / "audit")
    assert (tmp_path / "audit" / "report.html").read_text(encoding="utf-8") == render(found)
