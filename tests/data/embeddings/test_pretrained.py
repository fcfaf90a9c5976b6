import sys

import numpy as np
import pandas as pd
import pytest
import torch

import noisewise as nw
from noisewise.data import Dataset
from noisewise.data.embeddings import embed
from noisewise.data.readers.tables import from_frame
from noisewise.errors import BadInput


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers", reason="the extra pretrained is not installed")


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    words = {"animals": ["cat", "dog", "cow"], "things": ["cup", "box", "pen"]}
    labels = rng.choice(list(words), 120)
    notes = [" ".join(rng.choice(words[label], rng.integers(3, 9))) for label in labels]
    return from_frame(pd.DataFrame({"note": notes, "label": labels}), "notes", "notes")


@pytest.fixture(scope="module")
def language(transformers, tmp_path_factory):
    """A tiny language model with random weights, in a folder."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *["cat", "dog", "cow", "cup", "box", "pen"]])
    )
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=11,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def vision(transformers, tmp_path_factory):
    """A tiny image model with random weights and settings of its own, in a folder."""
    folder = tmp_path_factory.mktemp("vision")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4
    )
    transformers.ViTModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"image_mean": [0.2, 0.3, 0.4], "image_std": [0.5, 0.6, 0.7], "size": {"height": 8, "width": 8}}'
    )
    return str(folder)


def test_the_embedding_of_a_text_is_the_mean_over_its_tokens(transformers, language, texts):
    found = embed(texts, language)
    assert found.shape == (120, 16)
    model = transformers.AutoModel.from_pretrained(language).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(language)
    for at in (0, 50, 119):
        with torch.no_grad():
            alone = model(**tokenizer([texts.described["note"][at]], return_tensors="pt")).last_hidden_state[0]
        np.testing.assert_allclose(found[at], alone.mean(dim=0).numpy(), atol=1e-5)


def test_the_embedding_of_an_image_follows_the_models_settings(transformers, vision):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    shares = []
    found = embed(Dataset(pixels, np.arange(40) % 2, ("a", "b"), "image"), vision, on_progress=shares.append)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.2, 0.3, 0.4], [0.5, 0.6, 0.7]))
    inputs = (torch.from_numpy(pixels).permute(0, 3, 1, 2).expand(-1, 3, -1, -1) / 255 - mean) / std
    with torch.no_grad():
        last = transformers.AutoModel.from_pretrained(vision).eval()(pixel_values=inputs).last_hidden_state
    np.testing.assert_allclose(found, last.mean(dim=1).numpy(), atol=1e-4)
    assert shares[-1] == 1


def test_an_audit_by_embeddings(language, texts):
    shares = []
    found = nw.audit(texts, embed=language, corrupt="symmetric:0.15", on_progress=shares.append)
    assert found.metrics["auroc"] > 0.95
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert "knn" in nw.audit(texts, embed=language, detectors="knn").scores


def test_refused(transformers, language, vision, texts, tmp_path):
    numbers = Dataset(np.eye(4, dtype=np.float32), np.arange(4) % 2, ("a", "b"))
    with pytest.raises(BadInput, match="is for texts and images"):
        embed(numbers, language)
    with pytest.raises(BadInput, match="cannot be loaded"):
        embed(texts, str(tmp_path))
    pictures = Dataset(np.zeros((4, 8, 8, 3), np.uint8), np.arange(4) % 2, ("a", "b"), "image")
    with pytest.raises(BadInput, match="does not fit images"):
        embed(pictures, language)
    with pytest.raises(BadInput, match="computes features"):
        nw.audit(texts, embed=language, features=np.eye(120))


def test_without_the_extra_one_sentence_says_so(texts, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BadInput, match=r"noisewise\[pretrained\]"):
        nw.audit(texts, embed="some-model")


def test_no_torchvision_is_needed(language, vision, texts):
    assert "torchvision" not in sys.modules
