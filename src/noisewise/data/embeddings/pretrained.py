"""Models of the optional library `transformers`, in a folder or from the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from logging import CRITICAL
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from noisewise.data.dataset import Dataset
from noisewise.data.embeddings.encoders import ImageEncoder, fingerprint
from noisewise.data.texts import documents
from noisewise.doors import parsing
from noisewise.errors import BadInput

LONGEST, LARGEST = 512, 4096  # tokens of a text; pixels of an image
BATCH = 32


def image_encoder(name: str, device: torch.device | str = "cpu") -> ImageEncoder:
    """The encoder of a model, with the size, region, filter, mean and standard deviation of its settings.

    Args:
        name: a folder, or a name on the hub.
        device: where the model goes.

    Raises:
        BadInput: `transformers` is missing, or the model does not exist or does not take images.
    """
    model = _load("AutoModel", name).to(device).eval()
    with parsing(f"the settings of embed={name!r}"):
        settings = _settings(name)
        size = _size(settings, model)
        mean, std = (list(map(float, settings.get(key, [0.5] * 3))) for key in ("image_mean", "image_std"))
        share, resample = _share(settings), Image.Resampling(settings.get("resample", Image.Resampling.BICUBIC))
        if not all(1 <= length <= LARGEST for length in size) or len(mean) != 3 or len(std) != 3 or not all(std):
            raise ValueError(f"size={size}, image_mean={mean}, image_std={std}")

    def network(images: Tensor) -> Tensor:
        return _embedded(model, {"pixel_values": images}, name, "images")

    with torch.inference_mode():
        width = network(torch.zeros(1, 3, *size, device=device)).shape[1]
    recipe = f"{size} {share} {resample} {mean} {std}"
    return ImageEncoder(network, width, size, share, resample, mean, std, f"{fingerprint(model)} {recipe}", device)


def text_batches(data: Dataset, name: str, device: torch.device | str = "cpu") -> Iterator[tuple[int, np.ndarray]]:
    """Embeddings of the texts of a data set, batch by batch.

    Args:
        data: n texts.
        name: a folder, or a name on the hub.
        device: where the model goes.

    Yields:
        The number of texts done, and (B, d) float32.

    Raises:
        BadInput: `transformers` is missing, or the model does not exist or does not take texts.
    """
    model = _load("AutoModel", name).to(device).eval()
    tokenizer, texts = _load("AutoTokenizer", name), documents(data.inputs)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    longest = min(LONGEST, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", LONGEST))
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        tokens = tokenizer(batch, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        with torch.inference_mode():
            rows = _embedded(model, {key: value.to(device) for key, value in tokens.items()}, name, "texts")
        yield start + len(batch), rows.float().cpu().numpy()


def _embedded(model: Any, inputs: Mapping[str, Tensor], name: str, kind: str) -> Tensor:
    try:
        return _pool(model, inputs)
    except (TypeError, ValueError, RuntimeError, AttributeError, LookupError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadInput(f"embed={name!r} does not fit {kind}: {said}") from error


def _library() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise BadInput(
            "pretrained embeddings need the extra pretrained: pip install 'noisewise[pretrained]'"
        ) from error
    return transformers


def _load(kind: str, name: str) -> Any:
    transformers = _library()
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    loudness = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity(CRITICAL)  # what it would print is in the error
    try:
        return getattr(transformers, kind).from_pretrained(name)
    except Exception as error:  # of many kinds: files of models are read by several libraries
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"embed={name!r} cannot be loaded, neither as a folder nor from the hub: {said}") from error
    finally:
        transformers.utils.logging.set_verbosity(loudness)
        if shown:
            transformers.utils.logging.enable_progress_bar()


def _settings(name: str) -> dict[str, Any]:
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        return ImageProcessingMixin.get_image_processor_dict(name)[0]
    except (OSError, ValueError):
        return {}


def _size(settings: dict[str, Any], model: Any) -> tuple[int, int]:
    cut = settings.get("crop_size") if settings.get("do_center_crop") else None
    size = cut or settings.get("size") or getattr(model.config, "image_size", None) or 224
    if isinstance(size, dict):
        size = (size["height"], size["width"]) if "height" in size else size.get("shortest_edge", 224)
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _share(settings: dict[str, Any]) -> float:
    """The part of the shorter side that the settings cut out, after they resized it."""
    size = settings.get("size")
    edge = size.get("shortest_edge") if isinstance(size, dict) else None
    cut = settings.get("crop_size") if settings.get("do_center_crop") else None
    kept = min(cut.values()) if isinstance(cut, dict) else cut
    return min(1.0, kept / edge) if edge and kept else 1.0


def _pool(model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    shared = getattr(model, "get_image_features" if "pixel_values" in inputs else "get_text_features", None)
    if shared is not None:
        found = shared(**inputs)
        return found if isinstance(found, Tensor) else found.pooler_output
    last = model(**inputs).last_hidden_state
    if last.ndim == 4:
        return last.mean(dim=(2, 3))
    if "attention_mask" not in inputs:
        return last.mean(dim=1)
    seen = inputs["attention_mask"].unsqueeze(-1).to(last.dtype)
    return (last * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1)
