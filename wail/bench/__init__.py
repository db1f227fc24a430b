"""`wail bench NAME`: every figure that WAIL claims, measured by one command, as rows with what was asked for."""
