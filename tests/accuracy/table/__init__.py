"""The labelled cases of the design, part 4, in the order of its table."""

from __future__ import annotations

from tests.accuracy.cases import Case
from tests.accuracy.table import damage, names, native, order, programs, scope, workers

CASES: tuple[Case, ...] = (
    *order.CASES,
    *workers.CASES,
    *programs.CASES,
    *names.CASES,
    *scope.CASES,
    *damage.CASES,
    *native.CASES,
)
