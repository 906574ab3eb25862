"""The demo: a made-up shop, recommenders trained on it, and a page that shows what they do."""

from mmrec.demo.report import write_report
from mmrec.demo.run import run_demo
from mmrec.demo.shop import make_shop

__all__ = ["make_shop", "run_demo", "write_report"]
