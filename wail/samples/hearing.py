"""What is heard in a scene: the infant, what is behind it, the room; and when."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from wail.samples.room import AdultVoice, adult_speech, hiss, household, mix_at, music, reverberate
from wail.samples.scenes import Scene
from wail.samples.sound import F64, RATE_HZ, InfantVoice, infant_voice

PEAK = 0.7
FLOOR_DB = -66.0


@dataclass(frozen=True)
class Heard:
    """The mix [n] at RATE_HZ from clip time 0, the infant's clean voice and the adult's, None where there is none."""

    mix: F64
    infant: InfantVoice | None
    adult: AdultVoice | None


def hear(scene: Scene, seed: int) -> Heard:
    """Synthesise a scene's sound. `mix` peaks at PEAK; the infant under a pacifier is muffled."""
    n = round(scene.duration_s * RATE_HZ)
    infant = None
    mix = np.zeros(n)
    if scene.infant is not None:
        infant = infant_voice(scene.plan, scene.duration_s, scene.infant.voice, seed)
        mix += reverberate(_muffled(scene, infant.wave), seed + 1)
    adult = _adult(scene, seed + 2)
    voiced = [(u.start_s, u.end_s) for u in infant.utterances] if infant else []
    for kind in scene.behind:
        sound = {"adult": lambda: adult.wave if adult else np.zeros(n),
                 "music": lambda: music(scene.duration_s, seed + 3),
                 "household": lambda: household(scene.duration_s, seed + 4)}[kind]()
        mix += mix_at(mix, reverberate(sound, seed + 5), scene.snr_db, voiced)
    mix *= PEAK / float(np.abs(mix).max())
    return Heard(mix + 10 ** (FLOOR_DB / 20) * hiss(scene.duration_s, seed + 6), infant, adult)


def _muffled(scene: Scene, wave: F64) -> F64:
    """The voice with what covers the mouth taken into account: darker and weaker behind a pacifier."""
    out = wave
    for cover in scene.covers:
        if cover.kind == "pacifier":
            dull = 0.6 * sosfiltfilt(butter(2, 2500, fs=RATE_HZ, output="sos"), wave)
            at = np.arange(len(wave)) / RATE_HZ
            share = np.clip((at - cover.start_s) / 0.1, 0, 1) * np.clip((cover.end_s - at) / 0.1, 0, 1)
            out = out * (1 - share) + dull * share
    return out


def _adult(scene: Scene, seed: int) -> AdultVoice | None:
    spans = (*scene.offscreen_talk_s, *(scene.adult.talks_s if scene.adult else ()))
    if not spans:
        return None
    f0_hz = scene.adult.f0_hz if scene.adult else 118.0
    return adult_speech(sorted(spans), scene.duration_s, seed, f0_hz, 1.0 if f0_hz < 160 else 1.15)
