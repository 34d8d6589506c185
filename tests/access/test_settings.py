"""The ``[auth]`` table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scorekit import config
from scorekit.access.settings import ALGORITHMS, read_token_settings
from scorekit.errors import UsageError

WHOLE = """\
model = "bank"

[auth]
issuer = "https://login.example.com/realms/ml"
audience = "scorekit"
"""


def read(folder: Path, text: str) -> Any:
    file = folder / "scorekit.toml"
    file.write_text(text)
    settings = config.load(file)
    settings.check()
    return read_token_settings(settings)


def test_without_the_table_no_tokens_are_taken(tmp_path: Path) -> None:
    assert read(tmp_path, 'model = "bank"\n') is None


def test_issuer_and_audience_are_enough(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert (found.issuer, found.audience) == ("https://login.example.com/realms/ml", ("scorekit",))
    assert found.algorithms == ALGORITHMS
    assert not any(name.startswith(("HS", "none")) for name in found.algorithms)
    assert (found.scopes_claim, found.leeway) == ("scope", timedelta(seconds=30))


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        WHOLE.replace('"scorekit"', '["scorekit", "scores"]')
        + 'jwks_url = "http://localhost:8000/keys"\nalgorithms = ["ES256"]\nscopes_claim = "scp"\n'
        + 'scope_prefix = "ml:"\nleeway = "5s"\nrefresh = "1m"\nkeep = "1h"\n',
    )
    assert found.audience == ("scorekit", "scores")
    assert found.algorithms == ("ES256",)
    assert (found.leeway.seconds, found.refresh.seconds, found.keep.seconds) == (5, 60, 3600)


WRONG = {
    'issuer = "https://x.example"\naudience = "a"\nalgorithms = ["HS256"]': (4, "algorithms should be"),
    'issuer = "https://x.example"\naudience = "a"\nalgorithms = ["none"]': (4, "algorithms should be"),
    'issuer = "https://x.example"\naudience = "a"\nalgorithms = []': (1, "algorithms should name one"),
    'issuer = "https://x.example"\naudience = "a"\nsecret = "s"': (4, "no such setting: secret"),
    'issuer = "https://x.example"\naudience = "a"\nleway = "5s"': (4, "no such setting: leway"),
    'issuer = "https://x.example"\naudience = "a"\nleeway = "1h"': (1, "leeway should be 5 minutes or less"),
    'issuer = "https://x.example"\naudience = "a"\nleeway = 5': (4, "a duration is a number with"),
    'issuer = "https://x.example"\naudience = []': (1, "audience should name"),
    'issuer = "https://x.example"\naudience = ""': (1, "audience should name"),
    'issuer = "http://x.example"\naudience = "a"': (1, "issuer should begin with https://"),
    'issuer = "https://me:word@x.example"\naudience = "a"': (1, "issuer should be an address"),
    'issuer = "x"\naudience = "a"': (1, "issuer should be an address"),
    'issuer = "https://x.example"\naudience = "a"\njwks_url = "http://x.example/k"': (
        1,
        "jwks_url should begin",
    ),
    'issuer = "https://x.example"\naudience = "a"\njwks_url = "file:///etc/passwd"': (
        1,
        "jwks_url should be",
    ),
    'issuer = "x"\naudience = "a"\njwks_url = "https://x.example"\njwks_file = "k"': (1, "keep one of"),
    'issuer = "x"\naudience = "a"\njwks_file = "k"\nrefresh = "2h"\nkeep = "1h"': (1, "keep no less"),
    'audience = "a"': (1, "[auth] lacks issuer"),
}


@pytest.mark.parametrize("table", WRONG)
def test_a_mistake_is_shown_by_file_and_line(tmp_path: Path, table: str) -> None:
    line, said = WRONG[table]
    with pytest.raises(UsageError) as refused:
        read(tmp_path, f"[auth]\n{table}\n")
    assert refused.value.code == "auth"
    assert refused.value.message.startswith(f"{tmp_path}/scorekit.toml:{line}: ")
    assert said in refused.value.message
    assert "word" not in refused.value.message


def test_a_name_that_is_nearly_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, WHOLE + 'audiense = "x"\n')
    assert refused.value.hint == "did you mean audience?"


def test_an_issuer_that_is_only_a_name_needs_its_keys_in_a_file(tmp_path: Path) -> None:
    found = read(tmp_path, '[auth]\nissuer = "joe"\naudience = "a"\njwks_file = "keys.json"\n')
    assert found.issuer == "joe"
