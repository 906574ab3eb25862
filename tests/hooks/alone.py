"""Run what an extra is for with the packages of that extra alone.

    python tests/hooks/alone.py [--without DISTRIBUTION] [EXTRA ...]

A distribution outside of what mmrec and the extra require, with all that these require, can't be
imported. So an extra that lacks a package fails here, though the package is installed. A line for
each extra is printed; without names, these are all extras, and mmrec without any. Each runs in a
process that is forked after mmrec's own dependencies are loaded. With ``--without`` a distribution
counts as missing.
"""

import argparse
import doctest
import os
import re
import sys
import sysconfig
import traceback
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

SITE = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}

DOCTESTS = {
    "compare": ("mmrec.evaluation.statistics",),
    "hnsw": ("mmrec.realtime.index.hnsw_index",),
    "lance": ("mmrec.realtime.index.lance_index",),
    "online": ("mmrec.realtime.learning.monitor",),
    "tune": ("mmrec.tuning.proposal",),
}
"""Modules whose examples are run."""


def closure(*wanted):
    """Return the names of distributions that some requirements need, themselves included."""
    found, waiting = set(), list(wanted)
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in found:
            continue
        found.add((name, extras))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue  # for another platform or Python
        for line in lines:
            needed, more, rule = re.match(
                r"([\w.-]+)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?", line
            ).groups()
            of_extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", rule or "")
            if of_extra and plain(of_extra.group(1)) not in extras:
                continue
            names = tuple(sorted(plain(extra) for extra in (more or "").split(",") if extra))
            waiting.append((plain(needed), names))
    return {name for name, _ in found}


def plain(name):
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


class Alone:
    """Finds packages of the distributions that are allowed; others seem not to be installed."""

    def __init__(self, allowed):
        self.allowed = allowed
        self.of = {
            package: {plain(name) for name in names}
            for package, names in packages_distributions().items()
        }

    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        owners = self.of.get(package, set())
        if owners and not owners & self.allowed:
            # It may be in another folder too: Ray has some packages of others in its own.
            others = [folder for folder in path or sys.path if folder not in SITE]
            return PathFinder.find_spec(name, others, target)
        return PathFinder.find_spec(name, path, target)

    def find_distributions(self, *context):
        """Yield the metadata of what is allowed: packages look for versions too."""
        for found in PathFinder.find_distributions(*context):
            if plain(found.metadata["Name"]) in self.allowed:
                yield found


def of_compare():
    import mmrec.display.plots as plots

    figure, axes = plots.new_figure(2.0, "one")
    axes.plot([0, 1])
    assert plots.saved("one", "one", figure).png
    assert plots.inline_svg(figure, "one")
    import_module("mmrec.reporting")


def of_demo():
    from mmrec.demo import make_shop
    from mmrec.encoders.packaged import packaged_image_weights, packaged_text_model

    assert make_shop is not None
    assert packaged_text_model("sentence-transformers/all-MiniLM-L6-v2").is_dir()
    assert packaged_image_weights("tf_efficientnet_lite0").is_file()
    import_module("mmrec.demo.report")


def of_lora():
    from transformers import BertConfig, BertModel

    from mmrec.encoders.tuning import tune

    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertModel(BertConfig(vocab_size=9, intermediate_size=8, **shape))
    tune(model, "lora-2")
    assert any("lora" in name for name, _ in model.named_parameters())


def of_onnx():
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from torch import nn

    from mmrec.export.formats import to_int8, to_onnx
    from mmrec.export.part import Part, Port

    part = Part("plain", nn.Linear(8, 4), [Port("x", ("B", 8))], [Port("y", ("B", 4))])
    with TemporaryDirectory() as name:
        folder = Path(name)
        to_onnx(part, folder / "plain.onnx")
        to_int8(folder / "plain.onnx", folder / "small.onnx")
        assert (folder / "small.onnx").is_file()


def of_privacy():
    from mmrec.training.private_budget import noise_multiplier

    assert noise_multiplier is not None
    import_module("opacus.accountants")
    import_module("opacus.optimizers")
    import_module("mmrec.training.private")


def of_ray():
    import_module("mmrec.recommender.ray")
    import_module("ray.data")
    import_module("pandas")


def of_redis():
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    from mmrec.realtime import RedisSessions

    client = redis.Redis(port=1, socket_timeout=0.1, retry=Retry(NoBackoff(), 0))
    assert RedisSessions(client).get("nobody") is None  # no server: the session counts as lost


def of_serve():
    import mmrec.serving.app
    import mmrec.serving.server
    import mmrec.serving.settings

    assert mmrec.serving.app.create_app
    import_module("uvicorn")
    import_module("websockets")


def of_tensorboard():
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from mmrec.training.tracking import check_loggers, make_loggers

    with TemporaryDirectory() as folder:
        check_loggers(["tensorboard"], Path(folder))
        (logger,) = make_loggers(["tensorboard"], Path(folder), "select")
        logger.log_metrics({"lr": 0.5}, 1)
        logger.finalize("success")
        assert list(Path(folder, "select").glob("events.out.*"))


def of_nothing():
    import mmrec

    events = {"user_id": [*"uuuuvvvv"] * 3, "item_id": [*"abcdbcda"] * 3, "timestamp": range(24)}
    options = mmrec.Options(
        modalities=("id",), dim=8, epochs=1, refit="none", split="leave-one-out"
    )
    made = mmrec.Recommender.fit(events, {"item_id": [*"abcd"]}, options=options)
    assert len(made.recommend(["a"], 2)) == 2
    import_module("mmrec.cli.app")


def check(extra):
    """Run what an extra is for; raise what goes wrong."""
    ran = False
    for name in DOCTESTS.get(extra, ()):
        done = doctest.testmod(
            import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        )
        assert done.attempted, f"{name} has no example"
        assert not done.failed, f"{done.failed} examples of {name} fail"
        ran = True
    if (function := globals().get(f"of_{extra}")) is not None:
        function()
        ran = True
    assert ran, "nothing says what it is for"


def extras():
    """Return the extras that are for users, from the metadata of the installed mmrec."""
    lines = requires("mmrec") or []
    found = {
        match.group(1) for match in (re.search(r"extra == '([\w-]+)'", x) for x in lines) if match
    }
    return sorted(found - {"dev", "docs"})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--without", default="")
    parser.add_argument("extras", nargs="*", default=extras())
    given = parser.parse_args()
    needed = {extra: closure(("mmrec", (extra,))) - {given.without} for extra in given.extras}
    finder = Alone({"setuptools", "pip"} | closure(("mmrec", ())))
    sys.meta_path[sys.meta_path.index(PathFinder)] = finder
    import lightning  # noqa: F401
    import transformers  # noqa: F401

    import mmrec.recommender.recommender  # noqa: F401

    failed = []
    bare = [("nothing", set())] if given.extras == extras() else []
    for extra, names in [*bare, *needed.items()]:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 0
            try:
                finder.allowed |= names
                check(extra)
            except BaseException:
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{extra} {'fails' if status else 'runs alone'}\n")
        failed += [extra] if status else []
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
