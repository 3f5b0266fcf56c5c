"""Every check of every package. `nox` alone runs what `make test` promises; `nox -l` lists the sessions."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).parent
REPORTS = ROOT / ".reports"
CI = bool(os.environ.get("CI"))

PYTHONS = ["3.11", "3.12", "3.13"]
MODULES = {"heaven-core": "heaven", "heaven-contrib": "heaven_contrib", "heaven-testing": "heaven_testing"}
PACKAGES = [nox.param(name, id=name.removeprefix("heaven-")) for name in MODULES]
# What a package's tests need beside itself. The core's drive raw ASGI and real servers, never heaven-testing.
COMPANIONS = {
    "heaven-core": ["servers"],
    "heaven-contrib": ["heaven-testing", "servers", "batteries"],
    "heaven-testing": ["servers", "peers", "plugins"],
}
# The tests of batteries wait for servers most of the time, so there are more of them at once than cores.
SIDE_BY_SIDE = {"heaven-core": 2, "heaven-contrib": 4, "heaven-testing": 3}
COVERAGE = {"heaven-core": 100, "heaven-contrib": 95, "heaven-testing": 100}

# In CI a server that is missing is a failure, elsewhere its tests are skipped. The core's tests know no such option.
REQUIRED = {name: ["--heaven-require-servers"] if CI and name != "heaven-core" else [] for name in MODULES}

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = CI
nox.options.stop_on_first_error = False
os.environ["UV_PYTHON_DOWNLOADS"] = "never"  # an interpreter that is not here is said, not fetched

MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30
"""Bytes that have to be free there for the temporary files of tests, the data of their servers among them."""


def _interpreter(version: str) -> Path | None:
    """The interpreter of a version: one on the PATH, or one that pyenv has."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    on_path = shutil.which(f"python{version}")
    for candidate in filter(None, [on_path, *pyenv.glob(f"versions/{version}.*/bin/python{version}")]):
        ask = [candidate, "-c", "import sys; print(sys.executable)"]
        asked = subprocess.run(ask, capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return Path(asked.stdout.strip())
    return None


FOUND = {version: path for version in PYTHONS if (path := _interpreter(version))}
os.environ["PATH"] = os.pathsep.join([*(str(path.parent) for path in FOUND.values()), os.environ["PATH"]])
NEWEST = max(FOUND or PYTHONS, key=PYTHONS.index)


def _sync(session: nox.Session, *packages: str, groups: tuple[str, ...] = ()) -> None:
    """Install packages of the workspace, editable, and groups of the root, all at the versions of uv.lock."""
    uv = ["uv", "sync", "--quiet", "--frozen", "--active", "--inexact", "--python", f"{session.bin}/python"]
    for package in packages:
        session.run_install(*uv, "--package", package, "--all-extras", external=True)
    for group in groups:
        session.run_install(*uv, "--only-group", group, external=True)


def _sync_for_tests(session: nox.Session, package: str, group: str = "tests") -> None:
    companions = COMPANIONS[package]
    packages = [name for name in companions if name in MODULES]
    _sync(session, package, *packages, groups=(group, *(name for name in companions if name not in MODULES)))


def _pytest(
    session: nox.Session,
    *arguments: str,
    python: tuple[str, ...] = ("python",),
    report: str = "",
    environment: dict[str, str] | None = None,
) -> None:
    """Run pytest; what it counted goes to .reports, where the closing summary of `make test` finds it."""
    name = "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in session.name + report)
    options = ("--quiet", f"--junitxml={REPORTS / name}.xml", "-o", f"cache_dir={session.create_tmp()}/cache")
    session.run(*python, "-m", "pytest", *options, *arguments, env=_temporary() | (environment or {}))


def _temporary() -> dict[str, str]:
    """Temporary files are in memory where there is room for them: a busy disk holds nobody up."""
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return {"TMPDIR": str(MEMORY)} if in_memory else {}


def _options(package: str) -> list[str]:
    return [f"--numprocesses={SIDE_BY_SIDE[package]}", "--dist=worksteal", *REQUIRED[package]]


def _run_all(session: nox.Session, *commands: tuple[str, ...]) -> None:
    """Run every command, and fail at the end if one of them has: all there is to mend is seen at once."""
    failed: list[str] = []
    for command in commands:
        try:
            session.run(*command)
        except CommandFailed:
            failed.append(" ".join(command))
    if failed:
        session.error(f"failed: {', '.join(failed)}")


@nox.session(python=PYTHONS)
@nox.parametrize("package", PACKAGES)
def tests(session: nox.Session, package: str) -> None:
    """The package's tests, on every supported Python; on the newest, every branch that they take is counted."""
    if session.posargs or session.python != NEWEST:
        _sync_for_tests(session, package)
        _pytest(session, *_options(package), *(session.posargs or [f"packages/{package}/tests"]))
        return
    _sync_for_tests(session, package, "coverage")
    folder = Path(session.create_tmp()) / "coverage"
    shutil.rmtree(folder, ignore_errors=True)
    data = f"--data-file={folder}/all"
    python = ("coverage", "run", data, f"--source={MODULES[package]}")
    _pytest(session, *_options(package), f"packages/{package}/tests", python=python)
    session.run("coverage", "combine", "--quiet", data, str(folder))
    session.run("coverage", "report", data, f"--fail-under={COVERAGE[package]}")


@nox.session(python=[PYTHONS[0], PYTHONS[-1]])
@nox.parametrize("package", PACKAGES)
def lowest(session: nox.Session, package: str) -> None:
    """The same with the lowest versions that the package says it works with.

    On the newest Python it runs optimized, as with `python -O`: no rule may hang on an assert statement.
    """
    _sync_for_tests(session, package)
    pins = Path(session.create_tmp()) / "lowest.txt"
    options = ["--quiet", "--no-header", "--all-extras", "--resolution=lowest-direct", f"--python={session.bin}/python"]
    options += [f"--no-emit-package={name}" for name in MODULES]
    source = f"packages/{package}/pyproject.toml"
    session.run_install("uv", "pip", "compile", *options, f"--output-file={pins}", source, external=True)
    if any(line and not line.lstrip().startswith("#") for line in pins.read_text().splitlines()):
        session.install("--requirement", str(pins))
    optimized = {"PYTHONOPTIMIZE": "1"} if session.python == NEWEST else {}  # which other processes inherit, unlike -O
    _pytest(session, *_options(package), f"packages/{package}/tests", environment=optimized)


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Rules, format, the direction of imports, and dependencies that are missing, unused or misplaced."""
    _sync(session, *MODULES, groups=("lint",))
    deptry = [("deptry", "--config", f"packages/{name}/pyproject.toml", f"packages/{name}/src") for name in MODULES]
    _run_all(
        session, ("ruff", "check", "."), ("ruff", "format", "--check", "."), ("lint-imports", "--no-cache"), *deptry
    )


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """mypy and pyright, both strict, on the packages and on `typing_tests/`; every public name has a type."""
    _sync(session, *MODULES, groups=("types",))
    complete = [("pyright", "--verifytypes", module, "--ignoreexternal") for module in MODULES.values()]
    _run_all(session, ("mypy",), ("pyright", "--warnings"), *complete)


@nox.session(python=NEWEST)
def wheels(session: nox.Session) -> None:
    """Build the sdists, and the wheels from them; install each alone in a clean environment; look inside."""
    _sync(session, groups=("wheels",))
    distributions = Path(session.create_tmp()) / "dist"
    shutil.rmtree(distributions, ignore_errors=True)
    for package in MODULES:
        session.run("uv", "build", "--quiet", f"--package={package}", f"--out-dir={distributions}", external=True)
    (distributions / ".gitignore").unlink(missing_ok=True)
    session.run("twine", "check", "--strict", *map(str, distributions.iterdir()))
    (core,) = distributions.glob("heaven_core-*.whl")
    for package, module in MODULES.items():
        for distribution in sorted(distributions.glob(f"{package.replace('-', '_')}-*")):
            with tempfile.TemporaryDirectory() as folder:  # outside the repository: nothing of it is on the path
                python = f"{folder}/env/bin/python"
                session.run("uv", "venv", "--quiet", f"--python={session.bin}/python", f"{folder}/env", external=True)
                for file in dict.fromkeys((core, distribution)) if package != "heaven-core" else (distribution,):
                    session.run("uv", "pip", "install", "--quiet", f"--python={python}", str(file), external=True)
                session.run("uv", "pip", "check", "--quiet", f"--python={python}", external=True)
                check = (python, "-I", "-W", "error", str(ROOT / "tools/check_installed.py"), package, module)
                session.run(*check, (ROOT / "VERSION").read_text().strip(), external=True)


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """The site builds into site/ without a warning, no link is dead, every snippet and docstring example runs."""
    _sync(session, *MODULES, groups=("docs", "servers", "batteries", "peers"))
    session.run("zensical", "build", "--strict", "--clean")
    session.run("python", "tools/check_links.py")
    _pytest(session, "-p", "no:randomly", "-p", "tools.snippets", "README.md", "docs", report="-snippets")
    _pytest(session, "--doctest-modules", *(f"packages/{package}/src" for package in MODULES), report="-doctests")


@nox.session(python=PYTHONS)
def examples(session: nox.Session) -> None:
    """Each example is started for real, on a free port, and used; the one that stands on libraries on all Pythons."""
    _sync(session, *MODULES, groups=("examples",))
    paths = ["examples"] if session.python == NEWEST else ["examples/classic"]
    _pytest(session, *_options("heaven-testing"), *paths)


@nox.session(python=NEWEST, default=False)
def chaos(session: nox.Session) -> None:
    """Every fault of a database and of Redis, again and again at random moments, and a table of what became of it."""
    _sync_for_tests(session, "heaven-contrib")
    session.run("python", "tools/chaos.py", *session.posargs)


@nox.session(python=NEWEST, default=False)
def bench(session: nox.Session) -> None:
    """Heaven side by side with its peers; they get the newest versions, in an environment of their own."""
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=NEWEST, default=False)
def demo(session: nox.Session) -> None:
    """Serve the example, as `make demo` does."""
    _sync(session, *MODULES, groups=("demo",))
    session.run("python", "tools/demo.py", *session.posargs)
