"""Animals that a detector of infants takes for one: cats above all, dogs, birds, farm animals. All synthetic, since
recordings of cats may not be trained on here. What tells them from infants is left to the network; drawn is what is
known of them:

cats: F0 of 300-1000 Hz in a slow arch, the mouth opening and closing once in a call (m-ee-ow: F1 and F2 rise and fall
together over the whole call), calls alone, seconds apart, hardly any breath heard (Schötz 2012; Nicastro 2004);
dogs: barks of 0.1-0.25 s with a sudden start, whines of few partials, howls of seconds;
birds and farm animals: one call over and over.
"""

import numpy as np

from wail.voice.training.source_filter import (
    Sheet,
    Sound,
    Track,
    Voice,
    arch,
    breath,
    fade,
    ramp,
    rough,
    saturate,
    shake,
    through,
    voiced,
)


def cat(rng: np.random.Generator, duration_s: float) -> Sound:
    """Meows apart from each other, or yowls, or purring, of one cat; sometimes of a kitten."""
    sheet, size = Sheet(duration_s), rng.uniform(0.85, 1.6) if rng.random() < 0.8 else rng.uniform(1.6, 2.4)
    pitch_hz, habit = rng.uniform(300, 700) * size**0.5, rng.random()
    if habit < 0.12:
        sheet.add(0.0, _purr(rng, duration_s))
    at = rng.uniform(0, 1.5)
    mouth = _mouth(rng)
    while at < duration_s - 0.2:
        call = _yowl(rng, pitch_hz, size) if habit > 0.8 else _meow(rng, pitch_hz, size, mouth)
        sheet.add(at, call * rng.uniform(0.5, 1.0))
        if habit > 0.93:
            sheet.add(at + rng.uniform(0, 1), breath(rng, rng.uniform(0.4, 1.5)) * rng.uniform(0.1, 0.5))  # hiss
        at += len(call) / 16_000 + 10 ** rng.uniform(-0.9, 0.5)
    return sheet.sound()


def _mouth(rng: np.random.Generator) -> Track:
    """How far it is open at five moments of a meow, 0..1: closed, opening fast or slowly, wide, closing slowly."""
    opening, closing = rng.uniform(0.3, 1.0), rng.uniform(0.3, 0.9)
    return np.array([rng.uniform(0, 0.35), opening, rng.uniform(0.8, 1.0), closing, rng.uniform(0, 0.4)])


def _meow(rng: np.random.Generator, pitch_hz: float, size: float, mouth: Track) -> Track:
    length = rng.uniform(0.25, 0.6) if rng.random() < 0.3 else rng.uniform(0.5, 1.6)
    u = ramp(length)
    f0 = pitch_hz * (1 + rng.uniform(0.05, 0.5) * arch(u, rng.uniform(0.15, 0.65)) - rng.uniform(0, 0.3) * u)
    if rng.random() < 0.25:
        f0 = f0 * (1 + rng.uniform(0.1, 0.5) * np.clip((u - 0.6) / 0.4, 0, 1))  # asking: the end rises
    open_ = np.clip(mouth + rng.uniform(-0.12, 0.12, 5), 0, 1)
    # "m" and "oo" are dark, "ee" and "aa" bright: F1 follows the jaw, F2 first the tongue ("ee"), then the jaw ("ow").
    first = size * (450 + rng.uniform(600, 1100) * open_)
    second = size * (1100 + rng.uniform(1200, 2000) * open_ * np.array([0.7, 1.2, 1.0, 0.7, 0.5]))
    third = size * (3200 + rng.uniform(0, 1200) * open_)
    voice = Voice(np.stack([first, second, third, np.full(5, 4700 * size)], 1), rng.uniform(-12, -2),
                  10 ** rng.uniform(-2.5, -0.9), 10 ** rng.uniform(-3.5, -2.0), rng.uniform(0.05, 0.14))  # fmt: skip
    loud = (0.15 + through(open_, u)) * fade(u, length, rng.uniform(0.03, 0.2), rng.uniform(0.1, 0.4))
    if rng.random() < 0.2:
        loud = loud * shake(rng, u, length, (15, 35), (0.2, 0.7))  # "prrr-meow"
    if rng.random() < 0.15:
        loud = loud * rough(rng, u, length)
    return voiced(rng, f0, voice) * loud


def _yowl(rng: np.random.Generator, pitch_hz: float, size: float) -> Track:
    """A call of seconds that swells, bends and turns rough: two toms."""
    length = rng.uniform(1.2, 5.0)
    u, points = ramp(length), int(rng.integers(3, 7))
    f0 = pitch_hz * through(rng.uniform(0.7, 1.5, points), u) * shake(rng, u, length, (3, 8), (0, 0.04))
    path = np.stack([size * rng.uniform(500, 1500, points), size * rng.uniform(1400, 3000, points),
                     size * rng.uniform(3000, 4500, points)], 1)  # fmt: skip
    voice = Voice(path, rng.uniform(-10, -2), 10 ** rng.uniform(-2, -0.5), 10 ** rng.uniform(-3, -1.7))
    level = through(rng.uniform(0.2, 1, 6), u) * fade(u, length, 0.2, 0.3) * rough(rng, u, length)
    return voiced(rng, f0, voice) * level


def _purr(rng: np.random.Generator, length_s: float) -> Track:
    u = ramp(length_s)
    pulse = np.maximum(0, np.sin(2 * np.pi * rng.uniform(22, 30) * u * length_s)) ** 4
    low = np.convolve(rng.standard_normal(len(u)), np.hanning(24) / 12, "same")
    return np.asarray(low * pulse * shake(rng, u, length_s, (0.3, 0.6), (0.5, 0.8)) * 0.2, np.float64)


def dog(rng: np.random.Generator, duration_s: float) -> Sound:
    """Barks in series, whines, howls of one dog of any size."""
    sheet, at = Sheet(duration_s), rng.uniform(0, 0.8)
    pitch_hz, kind = 10 ** rng.uniform(2.3, 2.95), rng.random()
    while at < duration_s - 0.2:
        if kind < 0.5:
            piece, gap = _bark(rng, pitch_hz), 10 ** rng.uniform(-1.0, 0.3)
        elif kind < 0.8:
            piece, gap = _whine(rng, max(pitch_hz, 350) * rng.uniform(1.0, 1.8)), 10 ** rng.uniform(-1.0, 0.2)
        else:
            piece, gap = _howl(rng, max(pitch_hz, 250)), rng.uniform(0.3, 2.5)
        sheet.add(at, piece * rng.uniform(0.5, 1.0))
        at += len(piece) / 16_000 + gap
    return sheet.sound()


def _bark(rng: np.random.Generator, pitch_hz: float) -> Track:
    length = rng.uniform(0.08, 0.28)
    u = ramp(length)
    f0 = pitch_hz * (0.7 + rng.uniform(0.3, 0.9) * arch(u, rng.uniform(0.15, 0.5)))
    size = (pitch_hz / 400) ** 0.4
    path = size * np.stack([rng.uniform(400, 1100, 3), rng.uniform(1200, 2400, 3), rng.uniform(2500, 4000, 3)], 1)
    tone = voiced(rng, f0, Voice(path, rng.uniform(-10, -3), 0.5, 0.03, 0.15))
    noisy = tone + np.resize(breath(rng, length), len(u)) * rng.uniform(0.1, 1.5)
    return noisy * fade(u, length, 0.008, rng.uniform(0.04, 0.12))


def _whine(rng: np.random.Generator, pitch_hz: float) -> Track:
    length = rng.uniform(0.2, 1.3)
    u = ramp(length)
    f0 = pitch_hz * through(rng.uniform(0.75, 1.35, 4), u) * shake(rng, u, length, (5, 12), (0, 0.05))
    tone = voiced(rng, f0, Voice(rng.uniform(900, 4500, (1, 2)), rng.uniform(-24, -10), 0.05, 0.01), partials=(1, 2, 3))
    return tone * fade(u, length, 0.08, 0.1)


def _howl(rng: np.random.Generator, pitch_hz: float) -> Track:
    length = rng.uniform(1.2, 5.0)
    u = ramp(length)
    f0 = pitch_hz * through([rng.uniform(0.6, 0.9), rng.uniform(1, 1.4), rng.uniform(1, 1.3), rng.uniform(0.7, 1.1)], u)
    path = np.stack([rng.uniform(450, 900, 3), rng.uniform(900, 1800, 3), rng.uniform(2200, 3500, 3)], 1)
    return voiced(rng, f0 * shake(rng, u, length, (3, 6), (0, 0.02)), Voice(path, rng.uniform(-18, -9), 0.05, 0.005)) \
        * fade(u, length, 0.25, 0.5)


def bird(rng: np.random.Generator, duration_s: float) -> Sound:
    """One call, over and over: gulls, crows, geese, roosters' phrases, chirps and whistles."""
    sheet, at = Sheet(duration_s), rng.uniform(0, 0.8)
    base_hz = rng.choice([rng.uniform(350, 900), rng.uniform(700, 1600), rng.uniform(2000, 5000)])
    contour, length = rng.uniform(0.6, 1.5, int(rng.integers(2, 6))), 10 ** rng.uniform(-1.1, 0.0)
    gap, harsh = 10 ** rng.uniform(-1.2, 0.4), 10 ** rng.uniform(-2, 0)
    path = rng.uniform(1, 1.5, (2, 3)) * np.array([900, 2100, 3800])
    voice = Voice(path, rng.uniform(-14, 0), harsh, 0.02 * rng.random(), rng.uniform(0.08, 0.25))
    if rng.random() < 0.3:  # a rooster's phrase: short, short, long
        lengths = np.array([0.6, 0.5, 1.0, 2.5]) * rng.uniform(0.25, 0.5)
    else:
        lengths = np.full(int(rng.integers(1, 8)), length)
    while at < duration_s - 0.1:
        for each in lengths:
            u = ramp(each * rng.uniform(0.85, 1.15))
            f0 = base_hz * through(contour, u) * shake(rng, u, each, (10, 40), (0, 0.04))
            sheet.add(at, voiced(rng, f0, voice) * fade(u, each, 0.02, 0.3 * each) * rng.uniform(0.6, 1))
            at += each + gap
        at += 10 ** rng.uniform(-0.6, 0.6)
    return sheet.sound()


def farm(rng: np.random.Generator, duration_s: float) -> Sound:
    """Bleating sheep and goats (a tremor of 7-15 Hz), lowing cows, whinnying horses, squealing pigs."""
    sheet, at, kind = Sheet(duration_s), rng.uniform(0, 1.0), int(rng.integers(4))
    base_hz = (rng.uniform(160, 550), rng.uniform(90, 260), rng.uniform(500, 1300), rng.uniform(500, 1500))[kind]
    path = rng.uniform(0.8, 1.25, (3, 3)) * np.array([(750, 1600, 2900), (500, 1000, 2300), (900, 2000, 3500),
                                                      (1000, 2500, 4200)][kind])  # fmt: skip
    voice = Voice(path, rng.uniform(-12, -3), 10 ** rng.uniform(-1.7, -0.2), 0.01)
    while at < duration_s - 0.2:
        length = (rng.uniform(0.4, 1.6), rng.uniform(0.8, 2.5), rng.uniform(0.8, 2.0), rng.uniform(0.15, 1.4))[kind]
        u = ramp(length)
        ends = through((rng.uniform(0.85, 1.15, 4), rng.uniform(0.7, 1.2, 4), np.array([0.8, 1.4, 1.0, 0.5]),
                        rng.uniform(0.6, 1.5, 6))[kind], u)  # fmt: skip
        depth = ((0.1, 0.7), (0, 0.1), (0.1, 0.4), (0, 0.5))[kind]
        level = shake(rng, u, length, (7, 15), depth) * fade(u, length, 0.05, 0.12)
        f0 = base_hz * ends * shake(rng, u, length, (7, 15), (0, depth[1] / 8))
        sheet.add(at, saturate(voiced(rng, f0, voice), rng.uniform(0.3, 3)) * level * rng.uniform(0.6, 1))
        at += length + 10 ** rng.uniform(-0.8, 0.4)
    return sheet.sound()
