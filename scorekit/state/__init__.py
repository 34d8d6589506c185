"""The state: what was judged, the kill switch, alerts on their way, keys and jobs of the service.

It is kept in one database for all processes of a store's models: a file of SQLite beside a
local store (``models/.scorekit/state.db``), or PostgreSQL by ``SCOREKIT_DATABASE_URL``.
What scoring asks and writes is in the *ledger*, which imports nothing that costs more than
scoring a small file::

    from scorekit.state.ledger import Ledger

    with Ledger.open(store_uri) as ledger:
        ledger.switch("bank").position                    # "closed", "open" or "half_open"
        run = ledger.begin("bank", 7, run_id, "batch", "scores.parquet")
        recorded = ledger.record(run, 0, 0, verdict, outcome, rules, digest=digest)
        recorded.state.position, recorded.tripped, recorded.reason
        ledger.finish(run, "published", rows)

        ledger.trip("bank", "Ada", "wrong feed")          # both are written down with who and why
        ledger.reset("bank", "Ada", "feed mended", half_open=True)
        ledger.audit("bank")                              # every change, oldest first

``outcome`` is a ``quality.switch.WindowOutcome``, made of the ``PoorRows`` that were fed chunk
by chunk; the bin counts that are kept are those in ``verdict``. ``begin`` of a run that was
begun before gives the same run, and its rows, known by the digest of their input, count once
for the switch. A state that cannot be read is ``errors.Unreachable``, and means that nothing
may be published.

What is not in a hurry uses SQLAlchemy: ``history`` reads windows, runs and changes for a
report and prunes old ones, ``migrate`` upgrades, ``models`` has the tables.
"""
