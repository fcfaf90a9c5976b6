import json
import time
from pathlib import Path

import pytest
import torch
from benchmarks.campaign.cells import Cell, read, shortened
from benchmarks.campaign.costs import GUESS, START, Costs
from benchmarks.campaign.runner import Machine, Queue, read_lines, run
from benchmarks.campaign.work import Order, OutOfTime, compute

HERE = Path(__file__).parents[2] / "benchmarks" / "campaign"
STATED = {"source": "digits", "rows": 200, "tested": 100, "model": "mlp", "epochs": 1, "corrupt": "symmetric:0.2"}


def cell(method: str = "ce", place: str = "either", part: str = "grid", **more) -> Cell:
    return Cell(part, place, {**STATED, "method": method, **more})


def titles(queue: Queue) -> list[tuple[str, str]]:
    """What is handed out, if every cell ends at once."""
    found = []
    for order in queue:
        found.append((order.cell.stated["method"], order.device))
        queue.ended(order)
    return found


def test_every_cell_of_the_campaign_is_legal_and_there_once():
    cells = read(HERE / "campaign.toml")
    assert len({one.key for one in cells}) == len(cells)
    assert {"grid", "human", "tuning", "trusted", "published"} <= {one.part for one in cells}
    first = cells[: next(i for i, one in enumerate(cells) if one.stated.get("seed") == 1 and one.part == "grid")]
    assert {one.stated.get("seed", 0) for one in first if one.part != "fine-tuning"} == {0}


def test_published_runs_keep_their_settings_and_shorten_what_counts_epochs():
    cells = {one.stated["method"].partition(":")[0]: one for one in read(HERE / "campaign.toml") if one.preset}
    dividemix = cells["dividemix"]
    assert dividemix.published_epochs == 300
    assert dividemix.stated["method"].startswith("dividemix:lambda_u=25,threshold=0.5,warmup=1,")
    assert (dividemix.stated["batch_size"], dividemix.stated["milestones"]) == (64, (0.5,))
    assert (dividemix.stated["validation"], cells["coteaching"].stated["noise_rate"]) == (0.0, 0.5)
    assert {one.stated["model"] for one in cells.values()} == {"preact-resnet18"}
    assert {one.stated["epochs"] for one in read(HERE / "campaign.toml", 7) if one.preset} == {7}


@pytest.mark.parametrize(
    ("method", "share", "expected"),
    [
        ("dividemix:lambda_u=25,warmup=10", 0.5, "dividemix:lambda_u=25,warmup=5"),
        ("dividemix:warmup=10,negentropy=true", 0.01, "dividemix:warmup=1,negentropy=true"),
        ("gce:q=0.7", 0.1, "gce:q=0.7"),
        ("cdr:tau=0.4+gce:q=0.7", 0.1, "cdr:tau=0.4+gce:q=0.7"),
        ("ce", 0.1, "ce"),
    ],
)
def test_shortened(method, share, expected):
    assert shortened(method, share) == expected


def test_without_a_gpu_everything_runs_on_the_processor_in_order():
    queue = Queue([cell("elr", "gpu"), cell("ce"), cell("gce", "cpu")], Costs(), Machine(1), None)
    assert titles(queue) == [("elr", "cpu"), ("ce", "cpu"), ("gce", "cpu")]


def test_the_gpu_takes_its_own_cells_first_and_others_where_it_is_faster():
    costs = Costs()
    costs.measured(cell("elr"), "cpu", 100.0)
    queue = Queue([cell("elr"), cell("ce", "gpu"), cell("gce", "cpu")], costs, Machine(4, on_gpu=1), None)
    assert titles(queue) == [("ce", "cuda"), ("elr", "cuda"), ("gce", "cpu")]


def test_places_on_the_gpu_are_limited_and_are_waited_for():
    queue = Queue([cell("ce", "gpu"), cell("elr", "gpu")], Costs(), Machine(4, on_gpu=1), None)
    orders = iter(queue)
    first = next(orders)
    assert queue._next() is None
    queue.ended(first)
    assert next(orders).cell.stated["method"] == "elr"


def test_a_cell_that_failed_on_the_gpu_is_handed_out_for_the_processor_next():
    queue = Queue([cell("elr"), cell("ce")], Costs(), Machine(1, on_gpu=1), None)
    queue._costs.measured(cell("ce"), "cpu", 100.0)
    orders = iter(queue)
    first = next(orders)
    assert (first.cell.stated["method"], first.device) == ("elr", "cuda")
    queue.ended(first)
    queue.again(first.cell)
    second = next(orders)
    assert (second.cell.key, second.device) == (first.cell.key, "cpu")


def test_what_cannot_finish_in_time_is_not_started_and_shorter_ones_are():
    costs = Costs()
    costs.measured(cell("dividemix"), "cpu", 1000.0)
    costs.measured(cell("ce"), "cpu", START + 1)
    queue = Queue([cell("dividemix"), cell("ce")], costs, Machine(1), time.time() + 60)
    assert titles(queue) == [("ce", "cpu")]


def test_parts_can_be_started_whatever_they_are_expected_to_take():
    costs = Costs()
    costs.measured(cell("dividemix"), "cpu", 1000.0)
    cells = [cell("dividemix"), cell("ce", part="tuning")]
    assert titles(Queue(cells, costs, Machine(1), time.time() + 60)) == []
    bold = Queue(cells, costs, Machine(1, regardless=("grid",)), time.time() + 60)
    assert titles(bold) == [("dividemix", "cpu")]


def test_costs_are_those_of_the_method_where_measured_and_else_of_the_network():
    costs, plain, costly = Costs(), cell("ce", model="lenet", epochs=100), cell("dividemix", model="lenet", epochs=100)
    assert costs.expected(plain, "cpu") == pytest.approx(START + 20 * GUESS["lenet"]["cpu"])
    costs.measured(plain, "cpu", START + 40 * GUESS["lenet"]["cpu"])
    assert costs.expected(plain, "cpu") == pytest.approx(START + 40 * GUESS["lenet"]["cpu"])
    assert costs.expected(costly, "cpu") == pytest.approx(START + 2 * costly.passes * GUESS["lenet"]["cpu"])
    assert costs.expected(plain, "cuda") == pytest.approx(START + 20 * GUESS["lenet"]["cuda"])


def test_a_cell_stops_when_its_time_is_over():
    compute(Order(cell(), "cpu", time.time() + 100))  # or else the alarm may cut off an import, for all later tests
    with pytest.raises(OutOfTime):
        compute(Order(cell(epochs=100_000), "cpu", time.time() + 0.5))


def test_a_campaign_writes_a_line_per_cell_resumes_and_records_failures(tmp_path):
    cells = [cell("ce"), cell("elr"), cell("ce", part="broken", source="no-such-source")]
    assert run(cells[:1], tmp_path, Machine(1)) == {"done": 0, "finished": 1, "failed": 0, "left": 0}
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"key": "cut')
    counts = run(cells, tmp_path, Machine(2), about={"commit": "abc"})
    assert counts == {"done": 1, "finished": 1, "failed": 1, "left": 0}
    lines = {line["key"]: line for line in read_lines([tmp_path / "results.jsonl"])}
    plain = lines[cells[1].key]
    assert [plain[name] for name in ("method", "commit", "device")] == ["elr", "abc", "cpu"]
    assert plain["torch"] == torch.__version__
    assert 0 <= plain["last"] <= plain["best"] <= 1
    assert plain["validation"] is not None
    assert plain["precision_of_suspicion"] > 0.05
    assert "no-such-source" in lines[cells[2].key]["failed"]
    assert "Traceback" in (tmp_path / "failures.log").read_text()
    assert run(cells, tmp_path, Machine(1)) == {"done": 3, "finished": 0, "failed": 0, "left": 0}
    assert run(cells, tmp_path, Machine(1), retry=True)["failed"] == 1


def test_a_line_that_was_cut_off_is_skipped_and_results_win_over_failures(tmp_path):
    path = tmp_path / "results.jsonl"
    lines = [{"key": "a", "last": 0.5}, {"key": "a", "failed": "later"}, {"key": "b", "failed": "x"}, {"key": "b"}]
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"key": "c", "la')
    assert read_lines([path, tmp_path / "none.jsonl"]) == [{"key": "a", "last": 0.5}, {"key": "b"}]


def test_the_tiny_campaign_has_every_kind_of_cell():
    parts = {one.part for one in read(HERE / "tiny.toml")}
    assert parts == {"grid", "tuning", "published"}
