"""Illustrated stickers from a selfie."""
