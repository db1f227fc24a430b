"""Prefect's part of each stage: retries, tags and time limits around one call. What a stage does is in `wail.steps`."""
