"""The signature grammar reads what DSPy and the reference design write, and names the place of what it refuses."""

from __future__ import annotations

import pytest

from dspash_protocol.signature import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    MAX_DEPTH,
    MAX_FIELDS,
    NONE,
    STR,
    DspyType,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    SignatureError,
    SpecialName,
    Type,
    UnionOf,
    parse_signature,
    parse_type,
    read_signature,
    read_type,
    signature_map,
    signature_text,
)

BOOK = ObjectOf((Field("title", STR), Field("year", INT, optional=True)))

MAP = {"a": [1, True, -2500.0], "b": {}}

TYPES: list[tuple[str, Type]] = [
    ("str", STR),
    ("string", STR),
    ("integer", INT),
    ("number", FLOAT),
    ("boolean", BOOL),
    ("Any", ANY),
    ("list", ListOf(ANY)),
    ("array", ListOf(ANY)),
    ("map", MapOf(STR, ANY)),
    ("object", MapOf(STR, ANY)),
    ("list[str]", ListOf(STR)),
    ("List[ int ]", ListOf(INT)),
    ("list[list[float]]", ListOf(ListOf(FLOAT))),
    ("dict[str, int]", MapOf(STR, INT)),
    ("dict[int, list[bool]]", MapOf(INT, ListOf(BOOL))),
    ('Literal["a", "b", 1, True]', LiteralOf(("a", "b", 1, True))),
    ("Literal['it\\'s', \"\\u00e9\"]", LiteralOf(("it's", "é"))),
    ("typing.Literal[-3]", LiteralOf((-3,))),
    ("Optional[int]", UnionOf((INT, NONE))),
    ("int | None", UnionOf((INT, NONE))),
    ("None | str | int", UnionOf((NONE, STR, INT))),
    ("Union[int, str, int]", UnionOf((INT, STR))),
    ("Union[int]", INT),
    ("(int | str)", UnionOf((INT, STR))),
    ("list[int | None]", ListOf(UnionOf((INT, NONE)))),
    ("{:array, :string}", ListOf(STR)),
    ("{:array, {:array, :integer}}", ListOf(ListOf(INT))),
    ("{:map, :float}", MapOf(STR, FLOAT)),
    ("{:map, :string, :any}", MapOf(STR, ANY)),
    (":string", STR),
    ("dspy.Image", DspyType(SpecialName.IMAGE)),
    ("list[Image]", ListOf(DspyType(SpecialName.IMAGE))),
    ('Code["python"]', DspyType(SpecialName.CODE, "python")),
    ("Code[java]", DspyType(SpecialName.CODE, "java")),
    ("History", DspyType(SpecialName.HISTORY)),
    ("{title: str, year?: int}", BOOK),
    ("Book{title: str, year?: int,}", ObjectOf(BOOK.fields, "Book")),
    ("list[{title: str, year?: int}]", ListOf(BOOK)),
    (
        '{tags: list[str] = ["a"] "labels"}',
        ObjectOf((Field("tags", ListOf(STR), desc="labels", default=["a"]),)),
    ),
]


@pytest.mark.parametrize(("text", "expected"), TYPES)
def test_types_read_as_what_they_mean(text: str, expected: Type) -> None:
    assert parse_type(text) == expected


def test_one_and_true_are_two_options() -> None:
    assert LiteralOf((1,)) != LiteralOf((True,))
    assert parse_type("Literal[1, True]") == LiteralOf((1, True))


def test_signature_reads_as_inputs_and_outputs() -> None:
    spec = parse_signature(
        'question, context: list[str] = [] "passages", k?: int ->\n answer: str "short", confidence: float',
        instructions="Answer.",
    )
    assert spec.inputs == (
        Field("question", STR, stated=False),
        Field("context", ListOf(STR), desc="passages", default=[]),
        Field("k", INT, optional=True),
    )
    assert spec.outputs == (Field("answer", STR, desc="short"), Field("confidence", FLOAT))
    assert spec.instructions == "Answer."


def test_outputs_alone_are_a_signature() -> None:
    assert parse_signature("-> joke").inputs == ()


BAD_TEXTS = [
    ("question", "no '->'", 8),
    ("", "no '->'", 0),
    ("question ->", "no output field", 11),
    ("question -> answer -> more", "'->' is unexpected", 19),
    ("question -> answer: strng", "'strng' is no type; did you mean 'string'?", 20),
    ("question -> answer: lst[str]", "'lst' is no type; did you mean 'list'?", 20),
    ("question -> answer: tuple", "use list[...]", 20),
    ("question -> answer: datetime", "ISO 8601", 20),
    ("question -> answer: list[", "a type is wanted, not the end", 25),
    ("question -> answer: list[str", "']' is missing before the end", 28),
    ("question -> answer: list[str, int]", "list takes one type in [...], not 2", 20),
    ("question -> answer: dict[str]", "dict takes two types in [...], not 1", 20),
    ("question -> answer: str[int]", "str takes no [...]", 20),
    ("question -> answer: dict[list, str]", "keys are str, int, float, bool or a Literal", 20),
    ("question -> answer: Optional", "Optional is missing its [...]", 20),
    ("question -> answer: Literal[]", "a Literal without options", 28),
    ("question -> answer: Literal[yes]", 'quote text, as in "yes"', 28),
    ('question -> answer: Literal["a", "a"]', "occurs twice", 33),
    ("question -> answer: Literal[1.5]", "options are text, integers or bools", 28),
    ("question -> answer: None", "write Optional", 20),
    ("question -> answer: 'yes' | 'no'", "fixed values are written Literal", 20),
    ("question -> answer: {}", "an object without fields", 20),
    ("question -> answer: {a: str, a: int}", "occurs twice in this object", 20),
    ("question -> answer: {:tuple, :string}", "write {:array, :string}", 20),
    ("question -> answer: str = 3", "the default does not fit: str is wanted, this is int", 26),
    ('question -> answer: {a: int = "x"}', "int is wanted, this is str", 30),
    ("question -> answer: Code[1]", "a language is wanted", 25),
    ("question -> answer: class{a: str}", "cannot name an object", 25),
    ("question -> answer: dict = {a: 1}", "a quoted key is wanted, not 'a'", 28),
    ('question -> answer: dict = {"a": 1, "a": 2}', "occurs twice", 36),
    ('question -> answer: dict = {"a" 1}', "':' is missing", 32),
    ("question -> answer: float = 1e999", "a number is too large", 28),
    ("question -> class", "cannot name a field", 12),
    ("question -> _private", "cannot name a field", 12),
    ("question -> 2nd", "'2' has no meaning", 12),
    ("question, -> answer: str; drop", "';' has no meaning here", 24),
    ('question -> answer: Literal["a]', "this quotation has no end", 28),
    ('question -> answer "\\q"', "no escape", 20),
    ('question -> answer "\\ud800"', "no character", 20),
    ("question -> answer: int = 123456789012345678901", "wider than 64 bits", 26),
    ("question: __import__('os') -> answer", "'__import__' is no type", 10),
]


@pytest.mark.parametrize(("text", "problem", "position"), BAD_TEXTS)
def test_bad_text_is_refused_at_its_character(text: str, problem: str, position: int) -> None:
    with pytest.raises(SignatureError) as caught:
        parse_signature(text)
    assert problem in str(caught.value)
    assert caught.value.position == position


def test_errors_name_the_outermost_field() -> None:
    with pytest.raises(SignatureError, match="field 'answer', character 29: 'strng'") as caught:
        parse_signature("question -> answer: {a: list[strng]}")
    assert caught.value.field == "answer"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("question, question -> answer", "question"),
        ("question -> question", "question"),
        ("config -> answer", "config"),
        ("q -> instructions", "instructions"),
    ],
)
def test_names_that_cannot_be_are_refused(text: str, field: str) -> None:
    with pytest.raises(SignatureError) as caught:
        parse_signature(text)
    assert caught.value.field == field


def test_names_reserved_for_inputs_are_free_for_outputs() -> None:
    assert parse_signature("question -> config").outputs[0].name == "config"


def test_nesting_and_size_are_bounded() -> None:
    parse_type("list[" * (MAX_DEPTH - 1) + "str" + "]" * (MAX_DEPTH - 1))
    with pytest.raises(SignatureError, match="nested deeper"):
        parse_type("list[" * MAX_DEPTH + "str" + "]" * MAX_DEPTH)
    with pytest.raises(SignatureError, match="nested deeper"):
        parse_type("(" * 10_000)
    with pytest.raises(SignatureError, match="nested deeper"):
        parse_signature("a: list = " + "[" * 1_000 + " -> b")
    with pytest.raises(SignatureError, match="over the limit"):
        parse_signature(", ".join(f"f{index}" for index in range(MAX_FIELDS)) + " -> answer")
    with pytest.raises(SignatureError, match="over the limit"):
        parse_type(" " * 200_000)


def test_reference_field_lists_are_read() -> None:
    spec = read_signature(
        {
            "inputs": [
                {
                    "name": "question",
                    "type": "string",
                    "description": "The question",
                    "optional": False,
                    "default": None,
                },
                {"name": "passages", "type": "{:array, :string}", "description": "", "optional": True},
            ],
            "outputs": [
                {"name": "answer", "type": "string"},
                {"name": "citations", "type": "{:array, :integer}", "desc": "Passage indices used"},
                {"name": "verdict", "values": ["yes", "no"]},
            ],
            "docstring": "Answer and cite.",
            "name": "RAG",
        }
    )
    assert spec.inputs == (
        Field("question", STR, desc="The question"),
        Field("passages", ListOf(STR), optional=True),
    )
    assert spec.outputs == (
        Field("answer", STR),
        Field("citations", ListOf(INT), desc="Passage indices used"),
        Field("verdict", LiteralOf(("yes", "no"))),
    )
    assert (spec.instructions, spec.name) == ("Answer and cite.", "RAG")


def test_json_schema_of_a_pydantic_model_is_read_as_an_object() -> None:
    schema = {
        "$defs": {
            "Author": {
                "properties": {"name": {"type": "string", "title": "Name"}},
                "required": ["name"],
                "title": "Author",
                "type": "object",
            }
        },
        "properties": {
            "title": {"type": "string", "description": "As printed"},
            "authors": {"type": "array", "items": {"$ref": "#/$defs/Author"}},
            "year": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            "kind": {"enum": ["book", "paper"], "default": "book"},
            "extra": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "required": ["title", "authors"],
        "title": "Work",
        "type": "object",
    }
    author = ObjectOf((Field("name", STR),), "Author")
    assert read_type(schema) == ObjectOf(
        (
            Field("title", STR, desc="As printed"),
            Field("authors", ListOf(author)),
            Field("year", UnionOf((INT, NONE)), optional=True),
            Field("kind", LiteralOf(("book", "paper")), default="book"),
            Field("extra", MapOf(STR, FLOAT), optional=True),
        ),
        "Work",
    )


BAD_LISTS = [
    (7, "$.signature: text or a map is wanted, this is int"),
    ({"inputs": [], "outputs": []}, "$.signature.outputs: there is no output field"),
    ({"input": [], "outputs": ["a"]}, "unknown key 'input'; did you mean 'inputs'?"),
    ({"inputs": "q", "outputs": ["a"]}, "$.signature.inputs: a list of fields is wanted, this is str"),
    ({"outputs": [{"type": "str"}]}, "$.signature.outputs[0].name"),
    ({"outputs": [{"name": "a", "type": "strng"}]}, "$.signature.outputs[0].type, field 'a', character 0"),
    ({"outputs": [{"name": "a", "typ": "str"}]}, "unknown key 'typ'; did you mean 'type'?"),
    ({"outputs": [{"name": "a", "optional": "yes"}]}, "$.signature.outputs[0].optional"),
    ({"outputs": [{"name": "a", "type": "int", "default": "x"}]}, "int is wanted, this is str"),
    ({"outputs": [{"name": "a", "values": []}]}, "$.signature.outputs[0].values"),
    ({"outputs": [{"name": "a", "desc": "x", "description": "y"}]}, "says again"),
    ({"outputs": [{"name": "a", "type": {"type": "date"}}]}, "$.signature.outputs[0].type.type"),
    ({"outputs": [{"name": "a", "type": {"$ref": "#/$defs/X"}}]}, "refers to nothing"),
    ({"outputs": [{"name": "a", "type": []}]}, "an object without fields"),
    ({"outputs": ["a", "a"]}, "$.signature, field 'a': this name occurs twice"),
    ({"signature": "q -> a: strng"}, "$.signature.signature, field 'a', character 8"),
    ({"outputs": ["a"], "instructions": "\ud800"}, "lone surrogate"),
    ({"outputs": ["a"], "instructions": 7}, "$.signature.instructions: text is wanted, this is int"),
    ({"outputs": [7]}, "a map is wanted for a field, this is int"),
    (
        {"outputs": [{"name": "a", "type": 7}]},
        "text, a JSON schema or a list of fields is wanted, this is int",
    ),
    ({"outputs": [{"name": "a", "type": ["b", "b"]}]}, "occurs twice in this object"),
    ({"outputs": [f"a{index}" for index in range(MAX_FIELDS + 1)]}, "more than 256 fields"),
    ({"outputs": [{"name": "a", "values": [1.5]}]}, "$.signature.outputs[0].values[0]"),
]


@pytest.mark.parametrize(("raw", "problem"), BAD_LISTS)
def test_bad_field_lists_are_refused_with_their_path(raw: object, problem: str) -> None:
    with pytest.raises(SignatureError) as caught:
        read_signature(raw)
    assert problem in str(caught.value)


def test_schema_inside_itself_is_refused() -> None:
    schema = {
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
        "$ref": "#/$defs/Node",
    }
    with pytest.raises(SignatureError, match="a schema inside itself"):
        read_type(schema)


def test_canonical_forms_of_a_signature() -> None:
    spec = read_signature(
        {"signature": "q,n:integer->a:{:array,:string}", "instructions": "Do.", "name": "S"}
    )
    assert signature_text(spec) == "q, n: int -> a: list[str]"
    assert signature_map(spec) == {
        "inputs": [{"name": "q"}, {"name": "n", "type": "int"}],
        "outputs": [{"name": "a", "type": "list[str]"}],
        "instructions": "Do.",
        "name": "S",
    }


def test_field_lists_nested_too_deep_are_refused() -> None:
    raw: object = [{"name": "leaf"}]
    for _ in range(MAX_DEPTH + 1):
        raw = [{"name": "a", "type": raw}]
    with pytest.raises(SignatureError, match="nested deeper"):
        read_type(raw)


SCHEMAS: list[tuple[object, Type]] = [
    ({}, ANY),
    ({"type": "array"}, ListOf(ANY)),
    ({"type": "object"}, MapOf(STR, ANY)),
    ({"type": ["integer", "null"]}, UnionOf((INT, NONE))),
    ({"const": 3}, LiteralOf((3,))),
    ({"enum": ["a", None]}, UnionOf((LiteralOf(("a",)), NONE))),
    ({"allOf": [{"type": "string"}]}, STR),
    ({"properties": {"a": {}}}, ObjectOf((Field("a", ANY, optional=True),))),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, STR),
]


@pytest.mark.parametrize(("schema", "expected"), SCHEMAS)
def test_json_schemas_read_as_types(schema: object, expected: Type) -> None:
    assert read_type(schema) == expected


BAD_SCHEMAS = [
    ({"type": "array", "items": 7}, "$.type.items: a JSON schema is wanted, this is int"),
    ({"allOf": [{}, {}]}, "$.type.allOf: one schema is wanted"),
    ({"anyOf": []}, "$.type.anyOf: a list of schemas is wanted"),
    ({"enum": []}, "$.type.enum: a list of options is wanted"),
    ({"type": "object", "properties": [1]}, "$.type.properties: a map of schemas is wanted"),
    ({"properties": {"a b": {}}}, "cannot name a field"),
    (
        {"properties": {"a": {"type": "integer", "default": "x"}}},
        "$.type.properties.a.default: the default does not fit",
    ),
    ({"$ref": "#/$defs/A", "$defs": {"A": 7}}, "refers to nothing"),
]


@pytest.mark.parametrize(("schema", "problem"), BAD_SCHEMAS)
def test_schemas_beyond_the_grammar_are_refused(schema: object, problem: str) -> None:
    with pytest.raises(SignatureError) as caught:
        read_type(schema)
    assert problem in str(caught.value)


def test_a_literal_of_very_many_options_is_refused() -> None:
    with pytest.raises(SignatureError, match="more than 10000 options"):
        parse_type(f"Literal[{', '.join(str(number) for number in range(10_001))}]")


def test_an_error_shows_the_beginning_of_a_long_word_and_no_more() -> None:
    for text in (
        f"a: {'x' * 50_000} -> b",
        f"a, {'y' * 50_000}: zzz -> b",
        f"a -> b: Literal[{'w' * 50_000}]",
    ):
        with pytest.raises(SignatureError) as caught:
            parse_signature(text)
        assert len(str(caught.value)) < 500
