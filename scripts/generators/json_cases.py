"""JSON cases: payloads in JSON, and the maps they stand for."""

from __future__ import annotations

from cases import Bad, Good, nested_lists

__all__ = ["BAD", "GOOD"]

GOOD = (
    Good("the empty map", b"{}", {}),
    Good("blanks wherever JSON has them", b'{ "a" :\t1 ,\r\n "b" : [ ] } \n', {"a": 1, "b": []}),
    Good("the three words", b'{"a":null,"b":true,"c":false}', {"a": None, "b": True, "c": False}),
    Good("small integers", b'{"a":0,"b":-0,"c":-1}', {"a": 0, "b": 0, "c": -1}),
    Good("the smallest integer", b'{"a":-9223372036854775808}', {"a": -9223372036854775808}),
    Good("the largest integer", b'{"a":18446744073709551615}', {"a": 18446744073709551615}),
    Good(
        "a point or an exponent makes a float",
        b'{"a":1.0,"b":1e3,"c":-0.0}',
        {"a": 1.0, "b": 1000.0, "c": -0.0},
    ),
    Good(
        "floats at their limits",
        b'{"a":5e-324,"b":1.7976931348623157e308,"c":0.1}',
        {"a": 5e-324, "b": 1.7976931348623157e308, "c": 0.1},
    ),
    Good("a float too small to tell from zero", b'{"a":1e-400}', {"a": 0.0}),
    Good("text in UTF-8", b'{"a":"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"}', {"a": "é € 😀"}),
    Good("text in escapes", b'{"a":"\\u00e9 \\u20AC \\ud83d\\ude00"}', {"a": "é € 😀"}),
    Good("every short escape", b'{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t"}', {"a": '"\\/\b\f\n\r\t'}),
    Good("the character zero", b'{"a":"\\u0000"}', {"a": "\x00"}),
    Good("any text is a key", b'{"":1,"a.b":2,"\\u00e9":3}', {"": 1, "a.b": 2, "é": 3}),
    Good("bytes", b'{"a":{"$bytes":"AP9oaQ=="}}', {"a": b"\x00\xffhi"}),
    Good("no bytes", b'{"a":{"$bytes":""}}', {"a": b""}),
    Good(
        "a DSPy type is a map to the codec",
        b'{"a":{"$dspy":"Image","url":"x"}}',
        {"a": {"$dspy": "Image", "url": "x"}},
    ),
    Good("a hundred levels", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", {"a": nested_lists(99)}),
)

BAD = (
    Bad("nothing", b"", "$"),
    Bad("a list", b"[]", "$"),
    Bad("a word", b"null", "$"),
    Bad("a number", b"1", "$"),
    Bad("a blank before the map", b" {}", "$"),
    Bad("a byte order mark before the map", b"\xef\xbb\xbf{}", "$"),
    Bad("UTF-16", b"{\x00}\x00", "$"),
    Bad("a map cut short behind its id", b'{"id":7,"command":"ping","args":{', "$", 7),
    Bad("a map cut short inside its id", b'{"id":71', "$"),
    Bad("two maps", b'{"id":7}{}', "$", 7),
    Bad("a comma too many", b'{"id":7,}', "$", 7),
    Bad("quotes of the wrong kind", b"{'id':7}", "$"),
    Bad("a comment", b'{"id":7}//', "$", 7),
    Bad("a line break inside text", b'{"id":7,"a":"\n"}', "$", 7),
    Bad("not a number", b'{"id":7,"args":{"x":NaN}}', "$.args.x", 7),
    Bad("infinity", b'{"id":7,"args":{"x":[1,Infinity]}}', "$.args.x[1]", 7),
    Bad("minus infinity", b'{"id":7,"args":{"x":-Infinity}}', "$.args.x", 7),
    Bad("a float too large", b'{"id":7,"args":{"x":1e400}}', "$.args.x", 7),
    Bad("an integer too large", b'{"id":7,"args":{"x":18446744073709551616}}', "$.args.x", 7),
    Bad("an integer too small", b'{"id":7,"args":{"x":-9223372036854775809}}', "$.args.x", 7),
    Bad("an integer of a thousand digits", b'{"id":7,"args":{"x":' + b"9" * 1000 + b"}}", "$.args.x", 7),
    Bad("an id too large to be answered", b'{"id":18446744073709551616}', "$.id"),
    Bad("a key that occurs twice", b'{"id":7,"args":{"x":1,"x":1}}', "$.args.x", 7),
    Bad(
        "a key that occurs twice, behind good bytes",
        b'{"id":7,"args":{"a":{"$bytes":"aGk="},"b":{"x":1,"x":1}}}',
        "$.args.b.x",
        7,
    ),
    Bad("an id that occurs twice is nobody's", b'{"id":7,"id":8}', "$.id"),
    Bad("a byte that is not UTF-8", b'{"id":7,"args":{"x":"\xff"}}', "$.args.x", 7),
    Bad("UTF-8 longer than it must be", b'{"id":7,"args":{"x":"\xc0\x80"}}', "$.args.x", 7),
    Bad("a surrogate in UTF-8", b'{"id":7,"args":{"x":"\xed\xa0\x80"}}', "$.args.x", 7),
    Bad("a lone surrogate in an escape", b'{"id":7,"args":{"x":"\\ud800"}}', "$.args.x", 7),
    Bad("surrogates in the wrong order", b'{"id":7,"args":{"x":"\\ude00\\ud83d"}}', "$.args.x", 7),
    Bad("a lone surrogate in a key", b'{"id":7,"args":{"\\udfff":1}}', "$.args", 7),
    Bad("a hundred and one levels", b'{"id":7,"a":' + b"[" * 100 + b"]" * 100 + b"}", None, 7),
    Bad(
        "a hundred and fifty levels around what is no number",
        b'{"id":7,"a":' + b"[" * 150 + b"NaN" + b"]" * 150 + b"}",
        None,
        7,
    ),
    Bad("five thousand levels", b'{"id":7,"a":' + b"[" * 5000 + b"]" * 5000 + b"}", None, 7),
    Bad("bytes that share their map", b'{"id":7,"args":{"x":{"$bytes":"aGk=","y":1}}}', "$.args.x", 7),
    Bad("bytes that are no text", b'{"id":7,"args":{"x":{"$bytes":1}}}', "$.args.x", 7),
    Bad("base64 without its padding", b'{"id":7,"args":{"x":{"$bytes":"aGk"}}}', "$.args.x", 7),
    Bad("base64 in the alphabet for URLs", b'{"id":7,"args":{"x":{"$bytes":"-_8="}}}', "$.args.x", 7),
    Bad("base64 with a blank", b'{"id":7,"args":{"x":{"$bytes":"aG k="}}}', "$.args.x", 7),
    Bad(
        "base64 in letters that are not ASCII",
        b'{"id":7,"args":{"x":{"$bytes":"\xc3\xa9\xc3\xa9"}}}',
        "$.args.x",
        7,
    ),
    Bad("bytes instead of a message", b'{"$bytes":"aGk="}', "$"),
)
