"""The whole benchmark on a small folder made here: every figure has its row, measured or with the reason why not."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from wail.bench import mixtures, voice, voice_clean, voice_cost, voice_stem
from wail.bench.held import Held
from wail.bench.recordings import Recording
from wail.bench.rows import NotMeasured
from wail.bench.scores import on_frames
from wail.bench.voice import PARTS, bench_voice
from wail.bench.voice_figures import FIGURES
from wail.bench.voice_mixtures import held_over
from wail.cli import main
from wail.errors import ConfigError
from wail.voice.detect import VoiceTrack
from wail.voice.separate import Missing

NONE = Missing("no separator here", "make one")


@dataclass
class Same:
    """Gives the mix back: no gain, and no loss."""

    name: str = "same"

    def stem(self, wave, rate_hz):
        return wave.copy()


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """All parts on the tuning groups with a separator that changes nothing; rows by name, what it was of, its cache."""
    patch, cache = pytest.MonkeyPatch(), tmp_path_factory.mktemp("cache")
    # Shorter than the real ones, else the same.
    patch.setattr(mixtures, "LENGTH_S", (6.0, 8.0))
    patch.setattr(voice_stem, "pairs", lambda entries, seed, make=voice_stem.pairs: make(entries, seed, 1))
    patch.setattr(voice_clean, "N_SYNTHETIC", 2)
    patch.setattr(voice_cost, "RUNS", 1)
    patch.setattr(voice_cost, "SEPARATOR_S", 4.0)
    patch.setattr(voice_cost, "DETECTOR_S", 4.0)
    told = []
    rows, about = bench_voice(data, "tune", cache=cache, on_progress=told.append, find=Same, count=5,
                              plot=cache / "reliability.png")  # fmt: skip
    patch.undo()
    return {row.name: row for row in rows}, about, cache, told


def test_parts_and_their_lists_of_figures_are_the_same():
    assert list(PARTS) and set(PARTS) == set(FIGURES)
    names = [figure.name for part in FIGURES.values() for figure in part]
    assert len(names) == len(set(names))


def test_every_figure_has_its_row_in_order_and_a_value_or_a_reason(run):
    rows, about, _, _ = run
    assert list(rows) == [figure.name for part in PARTS for figure in FIGURES[part]]
    for row in rows.values():
        shown = row.as_dict()
        assert row.value is None or math.isfinite(row.value), row
        assert shown["met"] is not None or shown["note"], row
    assert about["split"] == "tune" and about["seed"] == 101 and about["separator"] == "same"


def test_shares_are_shares_and_scores_are_pooled_from_the_same_mixtures(run):
    rows, *_ = run
    p, r = rows["infant voice: frame precision"].value, rows["infant voice: frame recall"].value
    assert rows["infant voice: frame F1"].value == pytest.approx(2 * p * r / (p + r))
    assert 0 < p <= 1 and 0 < r <= 1
    best = max(row.value for name, row in rows.items() if name.startswith("baseline"))
    margin = rows["infant voice: frame F1"].value - best
    assert rows["margin over the best baseline"].value == pytest.approx(margin)


def test_a_separator_that_changes_nothing_gains_nothing(run):
    rows, *_ = run
    for kind in ("speech", "music", "TV", "noise"):
        row = rows[f"separation (b): SI-SDR gain over {kind}"]
        assert row.value == 0 and row.met is False
    for what, shipped in (("infant voice: frame F1", "as shipped, mix and stem: frame F1"),
                          ("cry recall on clean clips", "as shipped, cry recall on clean clips"),
                          ("false alarms: music", "as shipped, false alarms: music")):  # fmt: skip
        assert rows[what].value == pytest.approx(rows[shipped].value), what
    assert rows["stem alone: frame F1"].value == pytest.approx(rows["infant voice: frame F1"].value)


def test_what_the_part_lacks_is_said(run):
    rows, *_ = run
    for name in ("false alarms: recorded sirens", "laughter recall on clean clips (experimental)"):
        assert rows[name].value is None and "holds none" in rows[name].note
    assert rows["at +15 dB: frame F1"].value is None and rows["at +15 dB: frame F1"].note == "0 mixtures"


def test_progress_is_told_to_the_end_of_each_stage(run):
    last = {one.stage: one for one in run[3]}
    assert {"detector", "Silero", "boosting", "separator", "mix and stem"} <= set(last)
    assert all(one.done == one.total for one in last.values())


def test_the_diagram_is_drawn_and_scores_are_kept_for_the_next_run(run, data, monkeypatch):
    rows, _, cache, _ = run
    assert (cache / "reliability.png").read_bytes().startswith(b"\x89PNG")
    told = []
    monkeypatch.setattr(mixtures, "LENGTH_S", (6.0, 8.0))
    again, _ = bench_voice(data, "tune", ["baselines"], cache, told.append, Same, count=5)
    assert [row.value for row in again] == [rows[row.name].value for row in again]
    assert {one.stage for one in told} == {"detector"}, "no baseline was run again"


def test_test_only_recordings_are_judged_by_kind_on_the_test_split(data, monkeypatch):
    monkeypatch.setattr(voice_clean, "N_SYNTHETIC", 1)
    rows, about = bench_voice(data, "test", ["clean", "typing"], find=lambda: NONE, count=5)
    notes = {row.name: row.note for row in rows}
    assert notes["false alarms: recorded sirens"] == notes["false alarms: recorded cats"] == "1 recordings, 4 s"
    assert notes["false alarms: recorded sirens, cats and dogs"] == "2 recordings, 8 s"
    assert notes["false alarms: household noise"] == "1 recordings, 4 s", "the car horn is not household noise"
    assert "of 1 clips" not in notes["typing (experimental): recorded laughs named right"]
    assert about["separator"] == "none: no separator here: make one"


def test_baselines_thresholds_come_from_tune_when_test_is_judged(run, data, monkeypatch):
    rows, _, cache, _ = run
    monkeypatch.setattr(mixtures, "LENGTH_S", (6.0, 8.0))
    judged, _ = bench_voice(data, "test", ["baselines"], cache, find=lambda: NONE, count=5)
    for row in judged[1:4]:
        chosen = [note.partition("; event")[2].partition("; ")[2] for note in (row.note, rows[row.name].note)]
        assert chosen[0] == chosen[1] and "by the tuning mixtures" in chosen[0]
        assert row.value != rows[row.name].value


def test_false_alarms_are_a_share_of_all_the_time():
    quiet = [Recording(np.zeros(1600 * n, np.float32), np.zeros((10 * n, 5), np.float32), name, "noise")
             for name, n in (("esc50_cat_1-a.flac", 10), ("esc50_siren_2-a.flac", 30), ("tap.flac", 10))]  # fmt: skip
    out = voice_clean.alarm_figures(quiet, [[(0, 50)], [(0, 10), (20, 30)], []])
    assert out["false alarms: recorded cats"][0] == 50
    assert out["false alarms: recorded sirens, cats and dogs"][0] == pytest.approx(100 * 70 / 400)
    assert out["false alarms: household noise"] == (0, "1 recordings, 1 s")
    assert out["false alarms: music"][0] is None


def test_recall_is_a_share_of_the_annotated_time():
    truth = np.zeros((100, 5), np.float32)
    truth[20:60, 0] = 1
    one = Recording(np.zeros(16_000, np.float32), truth, "x", "cry")
    assert voice_clean.recall([(one, [(0, 30), (50, 90)])])[0] == 0.5
    assert voice_clean.recall([])[0] is None


def track(*active: tuple[int, int, str], steps: int = 125) -> VoiceTrack:
    p = {name: np.zeros(steps, np.float32) for name in ("infant", "cry", "laugh", "babble")}
    for start, stop, kind in active:
        p["infant"][start:stop] = p[kind][start:stop] = 0.95
    quiet = np.zeros(steps, np.float32)
    time_s = (np.arange(steps) + 0.5) * 0.032
    return VoiceTrack(time_s, p["infant"], p["cry"], p["laugh"], p["babble"], quiet, quiet - 20, quiet - 20)


def test_an_event_is_named_by_the_segment_over_most_of_it():
    heard = track((0, 50, "laugh"), (100, 125, "cry"))
    # Steps are 32 ms: the laugh is at 0-1.6 s, the cry at 3.2-4 s.
    active = on_frames([(10, 150), (200, 250), (330, 400), (290, 300)], 400)
    assert voice_clean.event_names(active, heard) == ["laugh", "not found", "cry"]
    value, note = voice_clean.confusion([(active, heard)], "laugh")
    assert value == 0.5 and note == "3 events in 1 clips: cry 1, laugh 1, babble 0, not found 1"
    assert voice_clean.confusion([(active, track())], "cry")[0] is None, "nothing found, nothing to name"


def test_steps_are_held_over_their_frames_not_smoothed():
    p = held_over(np.array([0.016, 0.048]), np.array([0.2, 0.8], np.float32), 6)
    assert p == pytest.approx([0.2, 0.2, 0.2, 0.8, 0.8, 0.8])


def test_without_data_only_cost_and_size_are_measured():
    rows, _ = bench_voice(None, only=["calibration", "size"], find=lambda: NONE)
    values = {row.name: row for row in rows}
    missing, there = values["calibration error of infant probability"], values["detector: weights"]
    assert missing.met is None and "add --data DIR" in missing.note
    assert there.met is True and 0.1 < there.value < 2


def test_cost_of_the_separator_is_left_out_where_there_is_none(monkeypatch):
    monkeypatch.setattr(voice_cost, "DETECTOR_S", 2.0)
    out = voice_cost.cost(Held(None, "tune", lambda: NONE))
    assert out["detector: time per second of sound"][0] > 0
    assert out["separation (b): time per second of sound"][0] is None


def test_an_unknown_part_and_a_folder_without_an_index_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no part detecto: choose from detector, "):
        bench_voice(None, only=["detecto"])
    with pytest.raises(ConfigError, match=r"index\.csv"):
        bench_voice(tmp_path)
    with pytest.raises(ConfigError, match="--data with --plot"):
        bench_voice(None, plot=tmp_path / "x.png")


def test_a_part_that_forgets_a_figure_is_a_defect(monkeypatch):
    monkeypatch.setitem(voice.PARTS, "size", lambda held: {"detector: weights": (1.0, "")})
    with pytest.raises(ValueError, match="separation"):
        bench_voice(None, only=["size"], find=lambda: NONE)


def test_a_mixture_without_its_kinds_is_not_measured(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(16_000), 16_000)
    row = "a.flac,laugh,here,a,CC0,1.0"  # laughter is of the part test alone
    (tmp_path / "index.csv").write_text(f"path,label,source,subject_or_group,licence,duration_s\n{row}\n")
    (tmp_path / "segments.csv").write_text("path,start_s,end_s,label,method\n")
    with pytest.raises(NotMeasured, match="none of: cry, adult_speech, music, noise"):
        Held(tmp_path, "tune", lambda: NONE).mixtures  # noqa: B018  # a property that raises


def test_the_command_prints_json_and_a_table_and_says_when_nothing_was_measured():
    done = CliRunner().invoke(main, ["bench", "voice", "--only", "size", "--json"])
    shown = json.loads(done.stdout)
    assert done.exit_code == 0 and set(shown) == {"machine", "run", "rows"}
    assert [row["name"] for row in shown["rows"]] == ["detector: weights", "separation (b): weights"]
    done = CliRunner().invoke(main, ["bench", "voice", "--only", "size"])
    assert done.exit_code == 0 and "detector: weights" in done.stdout and "≤ 2" in done.stdout
    assert CliRunner().invoke(main, ["bench", "voice", "--only", "detector"]).exit_code == 3
    done = CliRunner().invoke(main, ["bench", "voice", "--only", "size,speed"])
    assert done.exit_code == 1 and "no part speed" in done.stderr
