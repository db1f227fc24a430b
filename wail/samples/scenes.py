"""The clips: who is in them, what is heard, how the head moves, what covers the mouth, how the file is written."""

from dataclasses import dataclass, field

from wail.samples.law import Law
from wail.samples.occluders import Cover
from wail.samples.paint import BROWN, DARK, FAIR, LIGHT, OLIVE, Colour, Tones
from wail.samples.poses import Key
from wail.samples.sound import VoiceStyle

Plan = tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Infant:
    """One subject: its face (seed of the identity code, z-scored age), colours, voice and law."""

    seed: int
    tones: Tones
    clothes: Colour
    law: Law
    voice: VoiceStyle
    age_z: float = 0.0


@dataclass(frozen=True)
class Adult:
    """An adult whose face is in the picture and who talks in the spans."""

    tones: Tones
    clothes: Colour
    keys: tuple[Key, ...]
    talks_s: tuple[tuple[float, float], ...]
    f0_hz: float = 120.0


@dataclass(frozen=True)
class Scene:
    """One clip. `behind` is heard at `snr_db` below the infant: adult, music, household."""

    name: str
    suffix: str
    duration_s: float
    infant: Infant | None
    plan: Plan = ()
    keys: tuple[Key, ...] = (Key(0.0),)
    restless: float = 2.0
    size_px: tuple[int, int] = (448, 448)
    focal_px: float = 600.0
    backdrop: str = "sheet"
    light: tuple[float, float, float] = (-0.35, -0.6, -1.0)
    ambient: float = 0.5
    gain: Colour = (1.0, 1.0, 1.0)
    covers: tuple[Cover, ...] = ()
    hand_turn_deg: float = 60.0
    adult: Adult | None = None
    behind: tuple[str, ...] = ()
    offscreen_talk_s: tuple[tuple[float, float], ...] = ()
    snr_db: float = 8.0
    fps: float = 30.0
    rates: tuple[tuple[float, float], ...] = field(default=())
    """(duration_s, fps) one after the other: variable frame rate."""
    audio_start_s: float = 0.0
    rotation_deg: int = 0


def _infant(
    seed: int, tones: Tones, clothes: Colour, delay_s: float, gain: float, pitch: float, age_z: float = 0.0,
    asymmetry: float = 0.0, rough: float = 0.5,
) -> Infant:  # fmt: skip
    law = Law(delay_s=delay_s, gain=gain, noise=0.03 + 0.01 * (seed % 4), asymmetry=asymmetry, pitch=pitch)
    return Infant(seed, tones, clothes, law, VoiceStyle(pitch, 2 - pitch, rough), age_z)


TALKER = Adult(OLIVE, (0.25, 0.3, 0.42), (Key(0.0, yaw_deg=8, x_mm=10, y_mm=5, z_mm=560),
                                        Key(3.5, yaw_deg=-12, pitch_deg=4, x_mm=10, y_mm=5, z_mm=560),
                                        Key(7.0, yaw_deg=10, x_mm=5, y_mm=5, z_mm=560)),
               ((0.4, 3.0), (3.8, 6.7)))  # fmt: skip
PARENT = Adult(LIGHT, (0.5, 0.25, 0.28), (Key(0.0, yaw_deg=-25, x_mm=128, y_mm=-20, z_mm=600),
                                         Key(5.0, yaw_deg=-5, x_mm=124, y_mm=-15, z_mm=600),
                                         Key(9.0, yaw_deg=-30, x_mm=128, y_mm=-20, z_mm=600)),
               ((4.2, 6.2),), 200.0)  # fmt: skip

SCENES: tuple[Scene, ...] = (
    Scene("cry_plain", ".mp4", 9.0, _infant(1, FAIR, (0.55, 0.65, 0.75), 0.03, 1.0, 1.0),
          ((0.9, 4.6, "cry"), (5.4, 8.4, "cry")),
          keys=(Key(0, -6, 3, 0), Key(4.5, 8, -3, 5, 6, 4), Key(9, -4, 4, -4, -4, 0))),
    Scene("laugh_plain", ".mp4", 8.0, _infant(2, LIGHT, (0.8, 0.7, 0.4), 0.05, 1.05, 0.95, 1.0, 0.06),
          ((0.7, 3.7, "laugh"), (4.4, 7.5, "laugh")), backdrop="sofa", light=(0.5, -0.5, -1.0),
          keys=(Key(0, 10, 0, 0), Key(4, -14, 6, -8), Key(8, 6, 0, 4)), restless=3.0),
    Scene("cry_over_speech", ".mp4", 10.0, _infant(3, BROWN, (0.8, 0.82, 0.8), -0.02, 0.9, 1.05, -0.5),
          ((1.0, 4.5, "cry"), (6.2, 9.5, "cry")), backdrop="rug", behind=("adult",), snr_db=6.0,
          offscreen_talk_s=((0.3, 2.2), (4.6, 6.1), (7.5, 9.0)),
          keys=(Key(0, 0, 5, -10), Key(5, 20, 0, -18), Key(10, 4, 4, -8))),
    Scene("laugh_over_music", ".mov", 9.0, _infant(4, OLIVE, (0.45, 0.6, 0.5), 0.08, 0.95, 1.0, 0.5),
          ((0.8, 4.0, "laugh"), (4.9, 8.4, "laugh")), backdrop="wall", behind=("music",), snr_db=9.0,
          ambient=0.42, keys=(Key(0, -12, -4, 0), Key(4.5, 5, 5, 8), Key(9, -10, 0, 0)), restless=2.5),
    Scene("cry_noise_hand", ".mp4", 10.0, _infant(5, LIGHT, (0.7, 0.55, 0.6), 0.02, 1.1, 0.97, 0.8, -0.05),
          ((0.8, 5.4, "cry"), (6.3, 9.5, "cry")), backdrop="sheet", behind=("household",), snr_db=8.0,
          covers=(Cover("hand", 3.2, 5.0),), hand_turn_deg=-62.0, gain=(1.0, 0.96, 0.9),
          keys=(Key(0, 4, 0, 4), Key(5, -8, 2, -4), Key(10, 6, 0, 6))),
    Scene("pacifier", ".mp4", 11.0, _infant(6, FAIR, (0.75, 0.8, 0.6), 0.06, 1.0, 1.03, -0.8),
          ((0.7, 2.5, "cry"), (3.4, 6.8, "cry"), (8.2, 10.6, "cry")), backdrop="sofa",
          covers=(Cover("pacifier", 2.9, 7.4, 0.4, (60.0, 200.0, -60.0)),), light=(0.3, -0.7, -1.0),
          keys=(Key(0, 0, 0, -5), Key(5.5, 12, 3, 4), Key(11, -5, 0, 0))),
    Scene("cry_profile", ".mp4", 10.0, _infant(7, DARK, (0.85, 0.6, 0.35), 0.04, 1.0, 0.98, 0.2, 0.04),
          ((0.7, 4.0, "cry"), (4.6, 9.4, "cry")), backdrop="wall", ambient=0.55, gain=(1.05, 1.05, 1.08),
          keys=(Key(0, 5), Key(3.2, 12), Key(4.1, 78, 0, 0, 8), Key(6.2, 80, 3, 0, 8), Key(7.1, 10), Key(10, -6, 4))),
    Scene("cry_exit_25fps", ".mp4", 10.0, _infant(8, OLIVE, (0.3, 0.45, 0.6), 0.03, 1.05, 1.02, -0.3),
          ((0.6, 3.8, "cry"), (4.5, 9.5, "cry")), backdrop="rug", fps=25.0,
          keys=(Key(0, -5), Key(3.2, -8, 0, -4), Key(4.1, -15, 0, -8, -330), Key(5.7, 10, 0, 5, -330),
                Key(6.6, 5, 0, 0, 0), Key(10, 0, 4, 0))),
    Scene("laugh_second_adult", ".mp4", 9.0, _infant(9, LIGHT, (0.9, 0.85, 0.5), 0.05, 1.0, 1.0, 0.4),
          ((0.7, 4.0, "laugh"), (6.3, 8.6, "laugh")), backdrop="sofa", size_px=(576, 448), behind=("adult",),
          adult=PARENT, snr_db=6.0,
          keys=(Key(0, 10, 0, 0, -92, 20), Key(5, 22, 6, -6, -90, 20), Key(9, 8, 0, 0, -92, 20))),
    Scene("adult_only", ".mp4", 7.0, None, backdrop="wall", adult=TALKER, behind=("adult",)),
    Scene("lying_90_rotated", ".mov", 9.0, _infant(10, FAIR, (0.6, 0.6, 0.8), 0.07, 0.95, 1.04, -1.0),
          ((0.8, 4.4, "cry"), (5.2, 8.5, "cry")), size_px=(448, 576), rotation_deg=90, behind=("household",),
          snr_db=14.0, keys=(Key(0, 5, 0, 82, 20, 0), Key(4.5, -8, 4, 98, 20, 0), Key(9, 8, 0, 86, 20, 0))),
    Scene("lying_180_vfr", ".mp4", 9.0, _infant(11, BROWN, (0.9, 0.7, 0.7), 0.02, 1.0, 0.96, 0.6, 0.05),
          ((0.8, 4.0, "laugh"), (4.8, 8.4, "cry")), backdrop="rug", rates=((3.0, 30.0), (3.0, 15.0), (3.0, 24.0)),
          light=(0.3, 0.5, -1.0),
          keys=(Key(0, 0, 0, 150, 0, 20), Key(4.5, 10, 4, 185, 0, 20), Key(9, -5, 0, 215, 0, 20))),
    Scene("babble_late_audio", ".webm", 8.0, _infant(12, LIGHT, (0.5, 0.75, 0.7), 0.03, 1.1, 1.0, 1.2),
          ((1.8, 4.4, "babble"), (5.0, 7.5, "laugh")), backdrop="sofa", audio_start_s=1.3,
          keys=(Key(0, -8, 4, 0), Key(4, 10, 0, -6), Key(8, 0, 2, 3))),
    Scene("cry_held_out", ".mp4", 10.0, _infant(13, OLIVE, (0.65, 0.5, 0.7), 0.04, 1.0, 1.01, 0.0),
          ((0.8, 5.2, "cry"), (6.0, 9.5, "cry")), backdrop="sheet", light=(-0.5, -0.4, -1.0),
          keys=(Key(0, 6, 0, 12), Key(5, -6, 3, 20), Key(10, 8, -2, 10))),
)  # fmt: skip
