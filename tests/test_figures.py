"""Figures read without colour, and show the runs behind a mean."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread

from noisewise.figures import COLOURS, HATCHES, MARKERS, subplots, write_figure, write_panels
from noisewise.studies.harness.drawing import draw_groups, draw_runs


@pytest.fixture
def axes():
    """A panel."""
    return subplots()[1]


def test_lines_of_each_colour_have_their_own_marker(axes):
    lines = [axes.plot([0, 1], [k, k], color=colour)[0] for k, colour in enumerate(COLOURS)]
    assert [line.get_marker() for line in lines] == list(MARKERS.values())
    assert len(set(MARKERS.values())) == len(COLOURS)


def test_markers_of_a_curve_without_any_are_few(axes):
    (curve,) = axes.plot(range(1000), range(1000), color=COLOURS[1])
    (points,) = axes.plot(range(5), range(5), "o-", color=COLOURS[1])
    assert curve.get_markevery() is not None
    assert points.get_markevery() is None
    assert points.get_marker() == MARKERS[COLOURS[1]]


def test_markers_that_mean_something_stay(axes):
    assert axes.plot([0], [0], "*", color=COLOURS[1])[0].get_marker() == "*"
    assert axes.plot([0, 1], [0, 1], color="#123456")[0].get_marker() == "None"
    assert axes.plot([0, 1], [0, 1], color=COLOURS[1], linewidth=0.6)[0].get_marker() == "None"


@pytest.mark.parametrize("draw", ["bar", "barh"])
def test_bars_of_each_colour_have_their_own_hatching(axes, draw):
    found = [getattr(axes, draw)([k], [1], color=colour).patches[0] for k, colour in enumerate(COLOURS)]
    assert [patch.get_hatch() or "" for patch in found] == list(HATCHES.values())
    assert [to_hex(patch.get_facecolor()).upper() for patch in found] == list(COLOURS)


def test_the_band_holds_every_run(axes):
    runs = np.array([[1.0, 5.0], [3.0, 4.0], [2.0, 9.0]])
    draw_runs(axes, [0, 1], runs, scale=10, color=COLOURS[0])
    assert axes.lines[0].get_ydata().tolist() == [20, 60]
    corners = axes.collections[0].get_paths()[0].vertices
    for place, values in zip((0, 1), 10 * runs.T, strict=True):
        here = corners[corners[:, 0] == place, 1]
        assert (here.min(), here.max()) == (values.min(), values.max())


def test_groups_have_means_and_a_band_where_there_are_several_runs(axes):
    runs = pd.DataFrame({"x": [1, 1, 2, 2], "y": [0.0, 1.0, 4.0, 6.0]})
    draw_groups(axes, runs, "x", "y", color=COLOURS[0])
    assert axes.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 5]]
    assert len(axes.collections) == 1
    draw_groups(axes, runs.iloc[[0, 2]], "x", "y", color=COLOURS[1])
    assert len(axes.collections) == 1, "one run per place has no spread"


def test_equal_figures_are_equal_files(tmp_path):
    for name in ("one", "two"):
        figure, axes = subplots()
        axes.bar([0, 1], [1, 2], color=COLOURS[1])
        write_figure(figure, tmp_path, name)
    for kind in ("png", "svg"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_panels_are_cut_out_with_what_belongs_to_them(tmp_path):
    figure, (left, right) = subplots(1, 2)
    left.plot([0, 1], [0, 1])
    left.twinx().set_ylabel("second")
    figure.colorbar(right.imshow(np.eye(3)))
    write_panels(figure, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure-a.png", "figure-b.png"]
    write_figure(figure, tmp_path)
    wide, *narrow = (imread(tmp_path / f"figure{part}.png").shape[1] for part in ("", "-a", "-b"))
    assert all(0.35 * wide < one < 0.65 * wide for one in narrow)
