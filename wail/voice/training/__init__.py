"""How the shipped detector was made: `train`, then `calibrate`; `wail bench voice` measures it."""
