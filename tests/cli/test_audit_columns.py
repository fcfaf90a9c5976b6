"""The command line says what became of the columns of a table."""

import numpy as np
import pandas as pd

N, RNG = 60, np.random.default_rng(1)


def test_what_became_of_the_columns_is_said_everywhere(run, tmp_path):
    frame = pd.DataFrame(
        {
            "*note*": [
                f"a {w} one and case {i} of many, quite {w}" for i, w in enumerate(RNG.choice(["dry", "wet"], N))
            ],
            "size": np.where(RNG.random(N) < 0.1, -9999, RNG.integers(1, 9, N)),
            "file": [f"{i}.png" for i in range(N)],
            "label": ["owl", "Owl", "hen"] * (N // 3),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = run("audit", tmp_path / "t.csv", "--out", tmp_path / "a")
    assert done.code == 0, done.err
    for said in (
        "numbers: size",
        "texts: *note*",
        "values -9999 count as missing",
        "eft out as identifier: file (file names",
        "'Owl' and 'owl'",
    ):
        assert said in done.out
    written = (tmp_path / "a" / "summary.md").read_text()
    for said in ("texts: \\*note\\*", "eft out as identifier: file (file names", "'Owl' and 'owl'"):
        assert said in written
