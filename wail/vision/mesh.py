"""mediapipe's face mesh as a function: an upright crop in, 478 points and a presence score out, nothing kept between.

The bundled graph (FaceLandmarkFrontCpu, mediapipe 0.10.21) finds its own region, keeps it from frame to frame, and
silently finds faces upside down once they roll beyond about 100 degrees. Only its landmark half is used here, on crops
that we turn upright ourselves, so that there is no state to leak from one clip into the next.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError
from wail.vision.graphs import Graph, bundled_graph, modules_folder
from wail.vision.roi import Roi, lifted

CROP_PX = 192
"""The landmark network's input: a crop of this size goes in without being resampled again."""

N_LANDMARKS = 478
_ROI = "face_rect"
_LANDMARKS = "face_landmarks"
_PRESENCE = "facelandmarkcpu__face_presence_score"


def _landmark_graph() -> Any:
    """The landmark half of the bundled graph: same nodes, but the region is an input and presence no gate."""
    from mediapipe.calculators.util import thresholding_calculator_pb2
    from mediapipe.framework import calculator_pb2

    whole = bundled_graph("face_landmark/face_landmark_front_cpu")
    graph = calculator_pb2.CalculatorGraphConfig()
    graph.node.extend(node for node in whole.node if node.name.startswith("facelandmarkcpu__"))
    for node in graph.node:
        for i, name in enumerate(node.input_stream):
            node.input_stream[i] = name.replace("landmarks_loop_image", "image")
        if node.calculator == "ThresholdingCalculator":
            node.options.Extensions[thresholding_calculator_pb2.ThresholdingCalculatorOptions.ext].threshold = -1.0
    graph.input_stream.extend(["image", _ROI])
    graph.input_side_packet.append("with_attention")
    graph.output_stream.extend([_LANDMARKS, _PRESENCE])
    return graph


class FaceMesh:
    """The landmark network, a `Landmarker`. Stateless: the same crop gives the same points, whatever came before."""

    crop_px = CROP_PX

    def __init__(self) -> None:
        from mediapipe.framework.formats import rect_pb2
        from mediapipe.python import packet_creator

        whole = rect_pb2.NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0)
        self._region = packet_creator.create_proto(whole)
        self._graph = Graph(_landmark_graph(), (_LANDMARKS, _PRESENCE),
                            {"with_attention": packet_creator.create_bool(True)})  # fmt: skip
        self.calls = 0
        """How often the network ran."""

    def region(self, face: Roi) -> Roi:
        """The face's own region: it is measured by this network."""
        return face

    def __call__(self, crop: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Run on one upright crop, uint8 [CROP_PX, CROP_PX, 3] RGB; a dim one is brightened first.

        Returns points f32 [478, 3] in crop pixels (x right, y down, z away from the camera, in the same unit) and the
        network's own presence score (0-1). The points mean nothing when the score is low.
        """
        from mediapipe.python._framework_bindings import _packet_getter

        self.calls += 1
        out = self._graph(lifted(crop), **{_ROI: self._region})
        presence = float(_packet_getter.get_float(out[_PRESENCE]))
        packed = _packet_getter._get_serialized_proto(out[_LANDMARKS])
        return unpacked(packed) * np.float32(CROP_PX), presence

    def close(self) -> None:
        self._graph.close()


_PACKED = np.dtype([("head", "u1", 2), *((f"{k}", [("tag", "u1"), ("value", "<f4")]) for k in "xyz")])


def unpacked(packed: bytes) -> NDArray[np.float32]:
    """Points f32 [478, 3] of a serialized NormalizedLandmarkList.

    Read as an array, since parsing 478 protocol buffer messages in Python takes half a millisecond. Every landmark is a
    message of 15 bytes: three times a tag (0x0d, 0x15, 0x1d: fields 1-3, 32 bits) and a float.
    """
    rows = np.frombuffer(packed, _PACKED)
    tags = (0x0A, 15, 0x0D, 0x15, 0x1D)
    seen = (rows["head"][:, 0], rows["head"][:, 1], rows["x"]["tag"], rows["y"]["tag"], rows["z"]["tag"])
    if len(rows) != N_LANDMARKS or any((column != tag).any() for column, tag in zip(seen, tags, strict=True)):
        raise ModelError("mediapipe's landmarks are not packed as version 0.10.21 packs them: install that version")
    return np.stack([rows[k]["value"] for k in "xyz"], axis=1)


@cache
def model_ids() -> dict[str, str]:
    """Name -> version and sha256 of every model that vision uses, for receipts."""
    files = {
        "face_mesh": "face_landmark/face_landmark_with_attention.tflite",
        "face_detection": "face_detection/face_detection_short_range.tflite",
        "hand_landmarks": "hand_landmark/hand_landmark_lite.tflite",
        "palm_detection": "palm_detection/palm_detection_lite.tflite",
    }
    digests = {name: hashlib.sha256((modules_folder() / file).read_bytes()) for name, file in files.items()}
    return {name: f"mediapipe {version('mediapipe')} {digest.hexdigest()[:16]}" for name, digest in digests.items()}
