import pytest
import torch
import torch.nn.functional as F

from mmrec.quantization import (
    RQVAE,
    Quantized,
    SemanticIds,
    fit_codebooks,
    fit_rq_vae,
    quantize,
    rq_vae_loss,
)
from mmrec.quantization.rq_vae_fit import restart_dead


def vectors(count=200, width=12, seed=0):
    """Vectors near a plane, which an autoencoder can find."""
    draw = torch.Generator().manual_seed(seed)
    plane = torch.randn(3, width, generator=torch.Generator().manual_seed(9))
    noise = 0.05 * torch.randn(count, width, generator=draw)
    return torch.randn(count, 3, generator=draw) @ plane + noise


def small(**options):
    return RQVAE(12, **({"latent": 3, "hidden": [8], "levels": 2, "size": 6} | options))


def test_codes_are_those_of_residual_quantization():
    torch.manual_seed(0)
    vae = small()
    made = vae(vectors())
    assert torch.equal(made.codes, quantize(vae.latents(vectors()), vae.codebooks))
    ids = SemanticIds.of(vae.codebooks, vae.latents(vectors()))
    assert torch.equal(ids.codes[:, :-1], made.codes)
    total = sum(vae.codebooks[level, made.codes[:, level]] for level in range(2))
    torch.testing.assert_close(made.entries.sum(1), total)
    torch.testing.assert_close(made.reconstruction, vae.decoder(total))


def test_the_gradient_of_the_reconstruction_passes_straight_through():
    torch.manual_seed(0)
    vae, batch = small(), vectors(20)
    made = vae(batch)
    (batch - made.reconstruction).square().sum().backward()
    found = {name: p.grad for name, p in vae.named_parameters()}
    assert found["codebooks"] is None  # they learn by their own term alone

    # By hand: the decoder's gradient at the sum of entries is that of the latent vector.
    vae.zero_grad()
    sums = made.entries.sum(1).detach().requires_grad_()
    (batch - vae.decoder(sums)).square().sum().backward()
    vae.encoder(batch).backward(sums.grad)
    for name, parameter in vae.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad)
    assert found["encoder.layers.0.weight"].abs().sum() > 0


def test_the_loss_is_that_of_the_paper():
    torch.manual_seed(0)
    batch = vectors(3)
    made = Quantized(*(part.detach() for part in small()(batch)))
    wanted = 0.0
    for row in range(3):
        wanted += float((batch[row] - made.reconstruction[row]).square().sum())
        for level in range(2):
            distance = (made.residuals[row, level] - made.entries[row, level]).square().sum()
            wanted += float(distance) + 0.5 * float(distance)
    assert float(rq_vae_loss(batch, made, commitment=0.5)) == pytest.approx(wanted / 3, rel=1e-5)


def test_entries_and_residuals_are_drawn_to_each_other():
    torch.manual_seed(0)
    residuals, entries = (torch.randn(4, 2, 3, requires_grad=True) for _ in range(2))
    made = Quantized(torch.zeros(4, 5), torch.zeros(4, 2, dtype=torch.long), residuals, entries)
    rq_vae_loss(torch.zeros(4, 5), made, commitment=0.25).backward()
    apart = (residuals - entries).detach()
    torch.testing.assert_close(entries.grad, -2 * apart / 4)
    torch.testing.assert_close(residuals.grad, 0.25 * 2 * apart / 4)


def test_a_trained_one_reconstructs_and_uses_its_codes():
    given = vectors()
    options = {"latent": 3, "hidden": [16], "levels": 2, "size": 8, "batch_size": 50, "lr": 3e-3}
    vae = fit_rq_vae(given, epochs=120, **options)
    made = vae(given)
    left = F.mse_loss(made.reconstruction, given) / given.var()
    assert left < 0.3
    for level in range(2):
        assert len(made.codes[:, level].unique()) == 8
    coarse = vae.decoder(made.entries[:, 0])  # the first level alone
    assert F.mse_loss(coarse, given) > 1.5 * F.mse_loss(made.reconstruction, given)
    assert not vae.training


def test_a_seed_gives_the_same_weights_whatever_was_drawn_before():
    options = {"latent": 3, "hidden": [4], "levels": 2, "size": 4, "epochs": 3, "batch_size": 64}
    first = fit_rq_vae(vectors(), seed=1, **options).state_dict()
    torch.rand(3)
    state = torch.get_rng_state()
    again = fit_rq_vae(vectors(), seed=1, **options).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = fit_rq_vae(vectors(), seed=2, **options).state_dict()
    assert not torch.equal(first["codebooks"], other["codebooks"])


def test_dead_entries_move_to_residuals_and_living_ones_stay():
    torch.manual_seed(0)
    vae = small()
    before = vae.codebooks.detach().clone()
    used = torch.ones(2, 6, dtype=torch.bool)
    used[1, 2] = used[1, 5] = False
    residuals = vae(vectors(5)).residuals
    restart_dead(vae, used, vectors(5))
    assert torch.equal(vae.codebooks[used], before[used])
    moved = {tuple(row) for row in vae.codebooks[~used].tolist()}
    assert moved <= {tuple(row) for row in residuals[:, 1].tolist()}
    assert len(moved) == 2


def test_dead_entries_restart_from_all_vectors_not_from_the_last_batch():
    """There are twice as many entries as vectors, and the last batch has one vector."""
    options = {"latent": 3, "hidden": [4], "levels": 1, "size": 26, "epochs": 2, "lr": 0.01}
    vae = fit_rq_vae(vectors(13), **options, batch_size=12)
    assert len(vae.codebooks[0].unique(dim=0)) > 20  # copies of one vector would be 15


def test_weights_are_saved_and_made_again():
    vae = fit_rq_vae(vectors(), latent=3, hidden=[4], levels=2, size=4, epochs=2)
    again = RQVAE(**vae.init_args)
    again.load_state_dict(vae.state_dict())
    assert torch.equal(again(vectors()).codes, vae(vectors()).codes)


def test_errors(unchecked):
    with pytest.raises(ValueError, match="levels and size of at least 1; got 0 and 6"):
        small(levels=0)
    with pytest.raises(ValueError, match=r"of shape \(items, 12\); got \(2, 5\)"):
        small()(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="got 0, 100 and 1024"):
        fit_rq_vae(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="NaN or infinity in 2 of 2 rows"):
        fit_rq_vae(torch.full((2, 3), torch.nan))


def test_an_entry_learns_from_those_that_chose_it_alone():
    torch.manual_seed(0)
    vae, batch = small(), vectors(20)
    made = vae(batch)
    rq_vae_loss(batch, made).backward()
    wanted = torch.zeros_like(vae.codebooks)
    for row in range(20):
        for level in range(2):
            code = int(made.codes[row, level])
            wanted[level, code] += 2 * (made.entries - made.residuals).detach()[row, level] / 20
    torch.testing.assert_close(vae.codebooks.grad, wanted)


def test_codebooks_start_as_residual_k_means_of_the_latent_vectors():
    vae = fit_rq_vae(vectors(), latent=3, hidden=[4], levels=2, size=8, epochs=1, lr=0.0)
    assert torch.equal(vae.codebooks, fit_codebooks(vae.latents(vectors()), 2, 8))


def test_what_an_epoch_has_not_used_restarts_except_after_the_last(monkeypatch):
    seen = []

    def restart(vae, used, residuals):
        seen.append(used.clone())

    monkeypatch.setattr("mmrec.quantization.rq_vae_fit.restart_dead", restart)
    options = {"latent": 3, "hidden": [4], "levels": 2, "size": 300, "lr": 0.0}
    vae = fit_rq_vae(vectors(), epochs=3, batch_size=64, **options)
    codes = vae(vectors()).codes
    assert len(seen) == 2
    for used in seen:
        for level in range(2):
            found = set(used[level].nonzero().squeeze(1).tolist())
            # A vector between two codes may be rounded to another one in a smaller batch.
            assert len(found ^ set(codes[:, level].tolist())) <= 2
