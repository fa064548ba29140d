"""msgpack cases: payloads in msgpack, and the maps they stand for."""

from __future__ import annotations

from cases import Bad, Good, nested_lists

__all__ = ["BAD", "GOOD"]

# A request's id, and the key that the value in question stands under: {"id": 7, "x": ...}
_ID_7_X = b"\x82\xa2id\x07\xa1x"

GOOD = (
    Good("the empty map", b"\x80", {}),
    Good("the empty map, in 16 bits", b"\xde\x00\x00", {}),
    Good("the empty map, in 32 bits", b"\xdf\x00\x00\x00\x00", {}),
    Good("the three words", b"\x83\xa1a\xc0\xa1b\xc3\xa1c\xc2", {"a": None, "b": True, "c": False}),
    Good("integers in one byte", b"\x83\xa1a\x00\xa1b\x7f\xa1c\xe0", {"a": 0, "b": 127, "c": -32}),
    Good(
        "integers without sign in 8 and 16 bits",
        b"\x82\xa1a\xcc\xff\xa1b\xcd\xff\xff",
        {"a": 255, "b": 65535},
    ),
    Good("an integer without sign in 32 bits", b"\x81\xa1a\xce\xff\xff\xff\xff", {"a": 4294967295}),
    Good(
        "the largest integer", b"\x81\xa1a\xcf\xff\xff\xff\xff\xff\xff\xff\xff", {"a": 18446744073709551615}
    ),
    Good(
        "integers with sign in 8 and 16 bits", b"\x82\xa1a\xd0\x80\xa1b\xd1\x80\x00", {"a": -128, "b": -32768}
    ),
    Good("an integer with sign in 32 bits", b"\x81\xa1a\xd2\x80\x00\x00\x00", {"a": -2147483648}),
    Good(
        "the smallest integer", b"\x81\xa1a\xd3\x80\x00\x00\x00\x00\x00\x00\x00", {"a": -9223372036854775808}
    ),
    Good("an integer longer than it must be", b"\x81\xa1a\xd3\x00\x00\x00\x00\x00\x00\x00\x01", {"a": 1}),
    Good("a float in 32 bits", b"\x81\xa1a\xca\x3f\xc0\x00\x00", {"a": 1.5}),
    Good("a float in 64 bits", b"\x81\xa1a\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", {"a": 0.1}),
    Good("minus zero", b"\x81\xa1a\xcb\x80\x00\x00\x00\x00\x00\x00\x00", {"a": -0.0}),
    Good(
        "the largest float", b"\x81\xa1a\xcb\x7f\xef\xff\xff\xff\xff\xff\xff", {"a": 1.7976931348623157e308}
    ),
    Good("text in one to four bytes", b"\x81\xa1a\xaa\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!", {"a": "é€😀!"}),
    Good("text with its length in 8 bits", b"\x81\xa1a\xd9\x02hi", {"a": "hi"}),
    Good("text with its length in 16 bits", b"\x81\xa1a\xda\x00\x02hi", {"a": "hi"}),
    Good("text with its length in 32 bits", b"\x81\xa1a\xdb\x00\x00\x00\x02hi", {"a": "hi"}),
    Good("any text is a key", b"\x82\xa0\x01\xa3a.b\x02", {"": 1, "a.b": 2}),
    Good("bytes with their length in 8 bits", b"\x81\xa1a\xc4\x02\x00\xff", {"a": b"\x00\xff"}),
    Good("bytes with their length in 16 bits", b"\x81\xa1a\xc5\x00\x02\x00\xff", {"a": b"\x00\xff"}),
    Good("bytes with their length in 32 bits", b"\x81\xa1a\xc6\x00\x00\x00\x02\x00\xff", {"a": b"\x00\xff"}),
    Good("bytes as JSON has them", b"\x81\xa1a\x81\xa6$bytes\xa4aGk=", {"a": b"hi"}),
    Good(
        "lists with their length in 4, 16 and 32 bits",
        b"\x83\xa1a\x91\x01\xa1b\xdc\x00\x01\x01\xa1c\xdd\x00\x00\x00\x01\x01",
        {"a": [1], "b": [1], "c": [1]},
    ),
    Good("a hundred levels", b"\x81\xa1a" + b"\x91" * 98 + b"\x90", {"a": nested_lists(99)}),
)

BAD = (
    Bad("a list", b"\x90", "$"),
    Bad("an integer", b"\x07", "$"),
    Bad("nil", b"\xc0", "$"),
    Bad("a map cut short behind its id", b"\x83\xa2id\x07\xa7command", "$", 7),
    Bad("a map cut short inside its id", b"\x81\xa2id\xcd\x01", "$"),
    Bad("a byte too many", b"\x81\xa2id\x07\x00", "$", 7),
    Bad("two maps", b"\x81\xa2id\x07\x80", "$", 7),
    Bad("the byte that msgpack never uses", _ID_7_X + b"\xc1", "$", 7),
    Bad("not a number", _ID_7_X + b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "$.x", 7),
    Bad("infinity", _ID_7_X + b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", "$.x", 7),
    Bad("minus infinity in 32 bits", _ID_7_X + b"\xca\xff\x80\x00\x00", "$.x", 7),
    Bad("an extension of one byte", _ID_7_X + b"\xd4\x05\x00", "$.x", 7),
    Bad("an extension of no bytes", _ID_7_X + b"\xc7\x00\x05", "$.x", 7),
    Bad("an extension in a list", _ID_7_X + b"\x92\x01\xd8\x05" + bytes(16), "$.x[1]", 7),
    Bad("a timestamp in 32 bits", _ID_7_X + b"\xd6\xff\x00\x00\x00\x01", "$.x", 7),
    Bad("a timestamp in 96 bits", _ID_7_X + b"\xc7\x0c\xff" + bytes(12), "$.x", 7),
    Bad("a key that is an integer", _ID_7_X + b"\x81\x01\x02", "$.x", 7),
    Bad("a key that is bytes", _ID_7_X + b"\x81\xc4\x01a\x02", "$.x", 7),
    Bad("a key that is nil", _ID_7_X + b"\x81\xc0\x02", "$.x", 7),
    Bad("a key that is a list", _ID_7_X + b"\x81\x91\x01\x02", "$.x", 7),
    Bad("a key that is a map", _ID_7_X + b"\x81\x80\x02", "$.x", 7),
    Bad("a key that occurs twice", _ID_7_X + b"\x82\xa1a\x01\xa1a\x01", "$.x.a", 7),
    Bad("an id that occurs twice is nobody's", b"\x82\xa2id\x07\xa2id\x08", "$.id"),
    Bad("a byte that is not UTF-8", _ID_7_X + b"\xa1\xff", "$.x", 7),
    Bad("a surrogate in UTF-8", _ID_7_X + b"\xa3\xed\xa0\x80", "$.x", 7),
    Bad("a hundred and one levels", _ID_7_X + b"\x91" * 99 + b"\x90", None, 7),
    Bad("five thousand levels", _ID_7_X + b"\x91" * 5000 + b"\x90", None, 7),
    Bad("a list of four billion that is not there", _ID_7_X + b"\xdd\xff\xff\xff\xff", "$", 7),
    Bad("a map of four billion that is not there", _ID_7_X + b"\xdf\xff\xff\xff\xff", "$", 7),
    Bad("text of four gigabytes that is not there", _ID_7_X + b"\xdb\xff\xff\xff\xffhi", "$", 7),
    Bad("bytes of four gigabytes that are not there", _ID_7_X + b"\xc6\xff\xff\xff\xffhi", "$", 7),
    Bad("lists within lists that are not there", _ID_7_X + b"\xdd\x00\x00\xff\xff" * 200, "$", 7),
    Bad(
        "bytes as JSON has them that share their map", _ID_7_X + b"\x82\xa6$bytes\xa4aGk=\xa1y\x01", "$.x", 7
    ),
    Bad("bytes instead of a message", b"\x81\xa6$bytes\xa4aGk=", "$"),
)
