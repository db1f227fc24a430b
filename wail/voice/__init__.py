"""Who vocalises when: infant-vocalisation detector, adult speech, separation, audio features.

Sample `i` of a 16 kHz mono wave is clip time `i / 16000` s; every time below is on that clock.
"""
