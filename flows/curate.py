"""Flow `curate`: the pipeline with Prefect tasks as its runner; funnel and report appear as artifacts of the run."""

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.presets import CURATION
from flows.runner import prefect_runner
from wail.config import override
from wail.media.sources import read_sources
from wail.pipeline import Options, Progress, Summary, curate
from wail.review.accounting import funnel
from wail.review.report import write_report


@flow(name="curate", validate_parameters=True)
def curate_flow(
    sources: list[str],
    out: str,
    preset: str = "default",
    settings: list[str] | None = None,
    labels: list[str] | None = None,
    batch_clips: int = 100,
    jobs: int = 2,
    retry_failed: bool = False,
    refetch: bool = False,
) -> dict[str, Any]:
    """Curate `sources` into the dataset folder `out`; `settings` are `part.name=value`. Returns counts."""
    log = get_run_logger()
    config = override(CURATION[preset](), tuple(settings or ()))
    found = read_sources(sources, **({"labels": labels} if labels else {}))
    root = Path(out).resolve()

    def tell(progress: Progress) -> None:
        log.info("%s: %d of %d", progress.stage, progress.done, progress.total)

    summary = curate(
        found.items, root, config, prefect_runner(batch_clips, jobs),
        Options(retry_failed=retry_failed, refetch=refetch),
        refused=[(one.uri, one.detail) for one in found.refused], on_progress=tell,
    )  # fmt: skip
    publish(root, summary)
    return {"items": summary.items, "takes": summary.takes, "kept_s": summary.kept_s}


def publish(root: Path, summary: Summary) -> None:
    """Write the report, and show it and the funnel in Prefect."""
    report = write_report(root)
    account = funnel(root)
    rows = [
        {"seconds": round(account.seconds_in, 2), "what": "in"},
        {"seconds": round(account.seconds_kept, 2), "what": "kept"},
    ]
    rows += [{"seconds": round(s, 2), "what": reason} for reason, s in account.seconds_by_reason.items() if s]
    create_table_artifact(rows, key="funnel", description=f"Seconds of {root.name}: in, kept, and dropped by reason")
    create_link_artifact(report.as_uri(), key="report", link_text="report/index.html")
    create_markdown_artifact(
        f"**{root.name}**: {summary.items}, takes {summary.takes}, {summary.kept_s:.1f} s kept", key="summary"
    )
