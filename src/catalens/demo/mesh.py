"""Surfaces of the drawn products: every shape is a grid of points, lofted, turned on a lathe or swept along a path.

Object space: x to the right, y up, z towards the viewer; sizes are relative, `Item` scales them to one unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from catalens.demo.material import Floats, Material, vector

Point = tuple[float, float, float]
Pose = Literal["stand", "flat", "hang"]


@dataclass(frozen=True, slots=True)
class Part:
    """One surface of one material.

    `points`, `normals` float32 [V, 3]; `uv` float32 [V, 2] in [0, 1]; `quads` int32 [F, 4] into them.
    Where surfaces lie close together, the one of the higher `layer` is painted over the other.
    """

    points: Floats
    normals: Floats
    uv: Floats
    quads: npt.NDArray[np.int32]
    material: Material
    layer: int = 0

    def over(self) -> Part:
        """A label, a screen, a drink: painted over what it lies on."""
        return replace(self, layer=self.layer + 1)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
        return replace(self, points=self.points + vector(x, y, z))

    def turned(self, axis: Literal["x", "y", "z"], degrees: float) -> Part:
        """Rotated about an axis through the origin."""
        turn = rotation(axis, degrees)
        return replace(self, points=self.points @ turn.T, normals=self.normals @ turn.T)

    def mirrored(self) -> Part:
        """The left shoe for the right one: x is negated."""
        flip = vector(-1, 1, 1)
        return replace(self, points=self.points * flip, normals=self.normals * flip)


@dataclass(frozen=True, eq=False)
class Item:
    """A product: its parts, how it is photographed, and how far it may be turned from its front, in degrees."""

    parts: tuple[Part, ...]
    pose: Pose = "stand"
    yaw: tuple[float, float] = (-40.0, 40.0)
    pitch: tuple[float, float] = (8.0, 30.0)

    def extent(self, view_yaw: float, pitch: float) -> tuple[float, float]:
        """Width and height, in product lengths, of a box round the product as seen under the angles, in degrees."""
        wide, high, deep = np.ptp(np.concatenate([part.points for part in self.unit]), axis=0)
        if self.pose == "flat":
            high, deep = deep, high
        turn, tilt = np.radians(view_yaw), np.radians(pitch)
        across = abs(wide * np.cos(turn)) + abs(deep * np.sin(turn))
        back = abs(wide * np.sin(turn)) + abs(deep * np.cos(turn))
        return float(across), float(abs(high * np.cos(tilt)) + abs(back * np.sin(tilt)))

    @cached_property
    def unit(self) -> tuple[Part, ...]:
        """The parts scaled to a longest side of 1, standing on y = 0, centred over the origin."""
        points = np.concatenate([part.points for part in self.parts])
        low, high = points.min(axis=0), points.max(axis=0)
        scale = np.float32(1 / (high - low).max())
        anchor = vector((low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2)
        return tuple(replace(part, points=(part.points - anchor) * scale) for part in self.parts)


def rotation(axis: Literal["x", "y", "z"], degrees: float) -> Floats:
    """float32 [3, 3], right-handed."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3, dtype=np.float32)
    turn[first, first], turn[first, second] = cos, -sin
    turn[second, first], turn[second, second] = sin, cos
    return turn


def surface(grid: Floats, material: Material, *, outward: bool = True) -> Part:
    """float [A, B, 3] points -> a part; a row or column that returns to its start is closed smoothly.

    `outward` turns the normals away from the grid's own middle; False leaves the side that the order of points gives.
    """
    grid = np.asarray(grid, dtype=np.float32)
    rows, columns = grid.shape[:2]
    normals = np.cross(_slope(grid, 0), _slope(grid, 1))
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    normals = normals / np.maximum(length, 1e-9)
    quads = _grid_quads(rows, columns)
    if outward:
        middle = grid.reshape(-1, 3).mean(axis=0)
        area = length[..., 0]
        if (np.einsum("abc,abc->ab", normals, grid - middle) * area).sum() < 0:
            normals = -normals
    v, u = np.meshgrid(_share(grid, 0), _share(grid, 1), indexing="ij")
    uv = np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32)
    return Part(grid.reshape(-1, 3), normals.reshape(-1, 3).astype(np.float32), uv, quads, material)


def _slope(grid: Floats, axis: int) -> Floats:
    """Central differences along an axis, wrapping where the surface is closed."""
    first, last = grid.take(0, axis), grid.take(-1, axis)
    if np.allclose(first, last, atol=1e-6):
        body = grid.take(range(grid.shape[axis] - 1), axis)
        slope = np.roll(body, -1, axis) - np.roll(body, 1, axis)
        return np.concatenate([slope, slope.take([0], axis)], axis)
    return np.gradient(grid, axis=axis)


def _share(grid: Floats, axis: int) -> Floats:
    """How far along an axis each row or column lies, in [0, 1], measured on the surface."""
    steps = np.linalg.norm(np.diff(grid, axis=axis), axis=2).mean(axis=1 - axis)
    return np.concatenate([[0.0], np.cumsum(steps)]) / max(float(steps.sum()), 1e-9)


def _grid_quads(rows: int, columns: int) -> npt.NDArray[np.int32]:
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    corners = (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
    return np.stack(corners, axis=-1).reshape(-1, 4)


def lathe(profile: Sequence[tuple[float, float]] | Floats, material: Material, *, segments: int = 40) -> Part:
    """A profile of (radius, y) turned about the y axis; it runs up the outside and, for a vessel, down the inside."""
    radius, height = _crisp(np.asarray(profile, dtype=np.float32)).T
    angle = np.linspace(0, 2 * np.pi, segments + 1, dtype=np.float32)
    x, z = np.outer(radius, np.sin(angle)), np.outer(radius, np.cos(angle))
    grid = np.stack([x, np.broadcast_to(height[:, None], x.shape), z], axis=-1)
    part = surface(grid, material, outward=False)
    return replace(part, normals=-part.normals)


def _crisp(profile: Floats, *, edge: float = 0.06) -> Floats:
    """Two more points on every long segment, near its ends, so that shading turns at corners and not along walls."""
    lengths = np.linalg.norm(np.diff(profile, axis=0), axis=1)
    near = np.minimum(edge * lengths.sum() / len(lengths), 0.3 * lengths) / np.maximum(lengths, 1e-9)
    points = [profile[0]]
    for start, end, share, length in zip(profile[:-1], profile[1:], near, lengths, strict=True):
        if length > 0.5 * lengths.mean():
            points += [start + share * (end - start), end - share * (end - start)]
        points.append(end)
    return np.array(points)


def tube(
    path: Sequence[Point] | Floats,
    radius: float | Sequence[float] | Floats,
    material: Material,
    *,
    segments: int = 12,
    flatten: float = 1.0,
) -> Part:
    """A round bar along a path of A points, with one radius or A of them, its ends closed; `flatten` squeezes z."""
    line = np.asarray(path, dtype=np.float32)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float32), len(line)).copy()
    heading = np.gradient(line, axis=0)
    heading /= np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
    line = np.concatenate([line[:1], line, line[-1:]])
    heading = np.concatenate([heading[:1], heading, heading[-1:]])
    radii = np.concatenate([[1e-4], radii, [1e-4]])
    side = np.cross(heading, _across(heading))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, heading)
    angle = np.linspace(0, 2 * np.pi, segments + 1, dtype=np.float32)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    offset = ring * radii[:, None, None]
    offset[..., 2] *= flatten
    return surface(line[:, None] + offset, material)


def ribbon(path: Floats, across: Point, material: Material) -> Part:
    """A band along a path of A points, `across` wide, slightly domed."""
    side = vector(*across)
    shares = np.linspace(-0.5, 0.5, 6)
    return surface(np.stack([path * (1 - 0.06 * (2 * share) ** 4) + share * side for share in shares]), material)


def _across(heading: Floats) -> Floats:
    """One direction that no part of the path runs along."""
    least = int(np.argmin(np.abs(heading).max(axis=0)))
    return np.eye(3, dtype=np.float32)[least]


def box(size: Point, material: Material, *, bevel: float = 0.04, cuts: int = 5) -> tuple[Part, ...]:
    """Six faces of a box with rounded edges, centred; `size` is width, height, depth, `bevel` a length."""
    half = vector(*size) / 2
    radius = np.float32(min(bevel, half.min() * 0.99))
    line = np.concatenate([[-1.0, -0.97], np.linspace(-0.9, 0.9, cuts), [0.97, 1.0]]).astype(np.float32)
    a, b = np.meshgrid(line, line, indexing="ij")
    faces = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            cube = np.empty((*a.shape, 3), dtype=np.float32)
            cube[..., axis], cube[..., (axis + 1) % 3], cube[..., (axis + 2) % 3] = sign, a, b
            inner = np.clip(cube * half, radius - half, half - radius)
            out = cube * half - inner
            out /= np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-9)
            part = surface(inner + out * radius, material, outward=False)
            faces.append(replace(part, normals=out.reshape(-1, 3)))
    return tuple(faces)


def loft(rings: Sequence[Floats], material: Material) -> Part:
    """Closed rings of equal length, float [B, 3] each, joined in order; both ends are closed."""
    grid = np.stack([np.asarray(ring, dtype=np.float32) for ring in rings])
    grid = np.concatenate([grid, grid[:, :1]], axis=1)
    first, last = grid[0], grid[-1]
    start, end = np.broadcast_to(first[:-1].mean(0), first.shape), np.broadcast_to(last[:-1].mean(0), last.shape)
    caps = (start, start + 0.94 * (first - start)), (end + 0.94 * (last - end), end)
    return surface(np.concatenate([caps[0], grid, caps[1]]), material)


def ellipse(centre: Point, across: Point, along: Point, *, power: float = 2.0, count: int = 28) -> Floats:
    """float32 [count, 3]: a superellipse spanned by two half-axes; `power` 2 is round, 4 nearly a rectangle."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    cos, sin = (np.sign(wave) * np.abs(wave) ** (2 / power) for wave in (np.cos(angle), np.sin(angle)))
    return (vector(*centre) + np.outer(cos, across) + np.outer(sin, along)).astype(np.float32)


def ball(radius: float, material: Material, *, squash: Point = (1, 1, 1), rings: int = 22) -> Part:
    """A sphere, or with `squash` an ellipsoid, centred."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, rings)
    part = lathe([(radius * float(np.cos(a)), radius * float(np.sin(a))) for a in angle], material)
    stretch = vector(*squash)
    normals = part.normals / stretch
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return replace(part, points=part.points * stretch, normals=normals)


def curve(points: Sequence[Point], count: int = 24) -> Floats:
    """float32 [count, 3]: a smooth line through the points (Catmull-Rom)."""
    knots = np.asarray(points, dtype=np.float32)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    place = np.linspace(0, len(knots) - 1, count)
    index = np.minimum(place.astype(int), len(knots) - 2)
    t = (place - index)[:, None].astype(np.float32)
    p0, p1, p2, p3 = (padded[index + k] for k in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
