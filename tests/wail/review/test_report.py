import html as html_module
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wail.review.accounting import funnel
from wail.review.report import write_report
from wail.store import write_json

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 7*7 }}.mp4'


class Page(HTMLParser):
    """Collects tags with their attributes, and all text that a reader sees."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.inside = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def render(builder):
    text = write_report(builder.finish()).read_text(encoding="utf-8")
    return text, Page(text)


def table_rows(text, heading):
    """Cells of the table that follows a heading's id."""
    part = text[text.index(f'id="{heading}"') :]
    part = part[: part.index("</table>")]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", part, re.S)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in rows]
    return [[html_module.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in row] for row in cells]


def test_its_numbers_are_those_of_the_tables(builder):
    builder.clip("a" * 16)
    builder.clip("b" * 16, [(300, None, "t"), (360, "dark", None)])
    text, page = render(builder)
    numbers = funnel(builder.root)
    shown = {row[0].split()[-1]: float(row[1]) for row in table_rows(text, "why")[1:]}
    assert shown == {name: round(s, 1) for name, s in numbers.seconds_by_reason.items() if s}
    assert f"{numbers.frames_kept} kept + {numbers.frames_read - numbers.frames_kept} dropped" in page.text
    head, *clips, bottom = table_rows(text, "accounting")
    assert head[:3] == ["Clip", "Read", "Kept"]
    assert bottom[1:3] == ["720", "410"] and bottom[-2] == "720"
    for row in clips:
        assert int(row[2]) + sum(int(cell) for cell in row[3:-2]) == int(row[1]) == int(row[-2])
    assert f"{19 - len(shown)} reasons took nothing" in page.text


def test_it_loads_nothing_from_anywhere(builder):
    builder.clip("a" * 16, uri="https://example.org/watch?v=x")
    text, page = render(builder)
    for tag, attrs in page.tags:
        for name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/png;base64,")), (tag, attrs)
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
    assert "@import" not in text and not re.search(r"url\((?!#)", text)
    assert not set(re.findall(r"https?://[^\s<\"]+", text)) - {"https://example.org/watch?v=x"}
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_hostile_names_are_text_and_nothing_else(builder):
    builder.clip("a" * 16, uri=HOSTILE)
    builder.rows[0]["labels"] = [HOSTILE]
    builder.failed("b" * 16, "corrupt", HOSTILE, uri=HOSTILE)
    page = render(builder)[1]
    assert HOSTILE in page.text
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert not any(attrs.get("src") == "x" for _, attrs in page.tags)


def test_failed_and_skipped_sources_say_why_and_what_to_do(builder):
    builder.clip("a" * 16)
    builder.failed("b" * 16, "corrupt", "x.mp4 has no moov atom; get it again")
    builder.failed("c" * 16, "blocked", "HTTP 429")
    builder.failed("d" * 16, None, "the same sound as a.mp4", status="skipped")
    text = render(builder)[0]
    rows = {row[0]: row for row in table_rows(text, "lost")[1:]}
    assert "no moov atom" in rows["b" * 16 + ".mp4"][3] and "--retry-failed" in rows["b" * 16 + ".mp4"][4]
    assert rows["c" * 16 + ".mp4"][4] == "tries again by itself"
    assert rows["d" * 16 + ".mp4"][1] == "skipped"


def test_a_failed_stage_is_shown_in_its_clip(builder):
    from schemas.documents import Receipt

    folder = builder.clip("a" * 16)
    folder.write_receipt(Receipt(stage="fit", key="k", status="failed", failure="bug", reason="fit broke", seconds=1.0))
    assert "fit broke" in render(builder)[1].text


def test_the_stand_in_is_said_loudly_and_only_where_it_is_used(builder):
    builder.clip("a" * 16)
    assert "Stand-in model in use" in render(builder)[1].text


def test_without_the_stand_in_nothing_is_said_of_it(builder):
    folder = builder.clip("a" * 16, stand_in=False)
    receipt = folder.receipt("fit")
    folder.write_receipt(receipt.model_copy(update={"models": {"INFACE": "77"}}))
    assert "tand-in" not in render(builder)[1].text


def test_accounting_that_does_not_add_up_is_an_alarm(builder):
    builder.clip("a" * 16, kept_s=9.0)
    page = render(builder)[1]
    assert "The accounting does not add up" in page.text and "Every frame is accounted for" not in page.text


def test_an_empty_dataset_has_a_report_too(builder):
    page = render(builder)[1]
    assert "No clip has verdicts yet" in page.text and "0.0 s" in page.text


def test_a_run_that_was_cut_off_before_its_manifest_is_said_to_be_unfinished(builder):
    folder = builder.clip("a" * 16)
    for name in ("verdicts.parquet", "takes.parquet"):
        folder.file(name).unlink()
    text = write_report(builder.root).read_text(encoding="utf-8")
    assert "This run has not finished" in text and 'id="clip-aaaaaaaaaaaaaaaa"' in text


def test_results_that_could_not_be_redone_are_said_to_be_stale(builder):
    builder.clip("a" * 16)
    root = builder.finish()
    write_json(root / "dataset.json", {"version": 1, "stale": {"vision": ["a" * 16]}})
    page = Page(write_report(root).read_text(encoding="utf-8"))
    assert "Stage vision of 1 clip shows an earlier run's result" in page.text


def test_a_dataset_of_failures_only(builder):
    builder.failed("b" * 16, "gone", "removed at the source")
    assert "removed at the source" in render(builder)[1].text


def test_damaged_files_of_a_clip_are_said_and_the_rest_is_shown(builder):
    folder = builder.clip("a" * 16)
    builder.clip("b" * 16)
    folder.file("voice.parquet").write_bytes(b"junk")
    folder.file("thumbs.npz").write_bytes(b"junk")
    next(folder.file("fits").glob("*.parquet")).write_bytes(b"junk")
    page = render(builder)[1]
    for words in ("voice.parquet cannot be read", "thumbs.npz cannot be read", "fits/", "Every frame is accounted for"):
        assert words in page.text


def test_outliers_and_bad_frames_of_a_fit_are_shown_where_it_tells(builder):
    folder = builder.clip("a" * 16)
    telling, silent = (folder.file(f"fits/{'a' * 16}-take-{name}.parquet") for name in "ba")
    table = pq.read_table(telling)
    for name, values in (("n_outliers", [30, 0, 0] * 10), ("bad_frame", [True] * 4 + [False] * 26)):
        table = table.drop_columns([name] if name in table.column_names else []).append_column(name, pa.array(values))
    pq.write_table(table, telling)
    table = pq.read_table(silent)
    pq.write_table(table.drop_columns([n for n in ("n_outliers", "bad_frame") if n in table.column_names]), silent)
    head, *rows = table_rows(render(builder)[0], "fits")
    shown = {row[0].removeprefix("a" * 16 + "-"): dict(zip(head, row, strict=True)) for row in rows}
    assert (shown["take-b"]["Outliers"], shown["take-b"]["Bad frames"]) == ("2.3 %", "4"), "300 of 300 + 30 * 434"
    assert (shown["take-a"]["Outliers"], shown["take-a"]["Bad frames"]) == ("–", "–"), "of an older version"
    assert shown["take-a"]["Converged"] == "100 %"


def test_the_same_dataset_gives_the_same_bytes(builder):
    builder.clip("a" * 16)
    first = write_report(builder.finish()).read_bytes()
    copy = builder.root.parent / "elsewhere"
    shutil.copytree(builder.root, copy)
    assert write_report(copy).read_bytes() == first


def test_pictures_are_coarse_mosaics_whatever_the_thumbnails_hold(builder):
    import base64
    import io

    from PIL import Image

    builder.clip("a" * 16)
    _, page = render(builder)
    images = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(images) >= 12
    for source in images:
        picture = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
        assert picture.height <= 16 and picture.width <= 32


def test_one_clip_takes_so_little_that_hundreds_stay_a_page_that_opens(builder):
    for index in range(3):
        builder.clip(f"{index:016x}", seed=index)
    text, page = render(builder)
    per_clip = len(text[text.index('id="details"') : text.index('id="fits"')]) / 3
    assert per_clip < 120_000
    assert all("open" in attrs for _, attrs in page.tags if attrs.get("class") == "clip")


def test_details_are_closed_from_the_start_where_there_are_many(builder, monkeypatch):
    monkeypatch.setattr("wail.review.report.OPEN_CLIPS", 1)
    builder.clip("a" * 16)
    builder.clip("b" * 16)
    _, page = render(builder)
    assert not any("open" in attrs for _, attrs in page.tags if attrs.get("class") == "clip")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_chromium_shows_it_and_its_script_runs_under_the_policy(builder, tmp_path):
    builder.clip("a" * 16, uri=HOSTILE)
    path = write_report(builder.finish())
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert "1 clips" in done.stdout, done.stderr[-2000:]
    assert '<button type="button">Takes</button>' in done.stdout
    assert "Content Security Policy" not in done.stderr


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_tables_sort_and_clips_are_filtered(builder, tmp_path):
    """Its own script at work: a click on `Kept, s`, then a filter by reason. The policy is lifted to drive it."""
    builder.clip("a" * 16, uri="little.mp4")
    builder.clip("b" * 16, [(300, None, "t"), (360, "dark", None)], uri="much.mp4")
    text, _ = render(builder)
    text = re.sub(r"<meta http-equiv[^>]*>", "", text)
    drive = """<script>
    [...document.querySelectorAll("#clips ~ .card th button")].find((b) => b.textContent === "Kept, s").click();
    why.value = "profile"; why.dispatchEvent(new Event("change"));
    document.title = [...document.querySelectorAll("tr[data-clip] a")].map((a) => a.textContent).join(" ");
    </script></body>"""
    page = tmp_path / "driven.html"
    page.write_text(text.replace("</body>", drive), encoding="utf-8")
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert "<title>much.mp4 little.mp4</title>" in done.stdout, done.stderr[-2000:]
    assert "1 of 2 clips" in done.stdout


def test_the_middle_of_angles_is_taken_around_the_circle():
    import pyarrow as pa

    from wail.review.views import _median_angle

    assert _median_angle(pa.chunked_array([[359.0, 1.0, 2.0]])) == 1
    assert _median_angle(pa.chunked_array([[354.0, 355.0, 356.0]])) == -5
    assert _median_angle(pa.chunked_array([[359.6, 359.8, 0.2]])) == 0
    assert _median_angle(pa.chunked_array([[179.0, 181.0, None]])) == 180
    assert _median_angle(pa.chunked_array([pa.array([None], pa.float32())])) is None


def test_each_vocalisation_is_drawn_with_where_it_was_heard_and_who_talks_over_it(builder):
    from schemas.documents import Receipt

    folder = builder.clip("a" * 16)
    row = {"start_s": 2.0, "end_s": 4.5, "label": "cry", "probability": 0.93, "p_mix": 0.71, "p_stem": 0.93,
           "adult_overlap": 0.4}  # fmt: skip
    builder.write(folder, "vocal", [row, row | {"start_s": 6.0, "end_s": 7.0, "label": "laugh", "p_stem": None}])
    separation = {"stem": "infant-hdemucs:abc", "why": "it is surer there",
                  "fed": {"segments": "mix and stem", "features": "stem", "audio": "stem"}}  # fmt: skip
    folder.write_receipt(Receipt(stage="voice", key="k", status="done", seconds=1.0, facts={"separation": separation}))
    text, page = render(builder)
    assert ("<title>cry 0.93: 2.00–4.50 s (2.50 s); mix 0.71, stem 0.93; an adult speaks in 40% of it</title>") in text
    assert "laugh* 0.93: 6.00–7.00 s (1.00 s); mix 0.71; an adult speaks in 40% of it, label experimental" in text
    assert "2.00 4.50 cry 0.93 0.71 0.93 40 %" in page.text
    assert "6.00 7.00 laugh* 0.93 0.71 – 40 %" in page.text
    assert ("Heard in the sound as it is and the separated voice vocalisations "
            "Heard in the separated voice audio features, the shards' sound "
            "Why it is surer there Voice separated by infant-hdemucs:abc") in page.text  # fmt: skip
