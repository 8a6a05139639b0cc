"""``python -m rater_tools``, the same as ``raters``."""

from rater_tools.cli import main

main()
