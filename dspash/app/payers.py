"""Payers: on whose account the LM calls of an app's programs are made."""

from __future__ import annotations

from typing import cast

from dspash.app.runnable import Runnable
from dspash.bridge import current_ask
from dspash.gateway.lm_call import Payer

__all__ = ["Payers"]


class Payers:
    """Tells who pays, for one tenant."""

    def __init__(self, tenant: str) -> None:
        self.host = Payer(tenant)
        """Who pays for what the host asks for itself, and for what belongs to no call."""

    def __repr__(self) -> str:
        return f"<Payers of {self.host.tenant!r}>"

    def of(self, runnable: Runnable, run: str | None = None) -> Payer:
        """Who pays for a call of `runnable`, as part of `run` or of the run that it is made on behalf of, if any."""
        if run is None:
            run = self._run_around()
        return Payer(self.host.tenant, runnable.name or runnable.id, None, run)

    def _run_around(self) -> str | None:
        """The run whose tool or metric the running code is."""
        ask = current_ask()
        if ask is None or ask.call is None:
            return None
        payer = cast("Payer | None", ask.call.payer)
        return None if payer is None else payer.run
