"""mediapipe's bundled graphs, run packet by packet: what its Python solutions add costs a quarter of a millisecond."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.errors import ModelError


@cache
def modules_folder() -> Path:
    """The folder of models inside the mediapipe wheel, found without importing mediapipe (a second's work)."""
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModelError("mediapipe is not installed, its bundled models are needed: pip install mediapipe==0.10.21")
    return Path(spec.origin).parent / "modules"


def bundled_graph(name: str) -> Any:
    """A bundled graph (`face_landmark/face_landmark_front_cpu`) as an expanded CalculatorGraphConfig."""
    from mediapipe.framework import calculator_pb2
    from mediapipe.python._framework_bindings import resource_util, validated_graph_config

    resource_util.set_resource_dir(str(modules_folder().parents[1]))
    validated = validated_graph_config.ValidatedGraphConfig()
    validated.initialize(binary_graph_path=str(modules_folder() / f"{name}.binarypb"))
    return calculator_pb2.CalculatorGraphConfig.FromString(validated.binary_config)


class Graph:
    """A running graph on one thread: an image (and other inputs) in, output packets by name out."""

    def __init__(self, config: Any, outputs: Sequence[str], side: Mapping[str, Any]) -> None:
        from mediapipe.python._framework_bindings import calculator_graph

        config.ClearField("executor")
        # In the calling thread: handing over to another costs more than most nodes, much more on a busy machine
        config.executor.add(type="ApplicationThreadExecutor")
        self._time_us = 0
        self._out: dict[str, Any] = {}
        self._graph = calculator_graph.CalculatorGraph(graph_config=config)
        for name in outputs:
            self._graph.observe_output_stream(name, self._out.__setitem__)
        self._graph.start_run(dict(side))

    def __call__(self, image: NDArray[np.uint8], **packets: Any) -> Mapping[str, Any]:
        """Run on uint8 [h, w, 3] RGB and packets for other streams; a stream without an answer is missing."""
        from mediapipe.python import packet_creator
        from mediapipe.python._framework_bindings import image_frame

        self._time_us += 1
        self._out.clear()
        frame = packet_creator.create_image_frame(image_format=image_frame.ImageFormat.SRGB, data=image)
        for name, packet in {"image": frame, **packets}.items():
            self._graph.add_packet_to_input_stream(name, packet.at(self._time_us))
        self._graph.wait_until_idle()
        return self._out

    def close(self) -> None:
        self._graph.close()
