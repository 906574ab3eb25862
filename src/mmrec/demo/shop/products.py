"""The products of the miniature shop and their attributes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

CATEGORIES = ("tableware", "lighting", "seating", "bags", "tops", "footwear")

# The image shows these, the text does not tell them. Category c has the shapes 2 c and 2 c + 1.
VISUAL = {
    "shape": (
        *("mug", "teapot", "table lamp", "pendant lamp", "chair", "armchair"),
        *("tote", "backpack", "t-shirt", "hoodie", "sneaker", "boot"),
    ),
    "color": ("red", "yellow", "green", "blue", "purple", "pink", "charcoal"),
    "pattern": ("plain", "stripes", "dots", "checks", "waves", "triangles"),
}

# The text tells these, the image does not show them.
VERBAL = {
    "style": ("outdoor", "minimalist", "vintage", "smart", "playful", "luxury"),
    "material": ("plant", "recycled", "technical", "animal"),
    "use": ("travel", "office", "gift", "family", "wellness"),
}

_BASE_PRICE = (18.0, 75.0, 140.0, 60.0, 38.0, 85.0)  # by category
_STYLE_PRICE = (1.1, 1.0, 1.0, 1.5, 0.8, 2.2)


@dataclass(frozen=True)
class Products:
    """Ground truth of N products; each attribute is an array of codes.

    Attributes:
        category: Position in ``CATEGORIES``.
        visual: Position in ``VISUAL[name]``, by name.
        verbal: Position in ``VERBAL[name]``, by name.
        price: In euros.
        has_image: Whether the shop has its image.
        has_description: Whether the shop has more than its title.
        launch: When it appears, as a fraction of the shop's time; infinite for products without
            any event.
        popularity: Logarithm of its general appeal.
    """

    category: Int[np.ndarray, " N"]
    visual: dict[str, Int[np.ndarray, " N"]]
    verbal: dict[str, Int[np.ndarray, " N"]]
    price: Float[np.ndarray, " N"]
    has_image: np.ndarray
    has_description: np.ndarray
    launch: Float[np.ndarray, " N"]
    popularity: Float[np.ndarray, " N"]

    def __len__(self) -> int:
        return len(self.category)


def draw_products(items: int, rng: np.random.Generator) -> Products:
    """Draw products whose attributes are independent of each other.

    One in ten has no image, one in ten no description, one in fifty neither; 4 % have no event
    at all and 6 % appear in the last tenth of the time.
    """
    shape = rng.permutation(np.arange(items) % len(VISUAL["shape"]))
    visual = {"shape": shape}
    for name in ("color", "pattern"):
        visual[name] = rng.permutation(np.arange(items) % len(VISUAL[name]))
    verbal = {
        name: rng.permutation(np.arange(items) % len(values)) for name, values in VERBAL.items()
    }
    category = shape // 2
    base = np.take(_BASE_PRICE, category) * np.take(_STYLE_PRICE, verbal["style"])
    lack = rng.permutation(items) / items
    age = rng.permutation(items) / items
    launch = np.where(age < 0.6, 0.0, rng.uniform(0.0, 0.7, items))
    launch = np.where(age >= 0.9, rng.uniform(0.9, 0.97, items), launch)
    return Products(
        category=category,
        visual=visual,
        verbal=verbal,
        price=np.round(base * np.exp(0.25 * rng.standard_normal(items))) - 0.05,
        has_image=lack >= 0.10,
        has_description=(lack < 0.08) | (lack >= 0.18),
        launch=np.where(age >= 0.96, np.inf, launch),
        popularity=0.5 * rng.standard_normal(items),
    )
