"""Values that no client should send, as JSON source and as query text."""

import json

__all__ = ("JSON_VALUES", "QUERY_VALUES", "TEXTS")

TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\r\n",
    "\t",
    "\x1b[2J",
    "\x7f",
    "\u202etxt",
    "\ufeff",
    "\uffff",
    "\U0010ffff",
    "e\u0301" * 60,
    "\U0001f4a9" * 101,
    "x" * 101,
    "x" * 600,
    "%",
    "_",
    "\\",
    "%_\\",
    "'",
    "'; DROP TABLE airport; --",
    '" OR 1=1 --',
    "$1",
    ":icao",
    "%(icao)s",
    "?",
    "{0.__class__}",
    "${7*7}",
    "../../etc/passwd",
    "NULL",
    "None",
    "nan",
    "0",
    "-1",
    "true",
    "1e999",
    "0x10",
    "\u0661",
    "9" * 30,
)

# Half of a surrogate pair: JSON can escape what UTF-8 cannot encode.
SURROGATES = (r'"\ud800"', r'"\udfff"', r'"a\udc80b"', r'"\ud83d\ud83d"', r'"\ude00\ud83d"')

NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e-400",
    "5e-324",
    "1.7976931348623157e308",
    "-0.0",
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 400,
    "9" * 5000,
    "0." + "1" * 5000,
)

OTHERS = (
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[[]]",
    '["ELLX"]',
    '{"$ne": null}',
    '{"__class__": "Airport"}',
    "[" * 900 + "]" * 900,
)

JSON_VALUES = (*map(json.dumps, TEXTS), *SURROGATES, *NUMBERS, *OTHERS)

# Percent-encoded: invalid and overlong UTF-8, surrogates, NUL, and signs that are not complete.
RAW_QUERY_VALUES = (
    "%00",
    "a%00b",
    "%ff",
    "%c3",
    "%c3%28",
    "%c0%80",
    "%ed%a0%80",
    "%f5%80%80%80",
    "%e2%80%ae",
    "%",
    "%4",
    "%zz",
    "%u0041",
    "+",
    "%2b",
    "%252500",
)

QUERY_NUMBERS = (
    "1",
    "100",
    "101",
    "-1",
    "1.0",
    "1.5",
    "1e3",
    "0b1",
    "1_000",
    "%D9%A1",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999999",
    "9" * 4301,
    "NaN",
    "Infinity",
    "-Infinity",
)

NAMES = (
    "id",
    "icao",
    "country_code",
    "country",
    "country.name",
    "Airport.icao",
    "__class__",
    "__dict__",
    "__table__",
    "__mapper__",
    "metadata",
    "registry",
    "to_dict",
    "icao desc",
    "icao;drop",
    "name,icao",
    "ICAO",
    "asc",
    "DESC",
    "sideways",
)

QUERY_VALUES = (*RAW_QUERY_VALUES, *QUERY_NUMBERS, *NAMES)
