"""How property tests run: never judged by the clock, which on a shared machine says nothing about the code.

CI draws the same examples every time, so that what landed stays green; elsewhere each run draws new ones, and what it
finds becomes an explicit example.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("BULKHEAD_HYPOTHESIS", "explore"))
