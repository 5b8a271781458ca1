"""Whether what the settings name on this side works: the mask, and the spool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from langfuse_otel._console.report import Finding
from langfuse_otel._delivery.spool import Spool
from langfuse_otel._privacy.masking import named_mask

if TYPE_CHECKING:
    from langfuse_otel.settings import Settings


def mask_finding(settings: Settings) -> Finding:
    """Return whether the mask that the settings name can be imported."""
    try:
        named_mask(settings.mask)
    except ValueError as error:
        return Finding(
            "mask",
            good=False,
            text=f"{settings.mask} is no mask function ({error}): all content would be replaced",
            cure="Write module:function; the module must be importable, as by PYTHONPATH.",
        )
    return Finding("mask", good=True, text=f"the mask {settings.mask} can be imported")


def spool_finding(settings: Settings) -> Finding:
    """Return whether the spool can be opened, as a process does; what holds nothing leaves nothing."""
    try:
        folder = Path(settings.spool_dir or "").expanduser().absolute()
        spool = Spool(folder, settings.spool_max_bytes)
        spool.has_room(b"")
        spool.close()
    except (OSError, RuntimeError) as error:
        return Finding(
            "spool",
            good=False,
            text=f"{settings.spool_dir} cannot be a spool: {error}",
            cure="It must be a folder that this user may write to, on a disk with file locks.",
        )
    return Finding("spool", good=True, text=f"the spool {settings.spool_dir} can be written")
