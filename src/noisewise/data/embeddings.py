"""Embeddings of texts and images by pretrained models of the optional library `transformers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from noisewise.data.dataset import Dataset
from noisewise.data.texts import documents
from noisewise.errors import BadInput

LONGEST = 512
BATCH = 32


def embed(
    data: Dataset,
    name: str,
    *,
    device: torch.device | str = "cpu",
    on_progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """(n, d) float32 embeddings of the texts or images of a data set.

    An embedding is the mean over the tokens of the last layer (for texts, without padding; for images, including class
    tokens), or over the positions of the last map of a convolutional network. Models of images and texts (such as CLIP)
    use their shared embedding space. Texts are truncated to 512 tokens. Images are scaled to the size, mean and
    standard deviation in the model's settings.

    Args:
        data: n rows of kind "text" or "image".
        name: a folder with the model, or its name on the hub.
        device: device of the computation.
        on_progress: called with the share of rows done.

    Raises:
        BadInput: `transformers` is missing, the model does not exist or does not fit the rows, or the rows are neither
            texts nor images.
    """
    if data.kind not in ("text", "image"):
        raise BadInput(f"embed={name!r} is for texts and images, but {data.name} is a {data.kind}")
    model = _load("AutoModel", name).to(device).eval()
    batches = _texts(data, name, model) if data.kind == "text" else _images(data, name, model)
    found: list[np.ndarray] = []
    with torch.inference_mode():
        for inputs in batches:
            try:
                rows = _pool(model, {key: value.to(device) for key, value in inputs.items()})
            except (TypeError, ValueError, RuntimeError, AttributeError) as error:
                said = str(error).splitlines()[0]
                raise BadInput(f"embed={name!r} does not fit {data.kind}s: {said}") from error
            found.append(rows.float().cpu().numpy())
            if on_progress is not None:
                on_progress(min(1.0, len(found) * BATCH / len(data)))
    return np.concatenate(found)


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
    try:
        return getattr(transformers, kind).from_pretrained(name)
    except (OSError, ValueError, KeyError, ImportError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"embed={name!r} cannot be loaded, neither as a folder nor from the hub: {said}") from error
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()


def _texts(data: Dataset, name: str, model: Any) -> Iterator[dict[str, Tensor]]:
    tokenizer, texts = _load("AutoTokenizer", name), documents(data.inputs)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    longest = min(LONGEST, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", LONGEST))
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        yield dict(tokenizer(batch, padding=True, truncation=True, max_length=longest, return_tensors="pt"))


def _images(data: Dataset, name: str, model: Any) -> Iterator[dict[str, Tensor]]:
    settings = _settings(name)
    mean, std = (torch.tensor(settings.get(key, [0.5] * 3)).view(-1, 1, 1) for key in ("image_mean", "image_std"))
    size = _size(settings, model)
    for start in range(0, len(data), BATCH):
        pixels = torch.from_numpy(np.ascontiguousarray(data.inputs[start : start + BATCH])).permute(0, 3, 1, 2) / 255
        colours = pixels[:, :3] if pixels.shape[1] >= 3 else pixels[:, :1].expand(-1, 3, -1, -1)
        scaled = interpolate(colours, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        yield {"pixel_values": (scaled - mean) / std}


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


def _pool(model: Any, inputs: dict[str, Tensor]) -> Tensor:
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
