"""Every flag of the quality check has words on the audit's page."""

from catalens.core.quality import FLAGS
from catalens.curate.audit.photos import MEANING


def test_every_flag_has_a_meaning() -> None:
    assert set(MEANING) == set(FLAGS)
