"""Separation in a process of its own: whatever becomes of that process, the one who asked goes on without a stem."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wail.voice.demucs_model import load_demucs
from wail.voice.mel import RATE_HZ

START_S, PER_SECOND_S = 180.0, 30.0
"""Time limit: to start the process and load its model, and for each second of sound (a slow core takes 2 to 4)."""


class Apart:
    """A Demucs file as a `Separator` run by `python -m wail.voice.apart_child`, which keeps its model loaded.

    The process starts with the first sound, is ended when it takes too long, starts anew for the sound after one that
    it died of, and ends by itself when this one does, even when that is killed outright.
    Raises ModelError at once where the file is not what it says it is.
    """

    def __init__(self, file: Path, device: str = "cpu") -> None:
        self._file, self._device = file, device
        # Loaded once here, to refuse bad weights before any clip; what runs is loaded by the process.
        self._name = load_demucs(file).name
        self._child: _Child | None = None

    @property
    def name(self) -> str:
        return self._name

    def stem(self, wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """As `Separator.stem`. Raises RuntimeError, with the reason, where the process fails or dies."""
        if self._child is None:
            self._child = _Child(self._file, self._device)
        try:
            return self._child.stem(wave, rate_hz)
        except _Ended as error:
            self._child = None
            raise RuntimeError(str(error)) from error


class _Ended(Exception):
    """The process is gone."""


class _Child:
    """The running process: one JSON line to it for each request, one line back; sound goes through files."""

    def __init__(self, file: Path, device: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wail-stem-"))
        path = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wail.voice.apart_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True, env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip
        self.end = weakref.finalize(self, _end, self._process, self._folder)
        self._started = False
        self._tell({"weights": str(file.resolve()), "device": device, "folder": str(self._folder)})

    def stem(self, wave: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        mix, stem = self._folder / "mix.npy", self._folder / "stem.npy"
        np.save(mix, np.asarray(wave, np.float32))
        seconds = wave.shape[-1] / rate_hz
        limit_s = PER_SECOND_S * seconds + (0.0 if self._started else START_S) + START_S / 10
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        try:
            self._tell({"mix": str(mix), "rate_hz": rate_hz, "stem": str(stem)})
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            code = self._ended()
            raise _Ended(f"it took longer than {limit_s:.0f} s for {seconds:.0f} s of sound" if late.is_set() else code)
        self._started = True
        answer = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        found: NDArray[np.float32] = np.load(stem, allow_pickle=False)
        if found.shape != (-(-wave.shape[-1] * RATE_HZ // rate_hz),):
            raise RuntimeError(f"the stem has shape {found.shape}")
        return found

    def _tell(self, what: dict[str, object]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _Ended(self._ended()) from None

    def _ended(self) -> str:
        """What it died of."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)  # its output closes a little before it has ended
        self.end()
        code = self._process.returncode
        return "its process was killed, often for want of memory" if code == -9 else f"its process ended with {code}"


def _end(process: "subprocess.Popen[str]", folder: Path) -> None:
    """Ends the process, where it still runs, and takes its files away."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not yet sent is sent no more
                pipe.close()
    shutil.rmtree(folder, ignore_errors=True)
