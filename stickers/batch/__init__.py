"""Many photos: a plan of what there is to do, and a run that does it.

>>> plan = plan_batch(["photos"], "packs", recipe_of())   # doctest: +SKIP
>>> for result in run_batch(plan):                        # doctest: +SKIP
...     print(result.photo, result.status)
>>> write_page(summarise(plan))                           # doctest: +SKIP

Inputs become entries, entries a plan of jobs, jobs results: lines of the manifest, and
packs in a place. Packs appear whole or not at all and lines are appended, so that a run
may be killed at any moment: planned again with the same inputs, it goes on where it stood.
"""

from stickers.batch.page import write_page
from stickers.batch.plan import Plan, plan_batch
from stickers.batch.recipe import Layout, Recipe, recipe_of
from stickers.batch.run import Summary, run_batch, summarise

__all__ = [
    "Layout",
    "Plan",
    "Recipe",
    "Summary",
    "plan_batch",
    "recipe_of",
    "run_batch",
    "summarise",
    "write_page",
]
