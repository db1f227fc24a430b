"""Clips of known truth, made by code, to judge what vision says: people, what comes before their mouths, the light."""
