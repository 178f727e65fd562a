"""What every test shares: how far Hypothesis searches.

`make test` takes the same examples every time, so that a red test is the fault of the change that
made it red. `.ci/run` sets HYPOTHESIS_PROFILE=long and looks further, differently each time; what
it finds is printed with the line that reproduces it.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None)
settings.register_profile("long", max_examples=500, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
