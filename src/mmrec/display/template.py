"""Templates of HTML pages."""

from typing import Any


def load_template(package: str, name: str, *, extra: str) -> Any:
    """Return a Jinja template that escapes its values; a value that it lacks is an error.

    Args:
        package: the package that has it in its folder ``templates``. It can include and extend the
            templates of this folder.
        name: its file.
        extra: the extra of mmrec to install where Jinja is missing.

    Raises:
        ImportError: Jinja is not installed.

    Example:
        >>> load_template("mmrec.cli", "compare.html.j2", extra="compare").name
        'compare.html.j2'
    """
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError(f'a page needs jinja2: pip install "mmrec[{extra}]"') from error
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("mmrec.display")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
