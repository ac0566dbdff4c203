"""A small reader and writer of YAML, so that the package needs nothing but the standard library.

`load` understands what charm files are written in: block and flow collections, plain, quoted, literal and folded
scalars, anchors, aliases, merge keys, explicit keys, comments, one document with its markers, and the tags that
stored state needs. Plain scalars mean what they mean in YAML 1.1 (`yes` is true, `0644` is octal), because that is
what charm files have always been read as. What it does not know it refuses, with the line.

`dump` writes block style with sorted keys. With `tags=True` it also writes tuples, sets and bytes.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class YAMLError(ValueError):
    """The text is not YAML, or uses a part of it that is not read here."""

    def __init__(self, message: str, line: int = 0):
        self.line = line
        super().__init__('line %d: %s' % (line, message) if line else message)


def load(source: Any) -> Any:
    """Return the value of the one document in a text, bytes or an open file; None when it is empty."""
    if hasattr(source, 'read'):
        source = source.read()
    if isinstance(source, (bytes, bytearray)):
        source = bytes(source).decode('utf-8-sig')
    return _Reader(source).document()


def dump(value: Any, tags: bool = False) -> str:
    """Return a value as YAML in block style with sorted keys.

    Args:
        value: None, bool, int, float, str, date, datetime, and dicts and lists of them.
        tags: also write tuples, sets and bytes, each under its tag.

    Raises:
        YAMLError: for a value of any other type.
    """
    from ._yaml_write import dump as write

    return write(value, tags)


_BLANK = re.compile(r'[ \t]*')
_REST = re.compile(r'[ \t]*(?:(?<![^\s])#[^\n]*)?(?:\n|\Z)')
_PLAIN_BLOCK = re.compile(r'(?:[^\s:#]|:(?=[^\s])|(?<=[^\s])#|[ \t]+(?=[^\s#:]|:[^\s]))+')
_PLAIN_FLOW = re.compile(r'(?:[^\s:#,\[\]{}]|:(?=[^\s,\[\]{}])|(?<=[^\s])#|[ \t]+(?=[^\s#:,\[\]{}]|:[^\s,\[\]{}]))+')
_NAME = re.compile(r'[^\s,\[\]{}]+')
_TAG = re.compile(r'!<[^>\s]*>|![^\s,\[\]{}]*')
_MARK = re.compile(r'(?:---|\.\.\.)(?=[ \t\n]|\Z)')
_HEADER = re.compile(r'([|>])(?:([+-])([1-9])?|([1-9])([+-])?)?(?=[ \t\n]|\Z)')
_SIMPLE_KEY = re.compile(r'[A-Za-z_][A-Za-z0-9_./-]*:(?=[ \n])')
_COLON = re.compile(r'[ \t]*:(?=[ \t\n]|\Z)')
_ESCAPES = {
    '0': '\0', 'a': '\a', 'b': '\b', 't': '\t', '\t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r', 'e': '\x1b',
    ' ': ' ', '"': '"', '/': '/', '\\': '\\', 'N': '\x85', '_': '\xa0', 'L': '\u2028', 'P': '\u2029',
}
_CODES = {'x': 2, 'u': 4, 'U': 8}


class _Merge:
    """The key `<<`, until its mapping takes it apart."""


class _Reader:
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

    # Documents.

    def document(self) -> Any:
        self.skip()
        fresh = True
        while self.column() == 0 and self.peek() == '%':
            self.at = self.text.find('\n', self.at) + 1 or len(self.text)
            self.skip()
        if self.marker() and self.text.startswith('---', self.at):
            self.at += 3
            fresh = False
        try:
            value = self.block(-1, fresh=fresh, compact=False)
        except RecursionError:
            raise self.error('nested too deeply') from None
        self.skip()
        if self.marker() and self.text.startswith('...', self.at):
            self.at += 3
            self.skip()
        if self.at < len(self.text):
            raise self.error('one document is expected' if self.marker() else 'cannot make out what follows the value')
        return value

    # Block nodes.

    def block(self, indent: int, fresh: bool, compact: bool, sequence_at: int = -2) -> Any:
        """Read the node that follows, right of column `indent`.

        Args:
            indent: the column of what it belongs to.
            fresh: it is the first thing on its line.
            compact: a mapping or sequence may begin on this very line (after `- ` and `? `).
            sequence_at: a sequence may also lie in this column: that of the key that it is the value of.
        """
        crossed = self.skip() or fresh
        anchor, tag = None, None
        while True:
            here, inside = self.column(), self.column() > indent and not self.ended()
            if inside and (crossed or compact):
                collection = self.collection(here, crossed)
                if collection is not None:
                    return self.keep(anchor, self.tagged(tag, collection))
            if not inside or self.peek() not in ('&', '!'):
                break
            anchor, tag = self.property(anchor, tag)
            crossed = self.skip() or crossed
        if not inside:
            if here == sequence_at and crossed and not self.ended() and self.indicator('-'):
                return self.keep(anchor, self.tagged(tag, self.sequence(here)))
            return self.keep(anchor, self.scalar(tag, '', plain=True))
        if self.peek() in ('|', '>'):
            return self.keep(anchor, self.scalar(tag, self.literal(indent), plain=False))
        return self.keep(anchor, self.flow(indent, tag, in_flow=False))

    def ended(self) -> bool:
        return self.at >= len(self.text) or self.marker()

    def collection(self, here: int, crossed: bool) -> Any:
        """A block sequence or mapping that begins here, or None."""
        if crossed:
            self.tabs()
        if self.indicator('-'):
            return self.sequence(here)
        if self.indicator('?') or self.key_ahead():
            return self.mapping(here)
        return None

    def key_ahead(self) -> bool:
        """Whether a key and its colon stand on this line."""
        if _SIMPLE_KEY.match(self.text, self.at) is not None:
            return True
        at, anchors = self.at, dict(self.anchors)
        try:
            self.key()
            return _COLON.match(self.text, self.at) is not None and '\n' not in self.text[at:self.at]
        except YAMLError:
            return False
        finally:
            self.at, self.anchors = at, anchors

    def key(self) -> Any:
        anchor, tag = None, None
        while self.peek() in ('&', '!') and self.peek():
            anchor, tag = self.property(anchor, tag)
            self.blanks()
        return self.keep(anchor, self.flow(-1, tag, in_flow=False, single=True))

    def sequence(self, column: int) -> list[Any]:
        items: list[Any] = []
        while not self.ended() and self.column() == column and self.indicator('-'):
            self.at += 1
            items.append(self.block(column, fresh=False, compact=True))
            self.skip()
        if not self.ended() and self.column() > column:
            raise self.error('this is indented as no item of the sequence is')
        return items

    def mapping(self, column: int) -> dict[Any, Any]:
        pairs: list[tuple[Any, Any]] = []
        while not self.ended() and self.column() == column:
            if self.indicator('?'):
                self.at += 1
                key = self.block(column, fresh=False, compact=True, sequence_at=column)
                self.skip()
                value = None
                if self.column() == column and self.indicator(':') and not self.ended():
                    self.at += 1
                    value = self.block(column, fresh=False, compact=True, sequence_at=column)
            else:
                if self.indicator('-') and pairs:
                    break
                key, value = self.entry(column)
            pairs.append((key, value))
            self.skip()
        if not self.ended() and self.column() > column:
            raise self.error('this is indented as no key of the mapping is')
        return self.join(pairs)

    def entry(self, column: int) -> tuple[Any, Any]:
        start = self.at
        key = self.key()
        colon = _COLON.match(self.text, self.at)
        if colon is None or '\n' in self.text[start:self.at]:
            raise self.error('a key with a colon is expected', start)
        self.at = colon.end()
        return key, self.block(column, fresh=False, compact=False, sequence_at=column)

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
        kind = _kind(tag)
        if kind is None or (kind == 'map' and isinstance(value, dict)) or (kind == 'seq' and isinstance(value, list)):
            return value
        if kind == 'set' and isinstance(value, dict):
            return set(value)
        if kind == 'python/tuple' and isinstance(value, list):
            return tuple(value)
        raise self.error('the tag %s is not read here' % tag)

    def scalar(self, tag: str | None, text: str, plain: bool) -> Any:
        kind = _kind(tag)
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
        stop = re.compile(r"[^'\n]*" if quote == "'" else r'[^"\\\n]*')
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

    def literal(self, indent: int) -> str:
        """A block scalar: its header, then every line that is empty or indented further than its owner."""
        header = _HEADER.match(self.text, self.at)
        if header is None or _REST.match(self.text, header.end()) is None:
            raise self.error('the header of a block scalar is | or >, then + or -, or a digit')
        style, chomp, digit = header.group(1), header.group(2) or header.group(5), header.group(3) or header.group(4)
        self.at = _REST.match(self.text, header.end()).end()
        lines: list[str] = []
        width = max(indent, 0) + int(digit) if digit else 0
        while self.at < len(self.text):
            end = self.text.find('\n', self.at)
            end = len(self.text) if end < 0 else end
            line = self.text[self.at:end]
            lead = len(line) - len(line.lstrip(' '))
            if line.strip(' '):
                width = width or max(lead, indent + 1)
                if lead < width or (indent < 0 and _MARK.match(line)):
                    break
            lines.append(line[width:] if width else '')
            self.at = min(end + 1, len(self.text))
        return _chomped(lines, style, chomp)


def _chomped(lines: list[str], style: str, chomp: str | None) -> str:
    tail = 0
    while lines and lines[-1] == '':
        lines.pop()
        tail += 1
    text = '\n'.join(lines) if style == '|' else _folded(lines)
    if chomp == '-' or not (lines or chomp == '+'):
        return text
    return text + ('\n' if lines else '') + ('\n' * tail if chomp == '+' else '')


def _folded(lines: list[str]) -> str:
    """Join lines: neighbours by a space, but for empty lines and those that are indented further."""
    text, breaks, previous = '', 0, None
    for line in lines:
        if line == '':
            breaks += 1
            continue
        if previous is not None:
            deeper = line[0] in ' \t' or previous[0] in ' \t'
            text += '\n' * (breaks + 1) if deeper else ('\n' * breaks or ' ')
        elif breaks:
            text += '\n' * breaks
        text, previous, breaks = text + line, line, 0
    return text


def _kind(tag: str | None) -> str | None:
    if tag is None or tag == '!':
        return None
    for prefix in ('!!', '!<tag:yaml.org,2002:'):
        if tag.startswith(prefix):
            return tag[len(prefix):].rstrip('>')
    return tag


# What plain scalars mean.

_WORDS = {'': None, '~': None, 'null': None, 'Null': None, 'NULL': None}
for _word in ('true', 'yes', 'on'):
    _WORDS.update({_word: True, _word.capitalize(): True, _word.upper(): True})
for _word in ('false', 'no', 'off'):
    _WORDS.update({_word: False, _word.capitalize(): False, _word.upper(): False})

_NUMBER = re.compile(
    r'(?P<sign>[-+]?)(?:'
    r'(?P<sixty>[1-9][0-9_]*(?::[0-5]?[0-9])+(?P<part>\.[0-9_]*)?)'
    r'|(?P<float>(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?)'
    r'|(?P<inf>\.(?:inf|Inf|INF))'
    r'|0b(?P<bin>[01_]+)|0x(?P<hex>[0-9a-fA-F_]+)|0(?P<oct>[0-7_]+)|(?P<int>0|[1-9][0-9_]*)'
    r')\Z'
)
_TIME = re.compile(
    r'(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?'
    r'(?:[ \t]*(Z|([-+])(\d\d?)(?::?(\d\d))?))?)?\Z'
)


def resolve(text: str) -> Any:
    """What a plain scalar means: None, a bool, a number, a date, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in '0123456789.+-':
        return text
    found = _NUMBER.match(text)
    if found is not None:
        return _number(found)
    if text in ('.nan', '.NaN', '.NAN'):
        return float('nan')
    found = _TIME.match(text)
    return _time(found, text) if found is not None else text


def _number(found: Any) -> int | float | str:
    sign = -1 if found.group('sign') == '-' else 1
    if found.group('sixty'):
        value = 0.0 if found.group('part') is not None else 0
        for digits in found.group('sixty').replace('_', '').split(':'):
            value = value * 60 + (float(digits) if '.' in digits else int(digits))
        return sign * value
    if found.group('float'):
        return sign * float(found.group('float').replace('_', ''))
    if found.group('inf'):
        return sign * float('inf')
    for name, base in (('bin', 2), ('hex', 16), ('oct', 8), ('int', 10)):
        digits = found.group(name)
        if digits is not None:
            digits = digits.replace('_', '')
            return sign * int(digits, base) if digits else found.group()
    return found.group()


def _time(found: Any, text: str) -> Any:
    import datetime

    year, month, day, hour, minute, second, fraction, zone, sign, zone_hour, zone_minute = found.groups()
    try:
        if hour is None:
            return datetime.date(int(year), int(month), int(day))
        micro = int((fraction or '0')[:6].ljust(6, '0'))
        tz = None
        if zone == 'Z':
            tz = datetime.timezone.utc
        elif zone:
            delta = datetime.timedelta(hours=int(zone_hour), minutes=int(zone_minute or 0))
            tz = datetime.timezone(-delta if sign == '-' else delta)
        return datetime.datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micro, tz)
    except ValueError:
        return text
