"""The ``mmrec`` command."""

from mmrec.cli.app import main

__all__ = ["main"]
