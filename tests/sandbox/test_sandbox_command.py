"""Commands: what a zygote of each tier finds around it, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dspash import ConfigurationError
from dspash.sandbox import Tier, ZygoteSpec
from dspash.sandbox.command import binds_of, command_for
from dspash.sandbox.identity import UNCLAIMED, sandbox_identity
from tests.leaks import no_leaks, wait_until
from tests.sandbox.inside import REPOSITORY, run_as_ordinary_user, run_inside, strict

pytestmark = pytest.mark.bwrap

LOOK = """
import json, os, pwd, sys
def readable(path):
    try: return os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(20).decode(errors='replace')
    except OSError as error: return type(error).__name__
def status():
    fields = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
    return {name: fields[name].strip() for name in ('CapEff', 'CapPrm', 'CapBnd', 'NoNewPrivs', 'Uid', 'Groups')}
print(json.dumps({
    'root': sorted(os.listdir('/')), 'etc': sorted(os.listdir('/etc')), 'dev': sorted(os.listdir('/dev')),
    'box': os.listdir('/box'), 'cwd': os.getcwd(), 'uid': os.getuid(), 'name': pwd.getpwuid(os.getuid()).pw_name,
    'environment': dict(os.environ), 'status': status(), 'host': os.uname().nodename,
    'interfaces': [line.split(':')[0].strip() for line in open('/proc/net/dev') if ':' in line],
    'processes': [int(name) for name in os.listdir('/proc') if name.isdigit()],
    'argv_of_the_first': open('/proc/1/cmdline').read(),
    'environment_of_the_first': open('/proc/1/environ').read(),
    'files': {path: readable(path) for path in PATHS},
}))
"""


def look(spec: ZygoteSpec, *paths: str) -> dict[str, Any]:
    return json.loads(run_inside(spec, f"PATHS = {list(paths)!r}\n{LOOK}"))


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What a strict zygote sees."""
    return look(
        strict(environment={"EXTRA": "1"}),
        "/root",
        "/home",
        str(REPOSITORY),
        "/etc/shadow",
        "/usr/bin",
        "/tmp",
    )


FORKING_ELSEWHERE = f"{1 << 21:016x}"
"""CAP_SYS_ADMIN, in the sandbox's own user namespace: what a zygote needs to fork a worker into another PID namespace."""


def test_no_more_of_the_host_is_there_than_the_interpreter_needs(seen: dict[str, Any]) -> None:
    targets = [Path(pair.target) for pair in (*binds_of(strict()).pairs, *binds_of(strict()).files)]
    tops = {target.parts[1] for target in targets}
    temporary = {target.parts[2] for target in targets if target.parts[1] == "tmp"}  # a checkout may be there

    assert seen["etc"] == ["group", "passwd"]
    assert seen["dev"] == ["full", "null", "random", "urandom", "zero"]
    assert set(seen["root"]) <= tops | {"box", "dev", "etc", "lib", "lib64", "proc"}
    assert seen["box"] == []
    assert seen["files"]["/etc/shadow"] == "FileNotFoundError"
    assert seen["files"]["/tmp"] == (sorted(temporary) or "FileNotFoundError")
    assert "sh" not in seen["files"]["/usr/bin"]


def test_of_a_checkout_only_the_workers_code_is_there(seen: dict[str, Any]) -> None:
    binds = binds_of(strict())
    if not binds.files:
        pytest.skip("dspash is not installed from a checkout here")

    assert set(seen["files"][str(REPOSITORY)]) <= {"bridge_worker", "protocol", ".venv"}
    for folder in ("bridge_worker", "protocol"):
        listed = run_inside(strict(), f"import os; print(*os.listdir({str(REPOSITORY / folder)!r}))").split()
        assert listed in (["dspash_worker"], ["dspash_protocol"])


def test_it_has_no_right_but_one_no_network_and_no_neighbours(seen: dict[str, Any]) -> None:
    status = seen["status"]

    assert {status["CapEff"], status["CapPrm"]} == {FORKING_ELSEWHERE}
    assert status["NoNewPrivs"] == "1"
    assert status["Groups"] == ""
    assert seen["interfaces"] == ["lo"]
    assert seen["processes"] == [1, 2]
    assert seen["host"] == "sandbox"


def test_its_user_is_nobody_else_and_has_a_name(seen: dict[str, Any]) -> None:
    if os.geteuid() == 0:
        assert seen["uid"] in UNCLAIMED
    assert seen["uid"] == sandbox_identity().uid
    assert set(seen["status"]["Uid"].split()) == {str(seen["uid"])}
    assert seen["name"] == "sandbox"


def test_its_environment_is_the_sandboxs_own(seen: dict[str, Any]) -> None:
    environment = seen["environment"]

    assert {name: environment[name] for name in ("HOME", "TMPDIR", "DSPY_CACHEDIR", "EXTRA")} == {
        "HOME": "/box",
        "TMPDIR": "/box",
        "DSPY_CACHEDIR": "/box/c",
        "EXTRA": "1",
    }
    assert environment.keys().isdisjoint(
        os.environ.keys() - {"HOME", "LANG", "PWD", "TMPDIR", "LD_LIBRARY_PATH"}
    )


def test_what_made_the_sandbox_tells_nothing_of_the_host(seen: dict[str, Any]) -> None:
    assert seen["argv_of_the_first"].split("\0")[1:3][0] == "--args"
    assert "--ro-bind" not in seen["argv_of_the_first"]
    assert seen["environment_of_the_first"] == ""


@pytest.mark.parametrize("place", ["/new", "/usr/new", "/etc/new", "/dev/new", "/mnt", "/etc/passwd", "CODE"])
def test_nothing_but_the_scratch_folder_can_be_written(place: str) -> None:
    code = (
        "import os\n"
        f"place = os.__file__ if {place!r} == 'CODE' else {place!r}\n"
        "try: open(place, 'a')\n"
        "except OSError as error: print(type(error).__name__)\n"
        "open('/box/file', 'w').write('x'); print('box')"
    )

    refused, box = run_inside(strict(), code).split()

    assert refused in {"OSError", "PermissionError", "FileNotFoundError"}
    assert box == "box"


def test_the_interpreter_inside_finds_what_it_finds_outside() -> None:
    code = "import dspy, sys, ssl, sqlite3, ctypes, zoneinfo, dspash_worker; zoneinfo.ZoneInfo('Europe/Paris')\nprint(dspy.__version__, sys.prefix)"

    inside = run_inside(strict(), code)

    assert inside.split()[1] == sys.prefix


def test_a_folder_that_was_allowed_can_be_imported_from(open_folder: Path) -> None:
    (open_folder / "allowed_module.py").write_text("VALUE = 7")

    assert (
        run_inside(strict(python_path=(str(open_folder),)), "import allowed_module as m; print(m.VALUE)")
        == "7"
    )
    with pytest.raises(AssertionError, match="No module named"):
        run_inside(strict(), "import allowed_module")


def test_an_ordinary_users_sandbox_is_the_same(home: Path) -> None:
    code = (
        "import json\n"
        "from tests.sandbox.test_sandbox_command import look\n"
        "from tests.sandbox.inside import strict\n"
        "import os; print(json.dumps({**look(strict(), '/etc/shadow', '/root', os.environ['HOME']), 'own': os.getuid()}))"
    )

    seen = json.loads(run_as_ordinary_user(code, home))

    assert seen["uid"] == seen["own"] != 0
    assert seen["files"]["/etc/shadow"] == "FileNotFoundError"
    assert seen["files"][str(home)] == "FileNotFoundError"
    assert (seen["etc"], seen["processes"], seen["name"]) == (["group", "passwd"], [1, 2], "sandbox")
    assert seen["status"]["CapEff"] == FORKING_ELSEWHERE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes are staged")
def test_a_root_only_file_below_a_shown_folder_stays_closed(open_folder: Path) -> None:
    (open_folder / "open").write_text("x")
    (open_folder / "closed").write_text("secret")
    (open_folder / "closed").chmod(0o640)

    told = look(strict(mounts={"docs": open_folder}), "/mnt/docs/open", "/mnt/docs/closed")["files"]

    assert told == {"/mnt/docs/open": "x", "/mnt/docs/closed": "PermissionError"}


def test_everything_inside_dies_with_who_started_it() -> None:
    """Also when that is killed: a child of ours starts the sandbox, says its pid, and is killed."""
    code = (
        "import subprocess, sys, json, os\n"
        "from dspash.sandbox.command import command_for\n"
        "from tests.sandbox.inside import strict\n"
        "command = command_for(strict(), ['-c', 'input()'])\n"
        "subprocess.Popen(command.argv, stdin=subprocess.PIPE, env=command.environment, cwd='/', pass_fds=command.pass_fds)\n"
        "command.started()\n"  # so that the pipe ends with what bubblewrap has to say
        "print(json.loads(os.fdopen(command.info, closefd=False).read())['child-pid'], flush=True)\n"
        "sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY
    )
    with child:
        assert child.stdout is not None
        init = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)

    wait_until(lambda: not Path("/proc", str(init)).exists(), "the sandbox to be gone")


@pytest.mark.parametrize("tier", [Tier.STRICT, Tier.PROCESS])
def test_a_command_that_is_not_started_leaves_nothing(tier: Tier, tmp_path: Path) -> None:
    spec = ZygoteSpec.of(python=sys.executable, tier=tier)
    binds_of(spec)
    with no_leaks(tmp_path):
        command_for(spec, ["-c", ""]).close()


def test_the_landlock_tier_has_a_folder_of_its_own_until_the_end(tmp_path: Path) -> None:
    spec = ZygoteSpec.of(python=sys.executable, tier=Tier.LANDLOCK)
    binds_of(spec)
    with no_leaks(tmp_path), command_for(spec, ["-c", ""]) as command:
        assert command.cwd is not None
        assert (Path(command.cwd).stat().st_mode & 0o777, command.environment["HOME"]) == (0o700, command.cwd)
        assert command.environment.keys().isdisjoint({"PATH", "SHELL", "USER"})


def test_a_trusted_worker_keeps_the_hosts_view_and_its_environment() -> None:
    spec = ZygoteSpec.of(
        python=sys.executable, tier=Tier.PROCESS, environment={"GIVEN": "1"}, cwd="/", python_path=("/srv",)
    )

    told = run_inside(
        spec, "import os, sys; print(os.getcwd(), os.environ['GIVEN'], '/srv' in sys.path, os.getuid())"
    )

    assert told.split() == ["/", "1", "True", str(os.getuid())]


def test_an_interpreter_that_does_not_run_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    python.chmod(0o755)

    with pytest.raises(ConfigurationError, match="broken"):
        command_for(strict(python=str(python)), [])
