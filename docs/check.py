"""Check the built pages as a reader sees them: ``python docs/check.py site``.

Every public name is documented once, its signature is that of the source, every link leads to a
place that exists, examples are code, and no markup is left as text.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
LEFT = (
    (re.compile(r":(?:py:)?(?:class|func|meth|mod|data|attr|exc|ref|doc|math):`"), "a role"),
    (re.compile(r">>> "), "an example that is no code block"),
    (re.compile(r"``[^`\n]*(?:``)?"), "two backticks"),
    (re.compile(r"^\s*\.\. [a-z-]+::", re.MULTILINE), "a directive"),
    (re.compile(r"!!! \w"), "an admonition of another format"),
)


@dataclass
class Page:
    """What a page holds.

    Attributes:
        ids: places that a link may name, each as often as it occurs.
        links: where its links and images lead.
        prose: its text outside code.
        examples: doctests, each with whether it is highlighted.
        signatures: by the place of an entry, the text of its heading.
    """

    ids: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    prose: str = ""
    examples: list[tuple[str, bool]] = field(default_factory=list)
    signatures: dict[str, str] = field(default_factory=dict)


class Reader(HTMLParser):
    """Reads one page."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.code = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note places and links."""
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.page.ids[given["id"]] += 1
        if tag in ("a", "img") and (link := given.get("href") or given.get("src")):
            self.page.links.append(link)
        if tag == "dt" and "sig" in given.get("class", "").split() and "id" in given:
            self.page.signatures[given["id"]] = ""
        if tag not in VOID:
            self.open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        """Close what is open, and keep a code block as a whole."""
        if tag == "pre" and ">>>" in self.code:
            colored = any("highlight" in given.get("class", "") for _, given in self.open)
            self.page.examples.append((self.code, colored))
        if tag == "pre":
            self.code = ""
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Sort text into prose, code and signatures."""
        tags = [tag for tag, _ in self.open]
        if "script" in tags or "style" in tags or "head" in tags:
            return
        for tag, given in self.open:
            if tag == "dt" and given.get("id") in self.page.signatures:
                self.page.signatures[given["id"]] += data
        if "pre" in tags:
            self.code += data
        elif "code" not in tags:
            self.page.prose += data


def read(path: Path) -> Page:
    """Return what a page holds."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def broken_links(site: Path, pages: dict[Path, Page]) -> list[str]:
    """Return the links that lead to no file, or to no place in one."""
    said = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or (place and target in pages and not pages[target].ids[place]):
                said.append(f"{path.relative_to(site)}: the link {link} leads nowhere")
    return said


def left_markup(site: Path, pages: dict[Path, Page]) -> list[str]:
    """Return markup that a reader sees as text, and examples that are not highlighted."""
    said = []
    for path, page in pages.items():
        for pattern, what in LEFT:
            for found in pattern.finditer(page.prose):
                near = page.prose[max(0, found.start() - 30) : found.end() + 30]
                said.append(f"{path.relative_to(site)}: {what}: …{' '.join(near.split())}…")
        said += [
            f"{path.relative_to(site)}: an example without colors: {code[:60]!r}"
            for code, colored in page.examples
            if not colored
        ]
    return said


def names_once(pages: dict[Path, Page], paths: list[str]) -> list[str]:
    """Return the public names that have no entry, or more than one."""
    counts = Counter(place for page in pages.values() for place in page.signatures)
    counts.update(
        place
        for page in pages.values()
        for place, count in page.ids.items()
        for _ in range(count - 1)
        if place in page.signatures
    )
    return [
        f"{path} has {counts[path]} entries; one is expected" for path in paths if counts[path] != 1
    ]


def wrong_signatures(pages: dict[Path, Page], written: dict[str, str]) -> list[str]:
    """Return the entries whose heading is not the signature of the source."""
    shown = {place: text for page in pages.values() for place, text in page.signatures.items()}
    return [
        f"{path} shows {shown[path].strip()!r}; its source has {text!r}"
        for path, text in written.items()
        if path in shown
        and text != "()"
        and "lambda" not in text
        and _bare(text) not in _bare(shown[path])
    ]


def _bare(text: str) -> str:
    """Return a signature without what its layout adds."""
    return re.sub(r",(?=\))", "", re.sub(r"[\s¶]", "", text).replace("->", "→")).replace('"', "'")


def _public() -> tuple[list[str], dict[str, str]]:
    """Return the documented paths, and the signatures of the functions and classes."""
    sys.path.insert(0, str(Path(__file__).parent / "_ext"))
    from names import public_names
    from signatures import signature

    names = [name for found in public_names().values() for name in found]
    written: dict[str, Any] = {
        name.path: signature(name.value) for name in names if name.has_source
    }
    return [name.path for name in names], {
        path: found[0] + (f" -> {found[1]}" if found[1] else "")
        for path, found in written.items()
        if found is not None
    }


def main(folder: str) -> int:
    """Print what is wrong with the pages of a folder; return how much that is."""
    site = Path(folder).resolve()
    pages = {path: read(path) for path in sorted(site.rglob("*.html"))}
    # Pages that are made for the search and the index of names repeat what others say.
    pages = {path: page for path, page in pages.items() if path.stem not in ("search",)}
    paths, written = _public()
    said = [
        *broken_links(site, pages),
        *left_markup(site, pages),
        *names_once(pages, paths),
        *wrong_signatures(pages, written),
    ]
    examples = sum(len(page.examples) for page in pages.values())
    print(*said, sep="\n" if said else "", end="\n" if said else "")  # noqa: T201
    print(  # noqa: T201
        f"{len(pages)} pages, {len(paths)} public names, {len(written)} signatures, "
        f"{examples} examples, {sum(len(p.links) for p in pages.values())} links: "
        f"{len(said)} problems"
    )
    return len(said)


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1]), 1))
