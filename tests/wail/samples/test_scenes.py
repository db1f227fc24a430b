from wail.samples.scenes import SCENES

BY_NAME = {scene.name: scene for scene in SCENES}


def test_names_and_subjects_are_each_used_once():
    assert len(BY_NAME) == len(SCENES) >= 8
    seeds = [scene.infant.seed for scene in SCENES if scene.infant]
    assert len(set(seeds)) == len(seeds)
    assert len({scene.infant.law for scene in SCENES if scene.infant}) > 8


def test_lengths_are_of_6_to_12_seconds_and_plans_lie_inside():
    for scene in SCENES:
        assert 6 <= scene.duration_s <= 12
        assert all(0 <= a < b <= scene.duration_s for a, b, _ in scene.plan)
        assert all(length > 0 for length, _ in scene.rates)
        assert not scene.rates or sum(length for length, _ in scene.rates) == scene.duration_s


def test_what_the_issue_asks_for_is_there():
    covers = {cover.kind for scene in SCENES for cover in scene.covers}
    assert covers == {"hand", "pacifier"}
    assert {"adult", "music", "household"} <= {kind for scene in SCENES for kind in scene.behind}
    assert any(scene.infant is None for scene in SCENES)
    assert any(scene.infant and scene.adult for scene in SCENES)
    assert any(scene.fps == 25 for scene in SCENES)
    assert any(scene.rates for scene in SCENES)
    assert any(scene.audio_start_s > 0.5 for scene in SCENES)
    assert any(scene.rotation_deg for scene in SCENES)
    assert any(max(abs(key.yaw_deg) for key in scene.keys) > 70 for scene in SCENES)
    assert any(min(key.x_mm for key in scene.keys) < -300 for scene in SCENES)
    rolls = [key.roll_deg for scene in SCENES for key in scene.keys]
    assert any(80 < roll < 100 for roll in rolls) and any(170 < roll < 190 for roll in rolls)


def test_late_audio_loses_no_utterance():
    for scene in SCENES:
        assert all(start_s >= scene.audio_start_s for start_s, _, _ in scene.plan)
