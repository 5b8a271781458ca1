"""Where this library hangs in LiteLLM and in the process, beside the callbacks."""
