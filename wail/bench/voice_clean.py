"""The detector on single recordings: false alarms where there is no infant, recall and kind where there is one."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wail.bench.held import Held
from wail.bench.recordings import INFANT, STRANGER, Recording
from wail.bench.scores import FRAMES_PER_S, Span, frame_counts, on_frames, pooled, ratio, runs
from wail.bench.spans import labelled_spans, spans_of
from wail.bench.voice_mixtures import CLOSE_GAPS, SHORTEST, Measured
from wail.voice.detect import VoiceTrack, detect
from wail.voice.mel import RATE_HZ
from wail.voice.segments import LABELS, SegmentConfig, close_gaps
from wail.voice.training import synth
from wail.voice.training.source_filter import Sound
from wail.voice.training.sources import STRANGERS

PLAIN = {"adult_speech": "adult speech", "music": "music", "noise": "household noise"}
SPECIAL_NAMES = {"siren": "recorded sirens", "cat": "recorded cats", "Dog_bark": "recorded dogs",
                 "car_horn": "recorded car horns"}  # fmt: skip
TOGETHER = "recorded sirens, cats and dogs"
SYNTHETIC = {"sirens": "siren", "cats": "cat", "dogs": "dog", "squeaks": "squeak", "songs": "song",
             "imitation cries": "imitation cry", "adult laughs": "adult laugh"}  # fmt: skip
"""Rows of strangers and their makers."""
Maker = Callable[[np.random.Generator, float], Sound]
SYNTHETIC_SEED = 50_501
"""Of this benchmark alone: training draws its own sounds from other seeds."""
N_SYNTHETIC = 20
SYNTHETIC_S = 6.0


def kind_of(recording: Recording) -> str | None:
    """What a recording without infants counts as; None for one with infants. Whatever is no siren, cat, dog or car horn
    is household noise: roosters and sneezes too."""
    special = STRANGER.match(recording.name)
    return SPECIAL_NAMES[special[1]] if special else PLAIN.get(recording.label)


def clean(held: Held) -> Measured:
    found = [spans_of(track, SegmentConfig(), len(one.truth))
             for one, track in zip(held.recordings, held.recording_tracks, strict=True)]  # fmt: skip
    out = alarm_figures(held.recordings, found)
    for name, maker in SYNTHETIC.items():
        out[f"false alarms: synthetic {name}"] = synthetic_alarms(held, name, STRANGERS[maker])
    for label, name in (("cry", "cry recall on clean clips"),
                        ("laugh", "laughter recall on clean clips (experimental)"),
                        ("coo_babble", "babble recall on clean clips (experimental)")):  # fmt: skip
        out[name] = recall([pair for pair in zip(held.recordings, found, strict=True) if pair[0].label == label])
    return out


def alarm_figures(recordings: Sequence[Recording], found: Sequence[Sequence[Span]],
                  title: str = "false alarms") -> Measured:  # fmt: skip
    """Share of the time that is called infant, by kind, pooled over all of a kind's recordings, silence in them too."""
    kinds = [kind_of(one) for one in recordings]
    wanted: dict[str, tuple[str, ...]] = {name: (name,) for name in (*PLAIN.values(), *SPECIAL_NAMES.values())}
    wanted[TOGETHER] = tuple(list(SPECIAL_NAMES.values())[:3])
    out: Measured = {}
    for name, parts in wanted.items():
        of = [k for k, kind in enumerate(kinds) if kind in parts]
        called = sum(stop - start for k in of for start, stop in found[k])
        total = sum(len(recordings[k].truth) for k in of)
        note = f"{len(of)} recordings, {total / FRAMES_PER_S:.0f} s" if of else "this part of the data holds none"
        out[f"{title}: {name}"] = (100 * called / total if total else None, note)
    return out


def synthetic_alarms(held: Held, name: str, make: Maker) -> tuple[float, str]:
    """Of a maker that training uses too, with seeds it never drew."""
    sounds = held.follow(f"synthetic {name}", synthetic(make))
    called = sum(stop - start for sound in sounds
                 for start, stop in spans_of(detect(sound.wave), SegmentConfig(), frames_of(sound.wave)))  # fmt: skip
    return 100 * called / (N_SYNTHETIC * SYNTHETIC_S * FRAMES_PER_S), (
        f"{N_SYNTHETIC} sounds of {SYNTHETIC_S:g} s, by a maker that training uses with other seeds")


def synthetic(make: Maker) -> list[Sound]:
    return [make(np.random.default_rng([SYNTHETIC_SEED, k]), SYNTHETIC_S) for k in range(N_SYNTHETIC)]


def frames_of(wave: NDArray[np.float32]) -> int:
    return len(wave) * FRAMES_PER_S // RATE_HZ


def recall(pairs: Sequence[tuple[Recording, Sequence[Span]]]) -> tuple[float | None, str]:
    """Share of the annotated active time that lies in found segments."""
    counts = pooled(frame_counts(on_frames(spans, len(one.truth)), one.truth[:, INFANT]) for one, spans in pairs)
    active = counts.tp + counts.fn
    if not active:
        return None, "this part of the data holds none"
    return counts.recall, f"of {active / FRAMES_PER_S:.0f} s annotated as active in {len(pairs)} recordings"


def typing(held: Held) -> Measured:
    """What found vocalisations are called, against the recording's own label."""
    out: Measured = {}
    for label, name in (("cry", "cries"), ("laugh", "laughs"), ("coo_babble", "babble")):
        pairs = zip(held.recordings, held.recording_tracks, strict=True)
        of = [(one.truth[:, INFANT] == 1, track) for one, track in pairs if one.label == label]
        kind = "babble" if label == "coo_babble" else label
        out[f"typing (experimental): recorded {name} named right"] = confusion(of, kind)
    for kind, make, name in (("cry", synth.cry, "cries"), ("laugh", synth.laugh, "laughs"),
                             ("babble", synth.babble, "babble")):  # fmt: skip
        sounds = held.follow(f"synthetic {name}", synthetic(make))
        made = [(sound.active[: frames_of(sound.wave) * 160].reshape(-1, 160).mean(1) >= 0.5, detect(sound.wave))
                for sound in sounds]  # fmt: skip
        out[f"typing (experimental): synthetic {name} named right"] = confusion(made, kind)
    return out


def confusion(clips: Sequence[tuple[NDArray[np.bool_], VoiceTrack]], kind: str) -> tuple[float | None, str]:
    """Share of the true events found to a half or more that the segment over them names `kind`; all names are counted
    in the note. Events are those of the event F1: gaps under 0.3 s closed, 0.3 s long or more."""
    names = [name for active, track in clips for name in event_names(active, track)]
    if not names:
        return None, "this part of the data holds none"
    count = {name: names.count(name) for name in (*LABELS, "not found")}
    heard = len(names) - count["not found"]
    note = f"{len(names)} events in {len(clips)} clips: " + ", ".join(f"{name} {n}" for name, n in count.items())
    return (ratio(count[kind], heard) if heard else None), note


def event_names(active: NDArray[np.bool_], track: VoiceTrack) -> list[str]:
    """What each true event is called: by the segment that covers most of it, if that is at least a half."""
    found = labelled_spans(track, SegmentConfig(), len(active))
    names = []
    for start, stop in close_gaps(runs(active), CLOSE_GAPS):
        if stop - start < SHORTEST:
            continue
        cover = [(min(stop, b) - max(start, a), label) for (a, b), label in found]
        most, label = max(cover, default=(0, ""))
        names.append(label if most >= (stop - start) / 2 else "not found")
    return names
