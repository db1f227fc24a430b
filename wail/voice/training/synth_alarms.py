"""Things that glide, wail and squeak: sirens, alarms, horns, phones, kettles, motors, doors, toys, all synthetic."""

import numpy as np

from wail.voice.training.source_filter import (
    RATE_HZ,
    Sheet,
    Sound,
    Track,
    Voice,
    breath,
    fade,
    ramp,
    saturate,
    shake,
    through,
    voiced,
)


def siren(rng: np.random.Generator, duration_s: float) -> Sound:
    """Sirens of all makes, sometimes two at once, passing by (Doppler, level) or standing, over traffic."""
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    wave = _one_siren(rng, time_s)
    if rng.random() < 0.25:
        wave = wave + rng.uniform(0.2, 0.8) * _one_siren(rng, time_s)
    if rng.random() < 0.5:
        # Traffic: noise that falls by some 6-12 dB an octave.
        rumble = np.cumsum(rng.standard_normal(len(wave))) * 0.01
        rumble = rumble - np.convolve(rumble, np.ones(2000) / 2000, "same")
        wave = wave + rumble / (np.abs(rumble).max() + 1e-9) * 10 ** rng.uniform(-1.5, 0)
    return _negative(wave)


def _one_siren(rng: np.random.Generator, time_s: Track) -> Track:
    makers = (_wail, _wail, _yelp, _high_low, _high_low, _steps, _air_raid, _beeps, _pulsed)
    f0 = makers[int(rng.integers(len(makers)))](rng, time_s)
    level = np.ones_like(time_s)
    if rng.random() < 0.4:  # passes by: up to 25 m/s
        passing = np.tanh((time_s - rng.uniform(0, time_s[-1])) / rng.uniform(0.3, 3.0))
        f0, level = f0 * (1 - rng.uniform(0, 0.075) * passing), 1 - rng.uniform(0.3, 0.95) * passing**2
    return _horn(rng, f0) * level


def _horn(rng: np.random.Generator, f0_hz: Track) -> Track:
    """A tone of some waveform through a loudspeaker with peaks between 500 and 4200 Hz, overdriven; 0 Hz is silence."""
    sounding = np.convolve(f0_hz > 0, np.hanning(160) / 80, "same")
    peaks = rng.uniform(500, 4200, (1, int(rng.integers(1, 5))))
    kind = rng.random()
    partials = (1, 3, 5, 7, 9, 11) if kind < 0.3 else (1, 2, 3) if kind < 0.55 else None
    noise, jitter = 10 ** rng.uniform(-3, -1.2), 10 ** rng.uniform(-5, -3)
    voice = Voice(peaks, rng.uniform(-20, 2), noise, jitter, rng.uniform(0.1, 0.6))
    held = np.where(f0_hz > 0, f0_hz, f0_hz.max())
    return saturate(voiced(rng, held, voice, partials), 10 ** rng.uniform(-1, 0.7)) * sounding


def _wail(rng: np.random.Generator, time_s: Track) -> Track:
    """Up and down between 400-700 and 1000-1700 Hz in 2-9 s, often slower down than up."""
    low, period, up = rng.uniform(350, 750), rng.uniform(1.5, 9.0), rng.uniform(0.2, 0.8)
    u = (time_s / period + rng.random()) % 1
    swing = np.where(u < up, u / up, (1 - u) / (1 - up)) ** rng.uniform(0.5, 2)
    return np.asarray(low * rng.uniform(1.5, 3.2) ** swing)


def _yelp(rng: np.random.Generator, time_s: Track) -> Track:
    """The same at 1.5-5 a second, or 8-18 (phaser); sawtooth or sine."""
    rate = rng.uniform(1.5, 5) if rng.random() < 0.7 else rng.uniform(8, 18)
    u = (time_s * rate + rng.random()) % 1
    shape = u if rng.random() < 0.4 else 0.5 - 0.5 * np.cos(2 * np.pi * u)
    return np.asarray(rng.uniform(400, 900) * rng.uniform(1.3, 2.8) ** shape)


def _high_low(rng: np.random.Generator, time_s: Track) -> Track:
    """Two tones in turn, 0.25-1.2 s each, a second to a fifth apart, joined by a short glide."""
    turn = np.sin(2 * np.pi * time_s / rng.uniform(0.5, 2.4) + rng.uniform(0, 6))
    width = int(rng.uniform(0.002, 0.08) * RATE_HZ)
    square = np.convolve(np.pad(np.sign(turn), width, "edge"), np.ones(width) / width, "same")[width:-width]
    return np.asarray(rng.uniform(350, 1100) * rng.uniform(1.1, 1.6) ** (0.5 + 0.5 * square))


def _steps(rng: np.random.Generator, time_s: Track) -> Track:
    """A chime of random notes, 0.3-6 a second."""
    rate = 10 ** rng.uniform(-0.5, 0.8)
    notes = rng.integers(0, 12, int(time_s[-1] * rate) + 2)
    return np.asarray(rng.uniform(350, 1200) * 2 ** (notes[(time_s * rate).astype(int)] / 12))


def _air_raid(rng: np.random.Generator, time_s: Track) -> Track:
    """A motor that spins up and down within 4-14 s."""
    period = rng.uniform(4, 14)
    u = (time_s / period + rng.random()) % 1
    return np.asarray(rng.uniform(350, 800) * (0.25 + 0.75 * (1 - np.exp(-5 * np.minimum(u, 1 - u)))))


def _beeps(rng: np.random.Generator, time_s: Track) -> Track:
    """Smoke alarms, reversing lorries, monitors: one pitch on and off with machine regularity."""
    rate, duty = 10 ** rng.uniform(-0.3, 1.0), rng.uniform(0.3, 0.8)
    on = (time_s * rate + rng.random()) % 1 < duty
    if rng.random() < 0.4:  # three and a pause
        on &= (time_s * rate / 4) % 1 < 0.75
    return np.asarray(10 ** rng.uniform(2.6, 3.55) * on)


def _pulsed(rng: np.random.Generator, time_s: Track) -> Track:
    """A car's alarm: sweeps of 0.3-1.2 s, rising or falling, with or without a pause."""
    rate, duty = rng.uniform(0.8, 3), rng.uniform(0.5, 1.0)
    u = (time_s * rate + rng.random()) % 1
    return np.asarray(rng.uniform(400, 1300) * rng.uniform(0.4, 2.5) ** u * (u < duty))


def car_horn(rng: np.random.Generator, duration_s: float) -> Sound:
    """Chords of one to three unbending tones, 0.1-3 s: cars, lorries, trains, ships, vuvuzelas."""
    sheet, at = Sheet(duration_s), rng.uniform(0, 1.0)
    chord_of = np.array([1.0, rng.uniform(1.15, 1.35), rng.uniform(1.4, 1.7)])
    tones = rng.uniform(180, 520) * chord_of[: rng.integers(1, 4)]
    state = int(rng.integers(1 << 30))
    while at < duration_s - 0.1:
        u = ramp(length := 10 ** rng.uniform(-0.9, 0.5))
        onset = 1 - rng.uniform(0, 0.04) * np.exp(-u * length / 0.05)
        chord = sum(_horn(np.random.default_rng(state + k), hz * onset) for k, hz in enumerate(tones))
        sheet.add(at, np.asarray(chord * fade(u, length, 0.02, 0.05), np.float64))
        at += length + 10 ** rng.uniform(-1, 0.5)
    return sheet.sound()


def squeak(rng: np.random.Generator, duration_s: float) -> Sound:
    """Doors, swings, chairs, shoes, brakes, rubber toys: friction that sticks and slips at a drifting, erratic rate."""
    sheet, at, toy = Sheet(duration_s), rng.uniform(0, 1.0), rng.random() < 0.35
    base_hz = rng.uniform(700, 2600) if toy else 10 ** rng.uniform(2.2, 3.4)
    peaks = rng.uniform(600, 6500, (1, int(rng.integers(2, 6))))
    noise, jitter = 10 ** rng.uniform(-1.5, 0), 10 ** rng.uniform(-2.5, -1)
    voice = Voice(peaks, rng.uniform(-8, 2), noise, jitter, rng.uniform(0.02, 0.1))
    regular = 10 ** rng.uniform(-0.8, 0.3) if rng.random() < 0.5 else None
    points = rng.uniform(0.6, 1.6, int(rng.integers(3, 9)))
    while at < duration_s - 0.05:
        length = rng.uniform(0.06, 0.4) if toy else 10 ** rng.uniform(-0.9, 0.35)
        u = ramp(length)
        f0 = base_hz * through(points * rng.uniform(0.9, 1.1, len(points)), u)
        if not toy and rng.random() < 0.4:  # stops and starts
            f0 = f0 * np.where(np.sin(2 * np.pi * rng.uniform(3, 15) * u * length) > rng.uniform(-0.8, 0.5), 1, 0.5)
        grip = np.maximum(through(rng.uniform(-0.4, 1, 6), u), 0.05)
        sheet.add(at, voiced(rng, f0, voice) * grip * fade(u, length, 0.01, 0.03))
        at += length + (regular if regular is not None else 10 ** rng.uniform(-1.5, 0.3))
    return sheet.sound()


def whine(rng: np.random.Generator, duration_s: float) -> Sound:
    """Vacuum cleaners, drills, mixers, kettles, wind: a steady or slowly gliding tone in noise."""
    u = ramp(duration_s)
    noise = breath(rng, duration_s)[: len(u)]
    hz = 10 ** rng.uniform(2.3, 3.5)
    if rng.random() < 0.4:  # a kettle: faint, then shrill
        f0, level = hz * through([0.5, 0.8, 1.0, 1.02], u), through([0, 0.2, 1.0, 1.0], u)
    else:
        f0 = hz * through(rng.uniform(0.7, 1.3, int(rng.integers(1, 7))), u)
        f0 = f0 * shake(rng, u, duration_s, (0.2, 6), (0, 0.03))
        level = through(rng.uniform(0.3, 1, 4), u)
    voice = Voice(rng.uniform(300, 6000, (1, 3)), rng.uniform(-12, 0), 0.1, 10 ** rng.uniform(-4, -2), 0.2)
    partials = tuple(int(k) for k in np.unique(rng.integers(1, 9, 4)))
    return _negative(voiced(rng, f0, voice, partials) * level + noise * 10 ** rng.uniform(-1.3, 0.3))


def telephone(rng: np.random.Generator, duration_s: float) -> Sound:
    """Bells and trills of telephones, doorbells, music boxes: the same figure after the same pause."""
    sheet, at = Sheet(duration_s), rng.uniform(0, 1.0)
    notes = rng.uniform(400, 2500) * 2 ** (rng.integers(0, 12, int(rng.integers(1, 6))) / 12)
    rate = 10 ** rng.uniform(0.3, 1.4)
    stretch, pause = rng.uniform(0.4, 2.0), 10 ** rng.uniform(-0.7, 0.5)
    decay, strength = 10 ** rng.uniform(-1.5, 0.3), rng.uniform(0.1, 0.8)
    while at < duration_s:
        for k in range(max(1, int(stretch * rate))):
            u, hz = ramp(1 / rate), notes[k % len(notes)]
            tone = np.zeros(len(u))
            for partial in range(1, min(4, int(7800 / hz)) + 1):
                tone += strength ** (partial - 1) * np.sin(2 * np.pi * hz * partial * u / rate)
            sheet.add(at + k / rate, tone * np.exp(-u / rate / decay) * fade(u, 1 / rate, 0.004, 0.01))
        at += stretch + pause
    return sheet.sound()


def _negative(wave: Track) -> Sound:
    return Sound((wave / (np.abs(wave).max() + 1e-9) * 0.5).astype(np.float32), np.zeros(len(wave), np.bool_))
