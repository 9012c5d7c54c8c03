"""Names of categories that are no kind of product: "Not sure", "Skip", "Other", in the languages shops are kept in.

What is filed there was not recognised by somebody, so a model that learns them learns the habits of that somebody.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Literal

from catalens.core.taxonomy import Taxonomy

Reason = Literal["undecided", "left out", "the rest", "empty"]

# what the whole name says, without accents and capitals
WHOLE: dict[Reason, tuple[str, ...]] = {
    "undecided": (
        "not sure", "unsure", "unknown", "undefined", "unclear", "dont know", "unidentified", "to be determined", "tbd",
        "pas sur", "inconnu", "inconnue", "ne sais pas", "non defini", "indetermine", "a definir", "a determiner",
        "unbekannt", "unklar", "nicht sicher", "weiss nicht", "desconocido", "no se", "sin definir", "sconosciuto",
        "non so", "da definire", "desconhecido", "nao sei", "onbekend", "nieznane",
    ),
    "left out": (
        "skip", "skipped", "ignore", "ignored", "exclude", "excluded", "delete", "deleted", "trash", "junk", "test",
        "todo", "ignorer", "a supprimer", "corbeille", "ignorieren", "loschen", "papierkorb", "ignorar", "eliminar",
        "ignora",
    ),
    "empty": (
        "", "na", "n a", "nan", "none", "null", "nil", "no category", "uncategorized", "uncategorised", "unclassified",
        "unassigned", "default", "no label", "unlabeled", "unlabelled", "blank", "empty",
        "sans categorie", "non classe", "aucun", "aucune", "vide", "ohne kategorie", "keine", "nicht zugeordnet",
        "leer", "sin categoria", "ninguno", "ninguna", "senza categoria", "nessuno", "nessuna", "sem categoria",
        "nenhum",
    ),
}  # fmt: skip
# a word at the beginning or the end of the name ("Autres accessoires", "Shoes, other"), or all of it
THE_REST = (
    "other", "others", "misc", "miscellaneous", "various", "assorted", "etc", "everything else", "sundry",
    "autre", "autres", "divers", "diverses",
    "andere", "anderes", "sonstige", "sonstiges", "diverse", "diverses", "verschiedenes",
    "otro", "otros", "otra", "otras", "varios", "varias", "altro", "altri", "altra", "altre", "varie",
    "outro", "outros", "outra", "outras", "overig", "overige", "inne", "pozostale",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SuspiciousName:
    """A category whose name is no kind of product, and why it looks so."""

    category_id: str
    name: str
    reason: Reason

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def suspicious_names(taxonomy: Taxonomy) -> tuple[SuspiciousName, ...]:
    """The categories, leaves and others, whose name in any language is no kind of product, in the taxonomy's order."""
    found = []
    for category in taxonomy.categories:
        for name in category.names.values() or (category.id,):
            reason = reason_against(name)
            if reason is not None:
                found.append(SuspiciousName(category.id, name, reason))
                break
    return tuple(found)


def reason_against(name: str) -> Reason | None:
    """Why a name is no kind of product; None where it may well be one."""
    words = folded(name)
    for reason, names in WHOLE.items():
        if words in names:
            return reason
    if any(words == rest or words.startswith(f"{rest} ") or words.endswith(f" {rest}") for rest in THE_REST):
        return "the rest"
    return None


def folded(name: str) -> str:
    """Lower case, without accents and signs: "N/A" -> "n a", "À définir" -> "a definir"."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", " ", plain.replace("'", "").replace("’", "")).strip()
