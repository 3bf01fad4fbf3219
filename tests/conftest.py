"""How property tests run: no deadlines (first calls compile), fewer examples where kernels run as Python."""

from __future__ import annotations

import numba
from hypothesis import HealthCheck, settings

settings.register_profile(
    "agentrisk",
    deadline=None,
    max_examples=10 if numba.config.DISABLE_JIT else 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
settings.load_profile("agentrisk")
