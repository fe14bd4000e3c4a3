"""Reads the values of the corpus with decoders that others wrote: fastavro, and Python's own json.

    decode.py CASES BODIES SCHEMAS

CASES has a JSON object a line: name, type, format (avro or json), and where in the file BODIES its value lies (at, length).
Each gets one line on standard output: its name and either the facts, in the canonical JSON that departments read, or
why it was refused.

What a fact may be is read out of schemas/*/*.avsc and schemas/README.md here once more, without a look at the program.
"""

import datetime
import decimal
import io
import json
import pathlib
import re
import sys

import fastavro
import fastavro.schema

LARGEST = 1024 * 1024
MOST_ITEMS = 10_000
UTC = datetime.timezone.utc
FIRST = datetime.datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime.datetime(9999, 12, 30, 22, tzinfo=UTC)
EXACT = decimal.Context(prec=1_100_000)
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(\.[0-9]+)?"
    r"(?:[Zz]|([+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))"
)


class Refused(Exception):
    """A value that a fact may not have."""


def main(cases, bodies, schemas):
    catalogue = Catalogue(pathlib.Path(schemas))
    bodies = pathlib.Path(bodies).read_bytes()
    for line in open(cases, encoding="utf-8"):
        case = json.loads(line)
        body = bodies[case["at"] : case["at"] + case["length"]]
        verdict = {"name": case["name"]}
        try:
            verdict["facts"] = catalogue.facts(case["type"], case["format"], body)
        except Exception as why:  # whatever a decoder raises is a refusal
            verdict["refused"] = f"{type(why).__name__}: {why}"[:200]
        # Half a pair of surrogates is text to Python and to nobody else.
        print(json.dumps(verdict, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8"))


class Catalogue:
    """The event schemas, by type and by fingerprint."""

    def __init__(self, folder):
        self.by_print = {}
        self.newest = {}
        for path in sorted(folder.glob("*/*.avsc")):
            if path.parent.name == "hinge":
                continue
            event_type, version = path.name.removesuffix(".avsc").rsplit(".v", 1)
            written = json.loads(path.read_text(encoding="utf-8"))
            canonical = fastavro.schema.to_parsing_canonical_form(written)
            fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
            self.by_print[bytes.fromhex(fingerprint)] = (event_type, written)
            if self.newest.get(event_type, (0, None))[0] < int(version):
                self.newest[event_type] = (int(version), written)

    def facts(self, event_type, form, body):
        if not body or len(body) > LARGEST:
            raise Refused("nothing, or too much")
        schema = self.newest[event_type][1]
        return record(schema, (self.avro if form == "avro" else self.json)(event_type, body))

    def avro(self, event_type, body):
        if body[:2] != b"\xc3\x01":
            raise Refused("no marker")
        written_type, written = self.by_print[body[2:10]]
        if written_type != event_type:
            raise Refused("data of another type")
        data = io.BytesIO(body[10:])
        value = fastavro.schemaless_reader(data, written, self.newest[event_type][1])
        if data.read(1):
            raise Refused("more follows")
        return value

    @staticmethod
    def json(_event_type, body):
        return json.loads(body, parse_float=lambda text: decimal.Decimal(text, EXACT))


def record(schema, value):
    """The facts of a record that are there, each by its kind."""
    if not isinstance(value, dict):
        raise Refused("no object")
    facts = {}
    for field in schema["fields"]:
        kind, given = field["type"], value.get(field["name"])
        if isinstance(kind, list):
            kind = kind[1]
        if given is None:
            if "default" not in field:
                raise Refused(f"{field['name']} is missing")
            given = field["default"]
            if given is None:
                continue
        facts[field["name"]] = fact(kind, given)
    return facts


def fact(kind, value):
    logical = kind.get("logicalType") if isinstance(kind, dict) else None
    name = kind["type"] if isinstance(kind, dict) else kind
    if logical == "decimal":
        return money(value, kind["precision"], kind["scale"])
    if logical == "date":
        return day(value)
    if logical == "timestamp-millis":
        return instant(value)
    if name == "array":
        if not isinstance(value, list) or len(value) > MOST_ITEMS:
            raise Refused("no list, or too long")
        return [fact(kind["items"], item) for item in value]
    if name == "record":
        return record(kind, value)
    if name == "enum":
        return value if expect(str, value) in kind["symbols"] else kind["default"]
    if name == "long":
        if isinstance(value, bool) or not -(2**63) <= expect(int, value) < 2**63:
            raise Refused("no whole number")
        return value
    return expect({"string": str, "boolean": bool, "double": float}[name], value)


def expect(kind, value):
    if not isinstance(value, kind):
        raise Refused(f"no {kind.__name__}")
    return value


def money(value, precision, scale):
    if isinstance(value, str):
        if not NUMBER.fullmatch(value):
            raise Refused("no number")
        value = decimal.Decimal(value)
    elif isinstance(value, bool) or not isinstance(value, (int, decimal.Decimal)):
        raise Refused("no number")
    value = EXACT.normalize(decimal.Decimal(value))
    if abs(value) >= decimal.Decimal(10) ** (precision - scale) or value.as_tuple().exponent < -scale:
        raise Refused("too many digits")
    return f"{value if value else abs(value):.{scale}f}"


def day(value):
    if not isinstance(value, datetime.date):
        if not DATE.fullmatch(expect(str, value)):
            raise Refused("no date")
        value = datetime.date.fromisoformat(value)
    return value.isoformat()


def instant(value):
    if not isinstance(value, datetime.datetime):
        found = INSTANT.fullmatch(expect(str, value))
        if not found:
            raise Refused("no instant")
        date, time, fraction, offset = found.groups()
        millis = ((fraction or ".")[1:] + "000")[:3]
        value = datetime.datetime.fromisoformat(f"{date}T{time}.{millis}{offset or '+00:00'}").astimezone(UTC)
    if not FIRST <= value <= LAST:
        raise Refused("out of range")
    fraction = f".{value.microsecond // 1000:03}".rstrip("0").rstrip(".")
    return value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction + "Z"


if __name__ == "__main__":
    main(*sys.argv[1:])
