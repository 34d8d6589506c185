"""Workers that claim, sleep, die and awake at any step, held against what a job promises.

Each handle is a job as some worker claimed it; any of them may take its next step at any time,
however long ago another worker took the job up.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from scorekit.errors import DataError
from scorekit.jobs import Job, Jobs
from scorekit.jobs.queue import LeaseLost
from scorekit.store.aliases import AliasEntry
from scorekit.store.versions import Ref
from tests.jobs.samples import request
from tests.store.example import files, manifest

LONG = timedelta(hours=1)
NUMBERS = itertools.count(1)


@dataclass
class Handle:
    """What a worker knows of a job it claimed."""

    job: Job
    number: int | None = None
    taken: int | None = None
    published: bool = False


def machine(jobs: Jobs) -> type[RuleBasedStateMachine]:
    class Workers(RuleBasedStateMachine):
        handles = Bundle("handles")

        @initialize()
        def begin(self) -> None:
            self.name = f"bank{next(NUMBERS)}"
            self.ids: list[str] = []
            self.tokens: dict[str, int] = {}
            self.ends: dict[str, str] = {}

        @rule(promote=st.booleans())
        def submit(self, promote: bool) -> None:
            job, created = jobs.submit(request(name=self.name, promote=promote), "ada")
            assert created
            self.ids.append(job.id)

        @rule(target=handles, worker=st.sampled_from(("one", "two")), lapses=st.booleans())
        def claim(self, worker: str, lapses: bool) -> object:
            job = jobs.claim(worker, timedelta(0) if lapses else LONG)
            if job is None:
                return multiple()
            assert job.token > self.tokens.get(job.id, 0), "a token is given once"
            assert job.attempts <= 3
            self.tokens[job.id] = job.token
            return Handle(job)

        @rule(handle=handles, lapses=st.booleans())
        def beat(self, handle: Handle, lapses: bool) -> None:
            held = jobs.beat(handle.job, timedelta(0) if lapses else LONG, {"stage": "fit"})
            now = jobs.get(handle.job.id)
            assert (held == "held") == (now.status == "running" and now.token == handle.job.token)
            assert (held == "cancelled") == (now.status == "cancelled")

        @rule(handle=handles)
        def advance(self, handle: Handle) -> None:
            """Take the next step, whoever has the job now."""
            if handle.published:
                self.finish(handle)
            elif handle.number is None:
                self.reserve(handle)
            else:
                self.publish(handle)

        def reserve(self, handle: Handle) -> None:
            with suppress(LeaseLost):
                free = jobs.store.next_version(self.name)
                handle.number = jobs.reserve(handle.job, free, handle.taken)

        def publish(self, handle: Handle) -> None:
            assert handle.number is not None
            made = manifest(self.name, job=handle.job.id)
            ref = Ref(self.name, handle.number)
            done = jobs.store.publish_at(handle.number, made, files(), attempt=handle.job.token)
            handle.published = done is not None or jobs.store.close(ref, handle.job.id)
            if not handle.published:
                handle.taken, handle.number = handle.number, None

        def finish(self, handle: Handle) -> None:
            assert handle.number is not None
            jobs.appoint(replace(handle.job, version=handle.number))
            jobs.finish(handle.job, handle.number, {"version": handle.number})

        @rule(handle=handles)
        def fail(self, handle: Handle) -> None:
            jobs.fail(handle.job, DataError("no rows"))

        @rule(handle=handles, counted=st.booleans())
        def put_back(self, handle: Handle, counted: bool) -> None:
            jobs.put_back(handle.job, counted=counted)

        @rule(handle=handles)
        def cancel(self, handle: Handle) -> None:
            assert jobs.cancel(handle.job.id).over

        @rule()
        def publish_by_others(self) -> None:
            jobs.store.publish(manifest(self.name), files(), by="somebody")

        @rule(version=st.integers(1, 4))
        def promote_by_others(self, version: int) -> None:
            if version in jobs.store.versions(self.name):
                jobs.store.promote(Ref(self.name, version), by="somebody")

        @invariant()
        def every_job_keeps_its_promise(self) -> None:
            made: dict[str, list[int]] = {}
            for version in jobs.store.versions(self.name):
                maker = jobs.store.job_of(Ref(self.name, version))
                if maker is not None:
                    made.setdefault(maker, []).append(version)
            for job_id in self.ids:
                job = jobs.get(job_id)
                versions = made.get(job_id, [])
                assert len(versions) <= 1, "published twice"
                if job.status == "done" and job.request["promote"]:
                    assert [move.why for move in self.moves()].count(f"job {job_id}") == 1
                if job.status == "done":
                    assert versions == [job.version]
                elif job.over:
                    assert versions == [], "it is over, and published all the same"
                if job.over:
                    assert self.ends.setdefault(job_id, job.status) == job.status, "what is over stays so"

        def moves(self) -> tuple[AliasEntry, ...]:
            return jobs.store.history(self.name)

        def teardown(self) -> None:
            while (job := jobs.claim("last", LONG)) is not None:
                handle = Handle(job)
                while not jobs.get(job.id).over:
                    self.advance(handle)
            for job_id in self.ids:
                if not jobs.get(job_id).over:  # its worker has an hour left
                    jobs.cancel(job_id)
            self.every_job_keeps_its_promise()
            assert all(jobs.get(job_id).over for job_id in self.ids), "a job is lost"

    return Workers


@pytest.mark.parametrize("examples", [40])
def test_whatever_workers_do_a_job_publishes_once_or_ends_without(jobs: Jobs, examples: int) -> None:
    run_state_machine_as_test(
        machine(jobs),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
