"""Lm: `dspash lm usage`, `history` and `budgets`: what the calls of language models have come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dspash.cli.command import Answer, command
from dspash.cli.moment import MOMENT_FORM, read_moment

if TYPE_CHECKING:
    from pydantic import JsonValue
    from rich.console import Console

    from dspash.resources.budget import Budget
    from dspash.resources.lm import LMUsage
    from dspash.resources.lm_request import LMRequest

__all__ = ["LM_COMMANDS", "budgets", "history", "usage"]

_LONGEST_LINE: Final = 100  # characters of a prompt or an answer in a list
_SUMMARY: Final = (
    "id",
    "created_at",
    "program",
    "run",
    "provider",
    "model",
    "status",
    "source",
    "tokens_used",
    "cost",
    "latency_ms",
)

Program = Annotated[str, typer.Option("--program", help="Only calls of this program or module.")]
Run = Annotated[str, typer.Option("--run", help="Only calls of this optimisation or evaluation.")]
Model = Annotated[str, typer.Option("--model", help="Only calls of this model.")]


@command
def usage(
    *,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="provider, model, program, run or day; may be given several times."),
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="WHEN", help=f"From then on: {MOMENT_FORM}.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help="Until just before then.")] = "",
    program: Program = "",
    run: Run = "",
    model: Model = "",
    provider: Annotated[str, typer.Option("--provider", help="Only calls of this provider.")] = "",
) -> Answer:
    """Show how much models were used, and what that cost.

    Calls, tokens, cost in US dollars, and the latencies of what models answered. Answers from the cache, or from the
    journal of a run that is repeated, cost nothing.
    """
    from dspash.cli.session import opened
    from dspash.resources.lm import usage_of

    groups: list[Any] = list(dict.fromkeys(by or ["model"]))
    chosen = {"program": program, "run": run, "model": model, "provider": provider}
    with opened() as session:
        now = session.scene.now()
        found = usage_of(
            session.scene,
            groups,
            {name: value or None for name, value in chosen.items()},
            since=read_moment("--since", since, now),
            until=read_moment("--until", until, now),
        )
    return Answer(
        value=[each.to_map() for each in found], show=lambda console: _show_usage(console, groups, found)
    )


@command
def history(
    *,
    request: Annotated[
        str, typer.Argument(metavar="[REQUEST]", help="Its id, to see it whole; without it, the last ones.")
    ] = "",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many of the last.")] = 10,
    program: Program = "",
    run: Run = "",
    model: Model = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Show prompts and answers whole.")] = False,
) -> Answer:
    """Show the last calls of models: what was asked, answered, and what that took."""
    from dspash.cli.record_view import json_of
    from dspash.cli.session import opened
    from dspash.resources.lm_request import LMRequest

    chosen: dict[str, Any] = {"program": program, "run": run, "model": model}
    chosen = {name: value for name, value in chosen.items() if value}
    if failed:
        chosen["status"] = "failed"
    with opened() as session:
        requests = session.scene.of(LMRequest)
        if request:
            found: Sequence[LMRequest] = (requests.get(request),)
        else:
            found = requests.list(filter=chosen, sort="-created_at", limit=count).items[::-1]
    is_whole = full or bool(request)
    value = [json_of(each) if is_whole else _summary(each) for each in found]
    return Answer(value=value, show=lambda console: _show_history(console, found, is_whole=is_whole))


@command
def budgets() -> Answer:
    """Show how much of every budget is spent.

    `dspash budgets create`, `update`, `reset` and `destroy` change them.
    """
    from dspash.cli.record_view import json_of
    from dspash.cli.session import opened
    from dspash.resources.budget import Budget

    with opened() as session:
        now = session.scene.now()
        found = list(session.scene.of(Budget).iterate(sort="name"))
    told = [(each, each.spent_at(now)) for each in found]
    value = [{**json_of(each), **spent} for each, spent in told]
    return Answer(value=value, show=lambda console: _show_budgets(console, told))


LM_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "usage": usage,
    "history": history,
    "budgets": budgets,
}


def _show_usage(console: Console, groups: Sequence[str], found: Sequence[LMUsage]) -> None:
    from dspash.cli.table import print_table

    if not found:
        console.print("no calls of models are kept")
        return
    headings = [*groups, "calls", "sent", "kept", "failed", "tokens in", "out", "cost $", "p50 ms", "p95 ms"]
    rows = [
        [
            *(each.of[name] or "-" for name in groups),
            str(each.calls),
            str(each.sent),
            str(each.cached + each.replayed + each.shared),
            str(each.failed),
            str(each.input_tokens),
            str(each.output_tokens),
            f"{each.cost:.6f}{'+?' if each.unpriced else ''}",
            _number(each.latency_p50_ms),
            _number(each.latency_p95_ms),
        ]
        for each in found
    ]
    print_table(console, headings, rows)
    if any(each.unpriced for each in found):
        console.print("+?: some calls are of models whose price is not known", style="dim")


def _show_history(console: Console, found: Sequence[LMRequest], *, is_whole: bool) -> None:
    from dspash.cli.printable import printable
    from dspash.resources.lm.texts import message_texts

    if not found:
        console.print("no calls of models are kept")
    for each in found:
        told = [
            each.created_at.isoformat(timespec="seconds"),
            each.program or "the host",
            f"{each.provider}/{each.model}",
            each.status if each.source is None else f"{each.status} ({each.source})",
            f"{each.tokens_used} tokens",
            f"{each.latency_ms:.1f} ms",
            "" if each.cost is None else f"${each.cost:.6f}",
            str(each.id),
        ]
        console.print(
            printable("  ".join(filter(None, told))),
            style="bold",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )
        messages = message_texts(each.prompt)
        for role, text in messages if is_whole else messages[-1:]:
            console.out(printable(f"  {role}: {text if is_whole else _line(text)}"), highlight=False)
        if each.error is not None:
            console.out(printable(f"  {_reason(each.error)}"), highlight=False)
        elif each.response is not None:
            text = each.response_text
            console.out(printable(f"  → {text if is_whole else _line(text)}"), highlight=False)


def _show_budgets(console: Console, found: Sequence[tuple[Budget, Mapping[str, float]]]) -> None:
    from dspash.cli.table import print_table

    if not found:
        console.print("there are no budgets; dspash budgets create makes one")
        return
    rows = [
        [
            each.name,
            f"{each.scope} {each.subject}".strip(),
            each.period,
            _of(spent["spent_calls"], each.max_calls),
            _of(spent["spent_tokens"], each.max_tokens),
            _of(spent["spent_cost"], each.max_cost),
        ]
        for each, spent in found
    ]
    print_table(console, ["name", "of", "period", "calls", "tokens", "cost $"], rows)


def _summary(request: LMRequest) -> dict[str, Any]:
    from dspash.cli.record_view import json_of

    told = json_of({name: getattr(request, name) for name in _SUMMARY})
    return {**told, "response_text": _line(request.response_text)}


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _reason(error: JsonValue) -> str:
    return f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else f"error: {error}"


def _number(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.1f}"


def _of(spent: float, limit: float | None) -> str:
    return f"{spent:g}" if limit is None else f"{spent:g} of {limit:g}"
