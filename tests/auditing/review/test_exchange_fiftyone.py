"""FiftyOne: an image classification data set out, its labels or tagged samples back in."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.exchange import fiftyone
from noisewise.auditing.review.exchange.export import export_review
from noisewise.auditing.review.folder import original_data
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

CLASSES = ("cat", "dog", "fox")
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 9, 7, 1), dtype=np.uint8)
ISSUES = pd.DataFrame({"index": [7, 3], "given": ["cat", "fox"], "suggested": ["dog", "cat"]})


@pytest.fixture
def folder(tmp_path):
    data = Dataset(PIXELS, np.array([0, 1, 2, 0]), CLASSES, kind="image", index=np.array([7, 5, 3, 1]))
    suggested = np.array([1, 1, 0, 0])
    suspicion = np.array([0.9, 0.1, 0.8, 0.3])
    found = Findings(data, Judgement(suspicion, suggested, data.given != suggested, 0.5, (0.4, 0.6), np.eye(3)))
    return found.save(tmp_path / "audit")


def test_the_folder_is_an_image_classification_dataset_in_the_order_of_the_queue(folder, tmp_path):
    export_review(folder, "fiftyone", tmp_path / "queue", limit=3)
    written = json.loads((tmp_path / "queue" / "labels.json").read_text())
    assert written["classes"] == list(CLASSES)
    assert list(written["labels"]) == ["0_7", "1_3", "2_1"]
    assert written["labels"]["0_7"] == {
        "label": 1,
        "attributes": {"given": "cat", "suspicion": 0.9, "expected_gain": 0.9},
    }
    assert sorted(file.name for file in (tmp_path / "queue" / "data").iterdir()) == ["0_7.png", "1_3.png", "2_1.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "queue" / "data" / "1_3.png")), PIXELS[2, ..., 0])


def test_a_persons_picture_is_not_overwritten_and_the_same_export_can_be_made_again(folder, tmp_path):
    export_review(folder, "fiftyone", tmp_path / "queue", limit=3)
    export_review(folder, "fiftyone", tmp_path / "queue", limit=3)
    one = min((tmp_path / "queue" / "data").iterdir())
    one.write_bytes(b"mine")
    with pytest.raises(BadInput, match="exists and is another file"):
        export_review(folder, "fiftyone", tmp_path / "queue", limit=3)
    assert one.read_bytes() == b"mine"


def test_names_sort_in_the_order_of_the_queue(folder, tmp_path):
    data = Dataset(np.zeros((120, 4, 4, 1), np.uint8), np.zeros(120, int), CLASSES, kind="image")
    suspicion = np.linspace(0, 1, 120)
    judgement = Judgement(suspicion, data.given, np.zeros(120, bool), 0.1, (0, 1), np.eye(3))
    Findings(data, judgement).save(tmp_path / "many")
    export_review(tmp_path / "many", "fiftyone", tmp_path / "queue")
    names = sorted(json.loads((tmp_path / "queue" / "labels.json").read_text())["labels"])
    assert [int(name.split("_")[1]) for name in names] == list(range(119, -1, -1))


def test_corrected_labels_come_back(folder, tmp_path):
    export_review(folder, "fiftyone", tmp_path / "queue", limit=3)
    path = tmp_path / "queue" / "labels.json"
    written = json.loads(path.read_text())
    written["labels"] |= {"1_3": 2, "2_1": 1}
    path.write_text(json.dumps(written))
    decided, summary = decide(original_data(folder), path, findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 1]
    assert summary["decisions"] == {"accept": 1, "keep": 1, "relabel": 1}


def sample(name, *, label="fox", tags=(), **fields):
    truth = {"_id": {"$oid": "0"}, "_cls": "Classification", "tags": [], "label": label, "confidence": None}
    return {"filepath": f"/tmp/queue/data/{name}", "tags": list(tags), "ground_truth": truth, **fields}


def test_tagged_samples_come_back(folder, tmp_path):
    samples = [
        sample("0_7.png", tags=["accept"]),
        sample("1_3.png", tags=["kept", "other"]),
        sample("2_1.png", label="dog", reviewed=True),
        sample("3_5.png"),
    ]
    (tmp_path / "samples.json").write_text(json.dumps({"name": "queue", "samples": samples}))
    decided, summary = decide(original_data(folder), tmp_path / "samples.json", findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 1]
    assert (summary["reviewed"], summary["decisions"]) == (3, {"accept": 1, "keep": 1, "relabel": 1})


def test_samples_tagged_unsure_or_remove(folder, tmp_path):
    samples = [sample("0_7.png", tags=["unsure"]), sample("1_3.png", tags=["remove"]), sample("2_1.png", tags=["keep"])]
    (tmp_path / "samples.json").write_text(json.dumps({"name": "queue", "samples": samples}))
    decided, summary = decide(original_data(folder), tmp_path / "samples.json", findings_folder=folder)
    assert 3 not in decided.index
    assert summary["decisions"] == {"accept": 0, "keep": 1, "relabel": 0, "unsure": 1, "remove": 1}
    samples[0]["tags"].append("remove")
    (tmp_path / "samples.json").write_text(json.dumps({"name": "queue", "samples": samples}))
    with pytest.raises(BadInput, match="contradict each other on the row with index 7"):
        decide(original_data(folder), tmp_path / "samples.json", findings_folder=folder)


def test_the_only_classification_is_the_label_whatever_its_name():
    made = sample("0_7.png", tags=["reviewed"])
    made["mine"] = made.pop("ground_truth")
    assert fiftyone.sample_labels({"samples": [made]}, ISSUES) == [(7, "fox")]


def two_labels():
    made = sample("0_7.png", tags=["reviewed"])
    other = made.pop("ground_truth")
    return made | {"one": other, "two": other}


@pytest.mark.parametrize(
    "made,message",
    [
        (sample("0_7.png", tags=["accept", "keep"]), "row with index 7 is tagged both accept and keep"),
        (sample("0_8.png", tags=["accept"]), "row with index 8 is not in this audit"),
        (sample("holiday.png"), "holiday.png' was not written by `noisewise review`"),
        (two_labels(), "needs its label in the field ground_truth or in a single classification, but has one, two"),
        (sample("0_7.png", label=None, tags=["reviewed"]), "but has none"),
    ],
)
def test_samples_that_cannot_be_understood_are_refused(made, message):
    with pytest.raises(BadInput, match=message):
        fiftyone.sample_labels({"samples": [made]}, ISSUES)


@pytest.mark.parametrize("label", [3, -1, True, None, 1.5, [0, 1], {"confidence": 1}])
def test_a_label_that_is_no_class_is_refused(label):
    if label is None:
        assert fiftyone.labels({"classes": list(CLASSES), "labels": {"0_7": None}}) == []
        return
    with pytest.raises(BadInput, match="of the image '0_7' is not a single class of 'classes'"):
        fiftyone.labels({"classes": list(CLASSES), "labels": {"0_7": label}})


def test_labels_may_be_class_names():
    assert fiftyone.labels({"classes": None, "labels": {"0_7": "fox", "1_3": {"label": "cat"}}}) == [
        (7, "fox"),
        (3, "cat"),
    ]
