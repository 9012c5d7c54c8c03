"""From surfaces to a picture: faces painted far to near as numbers, then every pixel shaded from its face.

Painting numbers with Pillow and shading with numpy draws a photo in about 30 ms; shadows come from the same painting,
done from the light's side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from catalens.demo.camera import View
from catalens.demo.material import Floats, Material, albedo, sample, vector
from catalens.demo.mesh import Item, Part, rotation
from catalens.demo.scene import Light, Scene, backdrop

_SHADOW_SIDE = 144  # pixels of the light's picture, which is _SHADOW_SPAN product lengths wide
_SHADOW_SPAN = 2.6
_BACKDROP_STEP = 2
_LAYER = 0.06  # in product lengths


@dataclass(frozen=True, slots=True)
class _Solid:
    """All parts of an item in the world: vertex rows [V, ...], faces [F, 4], and the material of each face [F]."""

    world: Floats
    normals: Floats
    attributes: Floats  # [V, 11]: normal, world place, object place, uv
    quads: npt.NDArray[np.int32]
    material_of: npt.NDArray[np.int64]
    nearer: Floats  # [F], how much nearer than it is a face counts when faces are ordered
    materials: tuple[Material, ...]


def photograph(item: Item, view: View, scene: Scene) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Linear light, float32 [view.height, view.width, 3], and where in it the product is, bool [H, W]."""
    solid = _assemble(item, view.yaw)
    low, high = solid.world.min(axis=0), solid.world.max(axis=0)
    target = ((low + high) / 2).astype(np.float32)
    shadow = _LightView(solid, scene.light)
    origin, directions = view.rays(target, _BACKDROP_STEP)
    picture = _with_floor_shadow(scene, shadow, solid, *backdrop(scene, origin, directions), (view.width, view.height))
    see_through = np.array([material.alpha < 1 for material in solid.materials])[solid.material_of]
    covered = np.zeros((view.height, view.width), np.bool_)
    for chosen in (~see_through, see_through):
        if chosen.any():
            covered |= _paint(picture, solid, chosen, view, target, origin, scene.light, shadow)
    return picture, covered


def _assemble(item: Item, yaw: float) -> _Solid:
    turn = rotation("y", yaw)
    if item.pose == "flat":
        turn = turn @ rotation("x", -90)
    parts: tuple[Part, ...] = item.unit
    points = np.concatenate([part.points for part in parts])
    normals = np.concatenate([part.normals for part in parts]) @ turn.T
    world = points @ turn.T
    low, high = world.min(axis=0), world.max(axis=0)
    world -= vector((low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2)
    offsets = np.cumsum([0, *(len(part.points) for part in parts)])
    quads = np.concatenate([part.quads + start for part, start in zip(parts, offsets, strict=False)])
    kinds = {id(part.material): part.material for part in parts}
    place = {key: index for index, key in enumerate(kinds)}
    material_of = np.repeat([place[id(part.material)] for part in parts], [len(part.quads) for part in parts])
    uv = np.concatenate([part.uv for part in parts])
    attributes = np.concatenate([normals, world, points, uv], axis=1).astype(np.float32)
    layers = np.repeat([part.layer for part in parts], [len(part.quads) for part in parts]).astype(np.float32)
    return _Solid(world, normals, attributes, quads, material_of, layers * _LAYER, tuple(kinds.values()))


def _paint_faces(size: tuple[int, int], corners: Floats, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Faces [F, 4, 2] painted in order -> int32 [H, W]: 0 where nothing is, else the face's number + 1."""
    canvas = Image.new("I", size)
    paint = ImageDraw.Draw(canvas).draw.draw_polygon  # what `polygon` calls, without parsing a colour per face
    for face, outline in zip((order + 1).tolist(), corners[order].reshape(-1, 8).tolist(), strict=True):
        paint(outline, face, 1)
    return np.asarray(canvas)


class _LightView:
    """The product as the key light sees it: how deep it is lit, and the shadow it throws on the floor."""

    def __init__(self, solid: _Solid, light: Light) -> None:
        towards = light.towards
        side = np.cross(vector(0, 1, 0), towards)
        side /= max(float(np.linalg.norm(side)), 1e-6)
        self._axes = np.stack([side, np.cross(towards, side), towards]).astype(np.float32)
        self._middle = solid.world.mean(axis=0)
        seen = self._place(solid.world)
        corners = seen[solid.quads][..., :2]
        depth = seen[solid.quads][..., 2].mean(axis=1)
        lit = solid.normals[solid.quads[:, ::2]].sum(axis=1) @ towards > 0
        order = np.argsort(depth)
        ids = _paint_faces((_SHADOW_SIDE, _SHADOW_SIDE), corners, order[lit[order]])
        self._nearest = np.full(ids.shape, -9, np.float32)
        rows, columns = np.nonzero(ids)
        places = np.stack([columns, rows], axis=-1).astype(np.float32) + 0.5
        near = seen[:, 2:]
        self._nearest[rows, columns] = _interpolate(near, solid.quads, corners, ids[rows, columns] - 1, places)[:, 0]
        cover = Image.fromarray((ids > 0).astype(np.uint8) * 255)
        self._cover = np.asarray(cover.filter(ImageFilter.GaussianBlur(3.2)), dtype=np.float32) / 255

    def _place(self, points: Floats) -> Floats:
        """World points -> light pixels x, y and nearness to the light."""
        seen = (points - self._middle) @ self._axes.T
        seen[..., :2] = (seen[..., :2] / _SHADOW_SPAN + 0.5) * _SHADOW_SIDE
        return seen

    def _cells(self, seen: Floats) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        cells = np.clip(seen[..., :2], 0, _SHADOW_SIDE - 1).astype(np.int32)
        return cells[..., 1], cells[..., 0]

    def hidden(self, points: Floats) -> Floats:
        """1 where another part of the product stands before the light, else 0."""
        seen = self._place(points)
        return np.clip((self._nearest[self._cells(seen)] - seen[..., 2] - 0.035) / 0.03, 0, 1)

    def floor_cover(self, points: Floats) -> Floats:
        return self._cover[self._cells(self._place(points))]


def _with_floor_shadow(
    scene: Scene, shadow: _LightView, solid: _Solid, colours: Floats, places: Floats, size: tuple[int, int]
) -> Floats:
    """The backdrop darkened where the product keeps the light from it, enlarged to the photo's size."""
    on_floor = np.isfinite(places[..., 0])
    if scene.floor_level == 0 and on_floor.any():
        spots = places[on_floor]
        points = np.stack([spots[:, 0], np.zeros(len(spots), np.float32), spots[:, 1]], axis=-1)
        light = scene.light
        share = light.key * light.towards[1] / (light.fill + light.key * light.towards[1])
        dim = 1 - shadow.floor_cover(points)[:, None] * share * 0.85
        dim *= 1 - 0.55 * _contact(solid, spots)[:, None]
        colours[on_floor] *= dim
    return _enlarge(colours, size)


def _contact(solid: _Solid, spots: Floats) -> Floats:
    """The dark rim where the product touches the floor, in [0, 1] at floor places [P, 2]."""
    side = 96
    heights = solid.world[solid.quads][..., 1].min(axis=1)
    low = np.flatnonzero(heights < 0.05)
    if not len(low):
        return np.zeros(len(spots), np.float32)
    corners = (solid.world[solid.quads][..., [0, 2]] / 1.6 + 0.5) * side
    mask = Image.fromarray((_paint_faces((side, side), corners, low) > 0).astype(np.uint8) * 255)
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(1.8)), dtype=np.float32) / 255
    cells = np.clip((spots / 1.6 + 0.5) * side, 0, side - 1).astype(np.int32)
    return soft[cells[:, 1], cells[:, 0]]


def _enlarge(colours: Floats, size: tuple[int, int]) -> Floats:
    planes = [Image.fromarray(colours[..., channel]).resize(size, Image.Resampling.BILINEAR) for channel in range(3)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _paint(
    picture: Floats,
    solid: _Solid,
    chosen: npt.NDArray[np.bool_],
    view: View,
    target: Floats,
    origin: Floats,
    light: Light,
    shadow: _LightView,
) -> npt.NDArray[np.bool_]:
    """Shade the chosen faces into the picture, in place; where they are, bool [H, W]."""
    pixels, depth = view.project(solid.world, target)
    centres = solid.world[solid.quads].mean(axis=1)
    facing = np.einsum("fc,fc->f", solid.normals[solid.quads].mean(axis=1), origin - centres) > 0
    order = np.argsort(solid.nearer - depth[solid.quads].mean(axis=1))
    order = order[(facing & chosen)[order]]
    corners = pixels[solid.quads]
    ids = _paint_faces((view.width, view.height), corners, order)
    rows, columns = np.nonzero(ids)
    if not len(rows):
        return ids > 0
    faces = ids[rows, columns] - 1
    values = _interpolate(
        solid.attributes, solid.quads, corners, faces, np.stack([columns, rows], axis=-1).astype(np.float32)
    )
    towards_eye = origin - values[:, 3:6]
    towards_eye /= np.linalg.norm(towards_eye, axis=1, keepdims=True)
    hidden = np.zeros(ids.shape, np.uint8)
    hidden[rows, columns] = shadow.hidden(values[:, 3:6]) * 255
    soft = np.asarray(Image.fromarray(hidden).filter(ImageFilter.BoxBlur(2)), dtype=np.float32)[rows, columns] / 255
    colour, alpha = _shade(solid, solid.material_of[faces], values, towards_eye, light, soft)
    picture[rows, columns] += alpha[:, None] * (colour - picture[rows, columns])
    return ids > 0


def _interpolate(
    attributes: Floats, quads: npt.NDArray[np.int32], corners: Floats, faces: npt.NDArray[np.int32], places: Floats
) -> Floats:
    """Vertex attributes [V, K] -> [P, K] at pixel places [P, 2].

    Within a face they run along the least-squares plane through its corners.
    """
    seen = np.zeros(len(quads), np.bool_)
    seen[faces] = True
    used = np.flatnonzero(seen)
    which = (np.cumsum(seen) - 1)[faces]
    outline, values = corners[used], attributes[quads[used]]
    middle, mean = outline.mean(axis=1), values.mean(axis=1)
    offset = outline - middle[:, None]
    square = np.einsum("fka,fkb->fab", offset, offset) + np.eye(2, dtype=np.float32) * 0.3
    slope = np.linalg.solve(square, np.einsum("fka,fkv->fav", offset, values - mean[:, None]))
    step = places - middle[which]
    return mean[which] + step[:, :1] * slope[which, 0] + step[:, 1:] * slope[which, 1]


def _shade(
    solid: _Solid, kinds: npt.NDArray[np.int64], values: Floats, eye: Floats, light: Light, hidden: Floats
) -> tuple[Floats, Floats]:
    """Colour [P, 3] and opacity [P] of P pixels."""
    normal, spots, uv = values[:, :3], values[:, 6:9], values[:, 9:]
    base = np.empty((len(kinds), 3), np.float32)
    feel = np.empty((len(kinds), 4), np.float32)  # gloss, metal, alpha, glow
    for kind, material in enumerate(solid.materials):
        here = kinds == kind
        if not here.any():
            continue
        base[here] = albedo(material, uv[here], spots[here])
        feel[here] = (material.gloss, material.metal, material.alpha, material.glow)
        if material.bump:
            normal[here] += _bumps(material.bump, spots[here])
    gloss, metal, alpha, glow = feel.T
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    lit = np.clip((normal @ light.towards + 0.12) / 1.12, 0, 1) * (1 - 0.85 * hidden)
    sky = 0.5 + 0.5 * normal[:, 1]
    occlusion = 0.72 + 0.28 * np.clip(values[:, 4] * 5, 0, 1)
    ambient = (light.ground + (light.fill - light.ground) * sky[:, None]) * occlusion[:, None]
    diffuse = base * (lit[:, None] * light.key + ambient)
    cosine = np.clip((normal * eye).sum(axis=1), 0, 1)
    mirror = 2 * cosine[:, None] * normal - eye
    seen = _surroundings(mirror, light, gloss)
    grazing = 1 - cosine
    fresnel = 0.04 + 0.96 * grazing * grazing * grazing * grazing * grazing
    shine = (gloss * fresnel * (1 - 0.6 * hidden))[:, None] * seen
    colour = diffuse * (1 - metal)[:, None] + shine + base * metal[:, None] * seen + base * glow[:, None] * 1.6
    clear = alpha < 1
    if clear.any():
        alpha = np.where(clear, np.clip(alpha + 0.75 * grazing * grazing + shine.max(axis=1) * 1.5, 0, 1), alpha)
    return colour.astype(np.float32), alpha.astype(np.float32)


def _surroundings(mirror: Floats, light: Light, gloss: Floats) -> Floats:
    """What a mirror shows in each direction [P, 3]: dark floor, light sky, a bright softbox; softer if rough."""
    towards_light = mirror @ light.towards
    width = 0.04 + 0.25 * (1 - gloss)
    box = np.clip((towards_light - 0.93 + width / 2) / width, 0, 1)
    strip = np.clip((np.abs(mirror[:, 0] + 0.55) < 0.12) * (mirror[:, 1] > -0.2), 0, 1)
    level = 0.25 + 0.75 * np.clip(mirror[:, 1] * 1.5 + 0.5, 0, 1) + gloss * 0.5 * strip
    return level[:, None] * light.fill + (box * (0.6 + 7 * gloss**2))[:, None] * light.key


def _bumps(strength: float, spots: Floats) -> Floats:
    """How cloth, leather or fur tilts the normal at object places [P, 3]: soft folds and a fine grain."""
    u, v = spots[:, 0] * 0.5 + spots[:, 2] * 0.3 + 3, spots[:, 1] * 0.4 + 3
    step = 0.02
    here = sample("fold", u, v)
    tilt = np.empty((len(spots), 3), np.float32)
    tilt[:, 0] = here - sample("fold", u + step, v)
    tilt[:, 1] = here - sample("fold", u, v + step)
    tilt[:, 2] = 0
    tilt *= strength * 4
    tilt += (strength * 0.3) * (sample("fine", u * 3, v * 3) - 0.5)[:, None]
    return tilt
