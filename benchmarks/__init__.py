"""What a call costs, what becomes of it under faults, and how the peers fare in the same run."""
