"""What can be set about the demo.  The only place of the defaults."""

from __future__ import annotations

from pydantic import Field

from catalens.core.config import Settings


class DemoSettings(Settings):
    """`[demo]` of a TOML file, or `--set demo.KEY=VALUE`.

    `ratios` give calibration and test more than usual: a promise of 98 % needs some 150 calibration products without an
    error before anything is filed.
    """

    seed: int = Field(7, ge=0)
    products: int = Field(1800, ge=100)
    strangers: int = Field(20, ge=0)
    ratios: tuple[float, float, float, float] = (0.64, 0.04, 0.17, 0.15)
    model: str = "residual_cnn"
    size: int = 64
    epochs: int = Field(18, ge=1)
    batch: int = 16
    lr: float = 1e-3
    workers: int = Field(2, ge=1, description="processes that draw")
