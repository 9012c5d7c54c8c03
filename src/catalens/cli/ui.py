"""`catalens ui`: Streamlit on one page, which asks a running service."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from catalens.cli.console import say
from catalens.core.errors import MissingExtra


@click.command()
@click.option("--service", default="http://127.0.0.1:8000", show_default=True, help="Where `catalens serve` listens.")
@click.option("--port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="Where the page listens.")
def command(service: str, port: int) -> None:
    """Open the page that talks to a running service.

    \b
    Example:
      catalens serve shop.bundle --index shop.index &
      catalens ui
    """
    if find_spec("streamlit") is None or find_spec("httpx") is None:
        raise MissingExtra("The page", "ui")
    say(f"The page is at http://127.0.0.1:{port} and asks the service at {service} (Ctrl-C ends it)")
    os.execv(sys.executable, streamlit(service, port))


def streamlit(service: str, port: int) -> list[str]:
    """The command that runs the page: on this machine only, nothing sent to anybody, no browser opened."""
    from catalens.ui import __path__ as package

    options = {
        "server.address": "127.0.0.1",
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 32,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": "true",
        "theme.base": "light",
        "theme.primaryColor": "#0f766e",
        "theme.secondaryBackgroundColor": "#f6f8f7",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(Path(package[0]) / "page.py"), *flags, "--", service]
