import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import noisewise as nw
from noisewise.auditing.gate import Gate, gate
from noisewise.auditing.report.markdown import APART, escape, render_markdown
from noisewise.data import Dataset
from noisewise.errors import BadInput

HOSTILE = (
    "a|b",
    "`code` **bold** _x_ ~~y~~",
    "<script>alert(1)</script>",
    "@somebody",
    "[a](https://example.org) ![b](c)",
    "www.example.org me@example.org",
    "fixes #12",
    ":tada: $x^2$",
    "two\nlines\t\x1b[31m",
    "a \\| b",
    "<!-- -->&amp;",
)


@pytest.mark.parametrize(
    ("limit", "sure", "passed"), [(0.1, False, True), (0.09, False, False), (0.09, True, True), (0.07, True, False)]
)
def test_a_gate_compares_the_rate_or_the_lower_end(limit, sure, passed):
    found = gate(0.1, (0.08, 0.12), limit, sure)
    assert found.passed is passed
    assert found.summary == {"limit": limit, "passed": passed, "compared": "lower_end" if sure else "noise_rate"}


def test_no_limit_is_no_gate():
    assert gate(0.1, (0.08, 0.12), None, False) is None


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    truth = np.arange(330) % 11
    inputs = (4 * np.eye(11)[truth] + rng.normal(size=(330, 11))).astype(np.float32)
    return nw.corrupt(Dataset(inputs, truth, HOSTILE, name="data | <b>`x`"), "symmetric:0.2")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"fail_above": 1.2}, "fail_above=1.2 must lie between 0 and 1"), ({"fail_when_sure": True}, "needs a limit")],
)
def test_a_gate_that_cannot_be(rows, options, words):
    with pytest.raises(BadInput, match=words):
        nw.audit(rows, **options)


def test_the_gate_of_an_audit(rows, tmp_path):
    found = nw.audit(rows, model="linear", fail_above=0.05, out=tmp_path)
    assert found.gate == Gate(0.05, found.noise_rate)
    said = json.loads((tmp_path / "summary.json").read_text())["gate"]
    assert said == {"limit": 0.05, "passed": False, "compared": "noise_rate"}
    assert "**Gate failed**: the estimated noise" in (tmp_path / "summary.md").read_text()
    passed = nw.audit(rows, model="linear", fail_above=0.6, fail_when_sure=True)
    assert passed.gate.passed
    assert "**Gate passed**: the lower end of the interval" in render_markdown(passed)


def shown(markdown):
    """Tags and plain text of Markdown as a page would show it."""
    tags, text = set(), []
    for block in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown):
        tags.add(block.tag)
        for token in block.children or []:
            if token.type == "html_inline":
                tags.add(token.content)
            elif token.type in ("text", "text_special", "code_inline"):
                text.append(token.content)
                tags |= {"code"} & {token.tag}
            else:
                tags.add(token.tag or token.type)
        tags |= {"html"} if block.type == "html_block" else set()
    return tags, "".join(text)


@given(st.text(max_size=50))
def test_escaped_text_is_shown_as_it_is_and_does_nothing(text):
    tags, seen = shown(f"| head |\n| --- |\n| x{escape(text)}x |")
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td", "", "<span>", "</span>"}
    plain = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    assert seen.removeprefix("head").replace("\u200b", "") == f"x{plain}x".replace("\u200b", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_nobody_is_notified_and_nothing_becomes_a_link(text):
    found = escape(text)
    for start in ("@s", "@e", "#1", "://", ":t", "www.", "<sc", "<!"):
        assert start not in found
    assert "\n" not in found


def test_long_text_is_cut():
    assert escape("ab" * 100, 5) == "abab…"
    assert escape("a@b") == f"a@{APART}b"


def test_the_summary_is_whole_with_hostile_names(rows):
    markdown = render_markdown(nw.audit(rows, model="linear", fail_above=0.05))
    tags, text = shown(markdown)
    assert tags <= {
        "h2",
        "h3",
        "p",
        "strong",
        "code",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "",
        "<span>",
        "</span>",
    }
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(lines) > 15
    assert "About " in text
    assert "report.html" in text


def test_a_clean_data_set_has_no_table_of_rows():
    inputs = np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)
    found = nw.audit(Dataset(inputs, np.repeat([0, 1], 50), ("a", "b")), model="linear")
    markdown = render_markdown(found)
    assert "Most" not in markdown
    assert "0 of 100 rows are called issues" in markdown
