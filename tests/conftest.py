"""What holds for all tests: how fast a machine is decides nothing, and nothing is written into its cache."""

import pytest
from hypothesis import HealthCheck, settings
from tests.advice import pytest_runtest_makereport  # noqa: F401

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def _cache_of_embeddings(tmp_path_factory):
    """Embeddings are kept in a folder of the tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("noisewise.data.embeddings.cache.cache_folder", lambda: folder)
        yield
