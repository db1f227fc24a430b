"""A picture of a voice analysis: spectrogram, loudness, probabilities and segments on one time axis."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.voice.analyse import VoiceAnalysis
from wail.voice.mel import RATE_HZ, band_centres_hz, log_power, mel_power
from wail.voice.network import MEL

MAX_COLUMNS = 3000
COLOURS = {"cry": "#c0392b", "laugh": "#d68910", "babble": "#2471a3", "adult": "#7f8c8d", "infant": "#17202a"}


def plot_voice(wave16: NDArray[np.float32], analysis: VoiceAnalysis, out: Path) -> Path:
    """Writes a PNG of a 16 kHz mono wave [n] and what was found in it; returns `out`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1.2, 2, 0.8]})
    duration_s = len(wave16) / RATE_HZ
    _spectrogram(axes[0], wave16, duration_s)
    track = analysis.track
    axes[1].plot(track.time_s, track.loudness_db, lw=0.8, color="#17202a")
    axes[1].set_ylabel("loudness, dB FS")
    axes[1].set_ylim(-90, 0)
    for name in ("infant", "cry", "laugh", "babble", "adult"):
        axes[2].plot(track.time_s, getattr(track, f"p_{name}"), lw=1.4 if name == "infant" else 0.9,
                     color=COLOURS[name], label=name)  # fmt: skip
    axes[2].set_ylabel("probability")
    axes[2].set_ylim(-0.02, 1.02)
    axes[2].legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=5, fontsize=8, frameon=False)
    _segments(axes[3], analysis)
    axes[3].set_xlabel("time, s")
    axes[3].set_xlim(0, max(duration_s, 0.1))
    figure.savefig(out, format="png")
    return out


def _spectrogram(axis: Any, wave16: NDArray[np.float32], duration_s: float) -> None:
    picture = log_power(mel_power(wave16, MEL)).T * (10 / np.log(10))
    # A long recording has more columns than the picture has pixels: each shows the loudest of those it stands for.
    step = max(1, picture.shape[1] // MAX_COLUMNS)
    if picture.shape[1]:
        picture = np.maximum.reduceat(picture, np.arange(0, picture.shape[1], step), axis=1)
        top = float(picture.max())
        axis.imshow(picture, origin="lower", aspect="auto", extent=(0, duration_s, 0, MEL.n_bands),
                    vmin=top - 70, vmax=top, cmap="magma", interpolation="nearest")  # fmt: skip
    hz = band_centres_hz(MEL)
    marks = [250, 500, 1000, 2000, 4000]
    rows = [float(np.interp(mark, hz, np.arange(len(hz)) + 0.5)) for mark in marks]
    axis.set_yticks(rows, [str(mark) for mark in marks])
    axis.set_ylabel("mel band, Hz")


def _segments(axis: Any, analysis: VoiceAnalysis) -> None:
    for row in analysis.rows:
        span = row["end_s"] - row["start_s"]
        shade = 0.4 + 0.6 * row["probability"]
        axis.barh(0, span, left=row["start_s"], color=COLOURS[row["label"]], alpha=shade)
        axis.text(row["start_s"] + span / 2, 0, row["label"], ha="center", va="center", fontsize=8, clip_on=True)
    axis.set_yticks([])
    axis.set_ylim(-0.5, 0.5)
    axis.set_ylabel("found")
