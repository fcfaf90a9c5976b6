"""How images are brought to the size of the packaged encoder: which region, and by which filter.

For every recipe a regression is cross-fitted to the embeddings of test images, and the held-out log loss of their
labels printed with its accuracy. Choosing by the loss of labels needs no truth.

    NOISEWISE_DATA=... python benchmarks/pool/embedding_recipe.py --rows 2000 --sets cifar10 fashion-mnist
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noisewise.data import Dataset, load, subset
from noisewise.data.embeddings.embed import embedded_images
from noisewise.data.embeddings.encoders import packaged_encoder

SHARES = (0.875, 1.0)
FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
STRENGTH = 0.001


def main() -> None:
    """Print a line per set and recipe."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--sets", nargs="+", default=["cifar10", "fashion-mnist"])
    asked = parser.parse_args()
    encoder = packaged_encoder()
    print("| set | region | filter | log loss | accuracy |\n|---|---|---|---|---|")
    for name, share, resample in product(asked.sets, SHARES, FILTERS):
        test = load(name).test
        assert isinstance(test, Dataset)
        data = subset(test, asked.rows, 0)
        features = embedded_images(data, replace(encoder, share=share, resample=resample))
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=500))
        found = cross_val_predict(model, features, data.given, cv=5, method="predict_proba")
        right = float(np.mean(found.argmax(axis=1) == data.given))
        loss = log_loss(data.given, found)
        print(f"| {name} | {share} | {resample.name.lower()} | {loss:.3f} | {right:.3f} |", flush=True)


if __name__ == "__main__":
    main()
