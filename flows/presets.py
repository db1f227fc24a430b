"""Complete configurations, as functions; a deployment's parameters name one and may change parts of it."""

from wail.config import CurateConfig
from wail.demo import demo_config
from wail.motion.config import PRESETS as TRAINING

__all__ = ["CURATION", "TRAINING", "default", "derived"]


def default() -> CurateConfig:
    """Everything kept in the working dataset, stand-in or INFACE as given."""
    return CurateConfig()


def derived() -> CurateConfig:
    """Picture and sound are deleted as soon as a clip is finished."""
    return CurateConfig(retain="derived")


CURATION = {"default": default, "derived": derived, "demo": demo_config}
