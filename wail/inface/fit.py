"""Fit the infant face model to the landmarks of takes: all frames at once, in one batch.

Identity and age are shared by a subject's takes, the focal length by a clip's. Levenberg-Marquardt on the energy of
`fit_energy`: key frames first, then every frame, then all unknowns together (`fit_rounds`), with what is believed of
the landmarks asked anew between rounds (`fit_observe`). Every Jacobian is closed form, so nothing here needs autograd;
there is no learning rate. On one CPU thread the same input gives the same bytes whatever the machine's load.

Frames of reference: poses take INFACE's head frame (right-handed, x towards the subject's left, y up, z out of the
face, mm) to the camera's (x right, y down, z forward, mm), as axis-angle in radians and a translation in mm.

What a single camera can tell: landmarks fix the shape up to scale; millimetres come from the prior of an infant's head
size (`head_size`), the model's mean and its identity prior alone. Focal length shows only in how near parts of the face
look larger, so it leans on its prior (`focal_ratio` times the longer side of the picture) and distance follows it:
depth is right in proportion, not in mm.

Memory grows with the frames, some 300 kB for each; `wail bench fit` measures it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from numpy.typing import ArrayLike

from wail.inface.fit_config import FitConfig, TakeFit
from wail.inface.fit_report import report
from wail.inface.fit_rounds import solve
from wail.inface.fit_set_up import TakeLandmarks, set_up, shows_face
from wail.inface.landmarks import LandmarkMap
from wail.inface.model import FaceModel

__all__ = ["FitConfig", "TakeFit", "TakeLandmarks", "fit_take", "fit_takes", "shows_face"]


def fit_takes(
    model: FaceModel,
    maps: Mapping[str, LandmarkMap],
    takes: Sequence[TakeLandmarks],
    config: FitConfig | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> list[TakeFit]:
    """Fit takes in one batch; one result a take, in their order. `maps`: the model's, `mp434` and, where a take has
    FAN's points, `ibug68`. `seconds`, `iterations` and `jacobians` of each result are those of the whole batch.

    Frames of which too little is seen are filled from their neighbours. Raises ValueError for wrong shapes, NaN in a
    visible landmark, or a take in which no frame shows enough of the face; ModelError for a missing map.
    """
    started = time.perf_counter()
    config = config or FitConfig()
    with _threads(threads), torch.no_grad():
        on = torch.device(device)
        task = set_up(model, maps, takes, config, on)
        low = task.rows.to(jacobian_dtype(on))
        solved = solve(task, config, low)
        return report(model, task, solved, config, low.weights[0].dtype, device, started)


def fit_take(
    model: FaceModel,
    landmark_map: LandmarkMap,
    xy_px: ArrayLike,
    visibility: ArrayLike,
    size_px: tuple[int, int],
    config: FitConfig | None = None,
    device: str = "cpu",
) -> TakeFit:
    """Fit a single take: `fit_takes` of one. xy_px [n, 478, 2], visibility [n, 478], size_px (width, height)."""
    take = TakeLandmarks(xy_px, visibility, size_px)
    return fit_takes(model, {landmark_map.name: landmark_map}, [take], config, device)[0]


def jacobian_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it (then only the decoder's Jacobian, for which its three digits are
    enough: the gradient, and with it the optimum, stays float32), float32 elsewhere."""
    cpu = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.type == "cuda" or (device.type == "cpu" and cpu) else torch.float32


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
