"""Flow `train`: the bundled trainer on a finished dataset."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.presets import TRAINING
from wail.decoding import dataset_decoder
from wail.motion.evaluate import evaluate
from wail.motion.train import train


@task(name="train", tags=["gpu"], cache_policy=NO_CACHE)
def train_task(dataset: Path, out: Path, preset: str, face_model: Path | None) -> Path:
    log = get_run_logger()
    device = os.environ.get("WAIL_DEVICE", "cpu")
    decoder = dataset_decoder(dataset, face_model, device)

    def tell(step: int, total: int, losses: Mapping[str, float]) -> None:
        log.info("step %d of %d: %s", step, total, losses)

    return train(dataset, out, TRAINING[preset](), decoder, tell, device=device)


@task(name="evaluate", cache_policy=NO_CACHE)
def evaluate_task(dataset: Path, checkpoint: Path, face_model: Path | None, split: str) -> dict[str, Any]:
    return evaluate(dataset, checkpoint, dataset_decoder(dataset, face_model), split=split)


@flow(name="train", validate_parameters=True)
def train_flow(
    dataset: str, out: str, preset: str = "tiny", face_model: str | None = None, split: str = "test"
) -> dict[str, Any]:
    """Train on DATASET's shards into the folder `out`, then evaluate on the held-out split. Returns the table."""
    model = Path(face_model) if face_model else None
    checkpoint = train_task(Path(dataset).resolve(), Path(out).resolve(), preset, model)
    table = evaluate_task(Path(dataset).resolve(), checkpoint, model, split)
    create_table_artifact(table["rows"], key="evaluation", description=f"Metrics on split {split}")
    return {"checkpoint": str(checkpoint), **table}
