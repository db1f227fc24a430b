"""The infant separator as shipped: loaded by Demucs' own code too, and worth having on sounds made here."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from wail.errors import ModelError
from wail.voice.infant_stem import FOLDER, load_infant_separator, weights_file
from wail.voice.si_sdr import si_sdr
from wail.voice.training import synth, synth_music

HZ = 16_000


@pytest.fixture(scope="module")
def separator():
    return load_infant_separator()


@pytest.fixture(scope="module")
def long_mix() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.concatenate([synth.cry(rng, 5.0).wave + synth.adult_talk(rng, 5.0).wave for _ in range(8)])


def ratio_db(wanted: np.ndarray, got: np.ndarray) -> float:
    error = got - wanted
    return float(10 * np.log10((wanted @ wanted) / max(float(error @ error), 1e-20)))


def test_demucs_own_code_loads_it_from_the_folder(separator):
    from demucs.hdemucs import HDemucs
    from demucs.pretrained import get_model

    bag = get_model("infant_stem", repo=FOLDER)
    assert [type(model) for model in bag.models] == [HDemucs]
    assert (bag.sources, bag.samplerate, bag.audio_channels) == (["infant"], HZ, 1)
    ours = separator._model.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in bag.models[0].state_dict().items())


def test_it_is_small_and_its_name_tells_the_file(separator):
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 10_000_000
    digest = hashlib.sha256(weights_file().read_bytes()).hexdigest()
    assert separator.name == f"infant-hdemucs:{digest[:16]}"


@pytest.mark.parametrize(("make", "least_db", "median_db"), [(synth.adult_talk, 4, 6), (synth_music.tune, 1, 3)])
def test_an_infant_comes_out_of_talk_and_tunes_of_the_same_level(separator, make, least_db, median_db):
    gains = []
    for seed in range(3):
        rng = np.random.default_rng(900 + seed)
        infant, other = synth.cry(rng, 4.0).wave, make(rng, 4.0).wave
        mix = infant + other * np.float32(np.linalg.norm(infant) / np.linalg.norm(other))
        gains.append(si_sdr(separator.stem(mix, HZ), infant) - si_sdr(mix, infant))
    assert min(gains) > least_db and np.median(gains) > median_db, gains


def test_an_infant_alone_is_kept_and_its_level_too(separator):
    infants = [synth.cry(np.random.default_rng(seed), 4.0).wave for seed in range(5, 10)]
    stems = [separator.stem(infant, HZ) for infant in infants]
    assert np.median([si_sdr(stem, infant) for stem, infant in zip(stems, infants, strict=True)]) > 18
    levels = [np.linalg.norm(stem) / np.linalg.norm(infant) for stem, infant in zip(stems, infants, strict=True)]
    assert np.median(levels) == pytest.approx(1, abs=0.05)


def test_a_quiet_wave_gives_the_stem_of_a_loud_one(separator, long_mix):
    loud = separator.stem(long_mix[: 4 * HZ], HZ)
    assert ratio_db(loud, separator.stem(long_mix[: 4 * HZ] * np.float32(1e-3), HZ) * 1e3) > 60


def test_silence_stays_silent(separator):
    assert not separator.stem(np.zeros((2, 30_000), np.float32), HZ).any()


@pytest.mark.parametrize(("shape", "rate_hz", "expected"), [
    (0, HZ, 0), (1, HZ, 1), (1, 44_100, 1), ((2, 3), 8000, 6), (513, HZ, 513), (72_001, HZ, 72_001), (14, 7, 32_000),
])  # fmt: skip
def test_no_wave_is_too_short_nor_any_length_awkward(separator, shape, rate_hz, expected):
    wave = np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.float32(0.1)
    stem = separator.stem(wave, rate_hz)
    assert stem.shape == (expected,) and stem.dtype == np.float32 and np.isfinite(stem).all()


def test_stereo_at_44_1_khz_is_the_mean_of_its_channels(separator, long_mix):
    from scipy.signal import resample_poly

    mono = resample_poly(long_mix[: 4 * HZ], 441, 160).astype(np.float32)
    stem = separator.stem(np.stack([1.5 * mono, 0.5 * mono]), 44_100)
    assert stem.shape == (4 * HZ,)
    # The ends differ by the resampling filters' own.
    assert ratio_db(separator.stem(long_mix[: 4 * HZ], HZ)[2000:-2000], stem[2000:-2000]) > 30


def test_the_same_wave_gives_the_same_bytes_whatever_torch_was_told(separator, long_mix):
    threads = torch.get_num_threads()
    first = separator.stem(long_mix[: 3 * HZ], HZ)
    torch.set_num_threads(2)
    try:
        assert separator.stem(long_mix[: 3 * HZ], HZ).tobytes() == first.tobytes()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_chunks_do_not_show_away_from_their_borders(separator, long_mix):
    whole = separator.stem(long_mix, HZ)
    # The same segments are heard up to the end of the shorter wave.
    assert ratio_db(whole[: 9 * HZ], separator.stem(long_mix[: 14 * HZ], HZ)[: 9 * HZ]) > 60
    # Across the border at 30 s, where other segments are heard: alike, but for moments that can be taken for either.
    apart = separator.stem(long_mix[22 * HZ : 40 * HZ], HZ)
    alike = [ratio_db(whole[k * HZ : (k + 1) * HZ], apart[(k - 22) * HZ : (k - 21) * HZ]) for k in range(25, 37)]
    assert np.median(alike) > 20, alike


def test_missing_and_damaged_weights_are_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"infant_stem\.yaml"):
        load_infant_separator(tmp_path)
    shutil.copy(FOLDER / "infant_stem.yaml", tmp_path)
    with pytest.raises(FileNotFoundError, match="0 files"):
        load_infant_separator(tmp_path)
    data = bytearray(weights_file().read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / weights_file().name).write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        load_infant_separator(tmp_path)
