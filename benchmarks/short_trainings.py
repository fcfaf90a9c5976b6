"""Methods with a warm-up, a ramp or a memory in short trainings, on 4,000 rows with half of the labels wrong.

    NOISEWISE_DATA=... python benchmarks/short_trainings.py --out short.jsonl
    NOISEWISE_DATA=... python benchmarks/short_trainings.py --out short.jsonl --source mnist --corrupt asymmetric:0.4 \
        --methods elr "elr:beta=0.7,lam=3" "elr:beta=0.9,lam=1"

A tenth of the rows is noisy validation; accuracy is on the first 3,000 test rows. One line per training is appended to
the file, and a training that is there is not computed again, so that a second file from an earlier version, by
PYTHONPATH, says what changed. Constants of the methods are chosen on MNIST and CIFAR-10, Fashion-MNIST is only shown.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from noisewise.run.experiment import Experiment
from noisewise.training.config import Config

METHODS = ["ce", "elr", "elr-plus", "sop", "sop-plus", "dividemix", "promix", "pes", "self-ensembling"]
LONG = ["ce", "sop", "dividemix"]


def main() -> None:
    """Train every method that the file does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--source", default="fashion-mnist")
    parser.add_argument("--corrupt", default="symmetric:0.5")
    parser.add_argument("--model", default="lenet")
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, nargs="*", default=[20, 60])
    parser.add_argument("--methods", nargs="*")
    asked = parser.parse_args()
    done = asked.out.read_text().splitlines() if asked.out.exists() else []
    known = {json.dumps(json.loads(line)["training"]) for line in done}
    for epochs in asked.epochs:
        for method in asked.methods or (METHODS if epochs <= 20 else LONG):
            training = [asked.source, asked.corrupt, asked.model, asked.rows, epochs, method, asked.seed]
            if json.dumps(training) not in known:
                line = json.dumps({"training": training, **accuracies(*training)})
                print(line, flush=True)
                with asked.out.open("a") as file:
                    file.write(line + "\n")


def accuracies(
    source: str, corruption: str, model: str, rows: int, epochs: int, method: str, seed: int
) -> dict[str, float]:
    """Test accuracy in per cent after the last epoch and after the epoch with the best validation."""
    config = Config(epochs=epochs, seed=seed, lr=0.05, weight_decay=1e-4)
    experiment = Experiment(source, method, model=model, rows=rows, tested=3000, corrupt=corruption, config=config)
    history = experiment.run(report=False).history
    accuracy, chosen = history["test_accuracy"].to_numpy(), history["validation_accuracy"].to_numpy().argmax()
    return {"last": round(100 * float(accuracy[-1]), 1), "selected": round(100 * float(accuracy[chosen]), 1)}


if __name__ == "__main__":
    main()
