"""The miniature shop: products, their images and texts, and the people who visit it."""

from mmrec.demo.shop.folder import draw_shop, make_shop

__all__ = ["draw_shop", "make_shop"]
