"""Two processes on one store, and a third that is killed while it publishes, held against a plain model.

Whatever the three do, in whatever order and at once, a version that is there holds, numbers
are never given twice, and an alias has exactly the history of the moves that succeeded.
"""

from __future__ import annotations

import copy
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.store.processes import Worker

CHAMPION, CHALLENGER = "champion", "challenger"
Move = tuple[int | None, int, str]
"""Where an alias pointed before, where after, and why."""


@dataclass
class Model:
    """A store in a few lines of Python: what versions there are, and every move of every alias."""

    versions: dict[int, str] = field(default_factory=dict)
    moves: dict[str, list[Move]] = field(default_factory=dict)

    def pointed(self, alias: str) -> int | None:
        """Where an alias points; the first version is champion until somebody says otherwise."""
        if alias in self.moves:
            return self.moves[alias][-1][1]
        return min(self.versions) if alias == CHAMPION and self.versions else None

    def move(self, alias: str, version: int, why: str) -> None:
        before = self.pointed(alias)
        known = before if alias in self.moves or before != version else None
        self.moves.setdefault(alias, []).append((known, version, why))

    def publish(self, version: int, digest: str, alias: str | None) -> None:
        self.versions[version] = digest
        if alias is not None:
            self.move(alias, version, "published")
        if CHAMPION not in self.moves:
            self.move(CHAMPION, min(self.versions), "first version")

    def promote(self, alias: str, version: int, why: str) -> dict[str, Any]:
        """The answer to be expected."""
        if version not in self.versions:
            return {"error": "model_not_found"}
        self.move(alias, version, why)
        return {"ok": version}

    def rollback(self, alias: str, why: str) -> dict[str, Any]:
        """The answer to be expected."""
        now = self.pointed(alias)
        if now is None:
            return {"error": "model_not_found"}
        past = [place for move in self.moves.get(alias, [])[:1] for place in move[:1]]
        past += [move[1] for move in self.moves.get(alias, [])]
        others = [place for place in past if place not in (None, now)]
        if not others:
            return {"error": "no_previous_version"}
        self.move(alias, others[-1], why)
        return {"ok": others[-1]}


@dataclass(frozen=True)
class Workers:
    """The processes, which serve one example after another."""

    both: tuple[Worker, Worker]
    doomed: Worker


@pytest.fixture
def workers(uri: str) -> Iterator[Workers]:
    with Worker(uri) as one, Worker(uri) as two, Worker(uri, "doomed") as doomed:
        yield Workers((one, two), doomed)


def without_message(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "message"}


who = st.sampled_from((0, 1))
names = st.sampled_from((CHAMPION, CHALLENGER))
numbers = st.integers(1, 6)


def machine(workers: Workers) -> type[RuleBasedStateMachine]:
    class TwoProcesses(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.below = f"/{uuid.uuid4().hex}"
            self.model = Model()
            self.asked = 0

        def ask(self, number: int, do: str, **request: Any) -> dict[str, Any]:
            return without_message(workers.both[number].ask(do, below=self.below, **request))

        def at_once(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
            for worker, request in zip(workers.both, requests, strict=True):
                worker.send(below=self.below, **request)
            return [without_message(worker.receive()) for worker in workers.both]

        def why(self) -> str:
            self.asked += 1
            return f"reason {self.asked}"

        # one at a time ------------------------------------------------------------------

        @rule(who=who, alias=st.sampled_from((None, None, CHAMPION, CHALLENGER)))
        def publish(self, who: int, alias: str | None) -> None:
            made = self.ask(who, "publish", mark=self.why(), alias=alias)["ok"]
            assert made["version"] > max(self.model.versions, default=0)
            self.model.publish(made["version"], made["digest"], alias)

        @rule(who=who, alias=names, version=numbers)
        def promote(self, who: int, alias: str, version: int) -> None:
            why = self.why()
            answer = self.ask(who, "promote", alias=alias, version=version, why=why)
            assert answer == self.model.promote(alias, version, why)

        @rule(who=who, alias=names)
        def rollback(self, who: int, alias: str) -> None:
            why = self.why()
            assert self.ask(who, "rollback", alias=alias, why=why) == self.model.rollback(alias, why)

        # two at once --------------------------------------------------------------------

        @rule(aliases=st.tuples(*[st.sampled_from((None, CHALLENGER))] * 2))
        def publish_at_once(self, aliases: tuple[str | None, str | None]) -> None:
            asked = [{"do": "publish", "mark": self.why(), "alias": alias} for alias in aliases]
            made = [answer["ok"] for answer in self.at_once(*asked)]
            one, two = (each["version"] for each in made)
            assert one != two
            assert min(one, two) > max(self.model.versions, default=0)
            self.model.versions |= {each["version"]: each["digest"] for each in made}
            asked_for = [
                (version, alias) for version, alias in zip((one, two), aliases, strict=True) if alias
            ]
            self.adopt(
                CHALLENGER, [[version for version, _ in order] for order in itertools.permutations(asked_for)]
            )
            self.adopt_first_champion()

        @rule(alias=names, moves=st.tuples(*[st.one_of(st.none(), numbers)] * 2))
        def move_at_once(self, alias: str, moves: tuple[int | None, int | None]) -> None:
            """Two promotions or rollbacks of one alias have the outcome of one after the other."""
            asked = [
                {"do": "rollback", "alias": alias, "why": self.why()}
                if version is None
                else {"do": "promote", "alias": alias, "why": self.why(), "version": version}
                for version in moves
            ]
            answers = self.at_once(*asked)
            seen = self.history(0, alias)
            for order in ((0, 1), (1, 0)):
                after = copy.deepcopy(self.model)
                expected = {number: self.applied(after, asked[number]) for number in order}
                if [expected[0], expected[1]] == answers and after.moves.get(alias, []) == seen:
                    self.model = after
                    return
            raise AssertionError(f"no order of {asked} gives {answers} and {seen}")

        @staticmethod
        def applied(model: Model, asked: dict[str, Any]) -> dict[str, Any]:
            if asked["do"] == "rollback":
                return model.rollback(asked["alias"], asked["why"])
            return model.promote(asked["alias"], asked["version"], asked["why"])

        # killed in the middle -----------------------------------------------------------

        @rule(moment=st.integers(1, 260), alias=st.sampled_from((None, CHALLENGER)))
        def publish_and_be_killed(self, moment: int, alias: str | None) -> None:
            finished = workers.doomed.ask("publish", below=self.below, moment=moment, alias=alias)["ok"]
            new = set(self.ask(0, "versions")["ok"]) - set(self.model.versions)
            assert len(new) <= 1
            assert new or not finished
            for version in new:
                assert version > max(self.model.versions, default=0)
                self.model.versions[version] = ""
            if alias is not None:
                self.adopt(alias, [[], [*new]] if not finished else [[*new]])
            self.adopt_first_champion(wanted=finished)

        # what is seen -------------------------------------------------------------------

        def history(self, number: int, alias: str) -> list[Move]:
            answer = self.ask(number, "history", alias=alias)
            if answer.get("error") == "model_not_found":
                return []
            return [tuple(move) for move in answer["ok"]]

        def adopt(self, alias: str, outcomes: list[list[int]]) -> None:
            """Take over the history that is there, which has to be one of those that could be."""
            seen = self.history(1, alias)
            for versions in outcomes:
                after = copy.deepcopy(self.model)
                for version in versions:
                    after.move(alias, version, "published")
                if after.moves.get(alias, []) == seen:
                    self.model = after
                    return
            raise AssertionError(f"{alias} has the history {seen}, which comes of none of {outcomes}")

        def adopt_first_champion(self, *, wanted: bool = True) -> None:
            """The first to say it may have seen its own version only, and a dead one says nothing."""
            seen = self.history(1, CHAMPION)
            if CHAMPION not in self.model.moves and seen:
                assert [(first, why) for first, _, why in seen] == [(None, "first version")]
                assert seen[0][1] in self.model.versions
                self.model.moves[CHAMPION] = seen
            assert seen == self.model.moves.get(CHAMPION, [])
            assert seen or not wanted

        @rule(who=who)
        def look(self, who: int) -> None:
            model = self.model
            assert self.ask(who, "versions")["ok"] == sorted(model.versions)
            pointed = {
                alias: model.pointed(alias) for alias in (CHALLENGER, CHAMPION) if model.pointed(alias)
            }
            assert self.ask(who, "aliases") == ({"ok": pointed} if pointed else {"error": "model_not_found"})
            for alias in (CHAMPION, CHALLENGER):
                there = model.pointed(alias)
                expected = {"ok": there} if there else {"error": "model_not_found"}
                assert self.ask(who, "resolve", alias=alias) == expected
                assert self.history(who, alias) == model.moves.get(alias, [])

        @rule(who=who, version=numbers)
        def verify(self, who: int, version: int) -> None:
            there = version in self.model.versions
            expected = {"ok": []} if there else {"error": "model_not_found"}
            assert self.ask(who, "verify", version=version) == expected

        def teardown(self) -> None:
            if hasattr(self, "model"):
                self.look(0)
                self.look(1)
                for version in self.model.versions:
                    assert self.ask(0, "verify", version=version) == {"ok": []}

    return TwoProcesses


def test_whatever_two_processes_do_a_store_is_what_the_model_says(uri: str, workers: Workers) -> None:
    examples = 8 if uri.startswith("s3://") else 30
    run_state_machine_as_test(
        machine(workers),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            # processes race, so a failure need not come again when its example is made smaller
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
