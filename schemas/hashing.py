"""The one way ids and keys are hashed: of what JSON can say, the same on every machine."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel

HASH_CHARS = 16


def hash_of(value: Any) -> str:
    """Short stable hash (16 hex characters) of anything that JSON can say, pydantic models by their fields."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARS]
