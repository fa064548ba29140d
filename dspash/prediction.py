"""Prediction: what a module or program answered."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from dspash.usage import Isolation, Usage

__all__ = ["Prediction"]


class Prediction(Mapping[str, Any]):
    """The output fields, as a mapping and as attributes: `prediction["answer"]` is `prediction.answer`.

    `usage_of_lm` maps each model's name to the tokens it used for this call; `usage` is all that the call has used.
    Of a sandboxed call, `isolation` says how it was kept apart, and `files` are those it has left in its folder `out`, by
    their paths there. A field of one of these names is reached as an item.
    """

    __slots__ = ("_fields", "files", "isolation", "usage", "usage_of_lm")

    def __init__(
        self,
        fields: Mapping[str, Any],
        usage_of_lm: Mapping[str, Any] | None = None,
        *,
        usage: Usage | None = None,
        isolation: Isolation | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self._fields = dict(fields)
        self.usage_of_lm = dict(usage_of_lm or {})
        self.usage = usage or Usage()
        self.isolation = isolation
        self.files = dict(files or {})

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._fields[name]
        except KeyError:
            # A metric gets its example in this form, too.
            known = ", ".join(self._fields) or "none"
            raise AttributeError(
                f"there is no field {name!r}; there are {known}", name=name, obj=self
            ) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        return f"Prediction({', '.join(f'{name}={value!r}' for name, value in self._fields.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        told = {"usage": self.usage, "isolation": self.isolation, "files": self.files}
        return functools.partial(Prediction, **told), (self._fields, self.usage_of_lm)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        """What others validate and describe it as: a map of the output fields."""
        from pydantic_core import core_schema

        fields = core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())
        return core_schema.json_or_python_schema(
            json_schema=fields,
            python_schema=core_schema.is_instance_schema(cls),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_dict, return_schema=fields),
        )

    def to_dict(self) -> dict[str, Any]:
        """A plain copy of the fields."""
        return dict(self._fields)
