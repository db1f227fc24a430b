"""The whole path on the generated samples: curate, report, train briefly, evaluate, animate a held-out cry."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wail.animate import animate
from wail.config import CurateConfig, SplitConfig
from wail.decoding import mouth_decoder
from wail.errors import DatasetError
from wail.media.sources import read_sources
from wail.motion.config import TrainConfig, tiny, with_steps
from wail.motion.evaluate import evaluate
from wail.motion.train import train
from wail.pipeline import Progress, Summary, curate
from wail.review.report import write_report
from wail.samples.make import make_samples
from wail.steps.pool import LocalPool
from wail.store import sha256_file, write_json, write_text
from wail.strip import write_strip

SHORT_STEPS = 60


def demo_config() -> CurateConfig:
    """For the few sample clips: larger held-out shares than usual, so that each split has some."""
    return CurateConfig(split=SplitConfig(val=0.2, test=0.2))


@dataclass(frozen=True)
class Demo:
    """Where the demo's results are, and a few numbers of them."""

    samples: Path
    dataset: Path
    report: Path
    checkpoint: Path
    animation: Path
    summary: Summary
    evaluation: dict[str, Any]


def run_demo(out: Path, *, short: bool, jobs: int, on_progress: Callable[[Progress], None]) -> Demo:
    """Run all of it under `out`; whatever is finished already is not done again."""
    samples, dataset, model_folder = out / "samples", out / "dataset", out / "model"
    clips = make_samples(samples, on_progress=lambda done, total: on_progress(Progress("samples", done, total)))
    sources = write_sources(samples, clips)
    config = demo_config()
    with LocalPool(jobs) as pool:
        found = read_sources([str(sources)])
        summary = curate(found.items, dataset, config, pool, on_progress=on_progress,
                         refused=[(one.uri, one.detail) for one in found.refused])  # fmt: skip
    on_progress(Progress("report", 0, 1))
    report = write_report(dataset)
    on_progress(Progress("report", 1, 1))
    checkpoint = train_on(dataset, model_folder, with_steps(tiny(), SHORT_STEPS) if short else tiny(), on_progress)
    on_progress(Progress("evaluate", 0, 1))
    evaluation = evaluated(dataset, checkpoint, model_folder)
    on_progress(Progress("evaluate", 1, 1))
    animation = animated(dataset, config, checkpoint, out, on_progress)
    return Demo(samples, dataset, report, checkpoint, animation, summary, evaluation)


def write_sources(samples: Path, clips: list[Path]) -> Path:
    """A source list of the clips. Each infant is a group by name, so that the splits do not hang on the encoder."""
    path = samples / "sources.csv"
    rows = (f"{clip.name},{clip.stem},MIT\n" for clip in clips)
    write_text(path, "url,uploader,licence\n" + "".join(rows))
    return path


def train_on(dataset: Path, out: Path, config: TrainConfig, on_progress: Callable[[Progress], None]) -> Path:
    def tell(step: int, total: int, losses: Mapping[str, float]) -> None:
        on_progress(Progress("train", step, total))

    return train(dataset, out, config, mouth_decoder(None), tell)


def evaluated(dataset: Path, checkpoint: Path, out: Path) -> dict[str, Any]:
    """The evaluation's table, kept beside the checkpoint it is of."""
    note = out / "evaluation.json"
    of = sha256_file(checkpoint)
    if note.exists() and (said := json.loads(note.read_text(encoding="utf-8")))["checkpoint"] == of:
        return dict(said["table"])
    table = evaluate(dataset, checkpoint, mouth_decoder(None), split="test")
    write_json(note, {"checkpoint": of, "table": table})
    return table


def animated(
    dataset: Path, config: CurateConfig, checkpoint: Path, out: Path, on_progress: Callable[[Progress], None]
) -> Path:
    """Animate the sound of the longest held-out cry."""
    animation, note = out / "baby.mp4", out / "baby.json"
    of = sha256_file(checkpoint)
    if animation.exists() and note.exists() and json.loads(note.read_text(encoding="utf-8"))["checkpoint"] == of:
        return animation
    on_progress(Progress("animate", 0, 1))
    cry = held_out_cry(dataset)
    sound = out / "cry.flac"
    sound.write_bytes(cry["audio"])
    animate(sound, checkpoint, [animation, out / "baby.glb"], label=cry["label"])
    write_strip(animation, out / "strip.png", "a held-out cry, and frames generated from it (stand-in face model)")
    write_json(note, {"checkpoint": of, "take_id": cry["take_id"]})
    on_progress(Progress("animate", 1, 1))
    return animation


def held_out_cry(dataset: Path) -> dict[str, Any]:
    """The longest cry of split test, or of the next split where that has none: its take_id, label and sound."""
    columns = ["take_id", "label", "n_frames", "audio"]
    for split in ("test", "val", "train"):
        parts = sorted((dataset / "shards" / f"split={split}").glob("part-*.parquet"))
        rows = [row for part in parts for row in pq.ParquetFile(part).read(columns).to_pylist()]
        if cries := [row for row in rows if row["label"] == "cry"]:
            return dict(max(cries, key=lambda row: row["n_frames"]))
    raise DatasetError(f"the shards of {dataset} hold no cry to animate: delete the demo's folder and run it again")
