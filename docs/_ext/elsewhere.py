"""Links to the documentation of other packages, without asking them at each build.

The few names that our signatures use are listed here. With ``MMREC_DOCS_INTERSPHINX=1`` their
published inventories are read instead, which needs the internet.
"""

import os
import zlib
from pathlib import Path

PYTHON = {
    "library/functions.html": "class:bool class:float class:int class:object",
    "library/stdtypes.html": "class:bytes class:dict class:frozenset class:list class:memoryview "
    "class:range class:set class:slice class:str class:tuple",
    "library/collections.abc.html": "class:collections.abc.Callable class:collections.abc.Iterable "
    "class:collections.abc.Iterator class:collections.abc.Mapping class:collections.abc.Sequence "
    "class:collections.abc.MutableMapping class:collections.abc.Collection "
    "class:collections.abc.Sized class:collections.abc.Generator",
    "library/constants.html": "data:None data:True data:False",
    "library/exceptions.html": "exception:AssertionError exception:AttributeError "
    "exception:Exception exception:FileExistsError exception:FileNotFoundError "
    "exception:FloatingPointError exception:ImportError exception:IndexError exception:KeyError "
    "exception:NotImplementedError exception:OSError exception:PermissionError "
    "exception:RuntimeError exception:StopIteration exception:TimeoutError exception:TypeError "
    "exception:ValueError",
    "library/functools.html": "function:functools.partial",
    "library/pathlib.html": "class:pathlib.Path",
    "library/random.html": "class:random.Random",
    "library/datetime.html": "class:datetime.datetime class:datetime.timedelta",
    "library/enum.html": "class:enum.Enum class:enum.IntEnum class:enum.StrEnum",
    "library/typing.html": "data:typing.Any data:typing.Literal class:typing.NamedTuple "
    "class:typing.Protocol data:typing.Self",
}
TORCH = {
    "tensors.html": "class:torch.Tensor",
    "tensor_attributes.html": "class:torch.device class:torch.dtype",
    "generated/torch.Generator.html": "class:torch.Generator",
    "generated/torch.nn.Module.html": "class:torch.nn.Module",
    "optim.html": "class:torch.optim.Optimizer",
    "data.html": "class:torch.utils.data.DataLoader class:torch.utils.data.Dataset "
    "class:torch.utils.data.IterableDataset class:torch.utils.data.Sampler",
}
NUMPY = {
    "reference/generated/numpy.ndarray.html": "class:numpy.ndarray",
    "reference/arrays.scalars.html": "class:numpy.generic",
    "reference/random/generator.html": "class:numpy.random.Generator",
}
POLARS = {
    "reference/dataframe/index.html": "class:polars.DataFrame",
    "reference/lazyframe/index.html": "class:polars.LazyFrame",
    "reference/series/index.html": "class:polars.Series",
    "reference/expressions/index.html": "class:polars.Expr",
}
LIGHTNING = {
    "common/lightning_module.html": "class:lightning.LightningModule",
    "common/trainer.html": "class:lightning.Trainer",
    "api/lightning.pytorch.callbacks.Callback.html": "class:lightning.pytorch.callbacks.Callback",
    "data/datamodule.html": "class:lightning.LightningDataModule",
}
TORCHMETRICS = {"pages/implement.html": "class:torchmetrics.Metric"}
PROJECTS = {
    "python": ("https://docs.python.org/3/", PYTHON),
    "torch": ("https://docs.pytorch.org/docs/stable/", TORCH),
    "numpy": ("https://numpy.org/doc/stable/", NUMPY),
    "polars": ("https://docs.pola.rs/api/python/stable/", POLARS),
    "torchmetrics": ("https://lightning.ai/docs/torchmetrics/stable/", TORCHMETRICS),
    "lightning": ("https://lightning.ai/docs/pytorch/stable/", LIGHTNING),
}


def mapping(folder: Path) -> dict[str, tuple[str, str | None]]:
    """Write the inventories into a folder, and return what ``intersphinx_mapping`` takes."""
    if os.environ.get("MMREC_DOCS_INTERSPHINX"):
        return {name: (url, None) for name, (url, _) in PROJECTS.items()}
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: (url, str(_written(folder / f"{name}.inv", name, pages)))
        for name, (url, pages) in PROJECTS.items()
    }


def _written(path: Path, name: str, pages: dict[str, str]) -> Path:
    """Write one inventory in the format of Sphinx, version 2."""
    head = (
        f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    lines = [
        f"{target} py:{kind} 1 {page}#$ -\n"
        for page, entries in pages.items()
        for kind, target in (entry.split(":") for entry in entries.split())
    ]
    path.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
    return path
