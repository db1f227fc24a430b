import numpy as np

from wail.inface.standin.muscles import N_MUSCLES, activation
from wail.inface.standin.rest import load_rest
from wail.samples.paint import DARK, FAIR, signed_distance, soft
from wail.samples.person import adult_vertices, make_person

REST = load_rest().verts_mm


def nearest_colour(person, verts, point):
    head = person.head(verts)
    return head.colours[np.argmin(np.linalg.norm(head.verts_mm - point, axis=1))]


def test_features_are_painted_where_the_landmarks_are():
    person = make_person(REST, FAIR, (0.5, 0.5, 0.5), seed=0)
    pupil_vertex = load_rest().regions["eyeball_left"][0]
    cheek, lip, pupil = (nearest_colour(person, REST, REST[i]) for i in (117, 15, pupil_vertex))
    assert np.allclose(cheek, FAIR.skin, atol=0.12)
    assert lip[0] - lip[1] > cheek[0] - cheek[1] + 0.1
    assert pupil.max() < 0.2


def test_inside_of_the_mouth_is_dark():
    person = make_person(REST, FAIR, (0.5, 0.5, 0.5), seed=0)
    deep = REST[load_rest().regions["mouth_tip"][0]]
    assert nearest_colour(person, REST, deep).max() < 0.35


def test_skin_tone_is_the_persons():
    dark = make_person(REST, DARK, (0.5, 0.5, 0.5), seed=0)
    assert nearest_colour(dark, REST, REST[117]).mean() < 0.45


def test_adult_has_a_longer_lower_face_than_the_infant():
    adult = adult_vertices(np.zeros((1, N_MUSCLES)))[0]

    def lower_share(v):
        return (v[168, 1] - v[152, 1]) / (v[10, 1] - v[152, 1])

    def length_to_width(v):
        return (v[10, 1] - v[152, 1]) / (v[454, 0] - v[234, 0])

    assert lower_share(adult) > lower_share(REST) + 0.02
    assert length_to_width(adult) > length_to_width(REST) + 0.1
    assert (adult[10, 1] - adult[152, 1]) > 1.25 * (REST[10, 1] - REST[152, 1])


def test_adult_opens_the_mouth_with_the_jaw():
    shut, wide = adult_vertices(np.stack([activation(), activation(jaw_open=0.5)]))
    assert np.linalg.norm(wide[13] - wide[14]) > np.linalg.norm(shut[13] - shut[14]) + 8


def test_signed_distance_of_a_square():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)
    points = np.array([[1, 1], [3, 1], [1, 2], [3, 3]], float)
    assert np.allclose(signed_distance(points, square), [-1, 1, 0, np.sqrt(2)])
    assert np.allclose(soft(np.array([-5.0, 0.0, 5.0]), 1.0), [1, 0.5, 0])
