import json

import pytest
from benchmarks.campaign import measured, sentences, tables
from benchmarks.campaign.pages import BEGIN, END, write

CASES = [("fashion-mnist-10000", f"symmetric:{rate}") for rate in (0, 0.2, 0.5)] + [("cifar10n-random1", None)]
RESULTS = "# Results\n\nBefore.\n\n## Training in spite of noise\n\nOld numbers: 12.3.\n\n## Probes\n\nAfter.\n"


def line(method, case=CASES[1], seed=0, part="grid", last=0.6, selected=0.7, **more):
    source, corrupt = case
    said = {"method": method, "source": source, "corrupt": corrupt, "seed": seed, "part": part, "epochs": 60}
    found = {"last": last, "best": selected + 0.01, "selected": selected, "label_wave": selected, "validation": 0.5}
    about = {"device": "cpu", "model": "lenet", "train_seconds": 10.0, "seconds": 12.0, "precision_of_suspicion": 0.5}
    key = "/".join(map(str, (part, method, case, seed, more.get("lr", ""), more.get("preset", ""))))
    return {"key": key, **said, **found, **about, **more}


def planted():
    """ELR is 5 points above `ce` everywhere, JoCoR 20 below, with two seeds."""
    found = []
    for case in CASES:
        for seed in (0, 1):
            base = 0.6 + 0.01 * seed
            found += [line("ce", case, seed, last=base, selected=base + 0.1)]
            found += [line("elr", case, seed, last=base + 0.05, selected=base + 0.15, precision_of_suspicion=0.8)]
            found += [line("jocor", case, seed, last=base - 0.2, selected=base - 0.1, label_precision=0.9)]
            found += [line("glc", case, seed, part="trusted", last=base + 0.1, selected=base + 0.2, trusted=500)]
    found += [line("ce", CASES[1], 0, part="tuning", lr=0.01, selected=0.9, last=0.9, validation=0.8)]
    found += [line("ce", CASES[1], 0, part="tuning", lr=0.2, selected=0.95, last=0.95, validation=0.1)]
    return found


@pytest.fixture
def cells(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("\n".join(map(json.dumps, planted())) + "\n")
    return path


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    (folder / "results").mkdir(parents=True)
    (folder / "results.md").write_text(RESULTS)
    return folder


@pytest.fixture
def found(docs, cells):
    return measured.compared(measured.finished(measured.gathered(docs / "results" / "campaign.csv", [cells])))


def test_differences_are_paired_by_case_and_seed(found):
    means = measured.differences(found, "selected")
    assert means["elr"].value == pytest.approx(5)
    assert means["elr"].half == pytest.approx(0, abs=1e-6)
    assert means["jocor"].value == pytest.approx(-20)
    assert means["elr"].cells == 8
    assert next(iter(means)) == "ce, tuned"


def test_tuning_takes_the_arm_with_the_best_noisy_validation_not_the_best_test_accuracy(found):
    tuned = found[found["method"] == "ce, tuned"]
    assert tuned["selected"].tolist() == [90.0]


def test_the_interval_is_that_of_student(docs, tmp_path):
    path = tmp_path / "two.jsonl"
    pairs = [("ce", 0, 0.5), ("elr", 0, 0.6), ("ce", 1, 0.5), ("elr", 1, 0.54)]
    path.write_text("\n".join(json.dumps(line(name, seed=seed, selected=value)) for name, seed, value in pairs))
    value = measured.differences(measured.finished(measured.gathered(docs / "none.csv", [path])), "selected")["elr"]
    assert (value.value, value.worst) == (pytest.approx(7), pytest.approx(4))
    assert value.half == pytest.approx(
        12.7062 * 3, rel=1e-4
    )  # t of 1 degree of freedom; deviation 3 sqrt 2, over sqrt 2
    assert not value.sure


def test_orderings_hold_or_not_by_their_interval(found):
    hold, fail, undecided = sentences.orderings(found)
    assert any(text.startswith("`elr` above `ce`") for text in hold)
    assert any(text.startswith("`glc` above `ce`") for text in hold)
    assert fail == []
    worse = found.assign(last=found["last"].where(found["method"] != "elr", found["last"] - 10))
    assert any(text.startswith("`elr` above `ce`") for text in sentences.orderings(worse)[1])
    assert undecided == []


def test_a_selecting_method_at_chance_is_named(found):
    assert "Of 1 methods that select rows none is at chance" in sentences.at_chance(found)
    low = found["last"].where(found["method"] != "jocor", 10.0)
    assert "`jocor` (clean)" in sentences.at_chance(found.assign(last=low))
    assert sentences.at_chance(found[found["method"] == "ce"]) == ""


def test_the_default_is_compared_with_the_better_epoch_of_plain_training(found):
    assert sentences.automatic(found) == ""
    renamed = found.assign(method=found["method"].replace("elr", "auto"))
    said = sentences.automatic(renamed)
    assert "`auto` is +5.0 ± 0.0 points" in said
    assert "`auto`, is +0.0 from it" in said


def test_methods_that_lose_on_clean_labels_are_named(found):
    assert "`jocor` (-20.0)" in sentences.harmful(found)
    assert "no method loses" in sentences.harmful(found[found["method"] != "jocor"])


def test_pages_are_written_from_what_there_is_and_again_without_files(docs, cells):
    write(docs, [cells])
    results, choosing = (docs / "results.md").read_text(), (docs / "choosing.md").read_text()
    assert "Before." in results
    assert "## Probes\n\nAfter." in results
    assert "Old numbers" not in results
    assert "| `elr` | +5.0 ± 0.0 | +5.0 ± 0.0 |" in results
    assert "| clean | 70.5 |" in choosing
    assert "`glc` 80.5" in choosing
    assert "65.5 ± 0.7" in (docs / "results" / "methods.md").read_text()
    assert (docs / "results" / "methods.csv").read_text().startswith("setting,noise,method,seeds,best,last,selected,")
    pages = [docs / "results.md", docs / "choosing.md", docs / "results" / "methods.md"]
    before = [page.read_text() for page in pages]
    write(docs)
    assert [page.read_text() for page in pages] == before


def test_imbalance_has_its_own_table(docs, cells, tmp_path):
    path, case = tmp_path / "more.jsonl", ("fashion-mnist-10000", "longtail:50+symmetric:0.4")
    runs = [line(name, case, part="imbalance", selected=value) for name, value in [("ce", 0.4), ("smote", 0.6)]]
    path.write_text("\n".join(map(json.dumps, runs)))
    write(docs, [cells, path])
    uneven = (docs / "choosing.md").read_text().partition("## When classes differ in size")[2]
    assert "| longtail:50+symmetric:0.4 | 40.0 |" in uneven
    assert "`smote` 60.0" in uneven
    assert "longtail" not in (docs / "results.md").read_text()


def test_what_is_written_by_hand_stays(docs, cells):
    write(docs, [cells])
    page = docs / "results.md"
    page.write_text(page.read_text().replace(BEGIN, BEGIN + "\nBecause of this.\n"))
    write(docs, [cells])
    assert f"{BEGIN}\nBecause of this.\n\n{END}" in page.read_text()


def test_one_cell_is_enough_for_pages(docs, tmp_path):
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(line("elr")) + "\n" + json.dumps({**line("ce"), "failed": "broke", "last": None}))
    write(docs, [path])
    assert "`elr`" in (docs / "results" / "methods.md").read_text()


def test_published_runs_are_beside_published_numbers_and_say_their_length(docs, tmp_path):
    path = tmp_path / "runs.jsonl"
    case, more = ("cifar10", "uniform:0.5"), {"part": "published", "epochs": 10}
    runs = [
        line("ce", case, preset="paper-cifar10", of_epochs=300, **more),
        line("dividemix:lambda_u=25,warmup=1", case, preset="p", of_epochs=300, **{**more, "train_seconds": 70.0}),
        line("cdr", case, preset="p", of_epochs=200, **more),
    ]
    path.write_text("\n".join(map(json.dumps, runs)))
    write(docs, [path])
    page = (docs / "results" / "gpu.md").read_text()
    assert "| 10 of 300 | 71.0 | 60.0 | 79.4 | 10 | 1.0 |" in page
    assert "| 10 of 300 | 71.0 | 60.0 | 94.6 | 70 | 7.0 |" in page
    assert "| 10 of 200 | 71.0 | 60.0 |  | 10 | 1.0 |" in page
    assert "10 epochs" in page


def test_a_failure_does_not_hide_a_result_that_is_there(docs, tmp_path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text(json.dumps(line("ce")))
    second.write_text(json.dumps({**line("ce"), "failed": "later", "last": None}))
    csv = docs / "results" / "campaign.csv"
    measured.write_csv(measured.gathered(csv, [first]), csv)
    table = measured.gathered(csv, [second])
    assert table["last"].tolist() == [0.6]
    assert len(measured.finished(table)) == 1


def test_recommended_methods_are_within_cost_and_without_trusted_rows_unless_said(found):
    row = next(text for text in tables.recommended(found).splitlines() if text.startswith("| clean"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells == ["clean", "70.5", "", "", "`elr` 75.5", "`elr` 75.5", "`glc` 80.5"]
