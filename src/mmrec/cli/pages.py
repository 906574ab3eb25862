"""Pages of HTML from the templates that come with mmrec."""

from typing import Any


def template(name: str, extra: str) -> Any:
    """Load a template; what it is not given is an error, what it is given is escaped.

    Args:
        name: a file in ``templates``.
        extra: what to install of mmrec where Jinja is missing.

    Raises:
        ImportError: Jinja is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError(f'a page needs jinja2: pip install "mmrec[{extra}]"') from error
    environment = Environment(
        loader=PackageLoader("mmrec.cli"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
