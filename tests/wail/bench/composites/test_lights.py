"""Light and cameras: shadows fall where something is between, each light looks as it is called."""

import numpy as np

from wail.bench.composites.camera import camera
from wail.bench.composites.lights import lit, make_light
from wail.bench.composites.plan import LIGHTS
from wail.samples.shapes import ellipsoid, join


def test_a_thing_between_lamp_and_surface_casts_a_shadow():
    ground = ellipsoid((60, 60, 5), (1, 1, 1), 60, 80)
    ball = ellipsoid((12, 12, 12), (1, 1, 1)).moved(shift_mm=(0, 0, -40))
    light = make_light("bright", 1.0, 0.6, np.random.default_rng(0))
    bare = lit(ground, ground, light)
    both = join([ground, ball])
    shaded = lit(both, both, light)[: len(ground.verts_mm)]
    front = ground.verts_mm[:, 2] < -3
    darker = shaded[front].mean(1) < 0.8 * bare[front].mean(1)
    assert 0.01 < darker.mean() < 0.3, "a spot of it, no more"


def test_lights_differ_as_their_names_say():
    made = {name: make_light(name, 1.0, 0.6, np.random.default_rng(3)) for name in LIGHTS}
    assert made["dim"].key.max() < 0.5 * made["bright"].key.min()
    assert made["warm"].key[0] > 1.2 * made["warm"].key[2] and made["cold"].key[2] > 1.2 * made["cold"].key[0]
    assert abs(made["side"].towards[0]) > 0.7 and made["window"].towards[2] >= -0.01
    assert made["infrared"].infrared and not made["bright"].infrared


def test_an_infrared_camera_has_one_channel_and_a_colour_camera_three():
    rgb = np.random.default_rng(1).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    for name, grey in (("infrared", True), ("bright", False)):
        light = make_light(name, 1.0, 0.6, np.random.default_rng(2))
        taken = camera(light, (50, 40), 0.8, 2.0, np.random.default_rng(0))(rgb)
        assert taken.shape == rgb.shape and taken.dtype == np.uint8
        assert (np.ptp(taken.astype(int), axis=2).max() == 0) == grey
