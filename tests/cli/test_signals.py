"""A command that is told to end cleans up, and ends by the signal."""

import os
import signal
import subprocess
import sys

import pytest

from noisewise.cli import main
from noisewise.cli.signals import Told, unwinding

TRAIN = "audit digits --rows 300 --model mlp:16 --epochs 100 --workers 2 --out out"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_told_command_leaves_no_temporary_file(tmp_path, number):
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "noisewise", *TRAIN.split()]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    assert next((line for line in process.stderr if "audit:" in line), None) is not None
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -number
    assert "Traceback" not in said
    assert list((tmp_path / "tmp").glob("noisewise*")) == []


def test_a_second_signal_ends_at_once_and_the_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Told), unwinding():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    with unwinding():
        assert signal.getsignal(signal.SIGTERM) is not before
        with pytest.raises(Told):
            signal.getsignal(signal.SIGTERM)(signal.SIGTERM, None)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before


def test_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with unwinding():
            os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(SystemExit) as ended:
            main(["--version"])
        assert ended.value.code == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
