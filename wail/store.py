"""The dataset folder on disk: whole-or-nothing writes, hashes, receipts, and one lock per dataset."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import filelock
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.documents import Output, Receipt
from wail.errors import DatasetBusyError, DatasetError

Kind = TypeVar("Kind")
FILES = ("sources", "manifest", "dataset", "shards", "reviews")
FOLDERS = ("clips", "features", "shards", "report")
TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}(\.[^.]+)?")
"""What `atomic_path` calls its files: a dot, the name, eight characters of `tempfile`, the suffix."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving without an error it is flushed and renamed to `path`.

    The temporary name keeps the suffix, since encoders choose the container by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_document(path: Path, document: BaseModel) -> None:
    write_text(path, document.model_dump_json(indent=1) + "\n")


def write_table(path: Path, table: pa.Table, row_group_rows: int | None = None) -> None:
    """Write Parquet with zstd. The bytes depend on the table alone: no time, host or device goes in."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=row_group_rows)


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a table and hold it to its schema; raises DatasetError naming file and difference."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}): delete it and run again") from error
    hold_to(path, table.schema, schema)
    return table


def read_parts(path: Path, schema: pa.Schema, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """Some columns of a table that may be too large for memory, up to `rows` rows at a time; raises as `read_table`."""
    try:
        with pq.ParquetFile(path) as file:
            hold_to(path, file.schema_arrow, schema)
            for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}): delete it and run again") from error


def read_between(path: Path, schema: pa.Schema, column: str, first: int, last: int) -> pa.Table:
    """The rows of a large table whose `column` is in first..last; row groups without any are not read; raises as
    `read_table`."""
    try:
        hold_to(path, pq.read_schema(path), schema)
        return pq.read_table(path, filters=[(column, ">=", first), (column, "<=", last)])
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}): delete it and run again") from error


def hold_to(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    """Raises DatasetError where a file's columns are not those of its table."""
    if not found.equals(wanted):
        raise DatasetError(f"{path} has columns {found.names}, expected {wanted.names}; it was written by "
                           "another version: delete it and run again to make it anew")  # fmt: skip


def free_bytes(folder: Path) -> int:
    """What is free on the disk on which a folder is, or would be made."""
    return shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.exists())).free


def read_json(path: Path, kind: TypeAdapter[Kind], remedy: str) -> Kind:
    """A JSON file held to its type; raises DatasetError naming the file, what is wrong in it, and the remedy."""
    try:
        return kind.validate_json(path.read_bytes())
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise DatasetError(f"{path} is damaged ({said[:1].lower()}{said[1:]}): {remedy}") from error


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class ClipFolder:
    """One clip's working files: `root/clips/<clip_id>/`."""

    root: Path
    clip_id: str

    @property
    def path(self) -> Path:
        return self.root / "clips" / self.clip_id

    def file(self, name: str) -> Path:
        return self.path / name

    def receipt(self, stage: str) -> Receipt | None:
        """The stage's receipt; None where there is none or it cannot be read (then the stage is done again)."""
        try:
            return Receipt.model_validate_json(self.file(f"{stage}.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write_receipt(self, receipt: Receipt) -> None:
        write_document(self.file(f"{receipt.stage}.json"), receipt)

    def outputs(self, names: Sequence[str]) -> tuple[Output, ...]:
        """Size and sha256 of files of this folder, for a receipt."""
        return tuple(
            Output(path=name, sha256=sha256_file(self.file(name)), bytes=self.file(name).stat().st_size)
            for name in names
        )

    def intact(self, receipt: Receipt, gone: frozenset[str] = frozenset()) -> bool:
        """Whether every output is there in its size, but for those in `gone`, which were deleted on purpose."""
        return all(
            output.path in gone
            or (self.file(output.path).is_file() and self.file(output.path).stat().st_size == output.bytes)
            for output in receipt.outputs
        )


@contextmanager
def dataset_lock(root: Path) -> Iterator[None]:
    """Hold the dataset for one run. The operating system frees the lock when the process ends, however it ends."""
    lock = filelock.FileLock(root / ".lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise DatasetBusyError(f"another run is at work on {root}: wait for it to end, or give another --out") from None
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise DatasetError(f"{root} cannot be a dataset folder ({error.strerror}): give an --out that is a folder of "
                           "your own, or a new name") from error  # fmt: skip
    try:
        yield
    finally:
        lock.release()


def sweep_temporaries(root: Path) -> int:
    """Delete what a killed run left half written; call with the lock held. Returns how many files.

    Only names that `atomic_path` gives, in the places where a dataset has its files: the folder may hold others too.
    """
    places = (*(root.glob(f".{name}.*") for name in FILES), *((root / name).rglob(".*") for name in FOLDERS))
    left = [path for place in places for path in place if TEMPORARY.fullmatch(path.name) and path.is_file()]
    for path in left:
        path.unlink()
    return len(left)


def write_json(path: Path, value: Mapping[str, Any] | Sequence[str]) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
