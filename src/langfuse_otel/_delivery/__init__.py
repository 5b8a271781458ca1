"""From "queued" to "Langfuse has it"."""
