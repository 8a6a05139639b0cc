"""The screens on which people rate."""
