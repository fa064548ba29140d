"""The assembler's programs say of every call what the policy says, whatever the policy, and as libseccomp would."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspash_worker.confinement.architecture import AARCH64, X86_64, Architecture
from dspash_worker.confinement.seccomp.assembler import MAX_INSTRUCTIONS, assemble
from dspash_worker.confinement.seccomp.decision import Branch, Comparison, Decision, Load, Return, decide
from dspash_worker.confinement.seccomp.inner import inner_policy
from dspash_worker.confinement.seccomp.outer import outer_policy
from dspash_worker.confinement.seccomp.policy import (
    ALLOW,
    KILL_PROCESS,
    Action,
    Case,
    Check,
    Policy,
    Rule,
    Verdict,
    has_no_bits,
    is_null,
    is_one_of,
    refuse,
)
from tests.worker.confinement import bpf, libseccomp
from tests.worker.confinement.bpf import SeccompData

WORD = 0xFFFF_FFFF
LONG = 0xFFFF_FFFF_FFFF_FFFF

ARCHITECTURES = st.sampled_from([X86_64, AARCH64])
ACTIONS = st.sampled_from([ALLOW, KILL_PROCESS, *(refuse(number) for number in (0, 1, 22, 38, 95))])


def verdict(policy: Policy, architecture: Architecture, data: SeccompData) -> Action:
    """Say what the policy means, by its words and one by one."""
    if data.arch != architecture.audit:
        return KILL_PROCESS
    if architecture.foreign_from is not None and data.nr >= architecture.foreign_from:
        return KILL_PROCESS
    names = [name for name, number in architecture.numbers.items() if number == data.nr]
    rule = policy.rules.get(names[0]) if names else None
    match rule:
        case None:
            return policy.young if data.nr >= policy.young_from else policy.default
        case Action():
            return rule
        case Rule():
            for case in rule.cases:
                if all(data.args[check.argument] & check.mask in check.values for check in case.checks):
                    return case.action
            return rule.otherwise


@st.composite
def checks(draw: st.DrawFn) -> Check:
    argument = draw(st.integers(0, 5))
    kind = draw(st.sampled_from(["values", "masked", "clear", "null", "long"]))
    if kind == "null":
        return is_null(argument)
    if kind == "clear":
        return has_no_bits(argument, draw(st.integers(1, WORD)))
    if kind == "long":
        high = draw(st.integers(0, WORD)) << 32
        return Check(
            argument, tuple(high | low for low in draw(st.lists(WORDS, min_size=1, max_size=3))), LONG
        )
    mask = WORD if kind == "values" else draw(st.integers(1, WORD))
    values = draw(st.lists(WORDS, min_size=1, max_size=6))
    return is_one_of(argument, *(value & mask for value in values), mask=mask)


WORDS = st.one_of(st.integers(0, 8), st.integers(0, WORD), st.sampled_from([WORD, 0x8000_0000]))
CASES = st.builds(Case, st.lists(checks(), min_size=1, max_size=3).map(tuple), ACTIONS)
RULES = st.builds(Rule, st.lists(CASES, max_size=4).map(tuple), ACTIONS)
NAMES = st.sampled_from(sorted(X86_64.numbers.keys() | AARCH64.numbers.keys()))
POLICIES = st.builds(
    Policy,
    st.dictionaries(NAMES, st.one_of(ACTIONS, RULES), max_size=60),
    default=ACTIONS,
    young=ACTIONS,
    young_from=st.integers(0, 470),
)


@st.composite
def arguments_for(draw: st.DrawFn, rule: Verdict | None) -> tuple[int, ...]:
    """Arguments that often pass the rule's checks, sometimes by a bit not."""
    args = draw(st.lists(st.one_of(st.integers(0, 8), st.integers(0, LONG)), min_size=6, max_size=6))
    if isinstance(rule, Rule) and rule.cases and draw(st.booleans()):
        for check in draw(st.sampled_from(rule.cases)).checks:
            around = draw(st.integers(0, LONG)) & ~check.mask
            args[check.argument] = draw(st.sampled_from(check.values)) | around
    if draw(st.booleans()):
        place = draw(st.integers(0, 5))
        args[place] ^= 1 << draw(st.integers(0, 63))
    return tuple(args)


@st.composite
def calls(draw: st.DrawFn, policy: Policy, architecture: Architecture) -> SeccompData:
    """Calls that the policy names, their neighbours, and any other."""
    named = sorted(name for name in policy.rules if name in architecture.numbers)
    kinds = [st.integers(0, 480), st.integers(0, WORD), st.sampled_from([0x3FFF_FFFF, 0x4000_0000, WORD])]
    name = draw(st.sampled_from(named)) if named and draw(st.booleans()) else None
    number = draw(st.one_of(kinds)) if name is None else architecture.numbers[name]
    audit = draw(st.sampled_from([architecture.audit] * 8 + [X86_64.audit, AARCH64.audit, 0x4000_0003, 0]))
    args = draw(arguments_for(policy.rules.get(name) if name else None))
    return SeccompData(number, audit, args)  # pyright: ignore[reportArgumentType]


@given(st.data())
def test_a_program_says_what_its_policy_says(data: st.DataObject) -> None:
    policy, architecture = data.draw(POLICIES), data.draw(ARCHITECTURES)
    program = assemble(decide(policy, architecture))
    for call in data.draw(st.lists(calls(policy, architecture), min_size=1, max_size=8)):
        assert bpf.run(program, call) == verdict(policy, architecture, call).value, call


@pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=lambda each: each.name)
@pytest.mark.parametrize(
    "policy",
    [
        inner_policy(pid=1, own_mounts=True),
        inner_policy(pid=4321, own_mounts=False),
        outer_policy(),
    ],
    ids=["inner", "inner, shared", "outer"],
)
@settings(max_examples=50)
@given(data=st.data())
def test_our_programs_say_what_our_policies_say(
    policy: Policy, architecture: Architecture, data: st.DataObject
) -> None:
    program = assemble(decide(policy, architecture))
    for call in data.draw(st.lists(calls(policy, architecture), min_size=5, max_size=15)):
        assert bpf.run(program, call) == verdict(policy, architecture, call).value, call


@given(st.integers(1, 400), st.integers(0, 400), st.integers(0, 800))
def test_jumps_reach_however_far(rungs: int, shared_at: int, operand: int) -> None:
    """A ladder of questions whose answers all lead to one far node, which takes more than a jump's eight bits."""
    far: Decision = Load(4, Branch(Comparison.EQUAL, 9, Return(ALLOW), Return(refuse(9))))
    decision: Decision = far if shared_at else Return(KILL_PROCESS)
    for rung in range(rungs):
        target = far if (rung + shared_at) % 3 else Return(refuse(rung % 100))
        decision = Branch(Comparison.EQUAL, rung, target, decision)
    program = assemble(Load(0, decision))
    for arch in (9, 10):
        at_far = ALLOW if arch == 9 else refuse(9)
        if operand < rungs:
            expected = at_far if (operand + shared_at) % 3 else refuse(operand % 100)
        else:
            expected = at_far if shared_at else KILL_PROCESS
        assert bpf.run(program, SeccompData(operand, arch)) == expected.value


def test_what_several_branches_lead_to_is_laid_out_once() -> None:
    shared: Decision = Load(16, Branch(Comparison.EQUAL, 7, Return(ALLOW), Return(KILL_PROCESS)))
    decision: Decision = shared
    for number in range(20):
        decision = Branch(Comparison.EQUAL, number, shared, decision)
    loads = [each for each in bpf.instructions(assemble(Load(0, decision))) if each[0] == bpf.LD_W_ABS]
    assert len(loads) == 2


def test_a_program_too_long_for_the_kernel_is_refused() -> None:
    wide = Policy(
        {
            name: Rule((Case((is_one_of(0, *range(20)),), ALLOW),), refuse(number % 4000))
            for number, name in enumerate(X86_64.numbers)
        },
        default=ALLOW,
        young=ALLOW,
    )
    with pytest.raises(ValueError, match=f"the kernel takes {MAX_INSTRUCTIONS}"):
        assemble(decide(wide, X86_64))


@pytest.mark.parametrize(
    ("argument", "values", "mask"),
    [(6, (0,), WORD), (-1, (0,), WORD), (0, (), WORD), (0, (4,), 3), (0, (1, 1 << 32), LONG), (0, (0,), 0)],
)
def test_a_check_that_no_program_could_make_is_refused(
    argument: int, values: tuple[int, ...], mask: int
) -> None:
    with pytest.raises(ValueError, match=r"argument|mask|values"):
        Check(argument, values, mask)


INNER = inner_policy(pid=77, own_mounts=True)
BY_ARGUMENT = sorted(name for name, rule in INNER.rules.items() if isinstance(rule, Rule))


@pytest.mark.parametrize("name", BY_ARGUMENT)
@settings(max_examples=15)
@given(data=st.data())
def test_libseccomp_makes_the_same_of_each_rule(name: str, data: st.DataObject) -> None:
    if libseccomp.LIBRARY is None:
        pytest.skip("libseccomp.so.2 is missing (apt package libseccomp2)")
    rule = INNER.rules[name]
    assert isinstance(rule, Rule)
    # libseccomp has one default for all calls, so it is that of the rule
    policy = Policy({name: rule}, default=rule.otherwise, young=rule.otherwise)
    theirs = _libseccomps(name)
    ours = assemble(decide(policy, X86_64))
    for call in data.draw(st.lists(calls(policy, X86_64), min_size=5, max_size=10)):
        if call.nr != WORD:  # -1, which a tracer puts there to skip a call: libseccomp lets it pass
            assert bpf.run(ours, call) == bpf.run(theirs, call), call


@functools.cache
def _libseccomps(name: str) -> bytes:
    rule = INNER.rules[name]
    assert isinstance(rule, Rule)
    return libseccomp.compile_rule(X86_64.numbers[name], rule)
