"""How the occlusion network is taught: `python -m wail.vision.training.train CROPS`."""
