"""How a catalog is audited."""

from __future__ import annotations

from pydantic import Field

from catalens.core.config import Settings
from catalens.curate.duplicates import DuplicatesSettings
from catalens.curate.label_noise import LabelNoiseSettings


class AuditSettings(Settings):
    """`workers` processes look at the photos; `copies` and `labels` are the settings of those stages."""

    workers: int = Field(default=2, ge=1)
    copies: DuplicatesSettings = DuplicatesSettings()
    labels: LabelNoiseSettings = LabelNoiseSettings()
