"""Animated meshes as files: `.npz` (exact) and `.glb` (glTF 2.0 binary, one morph target a frame, for viewers).

In the .npz the frame and units are the mesh's own: INFACE's head frame, mm. glTF wants metres and y up, z towards the
viewer: the axes are the same, the .glb is scaled by 0.001. Source: Khronos, glTF 2.0 specification, sections 3.7 and
3.11.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pygltflib import (
    ARRAY_BUFFER,
    ELEMENT_ARRAY_BUFFER,
    FLOAT,
    GLTF2,
    SCALAR,
    UNSIGNED_INT,
    VEC3,
    Accessor,
    Animation,
    AnimationChannel,
    AnimationChannelTarget,
    AnimationSampler,
    Asset,
    Attributes,
    Buffer,
    BufferView,
    Material,
    Mesh,
    Node,
    PbrMetallicRoughness,
    Primitive,
    Scene,
)

from wail.errors import shape_message

METRES_PER_MM = 1e-3


def write_npz(path: Path, verts_mm: ArrayLike, triangles: ArrayLike, fps: float) -> None:
    """Write verts_mm float32 [n,V,3], triangles int32 [F,3] and fps. Raises ValueError for wrong shapes."""
    verts, faces = _checked(verts_mm, triangles, fps)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        np.savez_compressed(file, verts_mm=verts, triangles=faces.astype(np.int32), fps=np.float64(fps))
    os.replace(temporary, path)


def write_glb(
    path: Path, verts_mm: ArrayLike, triangles: ArrayLike, fps: float, colours: ArrayLike | None = None
) -> None:
    """Write verts_mm [n,V,3] at fps as a mesh whose morph weights play the frames; it lasts (n - 1) / fps seconds.

    colours [V,3] (0-1) become vertex colours. Raises ValueError for wrong shapes.
    """
    verts, faces = _checked(verts_mm, triangles, fps)
    pack = _Packer()
    base = verts[0] * METRES_PER_MM
    attributes = Attributes(
        POSITION=pack.add(base, VEC3, ARRAY_BUFFER), NORMAL=pack.add(_normals(base, faces), VEC3, ARRAY_BUFFER)
    )
    if colours is not None:
        paint = np.asarray(colours, np.float32)
        if paint.shape != base.shape:
            raise ValueError(shape_message("colours", str(base.shape), paint.shape))
        attributes.COLOR_0 = pack.add(paint, VEC3, ARRAY_BUFFER)
    offsets = (verts[1:] - verts[0]) * METRES_PER_MM
    targets = [{"POSITION": pack.add(offset, VEC3, ARRAY_BUFFER)} for offset in offsets]
    index = pack.add(faces.astype(np.uint32).reshape(-1), SCALAR, ELEMENT_ARRAY_BUFFER, UNSIGNED_INT)
    mesh = Mesh(primitives=[Primitive(attributes=attributes, indices=index, material=0, targets=targets)],
                weights=[0.0] * len(targets))  # fmt: skip
    skin = Material(
        pbrMetallicRoughness=PbrMetallicRoughness(metallicFactor=0.0, roughnessFactor=0.8), doubleSided=True
    )
    gltf = GLTF2(asset=Asset(version="2.0", generator="wail"), scene=0, scenes=[Scene(nodes=[0])], nodes=[Node(mesh=0)],
                 meshes=[mesh], materials=[skin], animations=_animation(pack, len(verts), fps))  # fmt: skip
    gltf.accessors, gltf.bufferViews = pack.accessors, pack.views
    gltf.buffers = [Buffer(byteLength=len(pack.data))]
    gltf.set_binary_blob(bytes(pack.data))
    temporary = path.with_name(path.name + ".tmp")
    gltf.save_binary(str(temporary))
    os.replace(temporary, path)


def read_glb(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """What `write_glb` wrote: vertices [n,V,3] in mm as played at the key times, triangles [F,3], key times [n] (s)."""
    gltf = GLTF2().load_binary(str(path))
    blob = np.frombuffer(gltf.binary_blob(), np.uint8)
    primitive = gltf.meshes[0].primitives[0]
    base = _unpack(gltf, blob, primitive.attributes.POSITION)
    faces = _unpack(gltf, blob, primitive.indices).reshape(-1, 3).astype(np.int64)
    if not gltf.animations:
        return base[None] / np.float32(METRES_PER_MM), faces, np.zeros(1, np.float32)
    sampler = gltf.animations[0].samplers[0]
    time_s = _unpack(gltf, blob, sampler.input).ravel()
    weights = _unpack(gltf, blob, sampler.output).reshape(len(time_s), -1)
    targets = np.stack([_unpack(gltf, blob, target["POSITION"]) for target in primitive.targets])
    return (base + np.tensordot(weights, targets, 1)) / np.float32(METRES_PER_MM), faces, time_s


class _Packer:
    """One binary buffer with its views and accessors; views start at multiples of four bytes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[BufferView] = []
        self.accessors: list[Accessor] = []

    def add(self, array: NDArray[np.generic], kind: str, target: int | None, component: int = FLOAT) -> int:
        """Append an array; returns its accessor's index."""
        array = np.ascontiguousarray(array, np.float32 if component == FLOAT else np.uint32)
        view = BufferView(buffer=0, byteOffset=len(self.data), byteLength=array.nbytes, target=target)
        self.data += array.tobytes()
        flat = array.reshape(-1, 3) if kind == VEC3 else array.reshape(-1, 1)
        accessor = Accessor(bufferView=len(self.views), componentType=component, count=len(flat), type=kind,
                            min=flat.min(0).tolist(), max=flat.max(0).tolist())  # fmt: skip
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _animation(pack: _Packer, n_frames: int, fps: float) -> list[Animation]:
    """Frame k plays target k - 1 at weight one; between frames weights go over linearly. Nothing for a single frame."""
    if n_frames < 2:
        return []
    times = pack.add(np.arange(n_frames) / fps, SCALAR, None)
    weights = pack.add(np.eye(n_frames)[:, 1:].reshape(-1), SCALAR, None)
    sampler = AnimationSampler(input=times, output=weights, interpolation="LINEAR")
    channel = AnimationChannel(sampler=0, target=AnimationChannelTarget(node=0, path="weights"))
    return [Animation(name="expression", samplers=[sampler], channels=[channel])]


def _unpack(gltf: GLTF2, blob: NDArray[np.uint8], index: int) -> Any:
    accessor = gltf.accessors[index]
    view = gltf.bufferViews[accessor.bufferView]
    kind = np.float32 if accessor.componentType == FLOAT else np.uint32
    data: Any = blob[view.byteOffset : view.byteOffset + view.byteLength].view(kind)
    return data.reshape(-1, 3) if accessor.type == VEC3 else data


def _normals(verts: NDArray[np.float32], faces: NDArray[np.int64]) -> NDArray[np.float32]:
    corner = verts[faces]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.zeros_like(verts)
    for k in range(3):
        np.add.at(total, faces[:, k], face)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    # glTF wants unit normals, also where a triangle has no area.
    up = np.array([0, 0, 1], np.float32)
    unit: NDArray[np.float32] = np.where(length > 0, total / np.where(length > 0, length, 1), up).astype(np.float32)
    return unit


def _checked(verts_mm: ArrayLike, triangles: ArrayLike, fps: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    verts, faces = np.asarray(verts_mm, np.float32), np.asarray(triangles, np.int64)
    if verts.ndim != 3 or verts.shape[2] != 3 or len(verts) == 0:
        raise ValueError(shape_message("verts_mm", "(n, V, 3)", verts.shape))
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ValueError(shape_message("triangles", "(F, 3)", faces.shape))
    if not fps > 0:
        raise ValueError(f"fps must be positive but is {fps}")
    return verts, faces
