"""The house rules that no type checker knows, as functions from one source file to its faults.

Layers, sole importers, purity, clock and environment, module length, docstrings, broad excepts.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("magellan_core", "deployable_strategies", "scripts")
MAX_LINES = 300

# A file imports lower layers or its own package; a module directly under magellan_core belongs to
# that package, and so may also import its own layer.
LAYERS: dict[int, str] = {
    0: "addresses arguments errors model order_states indicators market_hours session_table prices",
    1: "strategy sizing risk reconcile regular_hours config config_model config_risk config_types"
    " bands config_schema config_sense lines records book fold fold_account fold_split",
    2: "ports STRATEGY",
    3: "engine",
    4: "alpaca aws store paper process environment compose connections keyring",
    5: "backtest daemon starting lives reload clocks provenance reporting operations",
    6: "trials",
    7: "RUN scripts",
    8: "tests benchmarks",
}
LAYER = {unit: layer for layer, units in LAYERS.items() for unit in units.split()}
COMPOSITION = 5

# Package -> the only files that may import it (none: nothing in the product may).
SOLE_IMPORTERS: dict[str, tuple[str, ...]] = {
    "pytz": ("magellan_core/market_hours.py",),
    "zoneinfo": (),
    "alpaca": ("magellan_core/alpaca/*",),
    "boto3": ("magellan_core/aws/*",),
    "botocore": ("magellan_core/aws/*",),
    "pyarrow": ("magellan_core/paper/market*.py", "magellan_core/backtest/*"),
    "pandas_market_calendars": ("scripts/make_session_table.py",),
    "exchange_calendars": (),
    "apprise": ("magellan_core/process/apprise_child.py",),
    "pandas": (),
    "pandas_ta": (),
    "numba": (),
    **dict.fromkeys(
        ("arch", "dask", "distributed", "empyrical", "jinja2", "scipy"),
        ("magellan_core/backtest/*", "scripts/sweep.py"),
    ),
}
READS_CLOCK_OR_ENVIRONMENT = (
    "magellan_core/daemon.py",
    "scripts/*",
    *(f"magellan_core/{adapter}/*" for adapter in ("alpaca", "aws", "store", "process")),
    *(f"magellan_core/paper/{name}*.py" for name in ("server", "clock", "streams")),
)
# What a pure layer (0 to 3: values, rules, strategies, ports, engine) has no use for.
EFFECTS = frozenset(
    {"asyncio", "http", "io", "logging", "multiprocessing", "os", "random", "requests", "signal"}
    | {"socket", "sqlite3", "subprocess", "sys", "threading", "time", "urllib"}
)
LAST_PURE_LAYER = 3


@dataclass(frozen=True)
class Source:
    """One file of the product: its path from the root, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def fault(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"

    def is_among(self, patterns: tuple[str, ...]) -> bool:
        return any(fnmatch(self.path, pattern) for pattern in patterns)


Rule = Callable[[Source], Iterator[str]]


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import; `from a import b` is "a.b"."""
    package = source.module if source.path.endswith("__init__.py") else parent(source.module)
    for node in ast.walk(source.tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                base = package
                for _ in range(node.level - 1):
                    base = parent(base)
                parts = [base] if node.level else []
                origin = ".".join([*parts, *([node.module] if node.module else [])])
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def parent(dotted: str) -> str:
    return dotted.rpartition(".")[0]


def unit(dotted: str) -> str | None:
    """The row of the layer table that a dotted name belongs to; None: not ours."""
    match dotted.split("."):
        case ["magellan_core", name, *_] if not name.startswith("__"):
            return name
        case ["deployable_strategies", _, "aws_deployment", *_]:
            return "RUN"
        case ["deployable_strategies", name, *_]:
            return f"STRATEGY {name}"
        case ["scripts" | "tests" | "benchmarks" as name, *_]:
            return name
        case _:
            return None


def layer(name: str) -> int | None:
    return LAYER.get(name.split()[0])


def layering(source: Source) -> Iterator[str]:
    """Imports point to lower layers or the own package; only layer 5 up knows the strategies."""
    own = unit(source.module)
    if own is None:
        return
    own_layer = layer(own)
    if own_layer is None:
        yield source.fault(1, f"{own} is in no layer: add it to the table")
        return
    shares_its_layer = source.path == f"magellan_core/{own}.py"
    for line, name in imports(source):
        used = unit(name)
        if used is None or used == own:
            continue
        used_layer = layer(used)
        if used_layer is None:
            yield source.fault(line, f"imports {name}, which is in no layer")
        elif used.startswith("STRATEGY") and own_layer < COMPOSITION:
            yield source.fault(line, f"imports {name}: only layer {COMPOSITION} up may")
        elif used_layer > own_layer or (used_layer == own_layer and not shares_its_layer):
            yield source.fault(line, f"layer {own_layer} imports {name} of layer {used_layer}")


def sole_importers(source: Source) -> Iterator[str]:
    """Each foreign package with a sole importer is imported there alone."""
    for line, name in imports(source):
        allowed = SOLE_IMPORTERS.get(name.split(".")[0])
        if allowed is not None and not source.is_among(allowed):
            yield source.fault(line, f"imports {name}: only {' '.join(allowed) or 'tests'} may")


def purity(source: Source) -> Iterator[str]:
    """Layers 0 to 3 import nothing that reads or writes the world."""
    own = unit(source.module)
    own_layer = None if own is None else layer(own)
    if own_layer is None or own_layer > LAST_PURE_LAYER:
        return
    for line, name in imports(source):
        # Taking an address apart is no effect.
        if name.split(".")[0] in EFFECTS and not name.startswith("urllib.parse"):
            yield source.fault(line, f"a pure layer imports {name}")


def clock_and_environment(source: Source) -> Iterator[str]:
    """The wall clock, signals and the environment are read by the daemon, scripts and adapters."""
    if source.is_among(READS_CLOCK_OR_ENVIRONMENT):
        return
    for line, name in imports(source):
        if name.split(".")[0] in {"time", "signal"} or name in {"os.environ", "os.getenv"}:
            yield source.fault(line, f"imports {name}")
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = ast.unparse(node.value).rpartition(".")[2]
        if (owner in {"datetime", "date"} and node.attr in {"now", "utcnow", "today"}) or (
            owner == "os" and node.attr in {"environ", "getenv"}
        ):
            yield source.fault(node.lineno, f"reads {owner}.{node.attr}")


def length(source: Source) -> Iterator[str]:
    """A module fits in a head."""
    lines = len(source.text.splitlines())
    if lines > MAX_LINES:
        yield source.fault(lines, f"{lines} lines, {MAX_LINES} at most: split it")


def docstring(source: Source) -> Iterator[str]:
    """A module says what it is for."""
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield source.fault(1, "has no docstring")


def broad_except(source: Source) -> Iterator[str]:
    """Only named errors are caught."""
    broad = {"Exception", "BaseException"}
    for node in ast.walk(source.tree):
        match node:
            case ast.ExceptHandler(type=None):
                yield source.fault(node.lineno, "catches everything")
            case ast.ExceptHandler(type=ast.expr() as caught):
                names = {ast.unparse(each) for each in getattr(caught, "elts", [caught])}
                yield from (source.fault(node.lineno, f"catches {n}") for n in names & broad)
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress")):
                names = {ast.unparse(each) for each in node.args}
                yield from (source.fault(node.lineno, f"suppresses {n}") for n in names & broad)


RULES: tuple[Rule, ...] = (
    layering,
    sole_importers,
    purity,
    clock_and_environment,
    length,
    docstring,
    broad_except,
)


def product() -> list[Source]:
    """Every Python file of the product."""
    files = [file for top in PRODUCT for file in sorted((ROOT / top).rglob("*.py"))]
    return [Source(f.relative_to(ROOT).as_posix(), f.read_text(encoding="utf-8")) for f in files]


def cycle(sources: list[Source]) -> list[str]:
    """Modules that import one another in a circle; none if there is no circle."""
    modules = {source.module for source in sources}
    graph = {
        source.module: {
            found
            for _, name in imports(source)
            for found in (name, parent(name))
            if found in modules - {source.module}
        }
        for source in sources
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
