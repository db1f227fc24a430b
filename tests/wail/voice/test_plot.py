"""The picture of an analysis: what it holds, for the shortest and for long recordings."""

import cv2
import numpy as np
import pytest

from wail.voice.analyse import VoiceConfig, analyse
from wail.voice.plot import COLOURS, clock, plot_voice, runs, thinned
from wail.voice.spectrum import MAX_COLUMNS, SpectrumMaker
from wail.voice.training import synth


@pytest.fixture(scope="module")
def cry():
    return synth.cry(np.random.default_rng(5), 4.0).wave


def share(path, hex_colour, rows=slice(None)):
    """Of the pixels that have just this colour."""
    rgb = [int(hex_colour[k : k + 2], 16) for k in (1, 3, 5)]
    return float((cv2.imread(str(path))[rows] == rgb[::-1]).all(axis=2).mean())


def test_a_cry_is_drawn_in_its_colour_and_silence_is_not(cry, tmp_path):
    plot_voice(cry, analyse(cry, VoiceConfig()), tmp_path / "cry.png", "a.mp4")
    silence = np.zeros(16000, np.float32)
    plot_voice(silence, analyse(silence, VoiceConfig()), tmp_path / "silence.png", "$x$ [b] _y")
    lane = slice(400, 520)
    assert share(tmp_path / "cry.png", COLOURS["cry"], lane) > 0.05
    assert share(tmp_path / "silence.png", COLOURS["cry"], lane) == 0


@pytest.mark.parametrize("n", [0, 1, 700])
def test_next_to_nothing_can_be_drawn(tmp_path, n):
    wave = np.zeros(n, np.float32)
    plot_voice(wave, analyse(wave, VoiceConfig()), tmp_path / "a.png")
    assert cv2.imread(str(tmp_path / "a.png")).shape == (1032, 1560, 3)


def test_a_spectrum_is_no_wider_than_a_picture_and_misses_no_click():
    rng = np.random.default_rng(0)
    for n in (1000, 160_000, 16_000 * 300):
        wave = rng.standard_normal(n).astype(np.float32) * np.float32(1e-4)
        at = n // 3
        wave[at : at + 200] = 0.5
        maker = SpectrumMaker(n)
        for start in range(0, n, 70_001):
            maker.add(wave[start : start + 70_001])
        spectrum = maker.done()
        assert spectrum.db.shape[1] <= MAX_COLUMNS and spectrum.db.shape[1] * spectrum.column_s >= n / 16000
        heard_s = float(spectrum.db.max(axis=0).argmax()) * spectrum.column_s
        assert heard_s == pytest.approx(at / 16000, abs=max(0.07, 1.1 * spectrum.column_s))


def test_thinned_lines_keep_every_peak():
    values = np.zeros(100_000, np.float32)
    values[[10, 54_321]] = 1, -1
    t, low, mean, high = thinned(np.arange(100_000) * 0.032, values)
    assert len(t) <= 800 and high.max() == 1 and low.min() == -1 and abs(mean).max() < 0.02
    assert np.all(np.diff(t) > 0)


def test_runs_and_clock():
    assert runs(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert [clock(t) for t in (3.456, 65.2, 7200)] == ["3.5 s", "1:05 min", "2:00:00 h"]
