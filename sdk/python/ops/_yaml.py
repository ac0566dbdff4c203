"""A small reader and writer of YAML, so that the package needs nothing but the standard library.

`load` understands what charm files are written in: block and flow collections, plain, quoted, literal and folded
scalars, anchors, aliases, merge keys, explicit keys, comments, one document with its markers, and the tags that
stored state needs. Plain scalars mean what they mean in YAML 1.1 (`yes` is true, `0644` is octal), because that is
what charm files have always been read as. What it does not know it refuses, with the line.

`dump` writes block style with sorted keys. With `tags=True` it also writes tuples, sets and bytes.
"""

from __future__ import annotations

import re

from ._yaml_flow import _COLON, _MARK, _REST, _Flow
from ._yaml_scalars import YAMLError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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


_HEADER = re.compile(r'([|>])(?:([+-])([1-9])?|([1-9])([+-])?)?(?=[ \t\n]|\Z)')
_SIMPLE_KEY = re.compile(r'[A-Za-z_][A-Za-z0-9_./-]*:(?=[ \n])')


class _Reader(_Flow):
    """A whole document: block collections, and what lies within a line."""

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
