"""What a decoder says of data that it refuses, for people: which field, what it must be, and what came.

msgspec speaks to programmers (``Expected `str | null`, got `int` - at `$.timeStamp` ``); here that becomes "timeStamp
must be text or null, not a whole number". Every sentence that shows a decoder's error takes it from here.
"""

import re
from typing import Any, Final

_TYPES: Final = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "null": "null",
    "array": "a list", "object": "an object in {braces}", "bytes": "bytes", "any": "anything",
}  # fmt: skip
_AT: Final = re.compile(r"^(?P<said>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_GOT: Final = re.compile(r"Expected `(?P<must>[^`]*)`(?:, got `(?P<came>[^`]*)`)?")
_LENGTH: Final = re.compile(
    r"Expected `(?P<type>\w+)` of (?P<least>at least |at most )?length (?P<bound>>= |<= )?(?P<count>\d+)"
    r"(?: to (?P<to>\d+))?(?:, got (?P<came>\d+))?"
)
_BOUND: Final = re.compile(r"Expected `(?P<type>int|float)` (?P<sign>[<>]=?) (?P<value>\S+)")
_FORM: Final = re.compile(r"Expected `str` matching regex (?P<form>.*)", re.DOTALL)
_FIELD: Final = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>[^`]*)`")
_VALUE: Final = re.compile(r"Invalid (?:enum )?value (?P<value>.*)", re.DOTALL)
_BYTE: Final = re.compile(r"(?P<what>\w+) (?:data )?is malformed: (?P<said>.*) \(byte (?P<at>\d+)\)")
_SYNTAX: Final = {
    "invalid character": "an unexpected character", "trailing characters": "something follows its end",
    "object keys must be strings": "a name without double quotes", "expected ':'": "a colon is missing",
    "expected ',' or '}'": "a comma or } is missing", "expected ',' or ']'": "a comma or ] is missing",
    "trailing comma in object": "a comma too many", "trailing comma in array": "a comma too many",
    "invalid number": "no number",
}  # fmt: skip
_SIGNS: Final = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_LONGEST: Final = 200


def in_words(error: Exception, wanted: Any = None) -> str:
    """The end of a sentence, without its full stop, for an error of msgspec, of UTF-8, or of nesting too deep.

    `wanted` is the type that was decoded: with it, the words that a field may hold are named.
    """
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "its lists or objects are nested too deeply"
    found = _AT.match(str(error))
    if found is None:
        return _short(str(error))
    return _short(
        _problem(found["said"], _place(found["path"] or ""), bool(found["key"]), wanted, found["path"])
    )


def field_of(error: Exception) -> tuple[str, bool] | None:
    """The field at the top that an error is about, and whether it is missing; None where it is about the whole."""
    found = _AT.match(str(error))
    if found is None:
        return None
    about = _FIELD.match(found["said"])
    if about is not None and not found["path"]:
        return about["name"], about["what"].startswith("missing")
    top = re.match(r"\.(\w+)", found["path"] or "")
    return (top[1], False) if top else None


def must_be(error: Exception, wanted: Any = None) -> str:
    """Only what it must be, where field and value are said beside it: "it must be a whole number"."""
    found = _AT.match(str(error))
    if found is None:
        return _short(str(error))
    said = _problem(re.sub(r", got `\w+`$", "", found["said"]), "", False, wanted, found["path"])
    return _short(re.sub(r"^(it must be .*), not '[^']*'$", r"\1", said))


def _problem(said: str, place: str, is_key: bool, wanted: Any, path: str | None) -> str:
    """One of msgspec's messages, said of `place`."""
    it = place or "it"
    if is_key:
        it = f"a name in {place}" if place else "a name"
    if about := _FIELD.match(said):
        name = _inside(about["name"], place)
        return f"{name} is missing" if about["what"].startswith("missing") else f"{name} is not known here"
    if found := _LENGTH.match(said):
        return f"{it} must be {_of_length(found)}"
    if found := _BOUND.match(said):
        return f"{it} must be {_TYPES[found['type']]}, {_SIGNS[found['sign']]} {found['value']}"
    if found := _FORM.match(said):
        return f"{it} must be text of the form {found['form']}"
    if found := _GOT.fullmatch(said):
        came = f", not {_named(found['came'])}" if found["came"] else ""
        return f"{it} must be {_either(found['must'])}{came}"
    if found := _VALUE.fullmatch(said):
        words = _words(wanted, path or "")
        return (
            f"{it} must be {_any_of(words)}, not {found['value']}"
            if words
            else f"{it} cannot be {found['value']}"
        )
    if "out of range" in said:
        return f"{it} is a number too large to be read"
    if said == "Input data was truncated":
        return "it ends too early"
    if found := _BYTE.fullmatch(said):
        why = _SYNTAX.get(found["said"], found["said"])
        # Counted from 0, but of what follows the end, the byte behind it.
        at = int(found["at"]) + (found["said"] != "trailing characters")
        return f"it is not {found['what']} ({why} at byte {at:,})"
    return f"{place}: {said}" if place else said


def _place(path: str) -> str:
    """`.features[2].name` as `features[2].name`; of a list that stands alone, `entry 3` and what is in it."""
    at = path.replace("[...]", "[…]").lstrip(".")
    whole = re.match(r"\[(\d+)\]\.?(.*)", at)
    if whole is None:
        return at
    entry = f"entry {int(whole[1]) + 1}"
    return _inside(whole[2], entry) if whole[2] else entry


def _inside(name: str, place: str) -> str:
    if not place:
        return name
    return f"{name} of {place}" if place.startswith("entry ") else f"{place}.{name}"


def _named(name: str) -> str:
    return _TYPES.get(name, name)


def _either(names: str) -> str:
    """`int | null` as "a whole number or null"; a number that may also be whole is just a number."""
    given = names.split(" | ")
    told = [name for name in given if not (name == "int" and "float" in given)]
    return _any_of([*map(_named, told)])


def _any_of(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1])] * (len(words) > 1) + words[-1:])


def _of_length(found: re.Match[str]) -> str:
    what = {"str": "text of {} characters", "array": "a list of {}", "object": "an object of {} entries"}
    bound = {"at least ": "at least ", ">= ": "at least ", "at most ": "at most ", "<= ": "at most "}
    which = bound.get(found["least"] or found["bound"] or "", "")
    count = f"{which}{found['count']}" + (f" to {found['to']}" if found["to"] else "")
    came = f", not of {found['came']}" if found["came"] else ""
    return what.get(found["type"], "of length {}").format(count) + came


def _words(wanted: Any, path: str) -> list[str]:
    """The values that stand in the type at `path`, such as the actions of a command."""
    if wanted is None:
        return []
    import msgspec.inspect as look

    at: Any = look.type_info(wanted)
    for name, _entry in re.findall(r"\.(\w+)|(\[)", path):
        inside = [at, *getattr(at, "types", ())]
        if name:
            fields = [field for each in inside for field in getattr(each, "fields", ())]
            types = [field.type for field in fields if field.encode_name == name]
        else:
            found = [getattr(each, "item_type", getattr(each, "value_type", None)) for each in inside]
            types = [each for each in found if each is not None]
        at = types[0] if types else None
    values = [value for each in (at, *getattr(at, "types", ())) for value in getattr(each, "values", ())]
    return [str(value) for value in values]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
