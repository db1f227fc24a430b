"""Source lists, download, probe, and decoding onto the clip's clock: pictures at 30 fps, sound from time 0."""
