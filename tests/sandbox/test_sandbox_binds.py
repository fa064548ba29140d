"""Binds: what an interpreter needs, found by asking it, and nothing beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import replace
from pathlib import Path

import pytest

from dspash import ConfigurationError
from dspash.sandbox.binds import Binds, find_binds
from dspash.sandbox.runtime import Runtime, ask_runtime

SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return ask_runtime(sys.executable)


@pytest.fixture
def installed(open_folder: Path, runtime: Runtime) -> Runtime:
    """A runtime whose site-packages have what looks like dspash, and nothing linked from elsewhere."""
    sites = open_folder / "lib" / "site-packages"
    for package in ("dspash_worker", "dspash_protocol"):
        (sites / package).mkdir(parents=True)
        (sites / package / "__init__.py").touch()
    return replace(runtime, sites=(str(sites),), linked=())


def targets(binds: Binds) -> dict[str, str]:
    return {pair.target: pair.source for pair in (*binds.pairs, *binds.files)}


def test_the_real_interpreter_stands_where_its_environment_looks_for_it(runtime: Runtime) -> None:
    shown = targets(find_binds(runtime))

    assert shown[sys.executable] == os.path.realpath(sys.executable)
    assert str(Path(sys.prefix) / "pyvenv.cfg") in shown or sys.prefix == sys.base_prefix


def test_no_whole_prefix_is_shown(runtime: Runtime) -> None:
    shown = targets(find_binds(runtime))

    for prefix in (sys.prefix, sys.base_prefix, "/usr", "/", str(Path.home())):
        assert not [target for target in shown if Path(prefix).is_relative_to(target)]


def test_no_target_is_below_another(installed: Runtime) -> None:
    shown = [pair.target for pair in find_binds(installed).pairs]

    assert not [(a, b) for a in shown for b in shown if a != b and Path(a).is_relative_to(b)]


def test_what_landlock_is_told_covers_all_that_is_shown(runtime: Runtime) -> None:
    binds = find_binds(runtime)

    assert not [
        target
        for target in targets(binds)
        if not any(Path(target).is_relative_to(readable) for readable in binds.readable)
    ]


def test_of_a_linked_folder_only_the_workers_modules_are_shown(open_folder: Path, installed: Runtime) -> None:
    checkout = open_folder / "checkout"
    for package in ("dspash_worker", "dspash_protocol"):
        (checkout / package / "sub").mkdir(parents=True)
        (checkout / package / "__init__.py").touch()
        (checkout / package / "sub" / "module.py").touch()
        (checkout / package / ".env").write_text("KEY=1")
        (checkout / package / "notes.txt").touch()
    (checkout / "dspash_worker" / "link.py").symlink_to("/etc/passwd")
    (checkout / "secret.py").touch()
    linked = replace(installed, sites=(), linked=(str(checkout), str(open_folder / "other")))

    binds = find_binds(linked)

    assert {Path(file.source).relative_to(checkout) for file in binds.files} == {
        Path(package, name)
        for package in ("dspash_worker", "dspash_protocol")
        for name in ("__init__.py", "sub/module.py")
    }
    assert not [pair for pair in binds.pairs if Path(pair.source).is_relative_to(checkout)]
    assert binds.left_out == (str(open_folder / "other"),)


def test_a_folder_that_is_allowed_is_shown_whole_and_first(open_folder: Path, installed: Runtime) -> None:
    own = open_folder / "own"
    (own / "dspash_worker").mkdir(parents=True)
    (own / "dspash_worker" / "__init__.py").touch()
    runtime = replace(installed, linked=(str(own),))

    binds = find_binds(runtime, (str(own),))

    assert str(own) in targets(binds)
    assert (binds.files, binds.left_out) == ((), ())


def test_an_installed_worker_needs_no_file_of_its_own(installed: Runtime) -> None:
    assert find_binds(installed).files == ()


def test_site_packages_that_are_not_searched_are_hidden(open_folder: Path, installed: Runtime) -> None:
    stdlib = open_folder / "python3.11"
    (stdlib / "site-packages").mkdir(parents=True)
    own = replace(installed, stdlib=(str(stdlib),))

    assert find_binds(own).hidden == (f"{stdlib}/site-packages",)
    assert find_binds(replace(own, sites=(*own.sites, f"{stdlib}/site-packages"))).hidden == ()


def test_a_shared_library_of_its_own_is_shown_under_all_its_names(
    open_folder: Path, installed: Runtime
) -> None:
    lib = open_folder / "lib"
    (lib / "libown.so.1.2").touch()
    (lib / "libown.so.1").symlink_to("libown.so.1.2")
    (lib / "secret").touch()
    own = replace(installed, mapped=(*installed.mapped, str(lib / "libown.so.1.2")))

    binds = find_binds(own)

    assert targets(binds)[str(lib / "libown.so.1")] == str(lib / "libown.so.1.2")
    assert str(lib) in binds.library_path
    assert str(lib / "secret") not in targets(binds)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes have a user of their own")
def test_a_part_that_the_sandboxs_user_cannot_read_is_named(installed: Runtime) -> None:
    sites = Path(installed.sites[0])
    sites.chmod(0o700)

    with pytest.raises(ConfigurationError, match=f"chmod -R go\\+rX {sites}"):
        find_binds(installed)


def test_an_interpreter_without_dspash_is_told_how_to_get_it(installed: Runtime) -> None:
    with pytest.raises(ConfigurationError, match="pip install dspash"):
        find_binds(replace(installed, sites=()))


def test_asking_runs_no_code_of_the_environment(tmp_path: Path) -> None:
    """Neither lines of .pth files, nor sitecustomize, nor what PYTHONPATH leads to."""
    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    purelib = Path(sysconfig.get_path("purelib", "venv", {"base": str(place)}))
    (purelib / "own.pth").write_text(
        f"import sys; open({str(tmp_path / 'ran')!r}, 'w')\n/srv/linked\n# a comment\n"
    )
    (purelib / "sitecustomize.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")

    runtime = ask_runtime(str(python))

    assert not (tmp_path / "ran").exists()
    assert runtime.sites == (str(purelib),)
    assert runtime.linked == ("/srv/linked",)
    assert runtime.pyvenv == str(place / "pyvenv.cfg")


def test_an_environment_that_was_made_anew_is_asked_anew(tmp_path: Path) -> None:
    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    before = ask_runtime(str(place / "bin" / "python"))
    venv.create(place, with_pip=False, system_site_packages=True, clear=True)

    after = ask_runtime(str(place / "bin" / "python"))

    assert set(before.sites) < set(after.sites)


@pytest.mark.parametrize("python", [sys.executable, str(SYSTEM_PYTHON)])
def test_it_imports_from_the_same_folders_as_outside(python: str) -> None:
    if not Path(python).exists():
        pytest.skip(f"there is no {python} here")
    code = "import site, sys; print(*(path for path in sys.path if path))"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    runtime = ask_runtime(python)

    told = {*runtime.stdlib, *runtime.sites, *runtime.linked}

    assert {path for path in done.stdout.split() if Path(path).is_dir()} <= told
