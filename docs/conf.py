"""Sphinx configuration."""

from __future__ import annotations

from langfuse_otel import __version__

project = "langfuse-otel"
author = "The langfuse-otel maintainers"
copyright = "2026, the langfuse-otel maintainers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"langfuse-otel {__version__}"
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpick_ignore_regex = [("py:.*", r".*")]  # types of other projects have no pages here
