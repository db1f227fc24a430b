"""What `wail inface register` does: reads a face model, lays mediapipe's canonical face on to it, writes its landmark
file and a picture to check it by.

The canonical face lives in `wail.vision`, and neither that nor `wail.inface` may import the other, so it is handed over
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wail.errors import ModelError
from wail.inface.landmarks import map_path, write_maps
from wail.inface.model import load_model
from wail.inface.register import Registration, accepted, register
from wail.inface.register_picture import draw_registration
from wail.vision.geometry import canonical_face


@dataclass(frozen=True)
class Registered:
    """The landmark file and the picture written, and what was found."""

    landmarks: Path
    picture: Path
    found: Registration


def register_file(
    path: Path, out: Path | None = None, picture: Path | None = None, picked: Mapping[int, int] | None = None
) -> Registered:
    """Register a model file. out: default beside the model, where the fit looks for it; picture: default beside `out`.

    picked: vertices of some of mediapipe's landmarks, by hand. The picture is written also where the registration is
    refused. Raises ModelError where the file is no model, is the stand-in (whose landmarks are known), or has no face.
    """
    model = load_model(path, as_in_file=True)
    if model.is_stand_in:
        raise ModelError("the stand-in needs no registration, its landmark file ships with it: give the model file you "
                         "received from INFACE's authors")  # fmt: skip
    out = out or map_path(model)
    picture = picture or out.with_suffix(".png")
    verts, triangles = model.mean_verts_mm.numpy(), model.triangles.numpy()
    found = register(verts, triangles, canonical_face(), picked)
    draw_registration(picture, verts, triangles, found, model.name)
    accepted(found, f"{path} (picture: {picture})")
    write_maps(found.maps, out)
    return Registered(out, picture, found)


def read_picked(text: str) -> dict[int, int]:
    """`4=1523,33=88` as {4: 1523, 33: 88}. Raises ModelError for anything else."""
    try:
        pairs = [one.split("=") for one in text.split(",")]
        return {int(landmark): int(vertex) for landmark, vertex in pairs}
    except ValueError as error:
        raise ModelError(f"--landmarks must be LANDMARK=VERTEX,..., such as 4=1523,33=88,263=90, but is {text!r}"
                         ) from error  # fmt: skip
