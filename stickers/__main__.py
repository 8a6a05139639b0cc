"""``python -m stickers``: the same as the command ``stickers``."""

from stickers.cli import main

main()
