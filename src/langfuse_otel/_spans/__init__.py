"""A record becomes a span: its ids, its attributes, its bytes."""
