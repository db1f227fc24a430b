"""A folder of labelled recordings made here: synthetic cries, talk, notes and noise, in every part of the split."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from wail.voice.training import corpus, synth

RATE_HZ = 16_000
DURATION_S = 4.0
KINDS = {"cry": "cry", "adult_speech": "adult_talk", "music": "tune", "noise": None, "coo_babble": "babble"}


def group_of(part: str, k: int) -> str:
    """A group whose hash puts it into that part."""
    wanted = (f"{part}:{n}" for n in range(10_000))
    found = [g for g in wanted if corpus.part_of(corpus.Entry(Path("x.flac"), "cry", g, "MIT", 1.0, ())) == part]
    return found[k]


def spans(active: np.ndarray) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.r_[0, active.astype(int), 0])) / RATE_HZ
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("recordings")
    rows, segments = ["path,label,source,subject_or_group,licence,duration_s"], ["path,start_s,end_s,label,method"]
    rng = np.random.default_rng(0)

    def add(name: str, label: str, group: str, sound: synth.Sound) -> None:
        soundfile.write(home / name, sound.wave, RATE_HZ)
        rows.append(f"{name},{label},made here,{group},MIT,{len(sound.wave) / RATE_HZ:.2f}")
        segments.extend(f"{name},{a:.3f},{b:.3f},{label},made here" for a, b in spans(sound.active))

    for part in ("train", "tune", "test"):
        for label, maker in KINDS.items():
            for k in range(2 if label == "cry" else 1):
                hiss = synth.Sound((rng.standard_normal(64_000) * 0.1).astype(np.float32), np.zeros(64_000, bool))
                sound = getattr(synth, maker)(rng, DURATION_S) if maker else hiss
                add(f"{part}_{label}_{k}.flac", label, group_of(part, k), sound)
    add("laugh.flac", "laugh", "laughs", synth.laugh(rng, DURATION_S))
    for k, name in enumerate(("siren", "cat", "car_horn")):
        add(f"esc50_{name}_{k}-a.flac", "noise", f"esc:{k}", synth.siren(rng, DURATION_S))
    (home / "index.csv").write_text("\n".join(rows))
    (home / "segments.csv").write_text("\n".join(segments))
    return home
