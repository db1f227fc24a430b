"""One file per stage of a clip: read its inputs from the clip's folder, call the logic, write its outputs.

The stages' order, what each needs and when it is up to date is `wail.pipeline`'s business; what they compute is that of
`wail.media`, `wail.voice`, `wail.vision` and `wail.inface`.
"""
