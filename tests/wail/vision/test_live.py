"""Prints and screens are told from living faces by their frames, and by what a flat picture cannot do."""

import cv2
import numpy as np
import pytest

from wail.vision.border import BorderConfig, colour_gradient, find_border
from wail.vision.geometry import canonical_face
from wail.vision.live import POINTS, LiveConfig, LiveWatch, movement, onto
from wail.vision.mesh import CROP_PX
from wail.vision.roi import Roi
from wail.vision.tracks import FaceView

PICTURE = np.array([[60, 30], [190, 40], [180, 190], [50, 180]], float)
CENTRE, EYES_PX, DOWN = np.array([120.0, 105.0]), 40.0, np.array([0.0, 1.0])
HULL = CENTRE + 32 * np.stack([np.cos(np.linspace(0, 6, 16)), 1.2 * np.sin(np.linspace(0, 6, 16))], 1)


def room(corners=PICTURE, inside=(200, 150, 140), around=(110, 120, 115), body=False) -> np.ndarray:
    """A quadrilateral on a wall, with a head before or in it, perhaps a body that crosses its lower edge."""
    out = np.full((240, 256, 3), around, np.uint8)
    cv2.fillConvexPoly(out, np.rint(corners).astype(np.int32), inside, cv2.LINE_AA)
    if body:
        cv2.ellipse(out, (120, 230), (62, 80), 0, 0, 360, (60, 90, 160), -1, cv2.LINE_AA)
    cv2.ellipse(out, CENTRE.astype(int).tolist(), (32, 40), 0, 0, 360, (190, 130, 110), -1, cv2.LINE_AA)
    return np.clip(out + np.random.default_rng(0).normal(0, 3, out.shape), 0, 255).astype(np.uint8)


def border(rgb: np.ndarray, hull=HULL, eyes_px=EYES_PX):
    return find_border(colour_gradient(rgb), hull, DOWN, eyes_px, BorderConfig())


def test_a_picture_s_edges_are_found_where_they_are():
    found = border(room())
    distance = np.linalg.norm(found[:, None] - PICTURE, axis=2).min(1)
    assert distance.max() < 2.5


def test_an_edge_between_colours_of_one_brightness_is_an_edge():
    assert border(room(inside=(150, 105, 115), around=(100, 126, 133))) is not None


def test_a_window_behind_a_body_is_no_frame():
    assert border(room(body=True)) is None


def test_a_mat_with_room_for_the_whole_infant_is_no_frame():
    assert border(room(), CENTRE + 0.4 * (HULL - CENTRE), 0.4 * EYES_PX) is None


def test_a_frame_that_leaves_the_picture_and_no_frame_at_all_are_none():
    assert border(room(np.add(PICTURE, [0, 60]))) is None
    assert border(room(PICTURE * 0)) is None
    assert border(np.zeros((240, 256, 3), np.uint8)) is None


def test_bars_that_go_on_beyond_their_crossings_are_no_frame():
    out = room(PICTURE * 0)
    for at in (60, 180):
        cv2.line(out, (at, 0), (at, 255), (240, 240, 240), 4)
    for at in (35, 185):
        cv2.line(out, (0, at), (255, at), (240, 240, 240), 4)
    assert border(out) is None


def face(lids: float = 1.0) -> np.ndarray:
    """Landmarks [478, 3] of the canonical face, 100 px between the eyes, eyelids as far open as told."""
    points = canonical_face()[0] * [11.2, -11.2, -11.2] + [240, 200, 0]
    for top, bottom in ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373)):
        points[top, 1] = points[bottom, 1] + lids * (points[top, 1] - points[bottom, 1])
    return np.concatenate([points, np.tile(points[:1], (10, 1))])


def looked_at(shapes, frames_each: int = 1) -> LiveWatch:
    """A watch that saw these shapes [478, 2] one after the other, before a wall."""
    watch, rng, wall = LiveWatch(), np.random.default_rng(1), np.zeros((400, 480, 3), np.uint8)
    for k, shape in enumerate(shapes):
        seen = (shape[:, :2] + rng.normal(0, 0.3, (478, 2))).astype(np.float32)
        crop = np.zeros((CROP_PX, CROP_PX, 3), np.uint8)
        view = FaceView(0, Roi(240, 200, 300, 0.0), crop, shape.astype(np.float32), seen, 1.0, np.eye(3))
        watch.see(k * frames_each, wall, view)
    return watch


def turned(points: np.ndarray, yaw_deg: float) -> np.ndarray:
    """A real head's landmarks, turned."""
    cos, sin = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return (points - [240, 200, 0]) @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]) + [240, 200, 0]


def test_open_eyes_that_stare_for_many_seconds_belong_to_a_picture():
    assert looked_at([face()] * 100).p_live(0) > 0.9
    assert looked_at([face()] * 300).p_live(0) < 0.1


def test_closed_eyes_may_be_still_for_as_long_as_they_like():
    assert looked_at([face(lids=0.1)] * 300, frames_each=6).p_live(0) > 0.9


def test_a_mouth_that_moves_is_alive():
    talking = [face() + np.where(np.isin(np.arange(478), [13, 14, 17, 84, 314, 87, 317]), 6 * np.sin(k / 9), 0)[:, None]
               for k in range(300)]  # fmt: skip
    assert looked_at(talking).p_live(0) > 0.9


def test_a_plane_that_turns_is_flat_and_a_head_that_turns_is_not():
    sway = [20 * np.sin(k / 20) for k in range(90)]
    flat = [face(0.1) * [np.cos(np.radians(1.5 * angle)), 1, 1] for angle in sway]
    assert looked_at(flat).p_live(0) < 0.1
    assert looked_at([turned(face(0.1), angle) for angle in sway]).p_live(0) > 0.9


def test_an_affine_map_is_taken_off_and_its_squash_told():
    shape = face()[POINTS, :2]
    affine = np.array([[0.8, 0.1], [-0.2, 1.3]])
    mapped, (longer, shorter) = shape @ affine + [30, -12], np.linalg.svd(affine, compute_uv=False)
    back, squash = onto(mapped, shape)
    np.testing.assert_allclose(back, shape, atol=1e-6)
    assert squash == pytest.approx(np.log(longer / shorter))
    assert movement(np.array([shape, shape, shape])) == 0


def test_memory_does_not_grow_with_a_track():
    watch = looked_at([face()] * 1500)
    assert len(watch._tracks[0].windows) < LiveConfig().max_windows
    assert len(watch._tracks[0].pending) < LiveConfig().window_frames


def test_a_track_never_seen_and_one_hardly_seen_are_taken_for_alive():
    assert LiveWatch().p_live(7) > 0.9
    assert looked_at([face()] * 2).p_live(0) > 0.9


@pytest.mark.data
@pytest.mark.parametrize("name", ["video/infant_dim_6s.mp4", "video/adult_talking.mp4"])
def test_real_people_are_alive(data, name, tracker):
    from wail.media.decode import grid_frames

    watch = LiveWatch()
    for frame in grid_frames(data / name):
        if frame.frame % 4 == 0:
            for view in tracker.step(frame.rgb):
                watch.see(frame.frame, frame.rgb, view)
        if frame.frame > 100:
            break
    assert watch.p_live(0) > 0.9


@pytest.mark.data
def test_a_framed_picture_of_an_infant_on_a_real_wall_is_not(data, tracker):
    poster = cv2.cvtColor(cv2.imread(str(data / "images/generated_baby.png")), cv2.COLOR_BGR2RGB)
    wall = cv2.cvtColor(cv2.imread(str(data / "images/no_face.jpg")), cv2.COLOR_BGR2RGB)
    framed = cv2.copyMakeBorder(cv2.resize(poster, (280, 280)), 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=(40, 25, 20))
    small, corners = framed, np.array([[180, 90], [450, 105], [440, 380], [170, 360]])
    map_to = cv2.getPerspectiveTransform(np.array([[0, 0], [300, 0], [300, 300], [0, 300]], np.float32),
                                         corners.astype(np.float32))  # fmt: skip
    cover = cv2.warpPerspective(np.ones_like(small), map_to, wall.shape[1::-1])
    hung = np.where(cover > 0, cv2.warpPerspective(small, map_to, wall.shape[1::-1]), wall)
    watch = LiveWatch()
    for k in range(100):
        panned = cv2.warpAffine(hung, np.array([[1.0, 0, 0.8 * k], [0, 1.0, 0.2 * k]]), wall.shape[1::-1])
        for view in tracker.step(panned):
            watch.see(k, panned, view)
    assert watch.p_live(0) < 0.1
