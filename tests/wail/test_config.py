import json

import pytest

from schemas.hashing import hash_of
from wail.config import CurateConfig, config_from, override, read_config_file
from wail.errors import ConfigError

DEFAULT = CurateConfig()


def test_a_config_goes_through_json_unchanged():
    assert config_from(json.loads(json.dumps(DEFAULT.model_dump(mode="json")))) == DEFAULT


def test_settings_change_what_they_name_and_nothing_else():
    changed = override(DEFAULT, ("takes.min_take_s=0.8", "retain=derived", "voice.segments.enter = 0.7",
                                 'encoders=["logmel"]', "face_model=a b.h5"))  # fmt: skip
    assert (changed.takes.min_take_s, changed.retain, changed.voice.segments.enter) == (0.8, "derived", 0.7)
    assert str(changed.face_model) == "a b.h5"
    assert changed.vision == DEFAULT.vision and changed.takes.pad_s == DEFAULT.takes.pad_s
    assert override(DEFAULT, ()) == DEFAULT


@pytest.mark.parametrize(("setting", "said"), [
    ("takes", "not of the form part.name=value"),
    ("takes.min_tke_s=1", "no setting 'takes.min_tke_s'; known here: .*min_take_s"),
    ("takes.min_take_s.x=1", "no setting 'takes.min_take_s.x'"),
    ("=1", "no setting ''"),
    ("takes.min_take_s=long", r"takes\.min_take_s = 'long': Input should be a valid number"),
    ("takes.max_gap_frames=1.5", r"takes\.max_gap_frames = 1\.5: Input should be a valid integer"),
    ("takes=3", "takes = 3: Input should be"),
    ('takes={"min_take_s": 2, "oops": 1}', r"takes\.oops = 1"),
    ("retain=all", "retain = 'all': Input should be 'media' or 'derived'"),
    ("split.test=0.5", r"split\.test = 0\.5: Input should be less than 0\.5"),
    ("voice.segments.enter=2", "leave <= enter <= 1"),
    ("takes.min_take_s=-1", r"takes\.min_take_s = -1: Input should be greater than or equal to 0"),
    ("takes.min_take_s=NaN", r"takes\.min_take_s = nan: Input should be a finite number"),
    ("takes.min_take_s=Infinity", r"takes\.min_take_s = inf: Input should be a finite number"),
    ("takes.min_sync_score=-2", "greater than or equal to -1"),
    ("takes.min_sync_score=1.1", "less than or equal to 1"),
    ("vision.max_faces=0", r"vision\.max_faces = 0: Input should be greater than or equal to 1"),
    ("vision.hands_every_frames=0", "greater than or equal to 1"),
    ("vision.max_outside_share=1.5", "less than or equal to 1"),
    ("vision.occlusion.skin_width=0", r"vision\.occlusion\.skin_width = 0: Input should be greater than 0"),
    ("vision.infant.adult=[1.2, 0.7]", r"vision\.infant\.adult\.2 = .*: Field required"),
    ("vision.infant.weight=[1, 0.5, NaN]", r"vision\.infant\.weight\.2 = nan: Input should be a finite"),
    ("vision.live.max_windows=5", r"vision\.live\.max_windows = 5: Input should be a multiple of 2"),
    ("fit.expression_sd=0", "greater than 0"),
    ("fit.huber=0", "greater than 0"),
    ("fit_limits.max_residual=Infinity", r"fit_limits\.max_residual = inf: Input should be a finite number"),
    ("download.pace.gap_s=-3", r"download\.pace\.gap_s = -3: Input"),
    ("download.rate_limit_bytes_per_s=0", r"download\.rate_limit_bytes_per_s = 0: Input should be greater"),
    ("takes.max_take_s=0.5", r"takes\.max_take_s = 0\.5 is below takes\.min_take_s = 1"),
])  # fmt: skip
def test_a_wrong_setting_is_refused_by_name_value_and_rule(setting, said):
    with pytest.raises(ConfigError, match=said):
        override(DEFAULT, (setting,))


def test_zero_and_the_ends_of_ranges_are_allowed():
    changed = override(DEFAULT, ("takes.min_sync_score=-1", "takes.pad_s=0", "vision.min_presence=1", "split.val=0"))
    assert (changed.takes.min_sync_score, changed.takes.pad_s, changed.vision.min_presence) == (-1, 0, 1)


MAY_BE_NEGATIVE = ("log_odds", ".centre", ".floor", "_bias_deg")


@pytest.mark.parametrize("value", ["-2", "NaN", "Infinity"])
def test_every_number_has_a_range_that_this_is_outside_of(value):
    names = list(numbers(DEFAULT.model_dump()))
    assert len(names) > 80 and "vision.fusion.mesh.width" in names
    for name in names:
        if value == "-2" and name.endswith(MAY_BE_NEGATIVE):
            continue
        with pytest.raises(ConfigError, match=name.rpartition(".")[2]):
            override(DEFAULT, (f"{name}={value}",))


def numbers(values, before=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{before}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield before + name


@pytest.mark.parametrize("values", [{"tkes": {}}, {"takes": {"min_tke_s": 1}}, {"vision": {"occlusion": {"x": 1}}}])
def test_an_unknown_name_is_refused_at_every_depth(values):
    with pytest.raises(ConfigError, match=r"the configuration is refused: .*; mend it"):
        config_from(values)


def test_a_config_file_holds_settings_or_is_a_dataset_json(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"retain": "derived"}')
    assert read_config_file(path) == {"retain": "derived"}
    path.write_text('{"version": 1, "config": {"retain": "derived"}, "takes": {"train": 3}}')
    assert read_config_file(path) == {"retain": "derived"}
    for text, said in (("{", "cannot be read as JSON"), ("[]", "holds a list"), ('{"config": 3}', "holds a int")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            read_config_file(path)


def test_equal_configs_hash_alike_and_others_do_not():
    assert hash_of(override(DEFAULT, ("takes.pad_s=0.3",))) == hash_of(DEFAULT)
    assert hash_of(override(DEFAULT, ("takes.pad_s=0.31",))) != hash_of(DEFAULT)


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 50000], ids=["digits", "nested"])
def test_a_value_that_json_cannot_hold_is_refused_as_text(text):
    with pytest.raises(ConfigError, match=r"takes\.min_take_s"):
        override(CurateConfig(), (f"takes.min_take_s={text}",))
