"""The `wail` command. Each verb is thin over one function of the library and ends in a sentence when it fails."""

import dataclasses
import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from wail.bench.cli import bench
from wail.inface_cli import inface

EXIT_ERROR = 1
EXIT_NOTHING = 3
"""The run went through, but nothing came of it (no frame kept, no voice found)."""

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",  # nothing is fetched from hubs by itself
    "OMP_WAIT_POLICY": "PASSIVE",  # spinning threads cost several times the work on a shared machine
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GLOG_minloglevel": "3",
}

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
JOBS = click.option("--jobs", type=click.IntRange(1, 256), default=os.cpu_count() or 1, show_default="cores",
                    help="Worker processes; each holds its models, about 1 GB.")  # fmt: skip
FILE = click.Path(path_type=Path)
THERE = click.Path(path_type=Path, exists=True)


class Verbs(click.Group):
    """Turns the library's own errors into one sentence and an exit status; others are defects and keep their trace."""

    def invoke(self, ctx: click.Context) -> Any:
        from wail.errors import WailError

        try:
            return super().invoke(ctx)
        except WailError as error:
            raise Failure(str(error)) from error
        except OSError as error:
            import errno

            if error.errno == errno.ENOSPC:
                where = "" if error.filename is None else f" that holds {error.filename}"
                raise Failure(
                    f"no space is left on the disk{where}: free some and run again; what is finished stays (TMPDIR "
                    "names another folder for temporary files)"
                ) from error
            if error.filename is None or error.strerror is None:
                raise
            # Every file that a verb reads or writes is named by the user, or lies in a folder that is.
            raise Failure(f"{error.filename} cannot be used ({error.strerror}): check the path and its rights, and "
                          "run again; what is finished stays") from error  # fmt: skip


class Failure(click.ClickException):
    exit_code = EXIT_ERROR


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wail")
@click.option("-v", "--verbose", is_flag=True, help="Log what the stages do.")
def main(verbose: bool) -> None:
    """Curate in-the-wild clips of infants into 3D-face latents, and train on them."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@main.command()
@click.option("--out", type=FILE, default=Path("demo"), show_default=True)
@click.option("--short", is_flag=True, help="Train for a few steps only (for CI).")
@JOBS
@JSON
def demo(out: Path, short: bool, jobs: int, as_json: bool) -> None:
    """The whole path on generated samples: curate, report, train briefly, evaluate, animate a held-out cry."""
    from wail.demo import run_demo
    from wail.review.accounting import funnel
    from wail.show import bars, print_json, summary_table, table
    from wail.show import out as console

    with bars() as tell:
        done = run_demo(out, short=short, jobs=jobs, on_progress=tell)
    where = {"report": done.report, "shards": done.dataset / "shards", "checkpoint": done.checkpoint,
             "animation": done.animation}  # fmt: skip
    if as_json:
        print_json({"where": where, "summary": dataclasses.asdict(done.summary), "evaluation": done.evaluation})
        return
    summary_table(done.summary, account_seconds(funnel(done.dataset)))
    rows = done.evaluation["rows"]
    table("held-out takes (stand-in face model)", list(rows[0]), [list(row.values()) for row in rows])
    for name, path in where.items():
        console.print(f"{name:>10}: {path}", markup=False)


def account_seconds(account: Any) -> dict[str, float]:
    dropped = {reason: seconds for reason, seconds in account.seconds_by_reason.items() if seconds}
    unread = {"not read": account.seconds_unread} if account.seconds_unread else {}
    return {"in": account.seconds_in, "kept": account.seconds_kept, **dropped, **unread}


@main.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", type=FILE, required=True, help="The dataset folder, new or to go on with.")
@click.option("--label", "labels", multiple=True, help="AudioSet label, by name or id; with its descendants.")
@click.option("--config", "config_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A JSON file with settings, or a dataset.json.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="PART.NAME=VALUE", help="Change one setting.")
@click.option("--retain", type=click.Choice(["media", "derived"]), help="derived: delete picture and sound when done.")
@click.option("--face-model", type=click.Path(path_type=Path, resolve_path=True),
              help="INFACE's HDF5 file; without it the stand-in is fitted.")  # fmt: skip
@click.option("--weights", type=THERE, help="Folder with optional weights, see wail doctor.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, envvar="WAIL_DEVICE",
              help="Where takes are fitted; default also from WAIL_DEVICE.")  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Try again what failed for good, and nothing else.")
@click.option("--refetch", is_flag=True, help="Fetch deleted media again where a stage needs it.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and estimate disk and time.")
@JOBS
@JSON
def curate(
    sources: tuple[str, ...], out: Path, labels: tuple[str, ...], config_file: Path | None, settings: tuple[str, ...],
    retain: str | None, face_model: Path | None, weights: Path | None, device: str, retry_failed: bool, refetch: bool,
    dry_run: bool, jobs: int, as_json: bool,
) -> None:  # fmt: skip
    """Curate SOURCES into a dataset: media files, folders, lists of URLs, AudioSet CSVs."""
    from wail.estimate import estimate
    from wail.media.audioset import DEFAULT_LABELS
    from wail.media.sources import read_sources
    from wail.pipeline import Options
    from wail.pipeline import curate as run
    from wail.review.accounting import funnel
    from wail.review.report import write_report
    from wail.show import bars, print_json, summary_table
    from wail.show import out as console
    from wail.steps.pool import LocalPool

    config = configured(config_file, settings, retain=retain, face_model=face_model, weights=weights)
    if config_file is None:
        refuse_to_forget(out, config, settings)
    os.environ["WAIL_DEVICE"] = usable(device)
    found = read_sources(list(sources), labels=labels or DEFAULT_LABELS)
    refused = [(one.uri, one.detail) for one in found.refused]
    options = Options(retry_failed=retry_failed, only_failed=retry_failed, refetch=refetch)
    if dry_run:
        forecast = estimate(found.items, out, config, options, jobs)
        print_json(forecast.as_dict()) if as_json else forecast.show()
        return
    with bars() as tell, LocalPool(jobs) as pool:
        summary = run(found.items, out, config, pool, options, refused=refused, on_progress=tell)
    report = write_report(out)
    account = funnel(out)
    if as_json:
        print_json(
            {"dataset": out, "report": report, **dataclasses.asdict(summary), "seconds": account_seconds(account)}
        )
    else:
        summary_table(summary, account_seconds(account))
        console.print(f"report: {report}", markup=False)
    if summary.kept_s == 0:
        raise SystemExit(EXIT_NOTHING)


def usable(device: str) -> str:
    if device == "cuda":
        import torch

        from wail.errors import ConfigError

        if not torch.cuda.is_available():
            raise ConfigError("device cuda was asked for, but torch finds no GPU here (see wail doctor): give "
                              "--device cpu, or install torch's CUDA build and the driver")  # fmt: skip
    return device


def refuse_to_forget(dataset: Path, config: Any, settings: tuple[str, ...]) -> None:
    """Raise ConfigError where a dataset would be fitted with another face model, or keep media that it has deleted so
    far, merely because an option was left out."""
    from wail.config import CurateConfig, read_config_file
    from wail.errors import ConfigError

    if not (dataset / "dataset.json").is_file():
        return
    made, plain = read_config_file(dataset / "dataset.json"), CurateConfig().model_dump(mode="json")
    now, named = config.model_dump(mode="json"), {one.partition("=")[0].strip() for one in settings}
    for name in ("face_model", "retain"):
        if name not in named and now[name] == plain[name] != made.get(name, plain[name]):
            raise ConfigError(
                f"{dataset.name} was made with {name} = {made[name]}, and options are not remembered: give "
                f"--{name.replace('_', '-')} {made[name]}, or --config {dataset / 'dataset.json'} to keep all its "
                f"settings, or --set {name}={plain[name] or 'null'} to change it"
            )


def configured(config_file: Path | None, settings: tuple[str, ...], **given: Any) -> Any:
    from wail.config import config_from, override, read_config_file

    values = read_config_file(config_file) if config_file is not None else {}
    values |= {name: value for name, value in given.items() if value is not None}
    return override(config_from(values), settings)


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path, exists=True, file_okay=False))
@JSON
def report(dataset: Path, as_json: bool) -> None:
    """Write the dataset's report anew."""
    from wail.errors import DatasetError
    from wail.review.accounting import funnel
    from wail.review.report import write_report
    from wail.show import out as console
    from wail.show import print_json

    if not (dataset / "manifest.parquet").is_file():
        raise DatasetError(f"{dataset} is no dataset (it has no manifest.parquet): give the --out of wail curate")
    path = write_report(dataset)
    if as_json:
        print_json({"report": path, "seconds": account_seconds(funnel(dataset))})
    else:
        console.print(str(path), markup=False)


@main.command()
@click.argument("clip_id")
@click.option("--dataset", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--out", type=FILE, help="Default: CLIP_ID.mp4")
@click.option("--clear", is_flag=True, help="Do not pixelate. The picture is a child's: show it to no one.")
@click.option("--face-model", type=FILE,
              help="The model file that the clip was fitted with. Default: the dataset's own.")  # fmt: skip
@JSON
def preview(
    clip_id: str, dataset: Path, out: Path | None, clear: bool, face_model: Path | None, as_json: bool
) -> None:
    """Write an mp4 of a clip with the fitted mesh, verdicts and reasons drawn over (pixelated unless --clear).

    Below runs a strip of voice, mouth opening and the fit's confidence. Where nothing was fitted, the landmarks are
    drawn.
    """
    from wail.review.preview import write_preview
    from wail.show import out as console
    from wail.show import print_json

    path = write_preview(dataset, clip_id, out or Path(f"{clip_id}.mp4"), pixelate=not clear, face_model=face_model)
    print_json({"preview": path}) if as_json else console.print(str(path), markup=False)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--plot", type=FILE, help="Draw spectrogram, loudness, probabilities and segments into a PNG.")
@click.option("--weights", type=THERE, help="Folder with optional weights, see wail doctor.")
@click.option("--separator", type=click.Choice(["infant", "demucs", "demucs+infant", "none"]), default="infant",
              show_default=True, help="What is separated from the mix, to be listened to as well.")  # fmt: skip
@JSON
def voice(file: Path, plot: Path | None, weights: Path | None, separator: Any, as_json: bool) -> None:
    """Print the infant vocalisations of FILE."""
    from wail.listen import listen
    from wail.show import bars, print_json, voice_table
    from wail.voice.analyse import VoiceConfig

    with bars() as tell:
        heard = listen(file, plot, weights, VoiceConfig(separator=separator), tell)
    if as_json:
        shown = ("start_s", "end_s", "label", "probability", "adult_overlap")
        tidy = [{name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()} for row in heard.rows]
        print_json({"segments": [{name: row[name] for name in shown} for row in tidy]})
        for note in heard.notes:
            click.echo(note, err=True)
    else:
        voice_table(file.name, heard.rows, heard.notes, heard.models)
    if not heard.rows:
        raise SystemExit(EXIT_NOTHING)


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--out", type=FILE, required=True, help="Folder for checkpoints; a run in it is gone on with.")
@click.option("--preset", type=click.Choice(["tiny", "base"]), default="tiny", show_default=True)
@click.option("--steps", type=click.IntRange(1), help="Train for so many steps instead of the preset's.")
@click.option("--restart", is_flag=True, help="Train anew, whatever run the folder holds.")
@click.option("--face-model", type=FILE, help="The model file that the dataset was made with.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, envvar="WAIL_DEVICE",
              help="Where to train; default also from WAIL_DEVICE.")  # fmt: skip
@JSON
def train(
    dataset: Path, out: Path, preset: str, steps: int | None, restart: bool, face_model: Path | None, device: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Train the diffusion model on a dataset's shards."""
    from wail.decoding import dataset_decoder
    from wail.motion.config import PRESETS, with_steps
    from wail.motion.train import is_finished
    from wail.motion.train import train as run
    from wail.pipeline import Progress
    from wail.show import bars, print_json
    from wail.show import out as console

    config = with_steps(PRESETS[preset](), steps) if steps else PRESETS[preset]()
    finished = not restart and is_finished(out, config)
    with bars() as tell:
        checkpoint = run(dataset, out, config, dataset_decoder(dataset, face_model, usable(device)),
                         lambda step, total, losses: tell(Progress("train", step, total)),
                         device=device, restart=restart)  # fmt: skip
    if finished and not as_json:  # only now is it known to be of this very data
        console.print(f"the run in {out} is finished: nothing to do; give another --out or --restart", markup=False)
    print_json({"checkpoint": checkpoint}) if as_json else console.print(f"checkpoint: {checkpoint}", markup=False)


@main.command()
@click.argument("dataset", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test", show_default=True)
@click.option("--face-model", type=FILE, help="The model file that the dataset was made with.")
@JSON
def evaluate(dataset: Path, checkpoint: Path, split: str, face_model: Path | None, as_json: bool) -> None:
    """Compare the model with a static face, the class mean and shuffled audio: LVE, DTW, L-PCC, L-CCC."""
    from wail.decoding import dataset_decoder
    from wail.motion.evaluate import evaluate as run
    from wail.show import print_json, table

    found = run(dataset, checkpoint, dataset_decoder(dataset, face_model), split=split)
    if as_json:
        print_json(found)
    else:
        table(f"split {split}", list(found["rows"][0]), [list(row.values()) for row in found["rows"]])


@main.command()
@click.argument("audio", type=click.Path(path_type=Path))
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", "outs", type=FILE, multiple=True, required=True, help=".mp4, .npz or .glb; may be repeated.")
@click.option("--label", type=click.Choice(["cry", "laugh", "babble"]), default="cry", show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=7, show_default=True)
@click.option("--steps", type=click.IntRange(1), help="Denoising steps; default the checkpoint's own.")
@click.option("--face-model", type=FILE, help="The model file that the checkpoint was trained with.")
@click.option("--weights", type=THERE, help="Folder with the audio encoder, where the checkpoint used one.")
@JSON
def animate(
    audio: Path, checkpoint: Path, outs: tuple[Path, ...], label: str, seed: int, steps: int | None,
    face_model: Path | None, weights: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Animate a 3D infant face with a cry or a laugh."""
    from wail.animate import animate as run
    from wail.show import out as console
    from wail.show import print_json

    paths = run(
        audio, checkpoint, list(outs), label=label, seed=seed, steps=steps, face_model=face_model, weights=weights
    )
    if as_json:
        print_json({"written": paths})
    else:
        for path in paths:
            console.print(str(path), markup=False)


@main.command()
@click.option("--out", type=FILE, default=Path("."), help="Where datasets shall go (for the disk).")
@click.option("--weights", type=THERE, help="Folder with optional weights.")
@click.option("--face-model", type=FILE, help="INFACE's HDF5 file.")
@JSON
def doctor(out: Path, weights: Path | None, face_model: Path | None, as_json: bool) -> None:
    """Say what this machine has and lacks, and how to get each optional weight."""
    from wail.doctor import examine
    from wail.show import out as console
    from wail.show import print_json

    findings = examine(out, weights, face_model)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for one in findings:
            mark = "ok     " if one.ok else ("MISSING" if one.needed else "absent ")
            console.print(f"{mark} {one.name}: {one.detail}", markup=False)
            for name in ("adds", "licence", "get"):
                if not one.ok and getattr(one, name):
                    console.print(f"          {name:>7}: {getattr(one, name)}", markup=False)
    if any(one.needed and not one.ok for one in findings):
        sys.exit(EXIT_ERROR)


main.add_command(bench)
main.add_command(inface)
