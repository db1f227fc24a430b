"""The 3D infant face model: decoder, landmarks, camera, fitting, rendering, export. Imports none of our packages."""
