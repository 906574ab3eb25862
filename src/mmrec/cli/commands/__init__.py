"""Commands of ``mmrec``, one a file."""

from mmrec.cli.commands.export import export
from mmrec.cli.commands.recommend import recommend
from mmrec.cli.commands.similar import similar

__all__ = ["export", "recommend", "similar"]
