"""Every table of a dataset folder. Units and shapes are in the fields' metadata; `[n x 64]` is flat and row-major."""

import pyarrow as pa

from schemas.arrow import field, schema

F32 = pa.float32()
F64 = pa.float64()
I32 = pa.int32()
STR = pa.string()
BOOL = pa.bool_()
F32S = pa.list_(pa.field("item", F32, nullable=False))
F64S = pa.list_(pa.field("item", F64, nullable=False))
BOOLS = pa.list_(pa.field("item", BOOL, nullable=False))
STRS = pa.list_(pa.field("item", STR, nullable=False))

MANIFEST = schema("manifest", 1, [
    field("source_id", STR, "hash of platform and video id, or of a local file's content"),
    field("group_id", STR, "sources that must share a split: same uploader, or the same sound"),
    field("uri", STR, "where it came from: a URL, or the file's name (never its folder)"),
    field("asked_start_s", F64, "start of the span asked for", unit="s", null=True),
    field("asked_end_s", F64, "end of the span asked for", unit="s", null=True),
    field("start_s", F64, "start of the span that was had, on the source's clock", unit="s", null=True),
    field("end_s", F64, "end of the span that was had, on the source's clock", unit="s", null=True),
    field("labels", STRS, "labels that the source list gave"),
    field("licence", STR, "licence as the platform states it", null=True),
    field("uploader", STR, "uploader as the platform states it", null=True),
    field("retrieved_at", STR, "when it was fetched, ISO 8601 UTC", null=True),
    field("clip_id", STR, "hash of source_id and the asked span"),
    field("sha256", STR, "of the clip's media", null=True),
    field("duration_s", F64, "of the clip's video", unit="s", null=True),
    field("status", STR, "done, failed or skipped"),
    field("failure", STR, "failure class, when failed", null=True),
    field("detail", STR, "one sentence: what, which rule, which value, what to do next", null=True),
    field("kept_s", F64, "seconds kept", unit="s"),
    field("n_takes", I32, "takes kept"),
])  # fmt: skip

VOICE = schema("voice", 2, [
    field("time_s", F64, "centre of the analysis frame on the clip's clock", unit="s"),
    field("p_infant", F32, "probability that an infant vocalises", unit="0-1"),
    field("p_cry", F32, "probability of crying", unit="0-1"),
    field("p_laugh", F32, "probability of laughing", unit="0-1"),
    field("p_babble", F32, "probability of babbling", unit="0-1"),
    field("p_adult", F32, "probability of adult speech", unit="0-1"),
    field("loudness_db", F32, "RMS", unit="dB of full scale"),
    field("band_db", F32, "RMS between 1 and 4 kHz, which follows the mouth's opening", unit="dB of full scale"),
])  # fmt: skip

VOCAL = schema("vocal", 1, [
    field("start_s", F64, "start of the vocalisation", unit="s"),
    field("end_s", F64, "end of the vocalisation", unit="s"),
    field("label", STR, "cry, laugh or babble"),
    field("probability", F32, "mean infant probability of the segment, p_mix or p_stem, whichever is larger",
          unit="0-1"),
    field("p_mix", F32, "mean infant probability heard in the mix", unit="0-1"),
    field("p_stem", F32, "the same, heard in the separated stem; null where there is none", unit="0-1", null=True),
    field("adult_overlap", F32, "share of the segment in which an adult speaks", unit="0-1"),
])  # fmt: skip

FRAMES = schema("frames", 1, [
    field("frame", I32, "index on the 30 fps grid"),
    field("time_s", F64, "frame / 30, on the clip's clock", unit="s"),
    field("track", I32, "face track; null where the frame has no face", null=True),
    field("bbox", F32S, "face box", unit="px", shape="x0 y0 x1 y1", null=True),
    field("p_infant_face", F32, "probability that the track's face is an infant's", unit="0-1", null=True),
    field("yaw_deg", F32, "> 0 turned to the subject's left, against the line of sight to the face", unit="deg",
          null=True),
    field("pitch_deg", F32, "> 0 up, against the line of sight to the face", unit="deg", null=True),
    field("roll_deg", F32, "> 0 clockwise in the picture, 0-360", unit="deg", null=True),
    field("interocular_px", F32, "distance between the outer eye corners", unit="px", null=True),
    field("sharpness", F32, "variance of the Laplacian of the face crop at a fixed size", unit="grey levels squared",
          null=True),
    field("visible", F32, "mean visibility of the face's landmarks", unit="0-1", null=True),
    field("mouth_visible", F32, "the same of the mouth's half that is turned to the camera", unit="0-1", null=True),
    field("usable", BOOL, "whether vision would keep this face here"),
    field("reason", STR, "vision's own reason where it would not (in score-only mode: all the same)", null=True),
])  # fmt: skip

LANDMARKS = schema("landmarks", 1, [
    field("frame", I32, "index on the 30 fps grid"),
    field("track", I32, "face track"),
    field("xy_px", F32S, "mediapipe's face mesh in the displayed picture", unit="px", shape="478 x 2"),
    field("visibility", F32S, "computed visibility of each landmark", unit="0-1", shape="478"),
])  # fmt: skip

FAN = schema("fan", 1, [
    field("frame", I32, "index on the 30 fps grid"),
    field("track", I32, "face track"),
    field("xy_px", F32S, "FAN's points, in iBUG's order, in the displayed picture, the first pixel's centre at 0.5",
          unit="px", shape="68 x 2"),
    field("score", F32S, "height of each point's peak in its heatmap: about 1 where it is seen, lower where it is "
          "guessed; wail.vision.fan.visibility makes a visibility of it", shape="68"),
])  # fmt: skip
"""Written where FAN is asked for (vision.fan_every_frames): a row for each face and frame in which it was."""

EVIDENCE = schema("evidence", 1, [
    field("frame", I32, "index on the 30 fps grid"),
    field("track", I32, "face track"),
    field("presence", F32, "the landmark network's own score", unit="0-1"),
    field("skin_luma", F32, "median grey level of the face's reference skin", unit="0-255"),
    field("outside_share", F32, "share of the mouth's landmarks outside the picture", unit="0-1"),
    field("mouth_hidden", F32, "probability that the mouth is behind something, from all the evidence below",
          unit="0-1"),
    field("by_colour", F32, "the same by each piece of evidence alone: skin around the mouth of another colour than "
          "the face's", unit="0-1", null=True),
    field("by_lips", F32, "lips that are not redder than the skin around them", unit="0-1", null=True),
    field("by_line", F32, "no dark line where the mesh has the inner lips", unit="0-1", null=True),
    field("by_texture", F32, "skin around the mouth rougher than the rest", unit="0-1", null=True),
    field("by_symmetry", F32, "a mouth whose sides differ in colour", unit="0-1", null=True),
    field("by_mesh", F32, "lips that move when the crop is mirrored or shifted", unit="0-1", null=True),
    field("by_network", F32, "the occlusion network", unit="0-1", null=True),
    field("by_fan", F32, "FAN's heatmaps, where they were asked for", unit="0-1", null=True),
    field("by_hand", F32, "a hand's outline over the mouth", unit="0-1", null=True),
    field("p_live", F32, "probability that the track's face is a living one, no print and no screen", unit="0-1"),
])  # fmt: skip
"""What vision's verdicts rest on: a row per face and frame, those of table FRAMES that have a track."""

VERDICTS = schema("verdicts", 1, [
    field("frame", I32, "index on the 30 fps grid; each grid frame of the clip once"),
    field("time_s", F64, "frame / 30, on the clip's clock", unit="s"),
    field("keep", BOOL, "whether the frame is in a kept take"),
    field("reason", STR, "the one primary reason where it is not", null=True),
    field("take_id", STR, "the take it is in", null=True),
])  # fmt: skip

TAKES = schema("takes", 2, [
    field("take_id", STR, "hash of clip_id, track and first frame"),
    field("track", I32, "face track"),
    field("start_s", F64, "time of the first frame", unit="s"),
    field("end_s", F64, "time of the last frame plus 1/30 s", unit="s"),
    field("n_frames", I32, "grid frames, padding and bridged gaps included"),
    field("bridged", I32, "frames in bridged gaps"),
    field("label", STR, "cry, laugh or babble: the vocalisation that fills most of it"),
    field("probability", F32, "mean infant probability over its vocal part", unit="0-1"),
    field("sync_score", F32, "how well the mouth follows the voice: 0 as by chance, 1 perfectly; null where too little "
          "moves or sounds to tell", unit="-1..1", null=True),
    field("av_offset_s", F32, "by how much the sound comes late, after all takes of the clip whose mouth follows the "
          "voice; of one that does not, where it comes nearest to it", unit="s", null=True),
    field("reason", STR, "why the whole take was dropped; null when kept", null=True),
])  # fmt: skip

FITS = schema("fits", 2, [
    field("frame", I32, "index on the 30 fps grid"),
    field("pose", F32S, "head to camera: axis-angle, then translation", unit="rad, mm", shape="6"),
    field("expression", F32S, "raw expression code", shape="64"),
    field("residual", F32, "RMS landmark error", unit="fraction of the outer eye distance"),
    field("lip_sd_mm", F32, "posterior standard deviation of the lip vertices", unit="mm"),
    field("n_landmarks", I32, "landmarks used"),
    field("n_outliers", I32, "landmarks masked, as they lie far from where all others put them"),
    field("bad_frame", BOOL, "whether the frame is wrong as a whole, took no part in the fit and is filled from its "
          "neighbours"),
    field("converged", BOOL, "whether the frame's fit converged"),
])  # fmt: skip
"""The take's shared values (identity, age, focal_px, iterations, energy, device, model, size_px) and its confidence per
frame are in the file's schema metadata under `wail.fit`, as JSON. How long it took is in the stage's receipt alone, so
that the bytes do not depend on it."""

SHARDS = schema("shards", 1, [
    field("take_id", STR, "the take"),
    field("clip_id", STR, "the clip it is from"),
    field("source_id", STR, "the source of the clip"),
    field("subject_id", STR, "one infant of one source"),
    field("group_id", STR, "what the split goes by"),
    field("label", STR, "cry, laugh or babble"),
    field("start_s", F64, "start on the clip's clock", unit="s"),
    field("fps", F32, "frames per second", unit="1/s"),
    field("n_frames", I32, "n below"),
    field("identity", F32S, "raw identity code", shape="32"),
    field("age", F32, "raw age code"),
    field("expression", F32S, "raw expression code", shape="n x 64"),
    field("pose", F32S, "head to camera: axis-angle, then translation", unit="rad, mm", shape="n x 6"),
    field("focal_px", F32, "focal length", unit="px"),
    field("aperture_mm", F32S, "distance between the inner lips, middle", unit="mm", shape="n"),
    field("closed", BOOLS, "aperture below closed_below_mm", shape="n"),
    field("closed_below_mm", F32, "the take's threshold for a closed mouth", unit="mm"),
    field("visible", F32S, "mean visibility of the face's landmarks; 0 in bridged frames", unit="0-1", shape="n"),
    field("residual", F32S, "RMS landmark error", unit="fraction of the outer eye distance", shape="n"),
    field("lip_sd_mm", F32S, "posterior standard deviation of the lip vertices", unit="mm", shape="n"),
    field("confidence", F32S, "trust in the frame's latents, rising", unit="0-1", shape="n"),
    field("valid", BOOLS, "whether the frame may be trained on (bridged and badly fitted frames may not)", shape="n"),
    field("audio", pa.binary(), "FLAC, 16 kHz mono, from the take's first frame on; null when derived only", null=True),
    field("audio_source", STR, "mix or stem", null=True),
    field("provenance", STR, "JSON: uri, licence, models with their ids, the keys of the stages' receipts"),
])  # fmt: skip
"""`latent_mean`, `latent_std` [97] and the face model's sha256 are in the metadata under `wail.model` as JSON."""

FEATURES = schema("features", 1, [
    field("take_id", STR, "the take"),
    field("time_s", F64S, "centre of each feature, counted from the take's first frame; up to 0.5 s before it "
          "and after the last are held as well", unit="s", shape="m"),
    field("features", F32S, "audio features", shape="m x d, d in the schema metadata under wail.encoder"),
])  # fmt: skip

CLIP_FEATURES = schema("clip_features", 1, [
    field("time_s", F64, "centre of the feature, on the clip's clock", unit="s"),
    field("features", F32S, "audio features", shape="d, with the encoder's name in the schema metadata under "
          "wail.encoder"),
])  # fmt: skip
"""A clip's own file, near its infant voices only: what takes are cut from, so that other takes need no sound."""

TABLES = {
    "manifest": MANIFEST, "voice": VOICE, "vocal": VOCAL, "frames": FRAMES, "evidence": EVIDENCE,
    "landmarks": LANDMARKS, "fan": FAN, "verdicts": VERDICTS, "takes": TAKES, "fits": FITS, "shards": SHARDS,
    "features": FEATURES, "clip_features": CLIP_FEATURES,
}  # fmt: skip
