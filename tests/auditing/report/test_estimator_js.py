"""The certificate that the page computes is the one that Python computes."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from noisewise.auditing.report.markup import resource
from noisewise.auditing.review.certify.certificate import certified
from noisewise.auditing.review.certify.sample import draw

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node, which runs the page's script, is not installed")
PROGRAM = """
const { drawn, cases } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const known = (wrong) => wrong.map((value) => (value === null ? undefined : value));
const found = cases.map((wrong) => certificate.certified(drawn, known(wrong)));
process.stdout.write(JSON.stringify(found));
"""


def by_the_page(sample, rows, cases):
    strata = sample.drop_duplicates("stratum").sort_values("stratum")
    columns = (strata["stratum_rows"], strata["stratum_issues"].astype(int), strata["stratum_suspicion"])
    drawn = {
        "rows": rows,
        "strata": [list(line) for line in zip(*(column.tolist() for column in columns), strict=True)],
        "order": "".join(map(str, sample["stratum"])),
        "suspicions": sample["suspicion"].tolist(),
    }
    program = resource("estimator.js") + PROGRAM
    text = json.dumps({"drawn": drawn, "cases": cases})
    return json.loads(
        subprocess.run([NODE, "-e", program], input=text, capture_output=True, text=True, check=True).stdout
    )


def leaves(found):
    for name, value in found.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


@pytest.mark.parametrize("rate,known", [(0.03, 0), (0.3, 100)])
def test_the_page_and_python_agree(rate, known):
    random = np.random.default_rng(int(100 * rate))
    n = 600
    wrong = random.random(n) < rate
    odds = np.log(rate / (1 - rate)) + 2 * random.normal(2 * wrong) - 2
    suspicion = 1 / (1 + np.exp(-odds))
    sample = draw(np.arange(n), suspicion, suspicion > 0.4, seed=1, reviewed=np.arange(n) < known)
    truth = [bool(wrong[index]) for index in sample["index"]]
    cases = [truth[:length] for length in (5, 10, 150)]
    cases.append([None if at % 9 == 4 else value for at, value in enumerate(truth[:90])])
    cases.append([None if at % 3 == 1 else value for at, value in enumerate(truth[:90])])
    cases += [truth, [False] * 40]
    for case, page in zip(cases, by_the_page(sample, n, cases), strict=True):
        decided = {int(index): value for index, value in zip(sample["index"], case, strict=False) if value is not None}
        python = certified(sample, decided, n)
        assert (page is None) == (not python)
        if python:
            expected = dict(leaves(python))
            for name, value in leaves(page):
                assert value == (None if expected[name] is None else pytest.approx(expected[name], abs=1e-9)), name
