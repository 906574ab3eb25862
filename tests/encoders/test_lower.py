"""Frozen layers that are left out: the same vectors and gradients, or a reason why not."""

from importlib.util import find_spec

import pytest
import timm
import torch
import transformers as hf
from torch import nn

from mmrec.encoders import ImageEncoder, ImageTransform, LayeredEncoder, TextEncoder, TextTransform
from mmrec.encoders.lower import lower_blocks, lower_states, resumed, why_whole

SIZE = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
DISTIL = {"vocab_size": 30, "dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 24}
GPT2 = {"vocab_size": 30, "n_embd": 16, "n_layer": 4, "n_head": 2}
ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
MODERN = {**ENDS, "cls_token_id": 1, "sep_token_id": 2}
MODELS = {
    "bert": lambda: hf.BertModel(hf.BertConfig(**SIZE)),
    "roberta": lambda: hf.RobertaModel(hf.RobertaConfig(**SIZE)),
    "electra": lambda: hf.ElectraModel(hf.ElectraConfig(**SIZE, embedding_size=8)),
    "distilbert": lambda: hf.DistilBertModel(hf.DistilBertConfig(**DISTIL)),
    "modernbert": lambda: hf.ModernBertModel(hf.ModernBertConfig(**SIZE, **MODERN)),
    "gpt2": lambda: hf.GPT2Model(hf.GPT2Config(**GPT2, **ENDS)),
    "qwen3": lambda: hf.Qwen3Model(hf.Qwen3Config(**SIZE, num_key_value_heads=2, head_dim=8)),
}
PICTURES = ("test_vit", "test_efficientnet", "test_resnet", "test_convnext")
DROPS = ("bert", "roberta", "electra", "distilbert", "gpt2")  # in training, by default
IDS = torch.tensor([[3, 7, 9, 11, 4], [5, 8, 6, 0, 0], [4, 0, 0, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]])
TEXTS = {"input_ids": IDS, "attention_mask": MASK}


def text(family, tuning="last-2", **more):
    torch.manual_seed(0)
    return TextEncoder(MODELS[family](), TextTransform("none"), tuning=tuning, **more)


def picture(name, tuning="last-2"):
    torch.manual_seed(0)
    return ImageEncoder.from_timm(name, pretrained=False, tuning=tuning)


def gradients(encoder, inputs):
    """Vectors and gradients in training mode, with the same random numbers each time."""
    encoder.zero_grad()
    torch.manual_seed(1)
    vectors = encoder(inputs)
    vectors.sin().sum().backward()
    return vectors.detach(), {n: p.grad for n, p in encoder.named_parameters()}


def same(encoder, inputs, **near):
    encoder.train()
    wanted, wanted_gradients = gradients(encoder, inputs)
    found, found_gradients = gradients(encoder, encoder.lower(inputs))
    torch.testing.assert_close(found, wanted, **near)
    learns = {n for n, p in encoder.named_parameters() if p.requires_grad}
    assert {n for n, g in found_gradients.items() if g is not None} == learns != set()
    for name in learns:
        torch.testing.assert_close(found_gradients[name], wanted_gradients[name], **near)


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_vectors_and_gradients_of_texts(family, dtype):
    encoder = text(family).to(dtype)
    assert isinstance(encoder, LayeredEncoder)
    assert why_whole(encoder) is None
    near = (
        {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-6}
    )
    same(encoder, TEXTS, **near)


@pytest.mark.parametrize("family", DROPS)
def test_dropout_of_trained_layers_is_on(family):
    encoder = text(family).train()
    inputs = encoder.lower(TEXTS)
    assert not torch.allclose(encoder(inputs), encoder(inputs))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_vectors_and_gradients_of_images(name, dtype):
    encoder = picture(name).to(dtype)
    assert isinstance(encoder, LayeredEncoder)
    assert why_whole(encoder) is None
    pixels = torch.randn(3, 3, encoder.transform.size, encoder.transform.size, dtype=dtype)
    near = {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    same(encoder, pixels, **near)


@pytest.mark.parametrize("frozen", [1, 2, 3])
def test_states_are_what_transformers_gives(frozen):
    encoder = text("bert", f"last-{4 - frozen}").eval()
    read = {"input_ids": IDS, "attention_mask": MASK}
    hidden = encoder.backbone(**read, output_hidden_states=True).hidden_states[frozen]
    found = encoder.lower(TEXTS)
    assert torch.equal(found["attention_mask"], MASK)
    torch.testing.assert_close(found["states"], hidden * MASK.unsqueeze(-1))


def test_states_of_images_are_what_the_blocks_give():
    encoder = picture("test_vit").eval()
    given = []
    handle = encoder.backbone.blocks[3].register_forward_hook(lambda *call: given.append(call[2]))
    pixels = encoder.sample()
    with torch.no_grad():
        encoder(pixels)
    handle.remove()
    assert torch.equal(encoder.lower(pixels)["states"], given[0])
    assert len(lower_blocks(encoder.backbone)) == 4


def test_padding_may_be_on_either_side_and_changes_nothing():
    encoder = text("bert").eval()
    turned = {"input_ids": IDS.flip(1), "attention_mask": MASK.flip(1)}
    order = {"input_ids": torch.tensor([[5, 8, 6]]), "attention_mask": torch.ones(1, 3).long()}
    alone = encoder(encoder.lower(order))
    lowered = encoder.lower(TEXTS)
    torch.testing.assert_close(encoder(lowered)[1:2], alone, rtol=1e-5, atol=1e-6)
    assert torch.equal(encoder.lower(turned)["attention_mask"], MASK)
    lowered["states"] += 100 * torch.randn(3, 5, 16) * (1 - MASK).unsqueeze(-1)
    torch.testing.assert_close(encoder(lowered)[1:2], alone, rtol=1e-5, atol=1e-6)


def test_a_text_without_tokens():
    encoder = text("bert").eval()
    nothing = {"input_ids": IDS[:2], "attention_mask": MASK[:2] * torch.tensor([[1], [0]])}
    vectors = encoder(encoder.lower(nothing))
    assert torch.equal(vectors[1], torch.zeros(16))
    torch.testing.assert_close(vectors, encoder(nothing))


def test_no_text_and_no_image():
    encoder = text("bert")
    none = {"states": torch.zeros(0, 1, 16), "attention_mask": torch.zeros(0, 1).long()}
    assert encoder(none).shape == (0, 16)
    assert picture("test_vit")({"states": torch.zeros(0, 101, 64)}).shape == (0, 64)


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "qwen3", "clip", "siglip"])
def test_checkpoints_run_in_two_parts(family, checkpoint):
    encoder = TextEncoder.from_pretrained(str(checkpoint(family)), tuning="last-1")
    assert why_whole(encoder) is None
    same(encoder, encoder.transform(["red shoes for the winter", "lamp"]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_image_towers_run_in_two_parts(family, checkpoint):
    encoder = ImageEncoder.from_pretrained(str(checkpoint(family)), tuning="last-1")
    assert why_whole(encoder) is None
    same(encoder, encoder.sample(), rtol=1e-5, atol=1e-6)


def test_t5_is_refused(checkpoint):
    """The first block of T5 makes the bias that the others read."""
    encoder = TextEncoder.from_pretrained(str(checkpoint("t5")), tuning="last-1")
    assert why_whole(encoder) == "expected blocks that give one tensor; got tuple"


@pytest.mark.parametrize("kind", ["MPNet", "DebertaV2"])
def test_models_whose_trained_part_is_read_by_frozen_layers_are_refused(kind):
    """Their vectors of relative positions are registered, and so trained, after the layers."""
    relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
    config = getattr(hf, f"{kind}Config")(**SIZE, **(relative if kind == "DebertaV2" else {}))
    encoder = TextEncoder(hf.AutoModel.from_config(config), TextTransform("none"), tuning="last-1")
    names = {n for n, p in encoder.backbone.named_parameters() if p.requires_grad}
    assert any(name.startswith("encoder.rel") for name in names)
    assert why_whole(encoder) is not None
    with pytest.raises(ValueError, match=r"expected (frozen )?blocks that"):
        encoder.lower(TEXTS)


@pytest.mark.parametrize("tuning", ["frozen", "full", "last-4"])
def test_only_frozen_layers_below_trained_ones_are_left_out(tuning):
    count = 4 if tuning == "frozen" else 0
    said = f"expected frozen blocks below .* 'last-N'; got {count} of 4 frozen"
    with pytest.raises(ValueError, match=said):
        text("bert", tuning).lower(TEXTS)
    assert "got" in why_whole(text("bert", tuning))


@pytest.mark.skipif(find_spec("peft") is None, reason="PEFT is not installed")
def test_adapters_lie_in_all_layers():
    assert why_whole(text("bert", "lora")).endswith("got 0 of 4 frozen")


class Chain(nn.Module):
    """Three blocks; variants break what must hold."""

    def __init__(self, broken=""):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(3))
        self.bias = nn.Parameter(torch.ones(4))  # registered first of all, so it is frozen
        self.after = nn.Linear(4, 4)
        self.broken = broken

    def forward(self, pixels):
        rows = first = pixels.mean((2, 3)).repeat(1, 2)[:, :4]
        if self.broken == "reads what is trained":
            rows = self.after(rows)
        for number, block in enumerate(self.blocks):
            rows = block(rows)
            if self.broken == "draws" and self.training and number == 0:
                rows = nn.functional.dropout(rows, 0.5)
            if self.broken == "skips" and number == 0:
                first = rows
        return self.after(rows + first if self.broken == "skips" else rows)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("", None),
        ("reads what is trained", "expected frozen blocks that read no trained parameter"),
        ("draws", "its frozen blocks give another output in training"),
        ("skips", "its upper blocks read more than what the last frozen block gives"),
    ],
)
def test_the_model_itself_decides(broken, said):
    torch.manual_seed(0)
    encoder = ImageEncoder(Chain(broken), ImageTransform(size=8), tuning="last-1")
    before = torch.get_rng_state()
    found = why_whole(encoder.train())
    assert (found is None) if said is None else found.startswith(said)
    assert encoder.training
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_that_never_runs_its_blocks():
    model = Chain()
    model.blocks[2].requires_grad_(True)
    model.blocks[:2].requires_grad_(False)
    with pytest.raises(ValueError, match="expected Chain to run its frozen blocks; it did not"):
        lower_states(model, lambda model: None)


def test_the_model_stays_as_it_is():
    model = text("bert").backbone
    parts, names = list(model.modules()), list(model.state_dict())
    twin = resumed(model, torch.zeros(3, 5, 16))
    assert all(a is b for a, b in zip(model.modules(), parts, strict=True))
    assert list(model.state_dict()) == names
    # Weights are shared, those of lower blocks too.
    assert {id(p) for p in twin.parameters()} == {id(p) for p in model.parameters()}
    assert twin.encoder.layer[2] is model.encoder.layer[2]


def test_gpt2_positions_are_not_added_twice():
    """Embeddings still run above the given states, and must not be added to them."""
    encoder = text("gpt2").eval()
    lowered = encoder.lower(TEXTS)
    longer = {
        name: nn.functional.pad(value, (0, 0, 0, 3) if value.ndim == 3 else (0, 3))
        for name, value in lowered.items()
    }
    torch.testing.assert_close(encoder(longer), encoder(TEXTS), rtol=1e-5, atol=1e-6)


def test_every_kind_of_timm_model_says_whether_it_can():
    for name in ("resnet18", "mobilenetv3_small_050", "regnetx_002"):
        assert name in timm.list_models(name)
        assert why_whole(picture(name)) is None, name
