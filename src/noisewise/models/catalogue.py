"""The names of the models and the function that builds each.

An entry is a function `(shape, classes, **options) -> nn.Module` with a `card`. `shape` is the shape of one input of a
Dataset, (H, W, C) or (d,); the module maps (B, C, H, W) or (B, d) float tensors to (B, K) logits.
"""

from __future__ import annotations

from noisewise.catalogue import Catalogue

DEFAULTS = {"image": "fast", "table": "mlp", "text": "mlp", "vector": "mlp"}

MODELS = Catalogue(
    "model",
    {
        "mlp": "noisewise.models.architectures.mlp:mlp",
        "fast": "noisewise.models.architectures.fast:fast",
        "speedy": "noisewise.models.architectures.speedy:speedy",
        "lenet": "noisewise.models.architectures.lenet:lenet",
        "cnn4": "noisewise.models.architectures.plain_cnn:cnn4",
        "cnn7": "noisewise.models.architectures.plain_cnn:cnn7",
        "cnn8": "noisewise.models.architectures.plain_cnn:cnn8",
        "cnn9": "noisewise.models.architectures.cnn9:cnn9",
        "resnet18": "noisewise.models.architectures.resnet:resnet18",
        "resnet34": "noisewise.models.architectures.resnet:resnet34",
        "resnet50": "noisewise.models.architectures.resnet:resnet50",
        "resnet32": "noisewise.models.architectures.resnet:resnet32",
        "resnet44": "noisewise.models.architectures.resnet:resnet44",
        "preact-resnet18": "noisewise.models.architectures.preact_resnet:preact_resnet18",
        "wide-resnet": "noisewise.models.architectures.wide_resnet:wide_resnet",
        "alexnet-small": "noisewise.models.architectures.alexnet_small:alexnet_small",
        "inception-small": "noisewise.models.architectures.inception_small:inception_small",
        "efficientnet-lite0": "noisewise.models.architectures.efficientnet_lite:efficientnet_lite0",
        "all-cnn": "noisewise.models.architectures.all_cnn:all_cnn",
    },
    groups=("noisewise.models",),
    refusal="noisewise.catalogue:not_callable",
)
