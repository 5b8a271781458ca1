"""Observations that an application makes itself, and scores."""
