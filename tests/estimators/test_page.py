"""The page docs/scikit-learn.md: its code runs, and what it says of CleanLearner holds there."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "scikit-learn.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_runs():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL):
        exec(compile(block, "scikit-learn.md", "exec"), names)
    low, high = names["learner"].noise_rate_interval_
    assert low < 0.2 < high
    assert names["clf"].suspicion_.shape == (600,)
