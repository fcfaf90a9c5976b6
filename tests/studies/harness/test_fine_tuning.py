"""Fine-tuning on trusted rows."""

from noisewise import train
from noisewise.studies.harness.fine_tuning import FINE_TUNING, fine_tuning

SETTINGS = {
    "rows": 300,
    "tested": 100,
    "trusted": 20,
    "corrupt": "uniform:0.4",
    "model": "mlp:16",
    "batch_size": 20,
    "epochs": 2,
    "lr": 0.05,
}


def test_the_second_phase_starts_where_the_first_ends():
    plain, tuned = (train("digits", method=method, **SETTINGS) for method in ("ce", fine_tuning))
    still = train("digits", method=f"{FINE_TUNING}:epochs=3,factor=0", **SETTINGS)
    assert (len(plain.history), len(tuned.history), len(still.history)) == (2, 22, 5)
    assert list(tuned.history["test_accuracy"][:2]) == list(plain.history["test_accuracy"])
    assert set(still.history["test_accuracy"][1:]) == {plain.history["test_accuracy"].iloc[-1]}
    assert len(set(tuned.history["test_accuracy"][2:])) > 1
