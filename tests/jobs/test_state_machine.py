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
    published: bool = False
    ended: bool = False


def machine(jobs: Jobs) -> type[RuleBasedStateMachine]:
    class Workers(RuleBasedStateMachine):
        handles = Bundle("handles")
        submitted = Bundle("submitted")

        @initialize()
        def begin(self) -> None:
            self.name = f"bank{next(NUMBERS)}"
            self.ids: list[str] = []
            self.tokens: dict[str, int] = {}
            self.ends: dict[str, str] = {}

        @rule(target=submitted, promote=st.booleans())
        def submit(self, promote: bool) -> str:
            job, created = jobs.submit(request(name=self.name, promote=promote), "ada")
            assert created
            self.ids.append(job.id)
            return job.id

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
        def reserve(self, handle: Handle) -> None:
            with suppress(LeaseLost):
                handle.number = jobs.reserve(handle.job, jobs.store.next_version(self.name), handle.number)

        @rule(handle=handles)
        def publish(self, handle: Handle) -> None:
            if handle.number is None or handle.published:
                return
            made = manifest(self.name, job=handle.job.id)
            ref = Ref(self.name, handle.number)
            done = jobs.store.publish_at(handle.number, made, files(), attempt=handle.job.token)
            handle.published = done is not None or jobs.store.close(ref, handle.job.id)

        @rule(handle=handles)
        def finish(self, handle: Handle) -> None:
            if handle.published and handle.number is not None and not handle.ended:
                jobs.appoint(replace(handle.job, version=handle.number))
                handle.ended = jobs.finish(handle.job, handle.number, {"version": handle.number})

        @rule(handle=handles)
        def fail(self, handle: Handle) -> None:
            jobs.fail(handle.job, DataError("no rows"))

        @rule(handle=handles, counted=st.booleans())
        def put_back(self, handle: Handle, counted: bool) -> None:
            jobs.put_back(handle.job, counted=counted)

        @rule(job=submitted)
        def cancel(self, job: str) -> None:
            assert jobs.cancel(job).over

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
                if job.status == "done":
                    assert versions == [job.version]
                elif job.over:
                    assert versions == [], "it is over, and published all the same"
                if job.over:
                    assert self.ends.setdefault(job_id, job.status) == job.status, "what is over stays so"

        def teardown(self) -> None:
            while (job := jobs.claim("last", LONG)) is not None:
                number = jobs.reserve(job, jobs.store.next_version(self.name))
                handle = Handle(job, number)
                while not handle.published:
                    self.publish(handle)
                    if not handle.published:
                        self.reserve(handle)
                self.finish(handle)
            for job_id in self.ids:
                if not jobs.get(job_id).over:  # its worker has an hour left
                    jobs.cancel(job_id)
            self.every_job_keeps_its_promise()
            assert all(jobs.get(job_id).over for job_id in self.ids), "a job is lost"
            moves = (
                [move.id for move in jobs.store.history(self.name)] if jobs.store.versions(self.name) else []
            )
            assert len(moves) == len(set(moves)), "promoted twice"

    return Workers


@pytest.mark.parametrize("examples", [25])
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
