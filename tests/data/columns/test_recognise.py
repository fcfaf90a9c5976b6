import decimal
import string
import uuid

import numpy as np
import pandas as pd
import pytest

from noisewise.data.columns.recognise import recognise

N = 300
RNG = np.random.default_rng(0)
WORDS = ["small", "large", "red", "green", "chair", "table", "lamp", "wood", "steel", "glass"]
DAYS = pd.date_range("2023-01-05", periods=N, freq="61h")


def texts(words=4):
    return [" ".join([*RNG.choice(WORDS, words), "for", str(i)]) for i in range(N)]


COLUMNS = {
    "number": {
        "floats": RNG.normal(size=N),
        "whole": RNG.integers(0, 9, N),
        "few different": RNG.integers(0, 2, N),
        "all different by chance": RNG.choice(10**8, N, replace=False),
        "sorted floats": np.sort(RNG.normal(size=N)),
        "text": [f"{v:.3f}" for v in RNG.normal(size=N)],
        "thousands": [f"{v:,.0f}" for v in RNG.integers(0, 10**6, N)],
        "decimal commas": [f"{v:.2f}".replace(".", ",") for v in RNG.normal(size=N)],
        "percent": [f"{v:.1f} %" for v in 100 * RNG.random(N)],
        "currency": [f"€{v:.2f}" for v in 100 * RNG.random(N)],
        "unit": [f"{v:.1f}kg" for v in 100 * RNG.random(N)],
        "brackets": [f"({v})" if v % 2 else f"{v}" for v in RNG.integers(0, 999, N)],
        "decimals": [decimal.Decimal(f"{v:.3f}") for v in RNG.normal(size=N)],
        "durations": pd.to_timedelta(RNG.integers(0, 10**6, N), unit="s"),
        "a few words": np.where(RNG.random(N) < 0.02, "unknown", RNG.integers(0, 99, N).astype(str)),
        "gaps": np.where(RNG.random(N) < 0.5, np.nan, RNG.normal(size=N)),
        "vectors": [RNG.normal(size=3) for _ in range(N)],
        "years": RNG.integers(1950, 2020, N),
    },
    "category": {
        "names": RNG.choice(["ash", "birch", "cedar"], N),
        "truth values": RNG.random(N) < 0.5,
        "truth values with gaps": [None if v < 0.1 else v < 0.5 for v in RNG.random(N)],
        "ages": RNG.choice(["18-24", "25-34", "35-44"], N),
        "codes with repeats": [f"A{v}" for v in RNG.integers(0, 90, N)],
        "sentences with repeats": RNG.choice(["it was dry", "it was wet"], N),
        "present or not": np.where(RNG.random(N) < 0.5, None, "x"),
    },
    "text": {
        "words": texts(),
        "two words": texts(1),
        "tags": [";".join(RNG.choice(WORDS, 3)) + f";{i}" for i in range(N)],
        "Chinese": ["这个" + "".join(RNG.choice(list("木头钢铁玻璃红绿大小"), 6)) + str(i) for i in range(N)],
        "gaps": [None if i % 3 == 0 else text for i, text in enumerate(texts())],
    },
    "date": {
        "dates": DAYS,
        "with a zone": DAYS.tz_localize("Europe/Berlin"),
        "objects": DAYS.date,
        "ISO": DAYS.strftime("%Y-%m-%d"),
        "ISO with time": DAYS.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "German": DAYS.strftime("%d.%m.%Y"),
        "British": DAYS.strftime("%d/%m/%Y"),
        "American": DAYS.strftime("%m/%d/%Y %I:%M %p"),
        "in words": DAYS.strftime("%d %b %Y"),
        "whole numbers": DAYS.strftime("%Y%m%d").astype(int),
        "gaps": DAYS.where(RNG.random(N) < 0.9),
        "times": DAYS.strftime("%H:%M"),
    },
    "identifier": {
        "row numbers": np.arange(N),
        "shuffled": RNG.permutation(N) + 1000,
        "in order with gaps": np.cumsum(RNG.integers(1, 10**6, N)),
        "backwards": np.arange(N)[::-1] * 10.0,
        "case_id": RNG.integers(0, 10**6, N),
        "patientID": RNG.integers(0, 150, N),
        "names": [f"r{i}" for i in range(N)],
        "numbered": [f"case {i:04}" for i in range(N)],
        "files": [f"photos/cat/IMG_{i}.jpg" for i in RNG.permutation(N)],
        "folders": [f"a/b/{i}" for i in RNG.permutation(N)],
        "unique": [str(uuid.UUID(int=int(i))) for i in RNG.choice(2**60, N)],
        "hashes": ["".join(RNG.choice(list("0123456789abcdef"), 32)) for _ in range(N)],
        "mails": [f"{''.join(RNG.choice(list(string.ascii_lowercase), 6))}@example.org" for _ in range(N)],
        "addresses": [f"https://example.org/item?page={i}" for i in RNG.permutation(N)],
        "nearly all": [f"c{i if i % 40 else 0}" for i in range(N)],
    },
    "constant": {
        "numbers": np.full(N, 3.5),
        "text": ["x"] * N,
        "empty": [None] * N,
        "no numbers": np.full(N, np.nan),
        "blank": [" "] * N,
        "one day": [pd.Timestamp("2024-01-01")] * N,
    },
}
CASES = [(kind, name, values) for kind, held in COLUMNS.items() for name, values in held.items()]


@pytest.mark.parametrize("kind, name, values", CASES, ids=[f"{kind}-{name}" for kind, name, _ in CASES])
def test_kinds(kind, name, values):
    found = recognise(pd.Series(values), name)
    assert found.kind == kind, found.why
    assert found.used == (kind not in ("identifier", "constant"))
    assert found.used or found.why
    if found.used:
        assert len(found.values) == N


def test_what_is_read_is_said():
    assert recognise(pd.Series(DAYS.strftime("%d.%m.%Y")), "a").why == (
        "written as day.month.year; read as days, season, weekday"
    )
    gaps = pd.Series(DAYS.strftime("%Y-%m-%d"))
    gaps[:9], gaps[9:12] = "1900-01-01", "9999-12-31"
    found = recognise(gaps, "a")
    assert found.why.startswith(
        "3 values 9999-12-31 count as missing; 9 values 1900-01-01 count as missing; read as days"
    )
    assert np.isnan(found.values[:, 0]).sum() == 12
    assert (
        "missing"
        not in recognise(pd.Series(["1970-01-01"] * 20 + ["1985-05-05", "2001-02-03", "2020-01-01"] * 20), "a").why
    )
    values = pd.Series(RNG.normal(size=N))
    values[:12] = -9999
    found = recognise(values, "a")
    assert found.why == "12 values -9999 count as missing"
    assert np.isnan(found.values).tolist() == [True] * 12 + [False] * (N - 12)
    assert recognise(pd.Series([*range(90), *["?", "n.a."] * 2]), "a").why == "4 values '?', 'n.a.' count as missing"


def test_categories_of_many_levels_and_texts_are_told_from_identifiers_by_what_repeats():
    assert recognise(pd.Series(COLUMNS["category"]["codes with repeats"]), "a").many
    assert not recognise(pd.Series(COLUMNS["category"]["names"]), "a").many
    alone = ["".join(RNG.choice(list(string.ascii_lowercase), 9)) for _ in range(3 * N)]
    unlike = [" ".join(alone[at : at + 3]) for at in range(0, 3 * N, 3)]
    assert recognise(pd.Series(unlike), "a").kind == "identifier"
