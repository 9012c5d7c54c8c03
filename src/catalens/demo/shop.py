"""What the drawn shop sells, in three levels.  Some neighbours are easy to confuse: mug and cup, chair and stool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from catalens.demo.items import fashion, home, kitchen, things
from catalens.demo.mesh import Item

LEVELS = ("department", "family", "kind")


@dataclass(frozen=True, slots=True)
class Kind:
    """A leaf: its path from the top, and what draws one product of it."""

    path: tuple[str, str, str]
    draw: Callable[[Generator], Item]


def _kinds(department: str, family: str, **draws: Callable[[Generator], Item]) -> tuple[Kind, ...]:
    return tuple(Kind((department, family, name.replace("_", " ")), draw) for name, draw in draws.items())


SHOP: tuple[Kind, ...] = (
    *_kinds("Kitchen", "Drinkware", Mug=kitchen.mug, Teacup=kitchen.teacup, Glass=kitchen.glass, Bottle=kitchen.bottle),
    *_kinds("Kitchen", "Tableware", Plate=kitchen.plate, Bowl=kitchen.bowl, Teapot=kitchen.teapot),
    *_kinds("Kitchen", "Cookware", Pot=kitchen.pot, Pan=kitchen.pan),
    *_kinds("Fashion", "Tops", **{"T-shirt": fashion.tshirt, "Shirt": fashion.shirt, "Hoodie": fashion.hoodie}),
    *_kinds("Fashion", "Footwear", Sneaker=fashion.sneaker, Boot=fashion.boot, Sandal=fashion.sandal),
    *_kinds("Fashion", "Accessories", Cap=fashion.cap, Handbag=fashion.handbag, Backpack=fashion.backpack),
    *_kinds("Home", "Lighting", Table_lamp=home.table_lamp, Floor_lamp=home.floor_lamp, Pendant_lamp=home.pendant),
    *_kinds("Home", "Seating", Chair=home.chair, Stool=home.stool, Armchair=home.armchair, Sofa=home.sofa),
    *_kinds("Home", "Decoration", Vase=home.vase, Clock=home.clock),
    *_kinds("Electronics", "Audio", Headphones=things.headphones, Speaker=things.speaker),
    *_kinds("Electronics", "Devices", Laptop=things.laptop, Phone=things.phone, Camera=things.camera),
    *_kinds("Leisure", "Toys", Ball=things.toy_ball, Toy_car=things.toy_car, Teddy_bear=things.bear),
    *_kinds("Leisure", "Hand tools", Hammer=things.hammer, Screwdriver=things.screwdriver),
)
