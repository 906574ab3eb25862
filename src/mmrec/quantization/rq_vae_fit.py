"""Training of an RQ-VAE."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmrec.layers import seeded
from mmrec.quantization.clustering import check_vectors
from mmrec.quantization.residual import fit_codebooks
from mmrec.quantization.rq_vae import RQVAE, rq_vae_loss


def fit_rq_vae(
    vectors: Float[Tensor, "N D"],
    *,
    latent: int = 32,
    hidden: Sequence[int] = (128,),
    levels: int = 3,
    size: int = 256,
    commitment: float = 0.25,
    epochs: int = 100,
    batch_size: int = 1024,
    lr: float = 1e-3,
    seed: int = 0,
) -> RQVAE:
    """Return an RQ-VAE that was trained on the vectors of items.

    Codebooks start as residual k-means of the first latent vectors. An entry that no item of an
    epoch has chosen is dead: it restarts at the residual of a random item of all, except after the
    last epoch. The same vectors and seed give the same weights.

    Args:
        vectors: of the items, on the device of training; columns should have a similar scale.
        latent: see :class:`RQVAE`, as are ``hidden``, ``levels`` and ``size``.
        hidden: widths of hidden layers.
        levels: number of codebooks.
        size: entries in a codebook.
        commitment: weight of the commitment, see :func:`rq_vae_loss`.
        epochs: passes over the vectors, from 1.
        batch_size: vectors in a step of AdamW, from 1.
        lr: learning rate.
        seed: seed of weights, order and restarts.

    Raises:
        ValueError: there is no vector, one is NaN or infinite, or a number is below 1.

    References:
        Rajput et al. (2023), arXiv 2305.05065; Zeghidour et al., "SoundStream" (2021), arXiv
        2107.03312, for k-means at the start and restarts.

    Example:
        >>> vectors = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
        >>> vae = fit_rq_vae(vectors, latent=4, hidden=[8], levels=2, size=4, epochs=2)
        >>> vae.codebooks.shape
        torch.Size([2, 4, 4])
    """
    check_vectors("fit_rq_vae", vectors)
    if not len(vectors) or min(epochs, batch_size) < 1:
        raise ValueError(
            f"fit_rq_vae expects vectors, and epochs and batch_size of at least 1; got "
            f"{len(vectors)}, {epochs} and {batch_size}"
        )
    vectors = vectors.detach().float()
    with seeded(seed):
        vae = RQVAE(vectors.shape[1], latent=latent, hidden=hidden, levels=levels, size=size)
        vae.to(vectors.device)
        start = fit_codebooks(vae.latents(vectors), levels, size, seed=seed)
        vae.codebooks.data.copy_(start)
        optimizer = torch.optim.AdamW(vae.parameters(), lr=lr)
        for epoch in range(epochs):
            used = torch.zeros(levels, size, dtype=torch.bool, device=vectors.device)
            for rows in torch.randperm(len(vectors)).split(batch_size):
                batch = vectors[rows.to(vectors.device)]
                made = vae(batch)
                loss = rq_vae_loss(batch, made, commitment=commitment)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                used[torch.arange(levels, device=used.device), made.codes] = True
            if epoch < epochs - 1:
                restart_dead(vae, used, vectors)
    return vae.eval()


@torch.no_grad()
def restart_dead(vae: RQVAE, used: Bool[Tensor, "L K"], vectors: Float[Tensor, "N D"]) -> None:
    """Move the entries that were not used to residuals of random vectors, in place.

    Those of a level go to different vectors, as long as there are enough.

    Example:
        >>> vae, used = RQVAE(4, latent=2, levels=1, size=2), torch.tensor([[True, False]])
        >>> restart_dead(vae, used, torch.ones(3, 4))
        >>> torch.allclose(vae.codebooks[0, 1], vae.latents(torch.ones(1, 4))[0])
        True
    """
    rows = torch.randperm(len(vectors))[: used.shape[1]].to(vectors.device)
    residuals = vae(vectors[rows]).residuals
    for level, book in enumerate(vae.codebooks):
        dead = (~used[level]).nonzero().squeeze(1)
        book[dead] = residuals[torch.arange(len(dead)) % len(rows), level]
