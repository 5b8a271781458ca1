"""A receiver, and a page of Debian's Chromium that has opened it and met no error."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from langfuse_otel.dev import LocalReceiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

SCREENSHOTS = Path(__file__).parents[1] / "artifacts/screenshots"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, which has no sandbox where root starts it."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        yield browser
        browser.close()


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    """A receiver that has received nothing."""
    with LocalReceiver() as running:
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that has been nowhere."""
    opened = chromium.new_context(viewport={"width": 1440, "height": 900})
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """An empty page; whatever it complains of in its console fails the test."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None,
    )
    yield opened
    assert complaints == []


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keep what a page shows, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def kept(page: Page, name: str) -> None:
        page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")

    return kept
