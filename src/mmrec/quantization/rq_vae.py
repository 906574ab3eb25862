"""RQ-VAE: an autoencoder whose latent vector is quantized level by level."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.layers import MLP, check_shape, record_init_args
from mmrec.quantization.clustering import nearest


class Quantized(NamedTuple):
    """What :class:`RQVAE` gives for vectors.

    Attributes:
        reconstruction: of the vectors, ``(N, D)``.
        codes: ``(N, L)``.
        residuals: what each level has quantized, ``(N, L, latent)``.
        entries: the entries that it chose, ``(N, L, latent)``.
    """

    reconstruction: Float[Tensor, "N D"]
    codes: Int[Tensor, "N L"]
    residuals: Float[Tensor, "N L Z"]
    entries: Float[Tensor, "N L Z"]


@record_init_args
class RQVAE(nn.Module):
    """An autoencoder whose latent vector is the sum of one entry of each codebook.

    The gradient of the reconstruction passes the quantization unchanged (straight-through): it
    reaches the encoder as if the latent vector had been decoded itself. Codebooks learn by
    :func:`rq_vae_loss` alone. :func:`fit_rq_vae` trains one.

    Args:
        dim_in: width of the vectors.
        latent: width of the latent vector and of the entries.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse.
        levels: number of codebooks.
        size: entries in a codebook.

    Shape:
        ``(N, dim_in)`` → :class:`Quantized`.

    Raises:
        ValueError: a number is below 1, or vectors have another width.

    References:
        Rajput et al., "Recommender systems with generative retrieval" (2023), arXiv 2305.05065,
        with hidden layers of 512, 256 and 128; van den Oord et al., "Neural discrete
        representation learning" (2017), arXiv 1711.00937, for the straight-through gradient.

    Example:
        >>> vae = RQVAE(16, latent=4, hidden=[8], levels=3, size=5)
        >>> vae(torch.randn(7, 16)).codes.shape
        torch.Size([7, 3])
    """

    def __init__(
        self,
        dim_in: int,
        *,
        latent: int = 32,
        hidden: Sequence[int] = (128,),
        levels: int = 3,
        size: int = 256,
    ) -> None:
        super().__init__()
        if min(levels, size) < 1:
            raise ValueError(
                f"RQVAE expects levels and size of at least 1; got {levels} and {size}"
            )
        self.dim_in, self.dim = dim_in, latent
        self.encoder = MLP([dim_in, *hidden, latent], activation=nn.ReLU)
        self.decoder = MLP([latent, *reversed(hidden), dim_in], activation=nn.ReLU)
        self.codebooks = nn.Parameter(0.02 * torch.randn(levels, size, latent))

    def forward(self, vectors: Float[Tensor, "N D"]) -> Quantized:
        """Return reconstruction, codes and what :func:`rq_vae_loss` needs."""
        check_shape("RQVAE expects vectors", vectors, ("items", self.dim_in))
        latent = self.encoder(vectors)
        rest, codes, residuals, entries = latent, [], [], []
        for book in self.codebooks:
            code = nearest(rest, book)
            entry = F.embedding(code, book)
            codes.append(code)
            residuals.append(rest)
            entries.append(entry)
            rest = rest - entry.detach()
        every = torch.stack(entries, dim=1)
        straight = latent + (every.sum(1) - latent).detach()
        return Quantized(
            self.decoder(straight),
            torch.stack(codes, dim=1),
            torch.stack(residuals, dim=1),
            every,
        )

    @torch.no_grad()
    def latents(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N Z"]:
        """Return the latent vectors, which :class:`SemanticIds` of these codebooks codes."""
        check_shape("RQVAE expects vectors", vectors, ("items", self.dim_in))
        latent: Tensor = self.encoder(vectors)
        return latent


def rq_vae_loss(
    vectors: Float[Tensor, "N D"], made: Quantized, *, commitment: float = 0.25
) -> Float[Tensor, ""]:
    """Return the loss of an RQ-VAE: reconstruction, codebooks and commitment.

    Each is a squared distance, summed over a vector and averaged over the items. Entries move to
    the residuals that chose them; residuals stay near their entries, with weight ``commitment``.

    Args:
        vectors: what was reconstructed.
        made: the output of :class:`RQVAE`.
        commitment: β of the paper.

    References:
        Rajput et al. (2023), arXiv 2305.05065, section 3.1.

    Example:
        >>> vae, vectors = RQVAE(16, latent=4, hidden=[8], size=5), torch.randn(7, 16)
        >>> rq_vae_loss(vectors, vae(vectors)).shape
        torch.Size([])
    """
    items = max(len(vectors), 1)
    reconstruction = (vectors - made.reconstruction).square().sum()
    codebooks = (made.residuals.detach() - made.entries).square().sum()
    committed = (made.residuals - made.entries.detach()).square().sum()
    return (reconstruction + codebooks + commitment * committed) / items
