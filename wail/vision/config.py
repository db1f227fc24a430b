"""Every threshold of the picture's side, with its unit in its name."""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Interval

from wail.vision.fusion import Fusion
from wail.vision.infant import Poles
from wail.vision.live import LiveConfig
from wail.vision.visibility import OcclusionConfig

AtLeastOne = Annotated[int, Ge(1)]
AtLeastZero = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class VisionConfig:
    """What is searched, and what makes a face usable. Degrees, pixels of the displayed picture, or shares (0-1)."""

    # Finding and following faces.
    max_faces: AtLeastOne = 4
    search_every_frames: AtLeastOne = 2
    """While a face is lost or none was ever found."""
    survey_every_frames: AtLeastOne = 15
    """While every known face is followed: whether another one has come."""
    verify_every_frames: AtLeastOne = 30
    """How often a followed face must convince the detector again, upright rather than upside down."""
    max_lost_frames: Annotated[int, Ge(0)] = 15
    """How long a lost face keeps its track's id."""
    min_track_frames: Annotated[int, Ge(0)] = 3
    """A face seen in fewer frames than this is taken for a mistake."""
    min_detection_score: Share = 0.55
    min_presence: Share = 0.5

    # Usable or not.
    score_only: bool = False
    """Every face in every frame is usable: all scores and reasons are written, but none of them filters."""
    min_p_infant_face: Share = 0.5
    min_p_live: Share = 0.5
    """Faces that are rather a print or a screen are `not_live`."""
    max_abs_yaw_deg: AtLeastZero = 45.0
    max_abs_pitch_deg: AtLeastZero = 40.0
    infant_pitch_bias_deg: float = 4.5
    """mediapipe's face is an adult's: infants, of round forehead and small jaw, read as looking up this much ..."""
    infant_pitch_gain: Annotated[float, Gt(0)] = 1.2
    """... and what is left reads too small by this factor; both fitted on the tuning composites."""
    max_outside_share: Share = 0.1
    """Share of the mouth's landmarks that may lie outside the picture."""
    min_mouth_visible: Share = 0.7
    min_visible: Share = 0.45
    min_interocular_px: AtLeastZero = 24.0
    min_sharpness: AtLeastZero = 3.2
    """Grey levels squared: variance of the Laplacian of the face's crop (192 px), on skin of `full_skin_luma`; on
    darker skin or in less light, where all contrast is smaller, less is asked for in proportion."""
    full_skin_luma: Annotated[float, Gt(0)] = 100.0
    min_skin_luma: AtLeastZero = 16.0
    """Median grey level (0-255) of the face's skin."""
    min_confidence: Share = 0.75
    """The landmark network's own presence score."""
    smooth_frames: AtLeastOne = 5
    """Evidence of occlusion is the median over this many frames."""
    hysteresis_frames: Annotated[int, Ge(0)] = 3
    """A verdict that lasts no longer than this, between two others, gives way to them."""

    # How often the slower evidence is taken.
    hands_every_frames: AtLeastOne = 6
    doubt_every_frames: AtLeastOne = 3
    """One more pass of the landmark network, on a changed crop."""
    network_every_frames: AtLeastOne = 2
    fan_every_frames: Annotated[int, Ge(0)] = 0
    """How often FAN is asked for a second opinion (half a second a face; its weights must be there); 0 never."""
    min_colourful: AtLeastZero = 0.03
    """Log-chromaticity scatter of a crop under which the picture counts as grey, and colours as no evidence."""

    occlusion: OcclusionConfig = field(default_factory=OcclusionConfig)
    fusion: Fusion = field(default_factory=Fusion)
    live: LiveConfig = field(default_factory=LiveConfig)
    infant: Poles = field(default_factory=Poles)
