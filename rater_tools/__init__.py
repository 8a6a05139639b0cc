"""The rating tool: from photographs to labels to better art.

::

    photos, ratings -> store -> tasks and places -> answers -> consensus, agreement -> report
                       plan     assignment         the log     learn                   backlog

Raters answer on web screens (`rater_tools.web`), the manager works on the command line
(`rater_tools.cli`). Every answer is a row of a log that only grows (`store.Entry`); all
else is read from it. The vocabulary is that of `stickers.traits`, the form of files that
of `stickers.training.ratings`.
"""
