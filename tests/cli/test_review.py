"""`review` and `decide` on the command line: the round trip, what they print, and how they end."""

import json

import numpy as np
import pytest

import noisewise
from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.data.dataset import Dataset

N = 1200


@pytest.fixture
def folder(tmp_path):
    truth = np.arange(N) % 2
    given = np.where(np.arange(N) < 240, 1 - truth, truth)
    suspicion = np.where(np.arange(N) < 240, 0.9, 0.1)
    data = Dataset(np.zeros((N, 2), np.float32), given, ("yes", "no"), truth=truth)
    metrics = {"true_noise_rate": 0.2}
    judgement = Judgement(suspicion, truth, suspicion > 0.5, 0.2, (0.1, 0.3), np.eye(2))
    found = Findings(data, judgement, metrics=metrics)
    return found.save(tmp_path / "audit")


def test_what_was_reviewed_in_a_table_comes_back_and_what_it_bought_is_said(run, folder, tmp_path):
    queue = tmp_path / "queue.csv"
    ended = run("review", folder, "--to", "csv", "--limit", 120, "--out", queue)
    assert ended.code == 0, ended.err
    assert "108.0 more correct labels than the given ones" in ended.out
    head, *lines = queue.read_text().splitlines()
    queue.write_text("\n".join([head, *(line.replace(",,", ",accept,", 1) for line in lines)]) + "\n")
    ended = run("decide", folder, queue, "--out", tmp_path / "reviewed.npz")
    assert ended.code == 0, ended.err
    assert "120 rows: 120 accept, 0 keep, 0 relabel" in ended.out
    assert "1,080 rows, including 120 issues, which keep the given label" in ended.out
    assert "80.0 % before, 90.0 % after" in ended.out
    assert "+100, +20 labels per 100 reviewed (20 in the last block), in the order of the review" in ended.out
    assert "+8.33, +1.67 points of accuracy" in ended.out
    assert "+100, +100, +40, +0, +0, +0, +0, +0, +0, +0 and 2 more blocks; labels per 100" in ended.out
    assert "+20.0, +20.0" in ended.out
    assert noisewise.load(tmp_path / "reviewed.npz").noise_rate == pytest.approx(0.1)


def test_fewer_than_a_hundred_reviewed_rows_are_counted_as_they_are(run, folder, tmp_path):
    lines = "\n".join(f"{index},accept," for index in range(20))
    (tmp_path / "few.csv").write_text(f"index,decision,label\n{lines}\n")
    ended = run("decide", folder, tmp_path / "few.csv", "--out", tmp_path / "reviewed.npz")
    assert ended.code == 0, ended.err
    assert "20 labels among the 20 reviewed, in the order of the review" in ended.out
    assert "+20 labels among the 20 reviewed" in ended.out


def test_starting_from_the_cleaned_labels(run, folder, tmp_path):
    (tmp_path / "none.csv").write_text("index,decision,label\n")
    asked = ("--base", "cleaned", "--out", tmp_path / "reviewed.npz")
    ended = run("decide", folder, tmp_path / "none.csv", *asked)
    assert "1,200 rows, including 240 issues, which take the suggestion" in ended.out
    assert noisewise.load(tmp_path / "reviewed.npz").noise_rate == 0
    assert json.loads(run("decide", folder, tmp_path / "none.csv", *asked, "--json").out)["relabelled"] == 240


def test_json_names_the_files(run, folder, tmp_path):
    ended = run("review", folder, "--to", "label-studio", "--limit", 2, "--out", tmp_path / "tasks.json", "--json")
    said = json.loads(ended.out)
    assert (said["rows"], said["files"]) == (2, [str(tmp_path / "tasks.json"), str(tmp_path / "tasks.xml")])


@pytest.mark.parametrize(
    "asked,message",
    [
        (("--to", "excel", "--out", "q.csv"), "to='excel' must be one of label-studio, fiftyone, csv"),
        (("--to", "csv", "--base", "clean", "--out", "q.csv"), "base='clean' must be one of given, cleaned"),
        (("--to", "fiftyone", "--out", "q"), "to=fiftyone needs images"),
    ],
)
def test_what_cannot_be_done_ends_with_2(run, folder, asked, message):
    ended = run("review", folder, *asked)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_rate_is_certified_by_sixty_rows(run, folder, tmp_path):
    sample = tmp_path / "sample.csv"
    ended = run("review", folder, "--for", "rate", "-n", 60, "--out", sample)
    assert ended.code == 0, ended.err
    assert "a random sample at any length" in ended.out
    head, *lines = sample.read_text().splitlines()
    assert len(lines) == 60
    words = ["accept" if int(line.split(",")[0]) < 240 else "keep" for line in lines]
    done = [line.replace(",,", f",{word},", 1) for line, word in zip(lines, words, strict=True)]
    sample.write_text("\n".join([head, *done]) + "\n")
    ended = run("decide", folder, sample, "--out", tmp_path / "reviewed.npz")
    assert ended.code == 0, ended.err
    assert "from 60 rows drawn at random, with 90 % intervals:" in ended.out
    assert "noise rate      20.0 % (" in ended.out
    assert "100.0 % (" in ended.out
    assert "more reviews" in ended.out
    ended = run("decide", folder, sample, "--out", tmp_path / "reviewed.npz", "--json")
    found = json.loads(ended.out)["certified"]
    assert (found["reviews"], found["precision"]["estimate"], found["remaining"]["estimate"]) == (60, 1, 0)
    assert found["noise_rate"]["low"] < 0.2 < found["noise_rate"]["high"]


def test_two_reviewers_on_the_command_line(run, folder, tmp_path):
    (tmp_path / "ada.csv").write_text("index,decision,label\n0,accept,\n1,keep,\n2,keep,\n")
    (tmp_path / "ben.csv").write_text("index,decision,label\n0,accept,\n1,accept,\n2,keep,\n")
    files = (tmp_path / "ada.csv", tmp_path / "ben.csv")
    ended = run("decide", folder, *files, "--out", tmp_path / "reviewed.npz")
    assert ended.code == 0, ended.err
    assert "66.7 % of 3 rows, kappa 0.40" in ended.out
    assert "1 disagreement, of which 1 tied and not applied: 1" in ended.out
    known = [part for file in files for part in ("--decided", file)]
    ended = run("review", folder, *known, "--limit", 2, "--out", tmp_path / "next.csv")
    assert ended.code == 0, ended.err
    assert [line.split(",")[0] for line in (tmp_path / "next.csv").read_text().splitlines()[1:]] == ["1", "3"]


def test_a_table_and_a_folder_come_back_as_they_were(run, tmp_path):
    lines = [f"P{at:02};{at % 2 + at / 100:.2f};{'yes' if at % 2 else 'no'}".replace(".", ",") for at in range(40)]
    source = tmp_path / "clinic.csv"
    source.write_text("\r\n".join(["patient;dose;ill", *lines, ""]), encoding="utf-16", newline="")
    asked = ("--labels", "ill", "--id", "patient", "--budget", "quick", "--no-conditions", "--out", tmp_path / "audit")
    assert run("audit", source, *asked).code == 0
    (tmp_path / "d.csv").write_text("Patient;Decision;Label\n P03 ;relabel;no\nP05;remove;\nP07;unsure;\n")
    outs = ("--out", tmp_path / "new.csv", "--out", tmp_path / "new.npz")
    ended = run("decide", tmp_path / "audit", tmp_path / "d.csv", *outs)
    assert ended.code == 0, ended.err
    assert "3 rows: 0 accept, 0 keep, 1 relabel, 1 unsure, 1 remove" in ended.out
    assert "39 rows, as" in ended.out
    assert "what was reviewed is in new.csv.reviews.json: keep it with the data" in ended.out
    new = (tmp_path / "new.csv").read_bytes().decode("utf-16").split("\r\n")
    assert new == ["patient;dose;ill", *lines[:3], lines[3].replace("yes", "no"), lines[4], *lines[6:], ""]
    ended = run(
        "decide", source, tmp_path / "d.csv", "--labels", "ill", "--id", "patient", "--out", tmp_path / "again.csv"
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "new.csv").read_bytes()
    assert "37 rows, which keep the given label" in ended.out
    assert "what was reviewed is not kept, since that needs the audit" in " ".join(ended.out.split())


@pytest.mark.parametrize(
    "more,message",
    [
        (("--out", "new"), "cannot write the folder new: data is no folder of images per class"),
        (("--labels", "x", "--out", "new.npz"), "--labels says how data are read, and"),
        (("--source", "nowhere", "--out", "new.npz"), "there is no source nowhere"),
    ],
)
def test_what_cannot_be_given_back_is_said_before_anything_is_written(run, folder, tmp_path, more, message):
    (tmp_path / "none.csv").write_text("index,decision,label\n")
    ended = run("decide", folder, tmp_path / "none.csv", *more)
    assert (ended.code, message in ended.err) == (2, True), ended.err
