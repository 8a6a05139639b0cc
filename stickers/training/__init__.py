"""From ratings to a shipped model."""
