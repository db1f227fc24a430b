"""Each reason has its pictures, doubtful ones first, and a histogram of what decides it, for any data set."""

import html as html_module
import re

import numpy as np
import pyarrow as pa
import pytest

from schemas.reasons import REASONS
from wail.review import report as report_module
from wail.review.histogram import BINS, binned, histogram_svg
from wail.review.read import read_clip
from wail.review.report import write_report
from wail.review.scores import SCORES, frame_values
from wail.review.sheets import NEAREST, OTHERS
from wail.store import write_json, write_table

CONFIG = {"vision": {"max_abs_yaw_deg": 45.0, "min_mouth_visible": 0.7}, "fit_limits": {"max_residual": 0.1},
          "takes": {"min_take_s": 1.0, "min_p_adult": 0.5}}  # fmt: skip


def page(builder, config=CONFIG):
    root = builder.finish()
    write_json(root / "dataset.json", {"version": 1, "config": config})
    return write_report(root).read_text(encoding="utf-8")


def part(text, reason):
    """The sheet of one reason."""
    start = text.index(f'id="reason-{reason}"')
    ends = [at for at in (text.find('id="reason-', start + 10), text.find('id="clips"', start)) if at > 0]
    return text[start : min(ends)]


def captions(text, heading):
    found = re.search(rf"<h4>{heading}</h4>(.*?)(?=<h4>|$)", text, re.S)
    cells = re.findall(r"<figcaption>(.*?)</figcaption>", found.group(1), re.S) if found else []
    return [html_module.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", cell))).strip() for cell in cells]


def with_evidence(builder, folder, n=360):
    rows = {"frame": pa.array(np.arange(n), pa.int32()), "track": pa.array(np.zeros(n), pa.int32()),
            "by_hand": pa.array(np.where(np.arange(n) % 2, 0.9, 0.1), pa.float32()),
            "presence": pa.array(np.full(n, 0.95), pa.float32())}  # fmt: skip
    write_table(folder.file("evidence.parquet"), pa.table(rows))


def test_every_reason_that_took_something_has_pictures_and_what_decided_it(builder):
    builder.clip("a" * 16)
    builder.clip("b" * 16, seed=1)
    text = page(builder)
    for reason in ("no_infant_voice", "mouth_occluded", "too_short", "profile", "adult_voice", "poor_fit", "no_face"):
        own = part(text, reason)
        assert own.count("<img") >= 1, reason
        assert ("hist" in own) == (reason not in ("no_face", "too_short")), "no take of these was too short"
        assert "Mosaic" in own and 'href="#clip-' in own
    assert "No single value decides this" in part(text, "no_face")
    assert "limit <code class=\"name\">vision.max_abs_yaw_deg = 45.0</code>" in part(text, "profile")
    assert 'id="reason-dark"' not in text, "it took nothing"


def test_the_doubtful_come_first_from_either_side_of_the_limit(builder):
    folder = builder.clip("a" * 16, [(150, None, "t"), (300, "profile", None), (360, "no_infant_voice", None)])
    rows = read_clip(builder.root, "a" * 16).tables["frames"].to_pylist()
    for row in rows:
        row["yaw_deg"] = 44.0 if row["frame"] < 80 else -46.0 if row["frame"] > 240 else 80.0
    builder.write(folder, "frames", [{**row, "bbox": [0.0, 0.0, 9.0, 9.0]} for row in rows])
    own = part(page(builder), "profile")
    near, others = captions(own, "Nearest to the limit"), captions(own, "Others")
    assert near[0].startswith(("44° kept", "46°")) and {line.split()[0] for line in near[:3]} == {"44°", "46°"}
    assert all("kept" not in line for line in others)
    assert "yaw -46°, pitch 3°" in " ".join(near), "the sign is in the facts"
    assert "limit 45°" in own


def test_evidence_is_said_where_the_table_is_there_and_missing_values_are_named_where_not(builder):
    folder = builder.clip("a" * 16, [(100, None, "t"), (200, "mouth_occluded", None), (360, "dark", None)])
    assert "hidden by" not in page(builder)
    assert "tables do not have it" in part(page(builder), "dark")
    with_evidence(builder, folder)
    text = page(builder)
    assert "hidden by hand 0.90" in part(text, "mouth_occluded")
    assert ">by hand</text>" in text, "a lane of the timeline"


def test_without_settings_there_is_no_limit_and_nothing_is_called_near(builder):
    builder.clip("a" * 16)
    own = part(page(builder, {}), "profile")
    assert "does not say the limit" in own and "Nearest" not in own and "<h4>Pictures</h4>" in own


def test_sheets_are_no_larger_for_many_clips_and_show_several(builder, monkeypatch):
    monkeypatch.setattr("wail.review.plots.clip_svg", lambda *given: "")  # not looked at here, and slow
    for index in range(12):
        builder.clip(f"{index:016x}", seed=index)
    own = part(page(builder), "mouth_occluded")
    assert own.count("<img") <= NEAREST + OTHERS
    assert len(set(re.findall(r'href="#clip-(\w+)"', own))) >= 8


def test_a_large_data_set_has_a_page_for_each_clip(builder, monkeypatch):
    monkeypatch.setattr(report_module, "INLINE_CLIPS", 2)
    for index in range(3):
        builder.clip(f"{index:016x}", seed=index, uri=f'<b>"{index}.mp4')
    text = page(builder)
    pages = sorted(path.name for path in (builder.root / "report/clips").iterdir())
    assert pages == [f"{index:016x}.html" for index in range(3)]
    assert set(re.findall(r'href="(clips/[^"]+)"', text)) == {f"clips/{name}" for name in pages}
    assert "<details class=\"clip\"" not in text and "page of its own" in text
    one = (builder.root / "report/clips" / pages[0]).read_text(encoding="utf-8")
    assert "default-src 'none'" in one and "Adult speech" in one and "<h3>Faces</h3>" in one
    assert "<b>&#34;0.mp4" not in one and "&lt;b&gt;" in one
    monkeypatch.setattr(report_module, "INLINE_CLIPS", 3)
    assert 'id="clip-0000000000000000"' in write_report(builder.root).read_text(encoding="utf-8")
    assert not list((builder.root / "report/clips").glob("*.html")), "pages that nothing links to are deleted"


def test_values_are_those_of_the_face_that_was_judged(builder):
    folder = builder.clip("a" * 16, [(180, None, "t"), (360, "not_infant", None)])
    rows = read_clip(builder.root, "a" * 16).tables["frames"].to_pylist()
    box = {"bbox": [0.0, 0.0, 9.0, 9.0]}
    other = [{**row, **box, "track": 7, "yaw_deg": 60.0, "p_infant_face": 0.99, "usable": False, "reason": "profile"}
             for row in rows]  # fmt: skip
    builder.write(folder, "frames", [row for pair in zip(other, rows, strict=True)
                                     for row in (pair[0], {**pair[1], **box})])  # fmt: skip
    seen = frame_values(read_clip(builder.root, "a" * 16))
    yaw = seen.values["yaw_deg"]
    assert np.abs(yaw[:180]).max() < 20, "the take's track"
    usable = np.array([row["usable"] for row in rows])
    assert np.abs(yaw[180:][usable[180:]]).max() < 20
    assert seen.values["take_s"][:180] == pytest.approx(6.0) and np.isnan(seen.values["take_s"][200])


def test_a_histogram_counts_each_group_and_draws_its_limit():
    score = SCORES["profile"]
    values = np.array([0.0, -44.9, 46.0, 200.0, np.nan])
    own = np.array([False, False, True, True, True])
    counts = binned(score, values, [own, ~own])
    assert counts.shape == (2, BINS) and counts.sum(1).tolist() == [2, 2]
    assert counts[1, 0] == 1 and counts[1, 19] == 1 and counts[0, 20] == 1 and counts[0, -1] == 1
    text = histogram_svg(score, np.vstack([counts, 0 * counts[:1]]), "#123456", 45.0, "Profile")
    assert 'class="limit" d="M200.0' in text, "in the middle of 0-90"
    assert "45°–47°" in text and "this reason 0.0 s" in text
    size = SCORES["too_small"]
    assert float(size.place(4)) == 0 and float(size.place(512)) == 1
    assert float(size.place(np.sqrt(4 * 512))) == pytest.approx(0.5), "sizes go by their logarithm"


def test_scores_name_settings_that_exist_and_reasons_that_are_known():
    from wail.config import CurateConfig

    config = CurateConfig().model_dump(mode="json")
    assert set(SCORES) <= set(REASONS)
    missing = {reason for reason, score in SCORES.items() if score.threshold(config) is None}
    assert missing <= {"not_live"}, "until vision has a threshold for it"
