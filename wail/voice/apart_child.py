"""The process that separates for `wail.voice.apart`: `python -m wail.voice.apart_child`.

The first JSON line on standard input names weights, device and the folder for sound; each further line asks for one
stem: {"mix": path.npy, "rate_hz": n, "stem": path.npy}. Answers are lines of JSON: {"done": samples} or
{"failed": words}. When standard input closes, the one who asked is gone: this process takes the folder away and ends,
whatever it was doing.
"""

import json
import os
import queue
import shutil
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from wail.voice.separate import Separator


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # libraries may print what they like, the answers stay clean
    about = json.loads(sys.stdin.readline())
    asked: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=[asked, Path(about["folder"])], daemon=True).start()
    while True:
        answer = _separate(about, json.loads(asked.get()))
        out.write(json.dumps(answer) + "\n")
        out.flush()


def _listen(asked: "queue.Queue[str]", folder: Path) -> None:
    for line in sys.stdin:
        asked.put(line)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _separate(about: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    try:
        separator = _separator(about["weights"], about["device"])
        stem = separator.stem(np.load(job["mix"], mmap_mode="r", allow_pickle=False), job["rate_hz"])
        np.save(job["stem"], stem)
    except Exception as error:  # whatever it is, the one who asked hears of it and does without
        return {"failed": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
    return {"done": len(stem)}


@lru_cache(maxsize=1)
def _separator(weights: str, device: str) -> Separator:
    from wail.voice.demucs_model import load_demucs

    return load_demucs(Path(weights), device)


if __name__ == "__main__":
    main()
