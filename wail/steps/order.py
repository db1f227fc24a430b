"""The stages of a clip, in order: the one place that says which comes after which."""

from wail.steps import features, fit, media, takes, verdicts, vision, voice
from wail.steps.step import Step

STEPS: tuple[Step, ...] = (
    media.STEP, voice.STEP, vision.STEP, takes.STEP, fit.STEP, verdicts.STEP, features.STEP,
)  # fmt: skip
BY_NAME = {step.name: step for step in STEPS}
