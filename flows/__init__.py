"""Prefect flows: they hand `wail.pipeline` and `wail.motion` a way to run, and show what came of it."""
