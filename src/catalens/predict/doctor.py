"""Is a bundle what it was when it was written, and does this machine answer as that one did?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from catalens.core.bundle import Bundle
from catalens.core.errors import BundleError, ImageError, TaxonomyError
from catalens.core.scores import Floats
from catalens.predict.examples import FOLDER, Example, read_examples, square_digest
from catalens.predict.invariance import BATCH_TOLERANCE, LOGIT_TOLERANCE, batch_delta, other_answers
from catalens.predict.session import Session

# Another build of libjpeg rounds some pixels by one; its answers may differ by this much of a logit.
DECODER_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """One question, its answer, and in words what was found.  `broken`: the bundle cannot be used at all."""

    name: str
    ok: bool
    detail: str
    broken: bool = False


def examine(path: Path, *, threads: int | None = None) -> list[Check]:
    """Digests, graph, decoder, examples, batches.  Stops after the first check that leaves nothing to go on with."""
    try:
        bundle = Bundle(path)
        examples = read_examples(path)
    except (BundleError, TaxonomyError) as error:
        return [Check("digests", False, str(error), broken=True)]
    checks = [Check("digests", True, f"{len(bundle.manifest.files)} files are as the manifest says")]
    try:
        session = Session(bundle, threads=threads)
    except BundleError as error:
        return [*checks, Check("graph", False, str(error), broken=True)]
    size, manifest = bundle.preprocess.size, bundle.manifest
    shape = f"uint8 [N, {size}, {size}, 3] to {manifest.classes} logits and {manifest.embedding_dim} of embedding"
    checks.append(Check("graph", True, f"ONNX Runtime {ort.__version__} runs it, {shape}"))
    if not examples:
        return [*checks, Check("examples", False, "the bundle carries none; export it again")]
    try:
        squares = [
            bundle.preprocess.square((path / FOLDER / example.file).read_bytes(), source=example.file)
            for example in examples
        ]
    except ImageError as error:
        return [*checks, Check("decoder", False, f"{error}; is this format built into Pillow here?")]
    pixels = np.stack(squares)
    same = np.array(
        [square_digest(square) == example.square for square, example in zip(squares, examples, strict=True)]
    )
    logits, embeddings = session.run(pixels)[:2]
    checks.append(_decoder(examples, same, logits))
    checks.append(_examples(examples, same, logits, embeddings))
    delta = batch_delta(session, pixels)
    detail = f"a photo alone and among 32: logits differ by {delta:.1e} at most, {BATCH_TOLERANCE:g} allowed"
    return [*checks, Check("batches", delta <= BATCH_TOLERANCE, detail)]


def _decoder(examples: Sequence[Example], same: np.ndarray, logits: Floats) -> Check:
    """Squares that are not byte for byte those of the export have to answer nearly the same."""
    count = f"{int(same.sum())} of {len(examples)} photos decode to the very pixels of the export"
    if same.all():
        return Check("decoder", True, count)
    others = [example for example, equal in zip(examples, same, strict=True) if not equal]
    fault = _compare(others, logits[~same], DECODER_TOLERANCE)
    names = ", ".join(example.file for example in others)
    return Check("decoder", fault is None, fault or f"{count}; {names} differ a little, as with another decoder build")


def _examples(examples: Sequence[Example], same: np.ndarray, logits: Floats, embeddings: Floats) -> Check:
    """Equal pixels have to give equal answers."""
    lengths = np.linalg.norm(embeddings, axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):
        return Check(
            "examples", False, f"expected embeddings of length 1, got {lengths.min():.3f} to {lengths.max():.3f}"
        )
    kept = [example for example, equal in zip(examples, same, strict=True) if equal]
    fault = _compare(kept, logits[same], LOGIT_TOLERANCE)
    return Check(
        "examples", fault is None, fault or f"{len(kept)} answer as they did, within {LOGIT_TOLERANCE:g} of a logit"
    )


def _compare(examples: Sequence[Example], logits: Floats, tolerance: float) -> str | None:
    """None, or the example that differs most."""
    if not examples:
        return None
    expected = np.array([example.logits for example in examples], np.float32)
    if expected.shape != logits.shape:
        return f"expected {expected.shape[1]} logits an example, got {logits.shape[1]}"
    delta = np.abs(expected - logits).max(axis=1)
    worst = int(np.nan_to_num(delta, nan=np.inf).argmax())
    if not delta[worst] <= tolerance:
        return f"{examples[worst].file}: a logit differs by {delta[worst]:.4f}, {tolerance:g} allowed"
    for row in other_answers(expected, logits, tolerance):
        return f"{examples[row].file}: expected {examples[row].top1!r}, got another class"
    return None
