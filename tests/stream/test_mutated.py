"""Whatever lines are made of, each has its answer in its place, and the others have the scores of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.mutated import MUTATIONS, QUICK, check, mutated, scores_of, stream_command
from tests.conftest import Bank
from tests.stream.streams import lines_of, streamed


@pytest.fixture(scope="module")
def originals(bank: Bank) -> list[bytes]:
    return lines_of(bank.new.slice(0, 2000))


def test_mutated_lines_have_their_answers_and_the_others_the_scores_of_a_file(
    bank: Bank, originals: list[bytes]
) -> None:
    options = ("-m", "bank", "--store", str(bank.store))
    lines = list(mutated(originals, QUICK, seed=4))
    codes = check(stream_command(options), lines, scores_of(originals, options))
    assert codes.total() == QUICK
    assert {"", "invalid_json", "not_utf8", "not_an_object", "absent", "empty_line"} <= codes.keys()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_as_many_answers_as_lines(
    data: st.DataObject, bank: Bank, originals: list[bytes], tmp_path: Path
) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    mutations = st.lists(st.sampled_from(MUTATIONS), max_size=3)
    lines = [originals[0]]  # so that there is one with a score
    for steps in data.draw(st.lists(mutations, max_size=150)):
        line = originals[len(lines)]
        for mutation in steps:
            line = mutation(line, chance)
        lines.append(line.replace(b"\n", b" "))
    found, result = streamed(bank.store, lines, tmp_path, model="bank")
    assert len(found) == len(lines)
    assert result.tally.rows + result.tally.empty == len(lines)
    numbers = [answer.get("line", number) for number, answer in enumerate(found, 1)]
    assert numbers == list(range(1, len(lines) + 1))
