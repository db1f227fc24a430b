"""A picture of a voice analysis on one time axis: spectrogram, what was found, probabilities and loudness."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wail.voice.analyse import VoiceAnalysis
from wail.voice.mel import RATE_HZ, band_centres_hz
from wail.voice.segments import EXPERIMENTAL, SegmentConfig
from wail.voice.spectrum import Spectrum, SpectrumMaker
from wail.voice.wave import Wave, blocks

INFANT, ADULT, LAUGH, BABBLE = "#c2571f", "#3d62c4", "#2b8a4b", "#9a7a12"
"""As in the report. Told apart without colour too: by lane, by the line's dashes and by name."""
INK, MUTED, LINE = "#171b21", "#5d6775", "#dde2e8"
COLOURS = {"cry": INFANT, "laugh": LAUGH, "babble": BABBLE}
DASHES: dict[str, Any] = {"cry": "solid", "laugh": (0, (4, 1.5)), "babble": (0, (1.2, 1.2))}
POINTS = 800
"""Of a drawn line; more of them blacken the lane."""
RANGE_DB = 65.0
MARKS_HZ = (100, 250, 500, 1000, 2000, 4000, 7000)
LANES = {"spectrum": 3.2, "found": 1.1, "voice": 1.3, "kind": 1.1, "loudness": 1.0}
ROWS = ("adult speech", "babble", "laugh", "cry")
"""Of what was found, from below."""


def plot_voice(wave16: Wave, analysis: VoiceAnalysis, out: Path, name: str = "", config: SegmentConfig | None = None
               ) -> Path:  # fmt: skip
    """Writes a PNG of a 16 kHz mono wave and what was found in it, block by block; returns `out`."""
    maker = SpectrumMaker(len(wave16))
    for block in blocks(wave16):
        maker.add(block)
    return draw(maker.done(), len(wave16) / RATE_HZ, analysis, out, name, config or SegmentConfig())


def draw(spectrum: Spectrum, duration_s: float, analysis: VoiceAnalysis, out: Path, name: str, config: SegmentConfig
         ) -> Path:  # fmt: skip
    """Writes a PNG of a spectrogram and the analysis of the same sound; returns `out`."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.size": 9, "axes.edgecolor": MUTED, "axes.labelcolor": INK,
                                "xtick.color": MUTED, "ytick.color": MUTED, "text.color": INK}):  # fmt: skip
        figure = Figure(figsize=(13, 8.6), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(len(LANES), 2, width_ratios=(1, 0.012), height_ratios=list(LANES.values()))
        axes = {lane: figure.add_subplot(grid[k, 0]) for k, lane in enumerate(LANES)}
        figure.suptitle(_title(name, duration_s, analysis), x=0.01, ha="left", fontsize=11, parse_math=False)
        _spectrogram(axes["spectrum"], figure.add_subplot(grid[0, 1]), spectrum)
        _found(axes["found"], analysis, duration_s, config)
        _voice(axes["voice"], analysis, config)
        _kinds(axes["kind"], analysis)
        _loudness(axes["loudness"], analysis)
        _time_axis(axes, max(duration_s, 0.1))
        figure.savefig(out, format="png")
    return out


def _title(name: str, duration_s: float, analysis: VoiceAnalysis) -> str:
    voiced_s = sum(row["end_s"] - row["start_s"] for row in analysis.rows)
    many = f"{len(analysis.rows)} segment{'' if len(analysis.rows) == 1 else 's'}"
    if not analysis.rows:
        return f"{name + ': ' if name else ''}no infant voice in {clock(duration_s)} of sound"
    return f"{name + ': ' if name else ''}{clock(voiced_s)} of {clock(duration_s)} are infant voice, in {many}"


def clock(time_s: float) -> str:
    """A length of time as people write it: 3.5 s, 2:05 min, 2:00:00 h."""
    if time_s < 60:
        return f"{time_s:.1f} s"
    return f"{_digits(time_s)} {'h' if time_s >= 3600 else 'min'}"


def _digits(time_s: float, hours_too: bool = False) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours or hours_too else f"{minutes}:{seconds:02}"


def _spectrogram(axis: Any, scale: Any, spectrum: Spectrum) -> None:
    n_bands, columns = spectrum.db.shape
    axis.set_facecolor("black")
    if columns:
        top = float(np.ceil(spectrum.db.max() / 5) * 5)
        box = (0, columns * spectrum.column_s, 0, n_bands)
        image = axis.imshow(spectrum.db, extent=box, origin="lower", aspect="auto", cmap="magma",
                            interpolation="nearest", vmin=top - RANGE_DB, vmax=top)  # fmt: skip
        axis.figure.colorbar(image, cax=scale, label="band level, dB")
    else:
        scale.set_axis_off()
    hz = band_centres_hz(spectrum.bands)
    rows = [float(np.interp(mark, hz, np.arange(n_bands) + 0.5)) for mark in MARKS_HZ]
    axis.set_yticks(rows, [f"{mark / 1000:g}k" if mark >= 1000 else str(mark) for mark in MARKS_HZ])
    axis.set_ylim(0, n_bands)
    axis.set_ylabel("frequency, Hz (mel)")


def _found(axis: Any, analysis: VoiceAnalysis, duration_s: float, config: SegmentConfig) -> None:
    """A row for each label and one for adult speech; a segment's probability stands in it where there is room."""
    for row in analysis.rows:
        _bar(axis, row["start_s"], row["end_s"], row["label"], f"{row['probability']:.2f}", duration_s)
    track = analysis.track
    step_s = 2 * float(track.time_s[0]) if len(track.time_s) else 0.0
    for a, b in runs(track.p_adult >= config.adult):
        _bar(axis, a * step_s, b * step_s, ROWS[0], "", duration_s)
    axis.set_yticks(range(len(ROWS)), [f"{name} *" if name in EXPERIMENTAL else name for name in ROWS])
    axis.set_ylim(-0.5, len(ROWS) - 0.5)
    axis.tick_params(axis="y", length=0)


def _bar(axis: Any, start_s: float, end_s: float, row: str, text: str, duration_s: float) -> None:
    y, colour = ROWS.index(row), COLOURS.get(row, ADULT)
    # The edge keeps a burst visible that is shorter than a pixel.
    axis.barh(y, end_s - start_s, left=start_s, height=0.8, color=colour, edgecolor=colour, linewidth=0.7)
    if text and end_s - start_s > 0.03 * duration_s:
        axis.text((start_s + end_s) / 2, y, text, ha="center", va="center_baseline", color="white", fontsize=7.5)


def runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of each run of true values."""
    edges = np.diff(np.r_[0, active.astype(np.int8), 0])
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)]


def _voice(axis: Any, analysis: VoiceAnalysis, config: SegmentConfig) -> None:
    track = analysis.track
    t, _, mean, high = thinned(track.time_s, track.p_infant)
    axis.fill_between(t, 0, high, color=INFANT, alpha=0.3, linewidth=0)
    axis.plot(t, mean, color=INFANT, lw=1.1)
    t, _, mean, _ = thinned(track.time_s, track.p_adult)
    axis.plot(t, mean, color=ADULT, lw=0.9, linestyle=(0, (4, 1.5)))
    for value in (config.enter, config.leave):
        axis.axhline(value, color=MUTED, lw=0.7, linestyle=(0, (1, 2)))
    _probability(axis)
    where = " in the mix" if any(row["p_stem"] is not None for row in analysis.rows) else ""
    _legend(axis, [(f"infant voice{where}", INFANT, "solid", 3), ("adult speech", ADULT, (0, (4, 1.5)), 1.5),
                   (f"enter {config.enter:.2f}, leave {config.leave:.2f}", MUTED, (0, (1, 2)), 1)])  # fmt: skip


def _kinds(axis: Any, analysis: VoiceAnalysis) -> None:
    track = analysis.track
    for label, colour in COLOURS.items():
        t, _, _, high = thinned(track.time_s, getattr(track, f"p_{label}"))
        axis.plot(t, high, color=colour, lw=1.1, linestyle=DASHES[label])
    _probability(axis)
    _legend(axis, [(f"{label} *" if label in EXPERIMENTAL else label, colour, DASHES[label], 1.5)
                   for label, colour in COLOURS.items()])  # fmt: skip


def _probability(axis: Any) -> None:
    axis.set_ylim(-0.02, 1.04)
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel("probability")


def _loudness(axis: Any, analysis: VoiceAnalysis) -> None:
    t, low, mean, high = thinned(analysis.track.time_s, analysis.track.loudness_db)
    axis.fill_between(t, low, high, color=MUTED, alpha=0.35, linewidth=0)
    axis.plot(t, mean, color=INK, lw=0.8)
    axis.set_ylim(-100, 0)
    axis.set_yticks([-80, -40, 0])
    axis.set_ylabel("loudness, dB FS")


def thinned(t: NDArray[np.float64], values: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
    """Time, lowest, mean and highest value of at most `POINTS` stretches, so that no peak is lost."""
    size = max(1, -(-len(t) // POINTS))
    starts = np.arange(0, len(t), size)
    if size == 1 or not len(t):
        return t, values, values, values
    counts = np.diff(np.r_[starts, len(t)])
    mean = np.add.reduceat(values.astype(np.float64), starts) / counts
    return (np.add.reduceat(t, starts) / counts, np.minimum.reduceat(values, starts), mean,
            np.maximum.reduceat(values, starts))  # fmt: skip


def _legend(axis: Any, entries: Sequence[tuple[str, str, Any, float]]) -> None:
    """Above the lane, so that it covers nothing: (text, colour, dashes, width)."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, linestyle=dashes, linewidth=width) for _, colour, dashes, width in entries]
    if entries:
        axis.legend(lines, [text for text, *_ in entries], loc="lower right", bbox_to_anchor=(1.0, 0.96), fontsize=8,
                    ncols=len(entries), frameon=False, borderaxespad=0, handlelength=2.6)  # fmt: skip


def _time_axis(axes: dict[str, Any], duration_s: float) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 1e9)
    step = next(s for s in steps if duration_s / s <= 15)
    last = list(axes)[-1]
    for lane, axis in axes.items():
        axis.set_xlim(0, duration_s)
        axis.xaxis.set_major_locator(FixedLocator([k * step for k in range(int(duration_s / step + 0.01) + 1)]))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda t, _: _tick(t, duration_s)))
        axis.tick_params(labelbottom=lane == last)
        axis.spines[["top", "right"]].set_visible(False)
        if lane != "spectrum":
            axis.grid(axis="x", color=LINE, lw=0.6)
            axis.set_axisbelow(True)
    unit = "s" if duration_s < 120 else "minutes:seconds" if duration_s < 3600 else "hours:minutes:seconds"
    axes[last].set_xlabel(f"time, {unit}          * experimental: learnt from little data", color=INK)


def _tick(time_s: float, duration_s: float) -> str:
    return f"{time_s:.3g}" if duration_s < 120 else _digits(time_s, duration_s >= 3600)
