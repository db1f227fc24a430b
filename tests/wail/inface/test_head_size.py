import numpy as np
import pytest

from wail.inface.head_size import outer_eye_mm
from wail.inface.landmarks import decode_landmarks, load_map, pick
from wail.inface.model import AGE, load_model


def test_an_infants_eyes_grow_apart_fast_at_first():
    at = [outer_eye_mm(m)[0] for m in (0, 6, 12, 18, 24)]
    steps = np.diff(at)
    assert (steps > 0).all()
    assert steps[0] > 2 * steps[1] > 2 * steps[2]
    assert 60 < at[0] < 70  # newborns: 65.3, SD 5.8 (Moon et al. 2012)
    assert at[2] == pytest.approx(12.5 / (1 - 0.859) * 0.859, abs=1)  # Farkas et al. 1992, see the module's head


def test_an_unknown_age_is_less_certain_than_any_known_one():
    mean, sd = outer_eye_mm()
    assert outer_eye_mm(0)[0] < mean < outer_eye_mm(24)[0]
    assert sd > outer_eye_mm(6)[1]


@pytest.mark.parametrize("age", [-1, 24.5, 300, float("nan")])
def test_an_age_that_is_no_infants_is_told(age):
    with pytest.raises(ValueError, match="age_months must be within 0-24, but is"):
        outer_eye_mm(age)


def test_the_stand_in_is_of_that_size_from_three_months_on():
    model = load_model()
    latents = model.latent_mean.repeat(5, 1)
    latents[:, AGE] = latents.new_tensor([0.0, 3.0, 6.0, 12.0, 24.0])[:, None]
    ends = decode_landmarks(model, latents, pick(load_map(model), (33, 263)))
    apart = (ends[:, 0] - ends[:, 1]).norm(dim=-1).tolist()
    for got, age in zip(apart[1:], (3, 6, 12, 24), strict=True):
        mean, sd = outer_eye_mm(age)
        assert abs(got - mean) < sd, (age, got, mean)
    # At birth it is smaller than infants are: it shrinks with the head's circumference, eyes and all.
    assert apart[0] == pytest.approx(60, abs=1)
