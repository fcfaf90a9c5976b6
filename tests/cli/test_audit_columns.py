"""The command line says what became of the columns of a table."""

import json

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
        "; --id COLUMN keeps it in every list of rows",
        "'Owl' and 'owl'",
    ):
        assert said in done.out
    written = (tmp_path / "a" / "summary.md").read_text()
    for said in (
        "texts: \\*note\\*",
        "eft out as identifier: file (file names",
        "keeps it in every list of rows",
        "'Owl'",
    ):
        assert said in written
    done = run("audit", tmp_path / "t.csv", "--id", "file", "--out", tmp_path / "a")
    assert "file (names the rows)" in done.out
    assert "--id" not in done.out


def test_probabilities_are_put_in_the_order_of_the_classes_by_their_names(run, tmp_path):
    names, truth = np.array(["ash", "birch", "cedar"]), RNG.integers(0, 3, 300)
    given = np.where(RNG.random(300) < 0.1, (truth + 1) % 3, truth)
    probs = pd.DataFrame(np.where(np.eye(3)[truth] > 0, 0.9, 0.05), columns=names)
    pd.DataFrame({"label": names[given], "a": RNG.normal(size=300)}).to_csv(tmp_path / "t.csv", index=False)
    rates = []
    for order in (names, names[[2, 0, 1]]):
        probs[order].to_parquet(tmp_path / "p.parquet")
        done = run("audit", tmp_path / "t.csv", "--probs", tmp_path / "p.parquet", "--out", tmp_path / "a")
        assert done.code == 0, done.err
        rates.append(json.loads((tmp_path / "a" / "summary.json").read_text())["noise_rate"])
    assert rates[0] == rates[1]
    assert abs(rates[0] - 0.1) < 0.05
