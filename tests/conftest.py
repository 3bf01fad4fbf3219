"""How property tests run: no deadlines (first calls compile), fewer examples where kernels run as Python.

With CI set the same examples are drawn each time, so that a change is judged by itself; elsewhere new ones.
"""

from __future__ import annotations

import os

import numba
from hypothesis import HealthCheck, settings

settings.register_profile(
    "agentrisk",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=10 if numba.config.DISABLE_JIT else 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
settings.load_profile("agentrisk")
