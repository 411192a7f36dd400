"""Take what waits in the journals into the log, exactly once.

Contract: `ingest` may be called by any process at any time; it takes its turn as the one writer,
and everything it takes, with the places in the journals where it ended, is committed in one
transaction, so that a crash at any point loses and doubles nothing. Journals are never changed; one
that is complete and whose writer is gone is put aside in `journal/ingested`. Not here: the SQL of
each step, see the `.sql` files beside this one; the rules, see `provfs.inference`.
"""

from __future__ import annotations

from provfs.ingest.compaction import Compacted, compact, preview
from provfs.ingest.integrity import Finding, Verified, rebuild, verify
from provfs.ingest.pipeline import Report, ingest
from provfs.ingest.retention import Retention
from provfs.ingest.waiting import is_any as is_any_waiting

__all__ = [
    "Compacted", "Finding", "Report", "Retention", "Verified",
    "compact", "ingest", "is_any_waiting", "preview", "rebuild", "verify",
]  # fmt: skip
