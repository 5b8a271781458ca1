"""What LiteLLM gives its callbacks, read: no other package knows its shapes."""
