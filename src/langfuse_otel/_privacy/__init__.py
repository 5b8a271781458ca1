"""What may leave the process: masks, credentials in errors, the parameters that are kept."""
