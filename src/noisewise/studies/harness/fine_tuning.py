"""Fine-tuning on trusted rows, a baseline of the studies of methods that learn on them (Shu et al., NeurIPS 2019).

It is a recipe of its own rather than an entry of the catalogue of methods; `FINE_TUNING` names it in a spec.
"""

from __future__ import annotations

from dataclasses import replace

from noisewise.bounds import between, whole
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.training.method import MethodCard
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

FINE_TUNING = f"{__name__}:fine_tuning"
CARD = MethodCard(
    "fine-tuning",
    "A network is trained on all rows and then, with a smaller learning rate, on the trusted rows alone.",
    "-",
    2019,
    "w <- w - a (1/m) sum grad L_trusted(w)",
    needs_trusted=True,
)


@recipe(CARD, {"epochs": whole(1), "factor": between(0, 1)})
def fine_tuning(training: Training, epochs: int = 20, factor: float = 0.1) -> None:
    """Train with cross entropy, and then go on with the trusted rows alone.

    Args:
        training: the training; needs trusted rows.
        epochs: of the second phase, over the trusted rows, in addition to those of the training.
        factor: of the learning rate in the second phase.

    Raises:
        BadInput: no trusted rows.
    """
    training.split("trusted")
    learner = training.fit(training.learner("main"), CrossEntropy())
    slower = replace(training.config, epochs=epochs, lr=factor * training.config.peak_lr)
    training.fit(training.add_learner("tuned", learner.nets, slower), CrossEntropy(), epochs, split="trusted")
