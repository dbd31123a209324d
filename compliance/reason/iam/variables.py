"""Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`, and the escapes `${*}`, `${?}`, `${$}`.

They exist only in policies of version 2012-10-17, in `Resource`, `NotResource` and the values of string and ARN
conditions. A variable without value makes the text it stands in *null*: nothing equals it and nothing is like it
(IAM User Guide, "IAM policy elements: Variables and tags", "Policy variables with no value").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from compliance.reason.iam.context import Context, Unknown
from compliance.reason.iam.globs import Piece

_VARIABLE: Final = re.compile(r"\$\{([^${}]*?|\$)\}")
_REFERENCE: Final = re.compile(r"\s*([^,'\s][^,']*?)\s*(?:,\s*'([^']*)'\s*)?")


@dataclass(frozen=True, slots=True)
class Variable:
    """A reference to a single-valued condition key (lower case), with an optional default."""

    key: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """Text of a policy with its variables found.

    Attributes:
        text: as it stands in the policy.
        parts: pieces and variables in order.
    """

    text: str
    parts: tuple[Piece | Variable, ...]

    @property
    def constant(self) -> tuple[Piece, ...] | None:
        """The pieces, if there is no variable among them."""
        return tuple(p for p in self.parts if not isinstance(p, Variable)) if not self.variables else None

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables."""
        return tuple(part for part in self.parts if isinstance(part, Variable))


def parse_template(text: str, *, with_variables: bool) -> Template:
    """Finds the variables of a text; without `with_variables` (version 2008-10-17) everything is plain text.

    What looks like a variable and is none (`${`, `${}`) stays literal text.
    """
    if not with_variables or "${" not in text:
        return Template(text, (("glob", text),) if text else ())
    parts: list[Piece | Variable] = []
    position = 0
    for found in _VARIABLE.finditer(text):
        inner = found.group(1)
        part: Piece | Variable
        if inner in ("*", "?", "$"):
            part = ("literal", inner)
        elif (reference := _REFERENCE.fullmatch(inner)) is not None:
            part = Variable(reference.group(1).lower(), reference.group(2))
        else:
            continue
        if found.start() > position:
            parts.append(("glob", text[position : found.start()]))
        parts.append(part)
        position = found.end()
    if position < len(text):
        parts.append(("glob", text[position:]))
    return Template(text, tuple(parts))


@dataclass(frozen=True, slots=True)
class Resolved:
    """A template under a context.

    Attributes:
        pieces: the text with the variables' values as literal text; an unknown value is the glob that it matches.
        exact: False when a variable's value is unknown.
        null: True when a variable certainly has no value; `may_be_null` when it may have none.
    """

    pieces: tuple[Piece, ...]
    exact: bool = True
    null: bool = False
    may_be_null: bool = False


def resolve(template: Template, context: Context) -> Resolved:
    """Puts the values of the context's single-valued keys in place of the variables.

    A multivalued key cannot be used as a variable and counts as having no value.
    """
    pieces: list[Piece] = []
    exact, may_be_null = True, False
    for part in template.parts:
        if not isinstance(part, Variable):
            pieces.append(part)
            continue
        value = context.get(part.key)
        if isinstance(value, Unknown):
            exact = False
            may_be_null = may_be_null or (value.may_be_absent and part.default is None)
            pieces.append(("glob", "*" if value.may_be_absent and part.default is not None else value.pattern))
        elif len(value) == 1:
            pieces.append(("literal", value[0]))
        elif part.default is not None:
            pieces.append(("literal", part.default))
        else:
            return Resolved((), exact=True, null=True)
    return Resolved(tuple(pieces), exact, may_be_null=may_be_null)


def plain(pieces: tuple[Piece, ...]) -> str:
    """The text of pieces, for an operator in which `*` and `?` are no wildcards."""
    return "".join(text for _, text in pieces)
