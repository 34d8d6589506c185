"""Who may call the service: API keys, and tokens of an issuer.

::

    with open_access(("keys", "jwt"), tokens=settings) as access:
        caller = access.known(authorization) or access.identify(authorization)
        caller.require("score")

``known`` asks nobody and is for the event loop; ``identify`` may ask the database or the issuer
and is for a thread. Both take the header ``Authorization`` (``Bearer`` and a key or a token) and
``X-API-Key``, and raise ``NotAuthenticated`` (401). What they go by is some seconds old at most;
where the database or the issuer does not answer beyond that, nobody is let in (``Unreachable``, 503).

A module for each part: ``callers`` who calls and what they may do, ``keys`` how keys are made and
kept, ``ring`` verifies keys, ``settings`` whose tokens are taken, ``jwks`` the issuer's keys,
``tokens`` verifies tokens, ``gate`` puts them together.
"""

from scorekit.access.callers import ANYONE, SCOPES, Caller, Scope, challenge
from scorekit.access.gate import Access, Anonymous, open_access

__all__ = ["ANYONE", "SCOPES", "Access", "Anonymous", "Caller", "Scope", "challenge", "open_access"]
