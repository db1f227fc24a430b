"""What each reason and failure means to a reader: its name, colour, stage, and what can be done about it."""

from dataclasses import dataclass

from schemas.reasons import EXPERIMENTAL


@dataclass(frozen=True)
class ReasonText:
    """How a reason is shown."""

    title: str
    colour: str
    step: str
    """The step of the funnel that it belongs to."""
    meaning: str


KEPT_COLOUR = "#1f9d6b"
LABEL_COLOURS = {"cry": "#c2571f", "laugh": "#2b8a4b", "babble": "#9a7a12"}
"""Of vocalisations, as the style sheet has them on a light page."""
ADULT_COLOUR = "#6385d8"
STEPS = ("Picture", "Sound", "Length", "Fit", "Reviewer")

REASON_TEXT = {
    "no_face": ReasonText("No face", "#8793a3", "Picture", "No face was found in the frame."),
    "not_infant": ReasonText("Not an infant", "#5b7db1", "Picture", "Taken for an older child's or an adult's face."),
    "several_faces": ReasonText("Several faces", "#3f5f95", "Picture", "It is not clear whose voice is heard."),
    "not_live": ReasonText("Not live", "#6f86a8", "Picture", "A still picture or a doll: nothing moves."),
    "out_of_frame": ReasonText("Out of frame", "#4f9cc4", "Picture", "The face is cut by the picture's border."),
    "profile": ReasonText("Profile", "#8a63c9", "Picture", "The head is turned too far to the side."),
    "tilted": ReasonText("Tilted", "#b07fd6", "Picture", "The head is tipped too far up or down."),
    "mouth_occluded": ReasonText("Mouth covered", "#e0702a", "Picture", "A hand, a pacifier, a bottle in the way."),
    "face_occluded": ReasonText("Face covered", "#c9972b", "Picture", "Something covers too much of the face."),
    "too_small": ReasonText("Too small", "#a58a4a", "Picture", "The face has too few pixels."),
    "blurred": ReasonText("Blurred", "#9b7d6a", "Picture", "The face is not sharp enough."),
    "dark": ReasonText("Dark", "#5c5148", "Picture", "The face is too dark."),
    "low_confidence": ReasonText("Low confidence", "#b3a37c", "Picture", "The landmarks cannot be trusted here."),
    "no_infant_voice": ReasonText("No infant voice", "#b4bac2", "Sound", "No infant cries, laughs or babbles here."),
    "adult_voice": ReasonText("Adult voice", "#d6568c", "Sound", "An adult speaks over the infant, or alone."),
    "voice_elsewhere": ReasonText("Voice elsewhere", "#e895b5", "Sound", "An infant is heard, but not from this face."),
    "too_short": ReasonText("Too short", "#4fb3a9", "Length", "Usable, but the run is shorter than the shortest take."),
    "poor_fit": ReasonText("Poor fit", "#d64545", "Fit", "The 3D face model could not be fitted well enough."),
    "reviewer": ReasonText("Reviewer", "#7a4b2a", "Reviewer", "A reviewer said so."),
}  # fmt: skip

FAILURE_TEXT = {
    "transient": "a passing fault; the next run tries again by itself",
    "blocked": "the platform blocks us for now; wait, then run again: it is tried again by itself",
    "gone": "removed at the source; nothing to do",
    "private": "private at the source; only with the owner's leave and a cookie file",
    "age": "age-restricted; only with a cookie file of a grown-up account",
    "geo": "not available in this country",
    "too_large": "over a limit on size, pixels, length or streams; raise the limit or cut the file",
    "corrupt": "cannot be decoded; get the file again, then run with --retry-failed",
    "unsupported": "not a kind of media that is read here; convert it, then run with --retry-failed",
    "bug": "a fault of WAIL's own; report it, and run with --retry-failed once it is mended",
}


def reason_text(reason: str) -> ReasonText:
    """A reason's wording; one unknown to this version is shown under its own name."""
    return REASON_TEXT.get(reason) or ReasonText(reason, "#ff00aa", "Picture", "Unknown to this version of WAIL.")


def label_text(label: str) -> str:
    """A vocalisation's label, with a star where it is experimental."""
    return f"{label}*" if label in EXPERIMENTAL else label


def failure_text(failure: str | None) -> str:
    return FAILURE_TEXT.get(failure or "", "see the detail")


def short_name(uri: str, most: int = 20) -> str:
    """A clip's name in little room: a file's beginning, an address's end, by which addresses differ."""
    if len(uri) <= most:
        return uri
    return "…" + uri[1 - most :] if "://" in uri else uri[: most - 1] + "…"


def text_colour(background: str) -> str:
    """Black or white, whichever reads better on a `#rrggbb` background (relative luminance, WCAG 2)."""
    red, green, blue = (int(background[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return "#101418" if luminance > 0.19 else "#ffffff"
