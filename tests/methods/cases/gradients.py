"""Methods at the gradient station."""

from noisewise.methods.gradients.cdr import CDR
from noisewise.methods.gradients.gradient_noise import GradientNoise
from noisewise.methods.gradients.perturbed_gd import PerturbedGD
from noisewise.methods.gradients.sam import SAM

from ..case import Case

CASES = {
    "cdr": Case("cdr:tau=0.4", lambda peer: CDR(0.4), 0.90, neutral=lambda peer: CDR(0.0)),
    "perturbed-gd": Case("perturbed-gd", lambda peer: PerturbedGD(), 0.84, neutral=lambda peer: PerturbedGD(0.0)),
    "gradient-noise": Case(
        "gradient-noise", lambda peer: GradientNoise(), 0.83, neutral=lambda peer: GradientNoise(0.0)
    ),
    "sam": Case("sam", lambda peer: SAM(), 0.87, neutral=lambda peer: SAM(rho=0.0)),
}
