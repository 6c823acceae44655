"""Turns the Markdown of docs/ into HTML that the server serves below /docs: the dashboard's style sheets, nothing
inline, so that its Content-Security-Policy holds. Pictures stand in the page itself and take its colours."""

import html
import pathlib
import re

import contract
from files import put

#: The pages in the order of the list beside each, by group: the source, and what follows /docs/ in its address.
GROUPS = [
    ("Start", [("docs/README.md", ""), ("docs/concepts.md", "concepts"), ("docs/glossary.md", "glossary")]),
    ("Guides", [
        ("docs/check-a-host.md", "check-a-host"), ("docs/explain-a-fault.md", "explain-a-fault"),
        ("docs/place-a-vm.md", "place-a-vm"), ("docs/describe-a-machine.md", "describe-a-machine"),
        ("docs/agreements.md", "agreements"), ("docs/survey-a-fleet.md", "survey-a-fleet"),
        ("docs/sessions.md", "sessions"),
        ("docs/dashboard.md", "dashboard"),
    ]),
    ("Reference", [
        ("docs/cli.md", "cli"), ("docs/http.md", "http"), ("docs/api.md", "api"), ("docs/limits.md", "limits"),
    ]),
    ("Running it", [
        ("docs/operations.md", "operations"), ("docs/proxies.md", "proxies"), ("SECURITY.md", "security"),
        ("docs/performance.md", "performance"),
    ]),
]
PAGES = {source: slug for _, group in GROUPS for source, slug in group}
#: Files of the repository that the server serves under another address.
SERVED = {"openapi.yaml": "/openapi.yaml", "Public/openapi.json": "/openapi.json"}
#: What only some pages load.
SCRIPTS = {
    "api": '<link rel="stylesheet" href="/css/controls.css">\n'
           '<link rel="stylesheet" href="/css/reference.css">\n'
           '<script type="module" src="/js/reference/main.js"></script>\n',
}


def address(slug):
    return f"/docs/{slug}" if slug else "/docs"


class Page:
    def __init__(self, root, source, faults):
        import markdown

        self.root, self.source, self.faults = root, source, faults
        reader = markdown.Markdown(extensions=["fenced_code", "tables", "toc", "sane_lists"])
        self.body = reader.convert((root / source).read_text())
        self.sections = [entry for top in reader.toc_tokens for entry in top["children"]]
        self.title = reader.toc_tokens[0]["name"] if reader.toc_tokens else source
        self.ids = set(re.findall(r'\bid="([^"]+)"', self.body))

    def finish(self, pages):
        """The body with the links, pictures and blocks as the server needs them."""
        body = re.sub(r'<p><img alt="([^"]*)" src="([^"]+)" ?/?></p>', self.picture, self.body)
        body = re.sub(r'<a href="([^"]+)"', lambda match: f'<a href="{self.link(match[1], pages)}"', body)
        body = with_captions(body)
        body = re.sub(r"<pre><code([^>]*)>(.*?)</code></pre>", block, body, flags=re.S)
        if re.search(r"<[^>]+\sstyle=|<script|<style|<[^>]+\son\w+=", body):
            self.faults.append(f"{self.source}: something inline, which the policy of the server forbids")
        return body

    def picture(self, match):
        name, alt = match[2], match[1]
        path = (self.root / self.source).parent / name
        if not path.is_file():
            self.faults.append(f"{self.source}: there is no {name}")
            return ""
        picture = re.sub(r"<!--.*?-->|<\?.*?\?>", "", path.read_text(), flags=re.S).strip()
        return f'<figure class="picture" tabindex="0">{picture}<figcaption>{alt}</figcaption></figure>'

    def link(self, target, pages):
        """Where a link of the source leads on the server."""
        if re.match(r"[a-z]+:", target):
            return target
        path, _, anchor = html.unescape(target).partition("#")
        there = self.source
        if path:
            there = str(pathlib.PurePosixPath(*resolved(pathlib.PurePosixPath(self.source).parent / path)))
        if there in SERVED:
            return SERVED[there]
        if there not in pages:
            self.faults.append(f"{self.source}: {target} leads to no page")
            return target
        if anchor and anchor not in pages[there].ids:
            self.faults.append(f"{self.source}: {target}: {there} has no heading with this id")
        return (address(PAGES[there]) if path else "") + (f"#{anchor}" if anchor else "")


def with_captions(body):
    """Tables that scroll by themselves where they are too wide; each has the heading above it as its caption."""
    pieces, title = [], ""
    for piece in re.split(r"(<h[1-3][^>]*>.*?</h[1-3]>|<table>)", body):
        if piece.startswith("<h"):
            title = re.sub(r"<[^>]+>", "", piece)
        elif piece == "<table>":
            piece = f'<div class="wide" tabindex="0"><table>\n<caption class="unseen">{title}</caption>'
        pieces.append(piece)
    # Names and long numbers may break where a screen is narrow.
    body = re.sub(
        r"(?<=<td><code>)[^<]+|(?<=<td>)[\d,]{14,}", lambda match: re.sub(r"([_/,])(?=\w)", r"\1<wbr>", match[0]),
        "".join(pieces))
    return body.replace("<th>", '<th scope="col">').replace("</table>", "</table></div>")


def resolved(path):
    parts = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return parts


def block(match):
    """A fenced block; it can be scrolled by keys. The lines of a transcript are boxes, which break with an indent; those of commands stand out."""
    content, kind = match[2], ' tabindex="0"'
    if "language-console" in match[1]:
        lines, goes_on = [], False
        for line in content.rstrip("\n").split("\n"):
            is_command = goes_on or line.startswith("$ ")
            goes_on = is_command and line.endswith("\\")
            lines.append(f'<span class="line{" command" if is_command else ""}">{line}\n</span>')
        content, kind = "".join(lines), ' class="console"'
    return f'<pre{kind}><code>{content}</code></pre>'


def navigation(current):
    lines = []
    for title, group in GROUPS:
        lines.append(f"<h2>{title}</h2>\n<ul>")
        for source, slug in group:
            mark = ' aria-current="page"' if slug == current else ""
            lines.append(f'<li><a href="{address(slug)}"{mark}>{LABELS[source]}</a></li>')
        lines.append("</ul>")
    return "\n".join(lines)


#: Titles of the pages, as they stand in the list; filled when the pages are read.
LABELS = {}


def sections(page):
    if len(page.sections) < 3 or page.source == "docs/cli.md" and len(page.sections) > 40:
        return ""
    items = "\n".join(f'<li><a href="#{entry["id"]}">{entry["name"]}</a></li>' for entry in page.sections)
    return f'<nav class="on-page" aria-label="On this page">\n<h2>On this page</h2>\n<ul>\n{items}\n</ul>\n</nav>\n'


def rendered(root, faults):
    """The generated files by their names."""
    pages = {source: Page(root, source, faults) for source in PAGES}
    LABELS.update({source: page.title if PAGES[source] else "Overview" for source, page in pages.items()})
    template = (root / "Scripts/docs/page.html").read_text()
    files = {}
    for source, page in pages.items():
        slug = PAGES[source]
        fields = {
            "title": page.title, "body": page.finish(pages), "pages": navigation(slug), "sections": sections(page),
            "scripts": SCRIPTS.get(slug, ""), "kind": slug or "overview",
        }
        text = re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match[1]], template)
        files[f"Public/docs/{slug or 'index'}.html"] = text
    files["Public/openapi.json"] = contract.as_json(root)
    return files


def written_links(root, faults):
    """Links of the documents that are read in the repository lead to files."""
    names = [*PAGES, "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
    for name in names:
        text = re.sub(r"^```.*?^```", "", (root / name).read_text(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path = target.partition("#")[0]
            if path and not re.match(r"[a-z]+:", path) and not ((root / name).parent / path).exists():
                faults.append(f"{name}: there is no {path}")


def renew(root, is_check):
    faults = []
    files = rendered(root, faults)
    written_links(root, faults)
    for name, content in files.items():
        faults += put(root, name, content, is_check)
    unlisted = {f"docs/{file.name}" for file in (root / "docs").glob("*.md")} - set(PAGES)
    faults += [f"{name} is in no group of Scripts/docs/pages.py" for name in sorted(unlisted)]
    for file in sorted((root / "Public/docs").glob("*.html")):
        if f"Public/docs/{file.name}" not in files:
            faults.append(f"Public/docs/{file.name} is made from no source")
    return faults
