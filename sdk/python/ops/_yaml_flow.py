"""Reading YAML within a line: flow collections, scalars, anchors and tags."""

from __future__ import annotations

import re

from ._yaml_scalars import YAMLError, kind_of, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BLANK: Any = re.compile(r'[ \t]*')
_REST: Any = re.compile(r'[ \t]*(?:(?<![^\s])#[^\n]*)?(?:\n|\Z)')
_PLAIN_BLOCK = re.compile(r'(?:[^\s:#]|:(?=[^\s])|(?<=[^\s])#|[ \t]+(?=[^\s#:]|:[^\s]))+')
_PLAIN_FLOW = re.compile(r'(?:[^\s:#,\[\]{}]|:(?=[^\s,\[\]{}])|(?<=[^\s])#|[ \t]+(?=[^\s#:,\[\]{}]|:[^\s,\[\]{}]))+')
_NAME = re.compile(r'[^\s,\[\]{}]+')
_TAG: Any = re.compile(r'!<[^>\s]*>|![^\s,\[\]{}]*')
_MARK = re.compile(r'(?:---|\.\.\.)(?=[ \t\n]|\Z)')
_COLON = re.compile(r'[ \t]*:(?=[ \t\n]|\Z)')
_ESCAPES = {
    '0': '\0', 'a': '\a', 'b': '\b', 't': '\t', '\t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r', 'e': '\x1b',
    ' ': ' ', '"': '"', '/': '/', '\\': '\\', 'N': '\x85', '_': '\xa0', 'L': '\u2028', 'P': '\u2029',
}
_CODES = {'x': 2, 'u': 4, 'U': 8}


class _Merge:
    """The key `<<`, until its mapping takes it apart."""


class _Flow:
    """A recursive descent over the characters; indentation is the column that a node must lie right of."""

    def __init__(self, text: str):
        if text.startswith('\ufeff'):
            text = text[1:]
        self.text = text.replace('\r\n', '\n').replace('\r', '\n')
        self.at = 0
        self.anchors: dict[str, Any] = {}

    # Where we are.

    def error(self, message: str, at: int | None = None) -> YAMLError:
        return YAMLError(message, self.text.count('\n', 0, self.at if at is None else at) + 1)

    def column(self) -> int:
        return self.at - (self.text.rfind('\n', 0, self.at) + 1)

    def peek(self) -> str:
        return self.text[self.at:self.at + 1]

    def indicator(self, sign: str) -> bool:
        """Whether a block indicator stands here: the sign, then white space or the end."""
        return self.peek() == sign and self.text[self.at + 1:self.at + 2] in ('', ' ', '\n', '\t')

    def marker(self) -> bool:
        return self.column() == 0 and _MARK.match(self.text, self.at) is not None

    def blanks(self) -> None:
        self.at = _BLANK.match(self.text, self.at).end()

    def skip(self) -> bool:
        """Pass white space, comments and line ends; whether a line ended."""
        crossed = self.at == 0
        while True:
            self.blanks()
            end = _REST.match(self.text, self.at)
            if end is None or self.at >= len(self.text):
                return crossed
            crossed = True
            self.at = end.end()

    def tabs(self) -> None:
        start = self.text.rfind('\n', 0, self.at) + 1
        if '\t' in self.text[start:self.at]:
            raise self.error('a tab cannot indent')

    def join(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        """A mapping of the pairs; `<<` gives what the mapping does not say itself."""
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key, value in pairs:
            if key is not _Merge:
                own[self.hashable(key)] = value
                continue
            for other in value if isinstance(value, list) else [value]:
                if not isinstance(other, dict):
                    raise self.error('<< takes a mapping, or a list of mappings')
                for k, v in other.items():
                    merged.setdefault(k, v)
        if not merged:
            return own
        merged.update(own)
        return merged

    def hashable(self, key: Any) -> Any:
        try:
            hash(key)
        except TypeError:
            raise self.error('a %s cannot be a key' % type(key).__name__) from None
        return key

    # Properties, anchors and tags.

    def property(self, anchor: str | None, tag: str | None) -> tuple[str | None, str | None]:
        if self.peek() == '!':
            found = _TAG.match(self.text, self.at)
            if tag is not None:
                raise self.error('a node can have one tag')
            tag, self.at = found.group(), found.end()
            return anchor, tag
        found = _NAME.match(self.text, self.at + 1)
        if found is None or anchor is not None:
            raise self.error('an anchor needs one name')
        self.at = found.end()
        return found.group(), tag

    def keep(self, anchor: str | None, value: Any) -> Any:
        if anchor is not None:
            self.anchors[anchor] = value
        return value

    def tagged(self, tag: str | None, value: Any) -> Any:
        """A collection under its tag."""
        kind = kind_of(tag)
        if kind is None or (kind == 'map' and isinstance(value, dict)) or (kind == 'seq' and isinstance(value, list)):
            return value
        if kind == 'set' and isinstance(value, dict):
            return set(value)
        if kind == 'python/tuple' and isinstance(value, list):
            return tuple(value)
        raise self.error('the tag %s is not read here' % tag)

    def scalar(self, tag: str | None, text: str, plain: bool) -> Any:
        kind = kind_of(tag)
        if kind is None:
            return resolve(text) if plain and tag is None else text
        if kind == 'str':
            return text
        if kind == 'binary':
            import base64

            return base64.b64decode(text)
        value = resolve(text)
        if kind == 'float' and isinstance(value, int):
            return float(value)
        if type(value).__name__ == {'null': 'NoneType', 'timestamp': 'datetime'}.get(kind, kind):
            return value
        if kind == 'timestamp' and type(value).__name__ == 'date':
            return value
        raise self.error('%r is no %s, or the tag %s is not read here' % (text, kind, tag))

    # Flow nodes and scalars.

    def flow(self, indent: int, tag: str | None, in_flow: bool, single: bool = False) -> Any:
        sign = self.peek()
        if sign == '[':
            return self.tagged(tag, self.flow_sequence(indent))
        if sign == '{':
            return self.tagged(tag, self.flow_mapping(indent))
        if sign == '*':
            found = _NAME.match(self.text, self.at + 1)
            name = found.group().rstrip(':') if found else ''
            if name not in self.anchors:
                raise self.error('there is no anchor &%s before this' % name)
            self.at += 1 + len(name)
            return self.anchors[name]
        if sign in ("'", '"'):
            return self.scalar(tag, self.quoted(sign, indent), plain=False)
        text = self.plain(indent, in_flow, single)
        if not (in_flow or single) and _COLON.match(self.text, self.at):
            raise self.error('a value holds a colon and a space: quote it')
        return _Merge if text == '<<' and tag is None else self.scalar(tag, text, plain=True)

    def flow_node(self, indent: int) -> Any:
        anchor, tag = None, None
        self.skip()
        while self.peek() in ('&', '!') and self.peek():
            anchor, tag = self.property(anchor, tag)
            self.skip()
        if self.peek() in (',', ']', '}', ':', '') and not (self.peek() == ':' and self.text[self.at + 1:self.at + 2].strip(',]} \n\t')):
            return self.keep(anchor, self.scalar(tag, '', plain=True))
        return self.keep(anchor, self.flow(indent, tag, in_flow=True))

    def flow_end(self, close: str) -> bool:
        """Pass a comma or the closing sign; whether it was the closing one."""
        self.skip()
        sign = self.peek()
        if sign not in (',', close):
            raise self.error('a comma or %s is expected' % close)
        self.at += 1
        return sign == close

    def flow_colon(self) -> bool:
        """Pass a colon that follows a key of a flow collection."""
        self.skip()
        if self.peek() != ':':
            return False
        after = self.text[self.at + 1:self.at + 2]
        if after not in ('', ' ', '\t', '\n', ',', ']', '}') and self.text[self.at - 1] not in '"\'}]':
            return False
        self.at += 1
        return True

    def flow_sequence(self, indent: int) -> list[Any]:
        self.at += 1
        items: list[Any] = []
        self.skip()
        if self.peek() == ']':
            self.at += 1
            return items
        while True:
            item = self.flow_node(indent)
            if self.flow_colon():
                item = self.join([(item, self.flow_node(indent))])
            items.append(item)
            if self.flow_end(']'):
                return items
            self.skip()
            if self.peek() == ']':
                self.at += 1
                return items

    def flow_mapping(self, indent: int) -> dict[Any, Any]:
        self.at += 1
        pairs: list[tuple[Any, Any]] = []
        while True:
            self.skip()
            if self.peek() == '}':
                self.at += 1
                return self.join(pairs)
            if self.indicator('?'):
                self.at += 1
            key = self.flow_node(indent)
            pairs.append((key, self.flow_node(indent) if self.flow_colon() else None))
            if self.flow_end('}'):
                return self.join(pairs)

    def plain(self, indent: int, in_flow: bool, single: bool) -> str:
        pattern = _PLAIN_FLOW if in_flow else _PLAIN_BLOCK
        sign = self.peek()
        follows = self.text[self.at + 1:self.at + 2]
        if sign in tuple(',[]{}#&*!|>%@`') or (sign in ('-', '?', ':') and follows in ('', ' ', '\n', '\t')):
            raise self.error('a value cannot begin with %r' % sign)
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self.error('a value is expected')
        text, self.at = found.group(), found.end()
        while not single:
            more = self.continued(pattern, indent, in_flow)
            if more is None:
                break
            text += more
        return text

    def continued(self, pattern: Any, indent: int, in_flow: bool) -> str | None:
        """The next line of a plain scalar, with what its line break folds to; None when it has ended."""
        end = _BLANK.match(self.text, self.at).end()
        breaks = 0
        while self.text[end:end + 1] == '\n':
            breaks += 1
            end = _BLANK.match(self.text, end + 1).end()
        if breaks == 0 or end >= len(self.text):
            return None
        at, self.at = self.at, end
        found = pattern.match(self.text, end)
        if self.column() <= indent or self.marker() or found is None or self.peek() == '#':
            self.at = at
            return None
        self.at = found.end()
        if not in_flow and _COLON.match(self.text, self.at):
            raise self.error('a colon after a value that goes over lines')
        return ('\n' * (breaks - 1) or ' ') + found.group()

    def quoted(self, quote: str, indent: int) -> str:
        start = self.at
        self.at += 1
        parts: list[str] = []
        stop: Any = re.compile(r"[^'\n]*" if quote == "'" else r'[^"\\\n]*')
        while True:
            found = stop.match(self.text, self.at)
            parts.append(found.group())
            self.at = found.end()
            sign = self.peek()
            if sign == '':
                raise self.error('a quoted value has no end', start)
            if sign == '\n':
                self.fold(parts, indent)
            elif sign == '\\':
                parts.append(self.escape())
            elif quote == "'" and self.text.startswith("''", self.at):
                parts.append("'")
                self.at += 2
            else:
                self.at += 1
                return ''.join(parts)

    def fold(self, parts: list[str], indent: int) -> None:
        """A line break inside quotes: one is a space, each further one is itself."""
        if parts and not (len(parts) > 1 and parts[-2] == ''):
            parts[-1] = parts[-1].rstrip(' \t')
        breaks = 0
        while self.peek() == '\n':
            breaks += 1
            self.at += 1
            if self.marker():
                raise self.error('a document ends inside quotes')
            self.blanks()
        parts.append('\n' * (breaks - 1) or ' ')

    def escape(self) -> str:
        sign = self.text[self.at + 1:self.at + 2]
        self.at += 2
        if sign == '\n':
            self.blanks()
            return ''
        if sign in _ESCAPES:
            return _ESCAPES[sign]
        if sign in _CODES:
            digits = self.text[self.at:self.at + _CODES[sign]]
            try:
                value = chr(int(digits, 16))
            except (ValueError, OverflowError):
                raise self.error('\\%s needs %d digits' % (sign, _CODES[sign])) from None
            self.at += _CODES[sign]
            return value
        raise self.error('there is no escape \\%s' % sign)
