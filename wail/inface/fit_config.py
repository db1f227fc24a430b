"""What a fit is told and what it returns."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

AboveZero = Annotated[float, Gt(0)]
AtLeastZero = Annotated[float, Ge(0)]
AtLeastOne = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class FitConfig:
    """Priors and limits. Standard deviations are of z-scored latents where no unit is named."""

    focal_ratio: AboveZero = 1.2
    """Prior focal length over the picture's longer side: a phone's main camera."""
    focal_log_sd: AboveZero = 0.05
    landmark_sd_mm: AboveZero = 2.0
    """A landmark's error, at the face: mediapipe's on rendered infants is 2.0-2.5 mm a coordinate, most of it the same
    in all of a take's frames (docs/fit.md)."""
    independent_landmarks: AboveZero = 20.0
    """How many independent landmarks a frame's 434 are worth: their errors vary in 4-10 directions besides those of a
    similarity, being alike in neighbours."""
    independent_frames: AboveZero = 2.0
    """How many independent frames a take can be worth to what it shares: a detector's bias on a face stays the same,
    and without this limit it would all go into identity."""
    huber: AboveZero = 3.0
    """Beyond so many standard deviations a landmark's pull no longer grows."""
    expression_sd: AboveZero = 3.0
    """Wider than the codes' own 1: summed over a take's frames, a tight prior would rather shrink the head."""
    expression_step: AboveZero = 0.7
    """Random walk per frame of 1/30 s; wide enough that it does not damp a cry's mouth."""
    rotation_step_rad: AboveZero = 0.1
    translation_step_mm: AboveZero = 15.0
    age_months: Annotated[float, Ge(0), Le(24)] | None = None
    """The infant's age, where it is known: how large its head is taken to be (head_size.py). None: 0-24 months."""
    lip_gap_sd_mm: AboveZero = 0.5
    """Error of the gap between upper and lower inner lip when they meet ..."""
    lip_gap_grows: AtLeastZero = 0.07
    """... and how much it grows per mm of gap."""
    independent_lip_gaps: AtLeastZero = 1.5
    """How many independent gaps the nine along a mouth are worth; 0: gaps are not fitted."""
    lid_gap_sd_mm: AboveZero = 1.0
    independent_lid_gaps: AtLeastZero = 2.0
    """Of both eyes' fourteen."""
    hidden_cos: Annotated[float, Ge(-1), Lt(1)] = 0.0
    """Landmarks whose normal is turned from the camera beyond this cosine are not used ..."""
    grazing_cos: Annotated[float, Ge(-1), Lt(1)] = 0.5
    """... and those below this one slide along the outline. Not above hidden_cos: none slide."""
    outlier_sds: AboveZero = 4.0
    """Landmarks off by more than this many of the frame's own robust spread are masked ..."""
    least_spread: AboveZero = 0.3
    """... which is taken to be at least this much of `landmark_sd_mm`."""
    bad_frame_ratio: AboveZero = 3.0
    """A frame whose spread is so many times the take's median is wrong as a whole ..."""
    most_outliers: Annotated[float, Gt(0), Le(1)] = 0.4
    """... and one in which more of what is seen than this is masked."""
    head_size_weight: AtLeastZero = 1.0
    """How much the prior of the outer eyes' distance by age counts; 0: it says nothing."""
    independent_fan: AboveZero = 12.0
    """How many independent landmarks face-alignment's 51 are worth, where they are given."""
    key_stride: AtLeastOne = 8
    key_frames: AtLeastOne = 64
    """Every so many frames a key frame, but no more of them than this in a take."""
    key_iterations: AtLeastOne = 14
    frame_iterations: AtLeastOne = 20
    iterations: AtLeastOne = 5
    screenings: AtLeastOne = 3
    """How often, at most, frames are solved and their landmarks believed anew."""
    settled_nats: AboveZero = 1.0
    """A frame has settled when its next step would lower the energy by less: a posterior standard deviation."""
    converged_nats: AboveZero = 2.0
    """A frame has converged when, after the last step, the next would win less than this."""
    lip_trust_mm: AboveZero = 2.0
    """lip_sd_mm at which confidence has halved."""
    residual_trust: AboveZero = 0.08
    """Residual, in outer eye distances, at which confidence has halved."""


@dataclass(frozen=True)
class TakeFit:
    """A fitted take of n frames; raw codes, head-to-camera poses (axis-angle rad continuous in time, mm)."""

    identity: NDArray[np.float32]
    """[32]"""
    age: float
    expression: NDArray[np.float32]
    """[n, 64]"""
    pose: NDArray[np.float32]
    """[n, 6]"""
    focal_px: float
    residual: NDArray[np.float32]
    """[n] RMS landmark error, weighted as in the fit, over the fitted outer eye distance before the camera; of a bad
    frame that of all it shows; 0 where nothing was seen."""
    lip_sd_mm: NDArray[np.float32]
    """[n] posterior standard deviation of a lip vertex, head frame, identity given: root of the mean over the lip
    vertices of the covariance's trace; from the Gauss-Newton matrix with all frames' pull, widened where the residual
    is larger than `landmark_sd_mm`. A linearisation with the config's priors, not a measurement of error."""
    n_landmarks: NDArray[np.int32]
    """[n] landmarks used"""
    converged: NDArray[np.bool_]
    """[n] settled, and seen by enough landmarks (frames between are filled from their neighbours)"""
    confidence: NDArray[np.float32]
    """[n] 0-1: 1 / (1 + (lip_sd/trust)^2) / (1 + (residual/trust)^2); 0 where not converged"""
    n_outliers: NDArray[np.int32]
    """[n] landmarks masked because they are too far off the others"""
    bad_frame: NDArray[np.bool_]
    """[n] frames that are wrong as a whole, which take no part in the fit and are filled from their neighbours"""
    iterations: int
    jacobians: int
    """Frames' Jacobians that were made: the fit's main cost."""
    jacobian_dtype: str
    energy: float
    seconds: float
    device: str
