"""The verbs `wail inface NAME`."""

import dataclasses
from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.group()
def inface() -> None:
    """The infant face model's files."""


@inface.command()
@click.argument("model", type=FILE)
@click.option("--out", type=FILE, help="Default: MODEL.landmarks.json beside the model, where the fit looks for it.")
@click.option("--picture", type=FILE, help="A PNG to check by eye. Default: beside the landmark file.")
@click.option("--landmarks", metavar="LANDMARK=VERTEX,...",
              help="Vertices of some of mediapipe's landmarks, picked by hand, where the search for the face fails: "
              "4 tip of the nose, 33 and 263 right and left outer eye corner, 152 chin.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def register(model: Path, out: Path | None, picture: Path | None, landmarks: str | None, as_json: bool) -> None:
    """Find mediapipe's landmarks on a newly received face model (INFACE's HDF5 file), once."""
    from wail.register import read_picked, register_file
    from wail.show import out as console
    from wail.show import print_json

    done = register_file(model, out, picture, read_picked(landmarks) if landmarks is not None else None)
    measures = dataclasses.asdict(done.found.measures)
    frame = dataclasses.asdict(done.found.maps.frame)
    if as_json:
        print_json({"landmarks": done.landmarks, "picture": done.picture, "measures": measures, "frame": frame,
                    "notes": list(done.found.notes)})  # fmt: skip
        return
    regions = measures.pop("residual_by_region_pct")
    rows = measures | {f"residual_{name}_pct": value for name, value in regions.items()}
    for name, value in rows.items():
        console.print(f"{name:>22}: {value:.3g}", markup=False)
    for note in done.found.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"landmarks: {done.landmarks}\n  picture: {done.picture} (look at it)", markup=False)
