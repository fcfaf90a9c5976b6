"""Classical methods: resampling, SMOTE, AdaBoost."""

from noisewise.methods.classical.resampling import Joined
from noisewise.methods.losses.ce import CrossEntropy

from ..case import Case

CASES = {
    "resampling": Case(
        "resampling", lambda peer: Joined("unlabelled", 0.4), 0.83, neutral=lambda peer: Joined("unlabelled", 0.0)
    ),
    "smote": Case(
        "smote",
        lambda peer: Joined("unlabelled", 0.4, known=False),
        0.84,
        neutral=lambda peer: Joined("unlabelled", 0.0, known=False),
    ),
    "adaboost": Case("adaboost:depth=2", lambda peer: CrossEntropy(), 0.70, passes=False),
}
