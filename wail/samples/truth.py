"""The truth of the sample clips: intervals in `truth.json`, arrays per frame in `<name>.truth.npz` beside the media.

Times are seconds on the clip's clock; frame k of the arrays is at k / 30. The infant is the stand-in model, and its
latents are that model's raw codes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.errors import DatasetError

TRUTH_FPS = 30.0
NOTE = "Made by code: the infant is WAIL's stand-in face model with a synthetic voice; nobody was filmed or recorded."


@dataclass(frozen=True)
class Span:
    """A stretch of the clip."""

    start_s: float
    end_s: float
    kind: str


@dataclass(frozen=True)
class Truth:
    """What is true of one clip. Arrays are None in a clip without an infant.

    `voice`: breath groups of the infant, kind cry, laugh or babble. `adult_speech`: phrases of adult speech-like
    sound. `visible`: the infant's face wholly in the picture, |yaw| <= 40, mouth free. `hidden`: spans that no take
    may overlap, kind hand, pacifier (any of the mouth covered), profile (|yaw| >= 60), offscreen (any of the mouth
    out of the picture) or adult_only (no infant in the clip). Between them lie short spans that are neither.
    `adult_face`: an adult's face is in the picture.

    Arrays, n frames: expression [n, 64], identity [32], pose [n, 6] (axis-angle rad, translation mm, head to camera),
    yaw_deg, pitch_deg, roll_deg, aperture_mm, mouth_covered (0-1) [n], landmarks_px [n, 468, 2] in the displayed
    picture, muscles {name: [n]}, loudness_db (of the infant's voice alone) and f0_hz (0 unvoiced) [n].
    """

    name: str
    file: str
    note: str
    model: str
    model_sha256: str
    duration_s: float
    fps: float
    n_frames: int
    size_px: tuple[int, int]
    focal_px: float
    label: str | None
    video_fps: float
    variable_fps: bool
    audio_start_s: float
    rotation_deg: int
    face_delay_s: float | None
    age: float | None
    voice: tuple[Span, ...]
    adult_speech: tuple[Span, ...]
    visible: tuple[Span, ...]
    hidden: tuple[Span, ...]
    adult_face: tuple[Span, ...]
    arrays: Mapping[str, NDArray[np.float32]]

    @property
    def muscles(self) -> dict[str, NDArray[np.float32]]:
        """Activations [n] by channel of the law."""
        return {k.removeprefix("muscle_"): v for k, v in self.arrays.items() if k.startswith("muscle_")}

    def __getattr__(self, name: str) -> NDArray[np.float32]:
        """The arrays by name: `truth.aperture_mm`."""
        arrays: Mapping[str, NDArray[np.float32]] = self.__dict__.get("arrays", {})
        if name not in arrays:
            raise AttributeError(f"the truth of this clip has no array {name!r}; it has {sorted(arrays)}")
        return arrays[name]


def spans_of(mask: NDArray[np.bool_], kind: str, fps: float = TRUTH_FPS) -> tuple[Span, ...]:
    """Runs of true frames as spans; a run of frames a..b lasts from a / fps to (b + 1) / fps."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return tuple(Span(float(a / fps), float(b / fps), kind) for a, b in zip(edges[::2], edges[1::2], strict=True))


def in_spans(spans: Sequence[Span], n_frames: int, fps: float = TRUTH_FPS) -> NDArray[np.bool_]:
    """For each frame whether its time lies in one of the spans."""
    at = np.arange(n_frames) / fps
    out = np.zeros(n_frames, bool)
    for span in spans:
        out |= (at >= span.start_s - 1e-9) & (at < span.end_s - 1e-9)
    return out


def document(truth: Truth) -> dict[str, Any]:
    """All but the arrays, as JSON-able values."""
    out = {k: v for k, v in asdict(truth).items() if k != "arrays"}
    out["arrays_file"] = f"{truth.name}.truth.npz"
    return out


def write_truth(truth: Truth, key: str, path: Path) -> None:
    """Write one clip's arrays and intervals to `path` (.npz), by a temporary name. `key` says what it was made from."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as file:
        np.savez_compressed(file, document=json.dumps(document(truth)), key=key, **dict(truth.arrays))
    temporary.replace(path)


def stored_key(path: Path) -> str | None:
    """The key that a clip's truth was written with; None where there is none."""
    if not path.exists():
        return None
    with np.load(path) as stored:
        return str(stored["key"])


def collect(folder: Path) -> None:
    """Write `truth.json`: the intervals of every clip in the folder."""
    clips = {}
    for path in sorted(folder.glob("*.truth.npz")):
        with np.load(path) as stored:
            clips[path.name.removesuffix(".truth.npz")] = json.loads(str(stored["document"]))
    temporary = folder / ".truth.json"
    temporary.write_text(json.dumps({"version": 1, "note": NOTE, "clips": clips}, indent=1) + "\n")
    temporary.replace(folder / "truth.json")


def read_truth(folder: Path) -> dict[str, Truth]:
    """The truth of every clip in a folder, by clip name. Raises DatasetError where there is no truth.json."""
    path = folder / "truth.json"
    if not path.exists():
        raise DatasetError(f"{path} is not there: make the samples with `python -m wail.samples.make {folder}`")
    return {name: _truth(folder, item) for name, item in json.loads(path.read_text())["clips"].items()}


def _truth(folder: Path, item: dict[str, Any]) -> Truth:
    with np.load(folder / item.pop("arrays_file")) as stored:
        arrays = {k: stored[k] for k in stored.files if k not in ("document", "key")}
    for name in ("voice", "adult_speech", "visible", "hidden", "adult_face"):
        item[name] = tuple(Span(**span) for span in item[name])
    item["size_px"] = tuple(item["size_px"])
    return Truth(**item, arrays=arrays)
