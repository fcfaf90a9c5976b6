"""Label Studio: tasks and configuration out, annotations of both exports back in."""

import base64
import io
import json
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.review.decide import decide
from noisewise.auditing.review.exchange import label_studio
from noisewise.auditing.review.exchange.export import export_review
from noisewise.auditing.review.folder import original_data
from noisewise.data.dataset import Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput

HOSTILE = ('<b a="1">&', "$5 or $x", " two\nlines ")
SUSPICION = np.array([0.9, 0.1, 0.8, 0.3])
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)


def audited(folder, data):
    suggested = np.array([1, 1, 0, 0])
    judgement = Judgement(SUSPICION, suggested, data.given != suggested, 0.5, (0.4, 0.6), np.eye(3))
    Findings(data, judgement).save(folder)
    return folder


def photos(pixels=PIXELS, classes=HOSTILE):
    return Dataset(pixels, np.array([0, 1, 2, 0]), classes, kind="image", index=np.array([7, 5, 3, 1]))


def exported(folder, data, **asked):
    audited(folder / "audit", data)
    summary = export_review(folder / "audit", "label-studio", folder / "tasks.json", **asked)
    return json.loads((folder / "tasks.json").read_text(encoding="utf-8")), summary


def annotated(task, label, when="2026-01-01T00:00:00Z", **more):
    chosen = {"from_name": "label", "to_name": "input", "type": "choices", "value": {"choices": [label]}}
    return {**task, "annotations": [*task.get("annotations", []), {"created_at": when, "result": [chosen], **more}]}


def test_tasks_carry_the_row_the_image_and_the_suggestion_in_the_order_of_the_queue(tmp_path):
    tasks, summary = exported(tmp_path, photos(), limit=3)
    assert [task["data"]["index"] for task in tasks] == [7, 3, 1]
    assert [file.name for file in summary["files"]] == ["tasks.json", "tasks.xml"]
    first = tasks[0]
    assert (first["data"]["given"], first["data"]["suggested"]) == (HOSTILE[0], HOSTILE[1])
    (prediction,) = first["predictions"]
    assert prediction["model_version"] == "noisewise"
    assert prediction["score"] == pytest.approx(0.9)
    assert prediction["result"] == [
        {"from_name": "label", "to_name": "input", "type": "choices", "value": {"choices": [HOSTILE[1]]}}
    ]
    head, content = first["data"]["image"].split(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))), PIXELS[0])


def test_the_configuration_names_every_class_as_it_is(tmp_path):
    exported(tmp_path, photos())
    view = ElementTree.parse(tmp_path / "tasks.xml").getroot()
    assert view.find("Image").attrib == {"name": "input", "value": "$image"}
    choices = view.find("Choices")
    assert (choices.get("name"), choices.get("toName"), choices.get("choice")) == ("label", "input", "single")
    assert [choice.get("alias") or choice.get("value") for choice in choices] == list(HOSTILE)
    assert not any("$" in choice.get("value") for choice in choices)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=6, unique=True))
@settings(max_examples=100, deadline=None)
def test_any_class_names_are_written_faithfully_or_refused(names):
    data = Dataset(np.zeros((1, 2), np.float32), np.array([0]), tuple(names))
    if any(label_studio.NO_XML.search(name) for name in names):
        with pytest.raises(BadInput, match="has a character"):
            label_studio.configuration(data)
        return
    choices = ElementTree.fromstring(label_studio.configuration(data)).find("Choices")
    assert [choice.get("alias") or choice.get("value") for choice in choices] == names


def test_thousands_of_classes_become_a_list_to_search_in():
    data = Dataset(np.zeros((1, 2), np.float32), np.array([0]), tuple(f"class {i}" for i in range(5000)))
    choices = ElementTree.fromstring(label_studio.configuration(data)).find("Choices")
    assert (len(choices), choices.get("layout")) == (5000, "select")


def test_an_empty_class_name_is_refused():
    with pytest.raises(BadInput, match="a class name is empty"):
        label_studio.configuration(Dataset(np.zeros((1, 2), np.float32), np.array([0]), ("a", "")))


def test_images_may_lie_in_a_folder_beside_that_label_studio_serves(tmp_path):
    large = np.zeros((4, 90, 120, 3), np.uint8)
    folder = tmp_path / "my files"
    tasks, summary = exported(folder, photos(large), images="folder", document_root=tmp_path, limit=1)
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=my%20files/tasks-images/7.jpg"
    with Image.open(folder / "tasks-images" / "7.jpg") as image:
        assert image.size == (120, 90)
    assert [file.name for file in summary["files"]] == ["tasks-images", "tasks.json", "tasks.xml"]


@pytest.mark.parametrize(
    "asked,message",
    [
        ({"images": "folders"}, r"images='folders' must be one of embed, folder \(did you mean 'folder'\?\)"),
        ({"images": "folder", "document_root": "/nowhere"}, "document_root=/nowhere must hold the folder of images"),
    ],
)
def test_images_that_cannot_be_served_are_refused(tmp_path, asked, message):
    with pytest.raises(BadInput, match=message):
        exported(tmp_path, photos(), **asked)
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit"]


@pytest.mark.parametrize(
    "columns,tag", [({"text": ["so it goes"] * 4}, "Text"), ({"x": [1.5, 2, 2, 3], "y": [2, 3, 4, 4]}, "Table")]
)
def test_tables_and_texts_are_shown_as_such(tmp_path, columns, tag):
    pd.DataFrame({**columns, "kind": ["u", "v", "w", "u"]}).to_csv(tmp_path / "table.csv", index=False)
    tasks, _ = exported(tmp_path, load(tmp_path / "table.csv", labels="kind"))
    shown = ElementTree.parse(tmp_path / "tasks.xml").getroot().find(tag)
    content = tasks[0]["data"][shown.get("value").removeprefix("$")]
    assert content == ("so it goes" if tag == "Text" else {"x": "1.5", "y": "2"})


def test_annotations_come_back(tmp_path):
    tasks, _ = exported(tmp_path, photos())
    seven, three, one, five = tasks
    done = [annotated(seven, HOSTILE[1]), annotated(three, HOSTILE[2]), annotated(one, HOSTILE[1]), five]
    (tmp_path / "export.json").write_text(json.dumps(done))
    folder = tmp_path / "audit"
    decided, summary = decide(original_data(folder), tmp_path / "export.json", findings_folder=folder)
    assert decided.given.tolist() == [1, 1, 2, 1]
    assert summary["decisions"] == {"accept": 1, "keep": 1, "relabel": 1}
    assert summary["not_reviewed"] == 1


def task(index=7):
    return {"id": index, "data": {"index": index}}


def test_the_majority_of_several_annotators_decides():
    three = annotated(annotated(annotated(task(), "dog"), "cat"), "cat")
    assert label_studio.labels([three]) == [(7, "cat")]


def test_a_tie_is_refused_by_name():
    with pytest.raises(BadInput, match="row with index 7 are tied between 'dog' and 'cat': settle it in Label Studio"):
        label_studio.labels([annotated(annotated(task(), "dog"), "cat")])


def test_cancelled_and_empty_annotations_count_as_none():
    done = annotated(annotated(task(), "dog", was_cancelled=True), "cat")
    done["annotations"].append({"created_at": "2026-01-02", "was_cancelled": False, "result": []})
    assert label_studio.labels([done, annotated(task(8), "dog", was_cancelled=True)]) == [(7, "cat")]


def test_rows_come_back_in_the_order_in_which_they_were_annotated():
    late, early = annotated(task(1), "cat", "2026-01-02T00:00:00Z"), annotated(task(2), "cat", "2026-01-01T00:00:00Z")
    assert label_studio.labels([late, early]) == [(2, "cat"), (1, "cat")]


def test_json_min_is_read_too():
    records = [
        {"index": 7, "image": "x", "id": 1, "label": "cat", "annotator": 1, "created_at": "2026-01-01T00:00:00Z"},
        {"index": 7, "image": "x", "id": 1, "label": "cat", "annotator": 2, "created_at": "2026-01-01T00:00:01Z"},
        {"index": 7, "image": "x", "id": 1, "label": "dog", "annotator": 3, "created_at": "2026-01-01T00:00:02Z"},
        {"index": 8, "image": "y", "id": 2, "annotator": 1},
    ]
    assert label_studio.labels(records) == [(7, "cat")]


@pytest.mark.parametrize(
    "tasks,message",
    [
        ([{"data": {"text": "not ours"}, "annotations": []}], "task 1 of Label Studio has no row index in its data"),
        ([task(), {"data": {"index": "7"}}], "task 2 of Label Studio has no row index"),
        ([task()], "none of the 1 tasks of Label Studio has an annotation by the control 'label'"),
        (
            [{"index": 7, "label": {"choices": ["a", "b"]}}],
            "row with index 7 was given several classes by one annotator",
        ),
    ],
)
def test_exports_that_cannot_be_understood_are_refused(tasks, message):
    with pytest.raises(BadInput, match=message):
        label_studio.labels(tasks)


@pytest.mark.filterwarnings("ignore")
def test_label_studio_itself_accepts_what_goes_out_and_its_converter_gives_what_comes_in(tmp_path):
    interface = pytest.importorskip(
        "label_studio_sdk.label_interface", reason="label-studio-sdk is not installed"
    ).LabelInterface
    from label_studio_sdk.converter import Converter

    tasks, _ = exported(tmp_path, photos(classes=("cat & co", "$5", "fox")))
    config = (tmp_path / "tasks.xml").read_text(encoding="utf-8")
    interface(config).validate()
    for made in tasks:
        assert interface(config).validate_prediction(made["predictions"][0], return_errors=True) == []
    done = [{"id": at, **annotated(made, "$5", id=at, completed_by=1)} for at, made in enumerate(tasks)]
    (tmp_path / "export.json").write_text(json.dumps(done))
    converter = Converter(config=config, project_dir=str(tmp_path))
    converter.convert_to_json_min(str(tmp_path / "export.json"), str(tmp_path / "min"), is_dir=False)
    records = json.loads((tmp_path / "min" / "result.json").read_text())
    assert label_studio.labels(records) == label_studio.labels(done) == [(index, "$5") for index in (7, 3, 1, 5)]
