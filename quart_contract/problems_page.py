"""The page that the `type` of a problem document links to. It lists every problem by its code."""

import re
from collections.abc import Mapping
from html import escape
from string import Template

from quart_contract.problems import Kind

_SECTION = """\
      <section id="{code}">
        <h2><a href="#{code}"><code>{code}</code></a></h2>
        <p><strong>{status} {title}.</strong> {description}</p>
      </section>"""
_CODE_SPAN = re.compile(r"`([^`]+)`")


def render_problems(template: str, kinds: Mapping[str, Kind]) -> str:
    """Return the page: the template with a section for each kind of problem at `$problems`."""
    sections = "\n".join(_section(code, kind) for code, kind in kinds.items())
    return Template(template).substitute(problems=sections)


def _section(code: str, kind: Kind) -> str:
    return _SECTION.format(
        code=escape(code),
        status=kind.status,
        title=escape(kind.title),
        description=_CODE_SPAN.sub(r"<code>\1</code>", escape(kind.description.strip())),
    )
