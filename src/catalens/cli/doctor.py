"""`catalens doctor`: is this bundle whole, and does this machine answer as the one that made it?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from catalens.cli.console import BUNDLE, emit, json_option
from catalens.cli.exits import DONE, ERROR, GATE


@click.command()
@click.argument("bundle", type=BUNDLE)
@json_option
def command(bundle: Path, as_json: bool) -> int:
    """Check a bundle: digests, and its examples replayed.

    Exit code 0: all is well; 1: the bundle is corrupt; 3: a check was not passed.

    \b
    Example:
      catalens doctor shirts.bundle
    """
    from catalens.predict.doctor import examine

    checks = examine(bundle)
    ok = all(check.ok for check in checks)
    if as_json:
        emit({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            mark = click.style("ok  ", fg="green") if check.ok else click.style("FAIL", fg="red")
            click.echo(f"{mark}  {check.name:<9} {check.detail}")
    if ok:
        return DONE
    return ERROR if any(check.broken for check in checks) else GATE
