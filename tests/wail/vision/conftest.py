"""One painted infant, and ways to turn it, cover it and hand it over as a clip."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from wail.media.decode import GridFrame
from wail.vision.config import VisionConfig
from wail.vision.detect import FaceDetector
from wail.vision.mesh import FaceMesh
from wail.vision.tracks import FaceTracker


def stills(name: str, times_s: list[float]) -> list[np.ndarray]:
    """Frames of a sample scene at some times, rendered here and now."""
    from wail.inface.model import load_model
    from wail.samples.hearing import hear
    from wail.samples.make import _staged
    from wail.samples.scenes import SCENES
    from wail.samples.stage import shoot

    scene = next(scene for scene in SCENES if scene.name == name)
    return list(shoot(_staged(load_model(), scene, hear(scene, 7), np.array(times_s), 7), 7))


@pytest.fixture(scope="session")
def infant() -> np.ndarray:
    """A still of the stand-in infant, mouth free."""
    return stills("cry_plain", [0.2])[0]


@pytest.fixture(scope="session")
def infant_and_adult() -> np.ndarray:
    return stills("laugh_second_adult", [0.2])[0]


@pytest.fixture(scope="session")
def mesh():
    model = FaceMesh()
    yield model
    model.close()


@pytest.fixture(scope="session")
def detector():
    model = FaceDetector(VisionConfig().min_detection_score)
    yield model
    model.close()


@pytest.fixture
def tracker(mesh, detector) -> FaceTracker:
    return FaceTracker(VisionConfig(), mesh, detector)


@pytest.fixture(scope="session")
def upright_view(infant, mesh, detector):
    """The infant's face as the tracker sees it in its first frame."""
    return FaceTracker(VisionConfig(), mesh, detector).step(infant)[0]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real media for development; tests that need it are skipped where it is absent."""
    folder = Path(__file__).parents[3] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def turned():
    return _turned


@pytest.fixture(scope="session")
def covered():
    return _covered


@pytest.fixture(scope="session")
def clip():
    return _clip


def _turned(rgb: np.ndarray, roll_deg: float, scale: float = 1.0) -> np.ndarray:
    """The picture turned clockwise about its centre, on a canvas that holds it at any angle."""
    height, width = rgb.shape[:2]
    side = int(np.hypot(height, width))
    affine = cv2.getRotationMatrix2D((width / 2, height / 2), -roll_deg, scale)
    affine[:, 2] += (side - width) / 2, (side - height) / 2
    return cv2.warpAffine(rgb, affine, (side, side), borderValue=(120, 120, 120))


def _covered(rgb: np.ndarray, view, colour) -> np.ndarray:
    """The picture with a disc, as a pacifier's shield, over the mouth of a face."""
    out = rgb.copy()
    eyes = np.linalg.norm(view.xy_px[33] - view.xy_px[263])
    centre = view.xy_px[[13, 14]].mean(0).round().astype(int)
    cv2.circle(out, centre.tolist(), int(0.36 * eyes), colour, -1, cv2.LINE_AA)
    return out


def _clip(pictures) -> list[GridFrame]:
    return [GridFrame(k, k / 30, rgb) for k, rgb in enumerate(pictures)]
