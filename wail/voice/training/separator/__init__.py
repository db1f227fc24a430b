"""How the shipped infant separator was trained: `python -m wail.voice.training.separator.train --data DIR`."""
