"""The infant separator that is shipped: infant sound against everything else, parents' talk included.

Its weights lie in `weights/infant_stem` as a repository of Demucs' own (`<signature>-<checksum>.th` and
`infant_stem.yaml`), which `demucs.pretrained.get_model("infant_stem", repo=folder)` reads too; here they are loaded
without running pickled code. `wail.voice.training.separator` made them.
"""

from pathlib import Path

from wail.voice.demucs_model import DemucsSeparator, load_demucs

FOLDER = Path(__file__).resolve().parent / "weights" / "infant_stem"
BAG = "infant_stem"


def load_infant_separator(folder: Path = FOLDER, device: str = "cpu") -> DemucsSeparator:
    """The separator of a Demucs repository that holds the bag `infant_stem`, for `device` cpu or cuda.

    Its `stem` takes a wave [n] or [channels, n] at any rate (channels are averaged) and returns the infant alone, mono
    at 16 kHz: silence stays silent, the level is kept, memory beyond input and output does not grow with the length,
    and a CPU gives the same bytes for the same wave. Raises FileNotFoundError where the folder does not hold the
    model, and ModelError where its file is damaged or no model of the Demucs family.
    """
    return load_demucs(weights_file(folder), device)


def weights_file(folder: Path = FOLDER) -> Path:
    """The one file that the bag names. Raises FileNotFoundError where there is none, or several."""
    import yaml

    bag = folder / f"{BAG}.yaml"
    if not bag.is_file():
        raise FileNotFoundError(f"{folder.name} holds no {bag.name}: train the separator "
                                "(wail.voice.training.separator.train) or install the package again.")  # fmt: skip
    (signature,) = yaml.safe_load(bag.read_text())["models"]
    files = sorted(folder.glob(f"{signature}-*.th"))
    if len(files) != 1:
        raise FileNotFoundError(f"{folder.name} holds {len(files)} files {signature}-*.th, expected one: install the "
                                "package again.")  # fmt: skip
    return files[0]
