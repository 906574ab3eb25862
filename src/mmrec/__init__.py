"""mmrec: model components for multimodal, real-time recommendation."""

__version__ = "0.1.0"
