"""How often the attributes are right, of the products that say what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from catalens.core.attributes import known
from catalens.core.scores import Scores, product_logits


def attribute_figures(
    scores: Scores, values: Mapping[str, Sequence[str]], truth: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """One row for each attribute of a bundle: `attribute`, `products`, `top1`, `majority`, `untrained`.

    `values` are each head's, in order; `truth` maps product id -> {attribute: value}.  `products` say a value that was
    trained, and `top1` is the share of them that is answered right, None where there are none; `majority` is what
    always answering their most frequent value would get.  `untrained` products say a value that the head has not.
    """
    rows = []
    for (name, answers), logits in zip(values.items(), scores.attributes, strict=True):
        place = {value: index for index, value in enumerate(answers)}
        ids, means = product_logits(scores.product_ids, logits)
        said = [truth.get(product, {}).get(name) for product in ids]
        pairs = [
            (int(guess), place[value])
            for guess, value in zip(means.argmax(axis=1), said, strict=True)
            if value in place
        ]
        most = Counter(true for _, true in pairs).most_common(1)
        rows.append(
            {
                "attribute": name,
                "products": len(pairs),
                "top1": sum(guess == true for guess, true in pairs) / len(pairs) if pairs else None,
                "majority": most[0][1] / len(pairs) if pairs else None,
                "untrained": sum(known(value) and value not in place for value in said),
            }
        )
    return rows
