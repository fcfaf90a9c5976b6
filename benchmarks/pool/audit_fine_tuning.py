"""Whether fine-tuning the last layers of the packaged encoder beats a regression of its embeddings, as evidence.

    NOISEWISE_DATA=... python benchmarks/pool/audit_fine_tuning.py --out docs/results/audit-fine-tuning.md

The layers before the last block do not move, so their output is computed once per image. The last block and the head of
1,280 channels start from the pretrained weights, the last linear layer anew, and all three are trained for each of
three folds by one cycle of AdamW. Images are 1,500 of the second half of CIFAR-10's training rows. What decides is the
held-out log loss of the given labels, after one power has calibrated the predictions.
"""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from noisewise.data import Dataset, folds, load
from noisewise.files import whole
from noisewise.judgement.calibration import tempered
from noisewise.models.architectures import efficientnet_lite
from noisewise.noise import corrupt

ROWS = range(40_000, 41_500)
NOISES = ("symmetric:0.15", "asymmetric:0.3")
SIDES = (128, 224)
BEFORE = 20  # layers before the last block
STRENGTH = 1e-3  # scikit-learn's C
TRAININGS = ((1e-4, 4), (3e-4, 4))  # learning rate of the pretrained layers, epochs
HEAD = 10  # times the learning rate of the pretrained layers
BATCH = 64
Found = tuple[np.ndarray, float]
TEXT = """# Fine-tuning against a regression of embeddings

Made by `python benchmarks/pool/audit_fine_tuning.py --out docs/results/audit-fine-tuning.md`.

1,500 images of the second half of CIFAR-10's training rows (JPEG of about quality 75), enlarged to *side* pixels.
*Regression*: logistic regression with a strong penalty on the 1,280 standardised embeddings, five folds. *Fine-tuned*:
the last block and the head of EfficientNet-Lite0, three folds, one cycle of AdamW; the layers before them do not move
and are computed once. *Loss* is the held-out log loss of the given labels, AP that of one minus the probability of the
given label. Seconds are of one processor, and include those in which the images are embedded.

At the same side the two are close: fine-tuning has the larger loss under symmetric noise and a slightly smaller one
under asymmetric noise, in twice the time. With the regression of side 224 it does about what a second regression, of
side 128, does in less time. It is therefore not a candidate of the audit; `--model efficientnet-lite0` fine-tunes the
whole network.

"""


def cut(data: Dataset, side: int) -> tuple[Tensor, np.ndarray, nn.Sequential, float]:
    """Feature maps before the last block, embeddings, the layers that are fine-tuned, and the seconds they took."""
    began = time.process_time()
    net = efficientnet_lite.efficientnet_lite0(data.shape, len(data.classes), side=side).eval()
    pixels = torch.from_numpy(np.asarray(data.inputs[:])).permute(0, 3, 1, 2).float() / 255
    images = (pixels - efficientnet_lite.MEAN) / efficientnet_lite.STD
    with torch.no_grad():
        maps = torch.cat([net[:BEFORE](part) for part in images.split(BATCH)])
        embeddings = torch.cat([net[BEFORE:-2](part) for part in maps.split(BATCH)])
    return maps, embeddings.numpy(), nn.Sequential(*list(net.children())[BEFORE:]), time.process_time() - began


def regression(embeddings: np.ndarray, given: np.ndarray) -> Found:
    """(n, K) held-out probabilities, and seconds."""
    began, numbers = time.process_time(), folds(given, 5)
    found = np.zeros((len(given), given.max() + 1))
    for fold in range(5):
        held = numbers == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=500))
        found[held] = model.fit(embeddings[~held], given[~held]).predict_proba(embeddings[held])
    return found, time.process_time() - began


def fine_tuned(maps: Tensor, layers: nn.Sequential, given: np.ndarray, rate: float, epochs: int) -> Found:
    """(n, K) held-out probabilities by three copies of the layers, and seconds."""
    began, numbers, labels = time.process_time(), folds(given, 3), torch.from_numpy(given)
    found = torch.zeros(len(given), int(given.max()) + 1)
    for fold in range(3):
        torch.manual_seed(fold)
        held = torch.from_numpy(numbers == fold)
        net, rows = copy.deepcopy(layers).train(), torch.where(~held)[0]
        groups = [{"params": net[:-1].parameters()}, {"params": net[-1].parameters()}]
        optimizer, steps = torch.optim.AdamW(groups, rate, weight_decay=0.05), len(rows) // BATCH
        rates = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [rate, HEAD * rate], epochs=epochs, steps_per_epoch=steps, cycle_momentum=False
        )
        for _ in range(epochs):
            for batch in rows[torch.randperm(len(rows))].split(BATCH)[:steps]:
                optimizer.zero_grad()
                cross_entropy(net(maps[batch]), labels[batch]).backward()
                optimizer.step()
                rates.step()
        net.eval()
        with torch.no_grad():
            found[held] = torch.cat([net(part).softmax(dim=1) for part in maps[held].split(BATCH)])
    return found.double().numpy(), time.process_time() - began


def line(name: str, data: Dataset, found: np.ndarray, seconds: float) -> str:
    """A line of the table."""
    rows, given = np.arange(len(data)), data.given
    chances = tempered(found, given)[rows, given]
    precision = average_precision_score(given != data.truth, 1 - chances)
    right = (found.argmax(axis=1) == given).mean()
    text = f"| {name} | {-np.log(chances).mean():.3f} | {right:.3f} | {precision:.3f} | {seconds:.0f} |\n"
    print(text, end="", flush=True)
    return text


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/results/audit-fine-tuning.md"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = replace(load("cifar10").take(np.array(ROWS)), test=None)
    encoded = {side: cut(rows, side) for side in SIDES}
    text = TEXT
    for noise in NOISES:
        data = corrupt(rows, noise, seed=0)
        text += f"## {noise}\n\n| evidence | loss | accuracy | AP | seconds |\n|---|---|---|---|---|\n"
        regressions = {}
        for side, (_, embeddings, _, seconds) in encoded.items():
            found, spent = regression(embeddings, data.given)
            regressions[side] = found
            text += line(f"regression, side {side}", data, found, seconds + spent)
        maps, _, layers, seconds = encoded[SIDES[0]]
        best = regressions[SIDES[1]]
        text += line("both regressions", data, np.sqrt(regressions[SIDES[0]] * best), seconds + encoded[SIDES[1]][3])
        for rate, epochs in TRAININGS:
            found, spent = fine_tuned(maps, layers, data.given, rate, epochs)
            name = f"fine-tuned, side {SIDES[0]}, rate {rate}, {epochs} epochs"
            text += line(name, data, found, seconds + spent)
            both = seconds + spent + encoded[SIDES[1]][3]
            text += line(f"the same with the regression, side {SIDES[1]}", data, np.sqrt(found * best), both)
        text += "\n"
    with whole(args.out) as path:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
