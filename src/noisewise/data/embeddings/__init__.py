"""Embeddings of images and texts by pretrained models, and the cache that keeps those of images."""

from noisewise.data.embeddings.embed import PACKAGED, embed

__all__ = ["PACKAGED", "embed"]
