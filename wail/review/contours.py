"""The lines of mediapipe's 478-point face mesh that people recognise: face oval, lips, eyes, brows, nose.

Ordered from the edge lists of mediapipe's face mesh (Apache-2.0); `True` marks a closed line.
"""

from typing import Final

CONTOURS: Final[tuple[tuple[str, bool, tuple[int, ...]], ...]] = (
    ("oval", True, (10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400,
                    378, 379, 365, 397, 288, 361, 323, 454, 356, 389, 251, 284, 332, 297, 338)),
    ("lips", True, (0, 37, 39, 40, 185, 61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267)),
    ("lips", True, (13, 82, 81, 80, 191, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312)),
    ("eye", True, (249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263)),
    ("eye", True, (7, 33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163)),
    ("brow", False, (300, 293, 334, 296, 336)),
    ("brow", False, (70, 63, 105, 66, 107)),
    ("nose", False, (168, 6, 197, 195, 5, 4)),
    ("nose", False, (98, 97, 2, 326, 327)),
)  # fmt: skip
"""(name, closed, landmark indices in order)."""
