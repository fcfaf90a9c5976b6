"""Progress without a terminal, and with one."""

import io

from rich.console import Console
from rich.progress import Progress

from noisewise.cli.progress import Bar, progress


def test_a_line_per_tenth(capsys):
    with progress("audit") as meter:
        for step in range(101):
            meter(step / 100)
    assert capsys.readouterr().err.splitlines() == [f"audit: {done} %" for done in range(10, 101, 10)]


def test_large_steps_skip_lines(capsys):
    with progress("audit") as meter:
        for share in (0.25, 0.26, 0.95, 1.0):
            meter(share)
    assert capsys.readouterr().err.splitlines() == ["audit: 20 %", "audit: 90 %", "audit: 100 %"]


def test_only_what_is_said(capsys):
    with progress("epoch 1", tenths=False) as meter:
        meter(0.5)
        meter.say("epoch 1 loss 0.5", "epoch 2")
    assert capsys.readouterr().err == "epoch 1 loss 0.5\n"


def test_a_bar_moves_and_starts_again_under_a_new_title():
    written = io.StringIO()
    with Progress(console=Console(file=written, force_terminal=True)) as shown:
        bar = Bar(shown, "epoch 1")
        bar(0.5)
        assert shown.tasks[0].completed == 0.5
        bar.say("epoch 1 [red]", "epoch 2")
        assert (shown.tasks[0].completed, shown.tasks[0].description) == (0.0, "epoch 2")
    assert "epoch 1 [red]" in written.getvalue()
