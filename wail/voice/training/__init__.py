"""How the shipped detector was trained and measured: `python -m wail.voice.training.train --data DIR`."""
