"""A cluster of two machines, of which one dies."""

import os
import threading
import time

import numpy as np
import pytest
from PIL import Image

import noisewise as nw
from noisewise.compute import RayEngine
from noisewise.data.embeddings import embed

pytestmark = pytest.mark.slow


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def where(item):
    """Says on which machine an item is computed, and waits for the death of one."""
    import ray

    folder, number = item
    (folder / f"{number} {ray.get_runtime_context().get_node_id()} {time.monotonic_ns()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    return number**2


@pytest.fixture
def machines(monkeypatch):
    """A cluster of two machines with one CPU each; the second one can be removed."""
    pytest.importorskip("ray", reason="needs the extra ray")
    from noisewise.compute import ray as module

    ray = module._imported()
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()


def test_a_machine_that_dies_in_the_middle_loses_nothing(machines, tmp_path):
    cluster, second = machines
    found = {}
    items = [(tmp_path, number) for number in range(5)]
    grid = threading.Thread(target=lambda: found.update(RayEngine().map(where, items)))
    grid.start()

    def nodes():
        return {name.split()[1] for name in os.listdir(tmp_path)}

    wait_for(lambda: len(nodes()) == 2)
    cluster.remove_node(second, allow_graceful=False)
    (tmp_path / "go").touch()
    grid.join(240)
    assert found == {number: number**2 for number in range(5)}


def test_images_of_a_folder_that_the_machines_do_not_see_are_embedded_there(machines, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for number in range(6):
        file = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (80, 90 + number, 3)).astype(np.uint8)).save(file)
    monkeypatch.chdir(tmp_path)
    data = nw.load("photos")  # a relative path, which means nothing on the workers
    expected = embed(data, cache=False)
    found = embed(data, cache=False, engine=RayEngine())
    np.testing.assert_allclose(found, expected, atol=1e-5)
