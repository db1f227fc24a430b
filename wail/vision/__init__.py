"""Which faces a clip shows, how each is turned, what of it can be seen, and which runs of frames become takes."""
