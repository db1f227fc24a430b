import pytest

from wail.inface.landmarks import load_map
from wail.inface.model import load_model


@pytest.fixture(scope="session")
def model():
    """The stand-in."""
    return load_model()


@pytest.fixture(scope="session")
def landmark_map(model):
    return load_map(model)
