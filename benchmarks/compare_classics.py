"""The classics side by side, each comparison one `catalens compare` command, all from scratch and small for two cores.

    python benchmarks/compare_classics.py [models|six|weights|sampling] [--data FOLDER] [--work FOLDER] [--run]

    models    three models on 4,000 products of fashion, article types: an own CNN, ResNet-50, a vision transformer
    six       six models on the 10 classes of clothing: four own CNNs, MobileNetV2, Inception-V3
    weights   class weights on the same fashion products: none, balanced (clamped), effective number
    sampling  oversampling on the same: natural, square root, balanced

Without --run it prints the commands that are to be typed; with it, it runs them (those of all where none is named).
Fashion comes in 60x80 pixels, so 64 pixels lose little; Inception-V3 takes no less than 75.  The members of `weights`
and `sampling` share a folder, and the one that they have in common is trained once.  Stopped, it goes on.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
SMALL = ["--set", "train.size=64", "--set", "train.batch=64"]
# a transformer has more to learn from few photos: more epochs, at a lower rate
VIT = [word for text in ("lr=3e-4", "epochs=20") for word in ("--for", "vit_tiny_patch16_224", f"train.{text}")]
COMPARISONS: dict[str, tuple[str, list[str]]] = {
    "models": (
        "fashion",
        ["--models", "residual_cnn,resnet50,vit_tiny_patch16_224", *SMALL, "--set", "train.epochs=8", *VIT],
    ),
    "six": (
        "clothing",
        [
            "--models",
            "lightweight_cnn,basic_cnn,residual_cnn,attention_cnn,mobilenetv2_100,inception_v3",
            *SMALL,
            "--set",
            "train.epochs=10",
            "--for",
            "inception_v3",
            "train.size=80",
        ],
    ),
    "weights": (
        "fashion",
        [
            "--models",
            "residual_cnn",
            *SMALL,
            "--set",
            "train.epochs=8",
            "--vary",
            "train.class_weights=none,balanced,effective",
        ],
    ),
    "sampling": (
        "fashion",
        [
            "--models",
            "residual_cnn",
            *SMALL,
            "--set",
            "train.epochs=8",
            "--vary",
            "train.sampling=natural,sqrt,balanced",
        ],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMPARISONS))
    parser.add_argument("--data", type=Path, default=SHARED / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "bench" / "classics")
    parser.add_argument("--run", action="store_true")
    given = parser.parse_args()
    names = given.names or list(COMPARISONS)
    if unknown := set(names) - set(COMPARISONS):
        parser.error(f"no comparison {min(unknown)!r}; there are {', '.join(COMPARISONS)}")
    done: set[str] = set()
    for name in names:
        source, options = COMPARISONS[name]
        catalog = given.work / f"{source}.catalog"
        for command in [] if source in done or catalog.exists() else prepare(source, given.data, given.work):
            execute(command, run=given.run)
        done.add(source)
        execute(["compare", str(catalog), *options, "--out", str(given.work / f"{source}.compare")], run=given.run)
        page = given.work / f"{source}.compare" / "compare"
        for suffix in ("html", "json") if given.run else ():  # the next comparison of the folder writes its own
            page.with_suffix(f".{suffix}").replace(given.work / f"{name}.{suffix}")


def prepare(source: str, data: Path, work: Path) -> list[list[str]]:
    """The commands that make the catalog."""
    catalog = str(work / f"{source}.catalog")
    if source == "clothing":
        given = ["--split-column", "benchmark_split"]
        return [["ingest", str(data / "clothing" / "images.csv"), catalog, *given], ["split", catalog, "--given-only"]]
    whole = str(work / "fashion-whole.catalog")
    return [
        ["ingest", str(data / "fashion"), whole],
        ["sample", whole, catalog, "--min-class", "10", "--products", "4000"],
        ["split", catalog, "--min-products", "10"],
    ]


def execute(command: list[str], *, run: bool) -> None:
    """Print a command, and run it as a user would.  Ends with its exit code if that is not 0."""
    print("catalens", shlex.join(command), flush=True)
    if run and (code := subprocess.run([sys.executable, "-m", "catalens", *command], check=False).returncode):
        raise SystemExit(code)


if __name__ == "__main__":
    main()
