"""Reads stack.yml as faas-cli does, for the gateway and for what starts the functions' processes."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from fanwatch.errors import FanwatchError
from fanwatch.messages.refusals import in_words

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAMED = re.compile(r"([A-Za-z_]\w*)(?::-(.*))?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MIN_REPLICAS = "com.openfaas.scale.min"
# The local broker listens on loopback and knows no users.
_NOT_LOCAL = ("FANWATCH_BROKER_USER", "FANWATCH_BROKER_PASSWORD_FILE", "FANWATCH_BROKER_CA_FILE")


class _Loader(yaml.SafeLoader):
    """Leaves scalars as they are written, for faas-cli takes `max_inflight: 64` for a string too; merges `<<`."""


_Loader.yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}


class StackError(FanwatchError):
    """stack.yml cannot be used; the text names the line or the function and what is wrong there."""


class Function(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One function as stack.yml describes it, variables replaced."""

    name: str = ""
    lang: str
    handler: str
    """Folder of the handler, relative to stack.yml."""
    image: str
    environment: dict[str, str] = {}
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    secrets: tuple[str, ...] = ()
    limits: dict[str, str] = {}
    requests: dict[str, str] = {}
    constraints: tuple[str, ...] = ()
    build_args: dict[str, str] = {}
    build_options: tuple[str, ...] = ()
    readonly_root_filesystem: bool = False
    skip_build: bool = False
    namespace: str = ""
    fprocess: str = ""

    @property
    def local(self) -> bool:
        """Whether the local runtime runs it; the annotation `fanwatch.local: "false"` says no."""
        return self.annotations.get("fanwatch.local", "true") != "false"

    @property
    def local_environment(self) -> dict[str, str]:
        """Its environment, less what only a cluster's broker asks for."""
        return {name: value for name, value in self.environment.items() if name not in _NOT_LOCAL}

    @property
    def replicas(self) -> int:
        """Processes of it that run locally: the label com.openfaas.scale.min, 1 without it."""
        return int(self.labels.get(_MIN_REPLICAS, "1"))


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A whole stack.yml."""

    directory: Path
    functions: dict[str, Function]
    copied: tuple[str, ...] = ()
    """Paths that go into every function's build context (configuration.copy)."""

    @property
    def local(self) -> dict[str, Function]:
        """The functions that the local runtime runs."""
        return {name: function for name, function in self.functions.items() if function.local}

    def generation(self, name: str) -> str:
        """8 hex digits that change with anything that a build of this function would change.

        That is its entry here, its handler's folder, and the Python of the copied folders. Models are not read: the
        hash of theirs that is in use stands in the entry.
        """
        function = self.functions[name]
        digest = hashlib.sha256(msgspec.json.encode(function, order="sorted"))
        for folder in (function.handler, *self.copied):
            root = self.directory / folder
            for path in sorted(root.rglob("*.py")):
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:8]


def local_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What stack.yml's variables stand for on one machine: the environment, and the local runtime's defaults."""
    port = environment.get("FANWATCH_GATEWAY_PORT") or "8080"
    defaults = {
        "FANWATCH_INFER_FUNCTION": "infer-fan-lite",
        "FANWATCH_GATEWAY_URL": f"http://127.0.0.1:{port}",
        "FANWATCH_BROKER_HOST": "127.0.0.1",
        "FANWATCH_BROKER_PORT": "1883",
        "FANWATCH_INFLUX_URL": f"http://127.0.0.1:{environment.get('FANWATCH_INFLUX_PORT') or 8086}",
    }
    return defaults | {name: value for name, value in environment.items() if value}


def read(path: Path, environment: Mapping[str, str]) -> Stack:
    """Read, substitute and check a stack.yml. Raises StackError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise StackError(f"{path} cannot be read: {exc}.") from exc
    text = substitute(text, environment, path.name)
    try:
        document = yaml.load(text, _Loader)
    except yaml.YAMLError as exc:
        raise StackError(f"{path.name} is not YAML: {' '.join(str(exc).split())}.") from exc
    entries = document.get("functions") if isinstance(document, dict) else None
    if not isinstance(entries, dict) or not entries:
        raise StackError(
            f"{path.name} has no functions; it needs a mapping `functions:` of name to settings."
        )
    functions = {
        name: _function(name, entry, f"{path.name}, line {_line(text, name)}")
        for name, entry in entries.items()
    }
    copied = (document.get("configuration") or {}).get("copy") or ()
    return Stack(directory=path.resolve().parent, functions=functions, copied=tuple(copied))


def substitute(text: str, environment: Mapping[str, str], name: str = "stack.yml") -> str:
    """Replace ${VAR} and ${VAR:-default} as faas-cli does: an unset or empty variable takes the default, or nothing."""

    def value(match: re.Match[str]) -> str:
        named = _NAMED.fullmatch(match[1])
        if named is None:
            line = text.count("\n", 0, match.start()) + 1
            raise StackError(
                f"{name}, line {line}: {match[0]} is no variable; write ${{VAR}} or ${{VAR:-default}}."
            )
        return environment.get(named[1]) or named[2] or ""

    return _VARIABLE.sub(value, text)


def _function(name: str, entry: Any, where: str) -> Function:
    if not _NAME.fullmatch(name):
        raise StackError(
            f"{where}: {name!r} is no function name; use lower-case letters, digits and hyphens."
        )
    try:
        function = msgspec.convert({"name": name, **_filled(entry)}, Function, strict=False)
    except (msgspec.ValidationError, TypeError) as exc:
        known = ", ".join(field for field in Function.__struct_fields__ if field != "name")
        raise StackError(
            f"{where}, function {name}: {in_words(exc, Function)}. Known keys are {known}."
        ) from exc
    least = function.labels.get(_MIN_REPLICAS, "1")
    if not re.fullmatch(r"\d{1,2}", least) or not 1 <= int(least) <= 20:
        raise StackError(
            f"{where}, function {name}: {_MIN_REPLICAS} is {least!r}; it takes a number from 1 to 20."
        )
    return function


def _filled(entry: Any) -> dict[str, Any]:
    """An entry without its empty keys (`secrets:` with nothing behind it means none)."""
    if not isinstance(entry, dict):
        raise TypeError("Expected a mapping of settings")
    return {key: value for key, value in entry.items() if value != ""}


def _line(text: str, name: str) -> int:
    """Line on which a function's entry starts; 1 where it cannot be told."""
    match = re.search(rf"^[ \t]+['\"]?{re.escape(name)}['\"]?[ \t]*:", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1
