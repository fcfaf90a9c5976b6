"""Hooks of MkDocs (`mkdocs.yml`): pages that exist elsewhere in the repository, and links that leave `docs/`.

The home page is README.md, and contributing and the changelog are the files of the repository. The reference of the
command line is written from the commands' help, and notebooks become pages. A link to a source file leads to a page
that shows it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from noisewise.catalogue import Catalogue
from noisewise.cli.main import group
from noisewise.methods import METHODS
from noisewise.models import MODELS
from noisewise.noise import CORRUPTIONS

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_ENTRY = "    options: {heading_level: 3, members: false, show_root_toc_entry: false}\n"
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")
SHOWN = {".py": "python", ".toml": "toml", ".md": "markdown", ".cff": "yaml", ".yml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in `docs/`.

    Args:
        files: of the site so far.
        config: of MkDocs.
    """
    made = {target: (ROOT / source).read_text(encoding="utf-8") for source, target in ELSEWHERE.items()}
    made["reference/command-line.md"] = command_line_page()
    made["reference/method-classes.md"] = catalogue_page("Method classes", METHODS, "../methods/{name}.md")
    made["reference/corruptions.md"] = catalogue_page("Corruptions", CORRUPTIONS)
    made["reference/models.md"] = catalogue_page("Models", MODELS)
    for path in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        made[f"notebooks/{path.stem}.md"] = notebook_page(path)
    for source in linked_sources(made | {f.src_uri: f.content_string for f in files.documentation_pages()}):
        made[_page_of(source)] = source_page(source)
    for name, text in made.items():
        if (present := files.get_file_from_path(name)) is not None:
            files.remove(present)
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text of a page, with links that lead to what the site has.

    Args:
        markdown: the text.
        page: the page.
        config: of MkDocs.
        files: all files of the site.
    """
    return LINK.sub(lambda match: link_on_site(match[1], page.file.src_uri), markdown)


def link_on_site(link: str, page: str) -> str:
    """Where a relative link leads on the site, as a link from the page.

    Args:
        link: as it stands in the text, without its anchor.
        page: the path of the page in `docs/`.
    """
    target = in_repository(link, page)
    if target in ELSEWHERE:
        there = ELSEWHERE[target]
    elif target.startswith("docs/"):
        there = target.removeprefix("docs/")
    elif _shown(target):
        there = _page_of(target)
    else:
        return link
    return relpath(there, PurePosixPath(page).parent.as_posix() or ".")


def in_repository(link: str, page: str) -> str:
    """The path in the repository that a relative link of a page leads to.

    Args:
        link: as it stands in the text.
        page: the path of the page in `docs/`.
    """
    sources = {target: source for source, target in ELSEWHERE.items()}
    stands = PurePosixPath(sources.get(page, f"docs/{page}"))
    return normpath((stands.parent / link).as_posix())


def linked_sources(pages: dict[str, str]) -> list[str]:
    """The files outside `docs/` that some page links to.

    Args:
        pages: text by path in `docs/`.
    """
    found = {in_repository(link, page) for page, text in pages.items() for link in LINK.findall(text)}
    outside = (path for path in found if not path.startswith(("docs/", "..")) and path not in ELSEWHERE)
    return sorted(filter(_shown, outside))


def _shown(path: str) -> bool:
    """Whether a page shows what lies at a path of the repository."""
    return path != "." and (ROOT / path).exists()


def _page_of(source: str) -> str:
    return f"source/{source}.md"


def source_page(path: str) -> str:
    """A page that shows a file of the repository, or all files of a folder.

    Args:
        path: in the repository.
    """
    if (ROOT / path).is_file():
        return f"# {path}\n\n{_code(path)}"
    names = (one.relative_to(ROOT).as_posix() for one in sorted((ROOT / path).rglob("*")) if one.suffix in SHOWN)
    return f"# {path}\n\n" + "\n".join(f"## {name}\n\n{_code(name)}" for name in names if (ROOT / name).is_file())


def _code(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    return f"````{SHOWN.get(PurePosixPath(path).suffix, 'text')}\n{text.rstrip()}\n````\n"


def catalogue_page(title: str, catalogue: Catalogue, page: str = "") -> str:
    """The classes and functions of noisewise's own entries in a catalogue.

    Args:
        title: of the page.
        catalogue: the catalogue.
        page: a link to the page of an entry, with its {name}, if there is one.
    """
    parts = [f"# {title}\n\nWhat `noisewise {catalogue.kind}s` lists, as Python objects.\n"]
    for name, target in catalogue.entries.items():
        if target.startswith("noisewise."):
            link = f"The method [`{name}`]({page.format(name=name)}).\n\n" if page else ""
            parts.append(f"## {name}\n\n{link}::: {target.replace(':', '.')}\n{_ENTRY}")
    return "\n".join(parts)


def command_line_page() -> str:
    """The help of all commands as one page."""
    parts = [
        "# Command line\n\nWhat `noisewise COMMAND --help` prints. Exit codes: 0 done; 1 done, with a negative result;"
    ]
    parts[0] += " 2 bad input; 70 an error inside noisewise; 130 interrupted.\n"
    parent = click.Context(group, info_name="noisewise")
    for name, command in group.commands.items():
        ctx = click.Context(command, info_name=name, parent=parent, **command.context_settings)
        ctx.terminal_width = ctx.max_content_width = 88
        parts.append(f"## noisewise {name}\n\n```text\n{command.get_help(ctx)}\n```\n")
    return "\n".join(parts)


def notebook_page(path: Path) -> str:
    """A notebook as a page; its outputs are those that lie in the file.

    Args:
        path: of the notebook.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    where = path.relative_to(ROOT).as_posix()
    return "\n".join([*(_cell(cell) for cell in cells), f"[The notebook]({relpath(where, 'docs/notebooks')})\n"])


def _cell(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return f"{text}\n"
    return f"```python\n{text}\n```\n" + "".join(_output(one) for one in cell["outputs"])


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        return f'\n<img alt="" src="data:image/png;base64,{data["image/png"].strip()}">\n'
    if "text/html" in data:
        return f"\n{''.join(data['text/html'])}\n"
    text = "".join(output.get("text", data.get("text/plain", "")))
    return f"\n```text\n{text.rstrip()}\n```\n" if text.strip() else ""
