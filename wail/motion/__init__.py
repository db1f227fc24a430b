"""The diffusion trainer: infant audio in, expression latents of a 3D infant face out. Imports no other part of WAIL."""
