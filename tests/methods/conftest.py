import pytest
import torch


@pytest.fixture
def double():
    """Everything that does not say otherwise is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
