"""A page as a parser of HTML sees it, as a tree that can be searched; it must be well nested."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

__all__ = ["HtmlPage", "text_of"]

_VOID = frozenset(("meta", "br", "hr", "img", "input", "link"))


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        SubElement(self.open[-1], tag, {name: value or "" for name, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        parent = self.open[-1]
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + data
        else:
            parent.text = (parent.text or "") + data


def text_of(element: Element) -> str:
    """The text of an element and all within, its white space shortened."""
    return " ".join("".join(element.itertext()).split())


class HtmlPage:
    """One page.

    Attributes:
        source: its bytes as text.
        root: the parsed document.
    """

    def __init__(self, source: str | Path) -> None:
        self.source = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        parser = _Parser()
        parser.feed(self.source)
        parser.close()
        assert parser.open == [parser.root], "an element is not closed"
        self.root = parser.root

    def all(self, tag: str, style: str = "") -> list[Element]:
        """The elements with this name and style class, in order."""
        return [each for each in self.root.iter(tag) if not style or style in each.get("class", "").split()]

    def one(self, tag: str, style: str = "") -> Element:
        """The only such element."""
        (element,) = self.all(tag, style)
        return element

    def text(self, tag: str, style: str = "") -> str:
        """The text of the only such element."""
        return text_of(self.one(tag, style))

    def rows(self, style: str, within: str = "") -> list[dict[str, str]]:
        """The rows of the first table of that style by their column titles, of the section with that id if given."""
        root = next(each for each in self.root.iter() if each.get("id") == within) if within else self.root
        table = next(each for each in root.iter("table") if style in each.get("class", "").split())
        titles = [text_of(each) for each in table.iter("th")]
        lines = [[text_of(cell) for cell in row.iter("td")] for row in table.iter("tr")]
        return [dict(zip(titles, line, strict=True)) for line in lines if line]

    @property
    def titles(self) -> list[str]:
        """The titles of the sections, in order."""
        return [text_of(each) for each in self.root.iter("h2")]

    @property
    def numbers(self) -> dict[str, int]:
        """The large numbers of the run by their words, without that of bytes."""
        lists = [each for each in self.root.iter("ul") if each.get("id") == "numbers"] or self.all("ul", "numbers")
        tiles = [(text_of(tile[1]), text_of(tile[0])) for tile in lists[0].iter("li")]
        return {
            words: int(number.replace(" ", "")) for words, number in tiles if words not in ("sent", "in stored files")
        }
