"""NoisyClassifier: training that is robust to wrong labels, as a scikit-learn estimator."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from noisewise.data import Dataset
from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.methods import METHODS, card
from noisewise.run.train import train
from noisewise.spec import parse
from noisewise.training.streams import predicted

_STEPS_PER_EPOCH = 20
_ROWS_TO_VALIDATE = 10  # of every class; with fewer, no rows are held out
_ROWS_AT_ONCE = 4096


class NoisyClassifier(ClassifierMixin, BaseEstimator):
    """A neural network trained by a method that is robust to wrong labels.

    Inputs are vectors (n, d), or images (n, H, W, C) as uint8. After fitting, `suspicion_` holds the probability that
    the label of each training row is wrong.

    Example:
        `NoisyClassifier(method="coteaching", epochs=50).fit(X, y).suspicion_`

    Args:
        method: a spec such as "elr" or "cdr:tau=0.4+gce"; names from `METHODS`. "auto" finds out how many labels are
            wrong, and trains accordingly.
        model: a name from `MODELS`, "module:function", a callable or a module; by default a suitable one.
        epochs: number of passes over the rows.
        batch_size: rows per step; None means 128, or fewer on small data for about 20 steps per epoch.
        optimizer: "sgd", "nesterov", "adam" or "adamw".
        lr: peak learning rate; None means the usual one of the optimiser.
        weight_decay: L2 penalty for sgd and adam, decoupled decay for adamw.
        validation: share of the rows held out, with their given labels, to select the best epoch; no rows are held out
            if a class has fewer than 10 rows.
        noise_rate: share of wrong labels, if known; methods that need it otherwise estimate it.
        device: "auto" or a torch device.
        random_state: seed, generator or None, as in scikit-learn.

    Attributes:
        classes_: (K,) the labels, sorted.
        n_features_in_: number of features (for images, their height).
        feature_names_in_: names of the features, if X was a table whose column names are all strings.
        suspicion_: (n,) in [0, 1], probability that the label of a training row is wrong.
        suggested_: (n,) for every training row its label, or a more probable one if the label is suspect.
        run_: the `Run`, with history, samples and metrics.
    """

    def __init__(
        self,
        method: str = "auto",
        model: Any = None,
        *,
        epochs: int = 20,
        batch_size: int | None = None,
        optimizer: str = "adam",
        lr: float | None = None,
        weight_decay: float = 5e-4,
        validation: float = 0.1,
        noise_rate: float | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.method = method
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.validation = validation
        self.noise_rate = noise_rate
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any, trusted: tuple[Any, Any] | None = None, sample_weight: Any = None) -> NoisyClassifier:
        """Train the network.

        Args:
            X: (n, d) numbers or (n, H, W, C) uint8 images, at least 2 rows.
            y: (n,) labels of at least 2 classes, some of which may be wrong.
            trusted: X and y of further rows with correct labels, for methods that need such rows.
            sample_weight: (n,) how much each row counts, from 0, relative to the others: its loss is multiplied by it.
                Rows of weight 0 are not trained on; `suspicion_` is 0 and `suggested_` the given label there. The
                choice of the best epoch and the judgement do not use the weights.

        Raises:
            BadInput: an argument or the data is invalid; a ValueError.
            Diverged: the loss became infinite or NaN.
        """
        X, y = validate_data(self, X, y, allow_nd=True, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, given = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise BadInput(f"NoisyClassifier needs at least 2 classes, but all {len(given)} labels are one class")
        names = tuple(str(label) for label in self.classes_)
        data = Dataset(_inputs(X), given, names, kind="image" if X.ndim > 2 else "vector", name="X")
        kept = np.ones(len(given), dtype=bool)
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            kept = weights > 0
            if len(np.unique(given[kept])) < 2:
                raise BadInput("sample_weight must leave rows of at least 2 classes, with weights above 0")
            data = replace(data.take(kept), weights=weights[kept])
        if trusted is not None:
            data = self._with_trusted(data, *trusted)
        elif needs_trusted(self.method):
            raise BadInput(
                f"method={self.method!r} learns from trusted rows, and there are none: give some rows whose labels are "
                f"right by fit(X, y, trusted=(X_trusted, y_trusted))"
            )
        self._train(data)
        self.suspicion_, suggested = np.zeros(len(given)), given.copy()
        self.suspicion_[kept] = self.run_.samples["suspicion"].to_numpy(dtype=float)
        number = {name: k for k, name in enumerate(names)}
        suggested[kept] = [number[name] for name in self.run_.samples["suggested"]]
        self.suggested_ = self.classes_[suggested]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(n,) the most probable label of every row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, K) probabilities, in the order of `classes_`."""
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, reset=False)
        if X.shape[1:] != self._shape:
            raise BadInput(f"X has rows of shape {X.shape[1:]}, but NoisyClassifier was trained on {self._shape}")
        inputs = _inputs(X)
        return self.run_.predict_proba(inputs) if inputs.ndim > 2 else self._exact(inputs)

    def decision_function(self, X: Any) -> np.ndarray:
        """(n,) log odds of the second class where there are two, otherwise (n, K) log probabilities."""
        logs = np.log(np.maximum(self.predict_proba(X), np.finfo(float).tiny))
        return logs[:, 1] - logs[:, 0] if len(self.classes_) == 2 else logs

    def _with_trusted(self, data: Dataset, X: Any, y: Any) -> Dataset:
        X = validate_data(self, X, allow_nd=True, reset=False)
        labels = np.asarray(y)
        unknown = labels[~np.isin(labels, self.classes_)]
        if len(unknown):
            raise BadInput(f"trusted has the label {unknown[0]!r}, which y does not have")
        given = np.searchsorted(self.classes_, labels)
        index = data.capacity + np.arange(len(given))
        return replace(data, trusted=Dataset(_inputs(X), given, data.classes, data.kind, index, name="trusted"))

    def _train(self, data: Dataset) -> None:
        rarest = int(np.bincount(data.given, minlength=len(data.classes)).min())
        # Training works on NumPy arrays, whichever array library the caller has enabled in scikit-learn.
        with config_context(array_api_dispatch=False):
            run = train(
                data,
                self.method,
                self.model,
                self.epochs,
                int(check_random_state(self.random_state).randint(2**31 - 1)),
                noise_rate=self.noise_rate,
                batch_size=int(np.clip(len(data) // _STEPS_PER_EPOCH, 8, 128))
                if self.batch_size is None
                else self.batch_size,
                optimizer=self.optimizer,
                lr=self.lr,
                weight_decay=self.weight_decay,
                validation=self.validation if rarest >= _ROWS_TO_VALIDATE else 0.0,
                device=self.device,
                precision="fp32",
            )
        self.run_ = run
        self._shape = data.shape
        self._predictor = copy.deepcopy(run.predictor).double()

    def _exact(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities in double precision, so that those of a row do not depend on the other rows of its batch."""
        data = Dataset(vectors, np.zeros(len(vectors), dtype=np.int64), self.run_.classes)
        rows = Rows(data, self.run_.config.torch_device, normalise=self.run_.normalise)
        return predicted(self._predictor, rows, _ROWS_AT_ONCE).cpu().numpy()


def needs_trusted(method: str) -> bool:
    """Whether a method of the catalogue, by its spec, needs trusted rows."""
    return any(card(term.name).needs_trusted for term in parse(method, METHODS))


def _inputs(X: np.ndarray) -> np.ndarray:
    if X.ndim == 4 and X.dtype == np.uint8:
        return X
    if X.ndim != 2:
        raise BadInput(f"X is {X.dtype} of shape {X.shape}, but must be numbers (n, d) or uint8 images (n, H, W, C)")
    with np.errstate(over="ignore"):
        vectors = np.array(X, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise BadInput("X has values too large for single precision, which ends at 3.4e38: scale them first")
    return vectors
