import pytest

from wail import doctor
from wail.doctor import examine

SHIPPED = {"voice detector": "voicenet:", "infant separator": "infant-", "Silero VAD": "silero-vad 6."}
TAGGERS = ("AudioSet tagger", "voice-type classifier")
OPTIONAL = ("demucs", "voc2vec-ls-pt", "face-alignment FAN", "face_landmarker.task", "INFACE")


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No weights in any cache."""
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    for name in ("TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "no cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def by_name(*arguments):
    return {finding.name: finding for finding in examine(*arguments)}


def test_what_the_pipeline_needs_is_looked_at_for_real(bare):
    found = by_name(bare, None, None)
    for name in ("cv2", "mediapipe", "torch", "av", "pyarrow", "ffmpeg"):
        assert found[name].ok and found[name].needed, found[name]
    assert found["mediapipe"].detail == "version 0.10.21"
    assert "GB free" in found["disk"].detail


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_loaded_and_named(bare, name):
    one = by_name(bare, None, None)[name]
    assert one.ok and one.detail.startswith(SHIPPED[name])
    assert len(one.adds) > 20 and one.licence == "MIT" and one.get == ""


def test_shipped_weights_that_are_gone_are_said(bare, monkeypatch):
    from wail.voice import infant_stem

    monkeypatch.setattr(doctor, "load_infant_separator", lambda: infant_stem.load_infant_separator(bare))
    one = by_name(bare, None, None)["infant separator"]
    assert not one.ok and not one.needed
    assert one.detail.startswith("cannot be loaded: ") and one.get == "install the package again"


def test_a_tagger_that_is_there_is_named_and_one_that_is_no_tagger_refused(bare):
    folder = bare / "w" / "ast"
    folder.mkdir(parents=True)
    assert by_name(bare, bare / "w", None)["taggers"].detail.startswith("refused: ast is called a tagger's folder")
    (folder / "config.json").write_text('{"architectures": ["ASTForAudioClassification"]}')
    found = by_name(bare, bare / "w", None)
    assert found["tagger"].ok and found["tagger"].detail == "found: ast"
    assert "AudioSet tagger" not in found and not found["voice-type classifier"].ok


@pytest.mark.parametrize("name", (*OPTIONAL, *TAGGERS))
def test_each_missing_weight_says_what_it_adds_its_licence_and_how_to_get_it(bare, name):
    one = by_name(bare, None, None)[name]
    assert not one.ok and not one.needed
    assert one.detail == "not here"
    assert len(one.adds) > 20 and len(one.licence) > 2 and len(one.get) > 20


def test_weights_that_are_there_are_found(bare):
    import torch
    from face_alignment.models import FAN

    for name in ("demucs/955717e8-8726e21a.th", "voc2vec-ls-pt/config.json", "hub/checkpoints/2DFAN4-x.pth.tar",
                 "face_landmarker.task", "ae_model_disent.h5", "ae_model_disent.landmarks.json"):  # fmt: skip
        path = bare / "w" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    torch.save(FAN(1).state_dict(), bare / "w/hub/checkpoints/2DFAN4-x.pth.tar")
    found = by_name(bare, bare / "w", None)
    for name in OPTIONAL:
        assert found[name].ok and found[name].get == "" and found[name].detail.startswith("found: "), found[name]


def test_fan_asks_for_its_folder_and_a_damaged_file_is_refused(bare):
    missing = by_name(bare, bare / "w", None)["face-alignment FAN"]
    assert "vision.fan_every_frames" in missing.adds
    assert missing.get.startswith(f"curl -o {bare / 'w'}/2DFAN4-") and missing.get.endswith(f"--weights {bare / 'w'}")
    (bare / "w").mkdir()
    (bare / "w/2DFAN4-11f355bf06.pth.tar").write_bytes(b"half a download")
    damaged = by_name(bare, bare / "w", None)["face-alignment FAN"]
    assert not damaged.ok and not damaged.needed
    assert damaged.detail.startswith("refused: 2DFAN4-11f355bf06.pth.tar cannot be loaded as FAN's weights")
    assert damaged.get == "delete 2DFAN4-11f355bf06.pth.tar and get it again"


def test_a_library_that_cannot_be_imported_is_needed_and_named(bare, monkeypatch):
    def fail(name):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    found = by_name(bare, None, None)
    assert not found["cv2"].ok and found["cv2"].needed
    assert "libGL.so.1" in found["cv2"].detail and "apt-get install libgl1" in found["cv2"].get


def test_too_little_disk_is_said_even_for_a_folder_that_is_not_there_yet(bare, monkeypatch):
    monkeypatch.setattr(doctor, "MIN_FREE_GB", 1e9)
    disk = by_name(bare / "not" / "yet", None, None)["disk"]
    assert not disk.ok and disk.needed and "another --out" in disk.get


def test_a_face_model_is_missing_unregistered_or_found(bare):
    path = bare / "ae_model_disent.h5"
    assert by_name(bare, None, path)["INFACE"].detail == f"there is no file {path}"
    path.write_bytes(b"any")
    unregistered = by_name(bare, None, path)["INFACE"]
    assert not unregistered.ok and "not registered" in unregistered.detail
    assert unregistered.get == f"`wail inface register {path}`"
    (bare / "ae_model_disent.landmarks.json").write_text("{}")
    assert by_name(bare, None, path)["INFACE"].ok
