"""What the commands of `langfuse-otel` find out, and how it is shown."""
