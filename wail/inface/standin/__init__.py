"""The stand-in: an open infant face model in INFACE's file layout, for use until the real weights are at hand."""
