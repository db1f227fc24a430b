"""The 3D infant face: model, landmarks, camera, fit, rendering, export. An island: imports nothing of ours but errors.

Frame of every mesh: INFACE's head frame, right-handed, x towards the subject's left, y up, z out of the face,
millimetres.
"""
