"""The versions that this library must work with, and what is asked of it in each."""
