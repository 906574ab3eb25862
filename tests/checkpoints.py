"""Tiny Hugging Face checkpoints with random weights, one for each family."""

import json

import torch

TEXTS = ["red shoes for the winter", "lamp", "a soft blue scarf for the warm winter hat"]
WORDS = sorted({word for text in TEXTS for word in text.split()})
SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
INNER = {**SIZE, "intermediate_size": 24}
IMAGE = {**INNER, "image_size": 32, "patch_size": 16}
FAMILIES = ("bert", "roberta", "t5", "gpt2", "qwen2", "qwen3", "clip", "siglip")
"""Families of text models; CLIP and SigLIP read images too."""


def words(begin, end, pad):
    """A tokenizer of whole words with tokens at the ends."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = [token for token in dict.fromkeys([begin, pad, end, "<unk>"]) if token]
    vocabulary = {token: number for number, token in enumerate([*special, *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}".strip(),
        special_tokens=[(token, vocabulary[token]) for token in (begin, end) if token],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token=pad, eos_token=end or None, unk_token="<unk>"
    )


def pieces(pad):
    """A byte-level tokenizer without tokens at the ends, as decoders have it."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        show_progress=False,
        initial_alphabet=alphabet,
        special_tokens=[AddedToken("<|endoftext|>", special=True)],
    )
    made.train_from_iterator(TEXTS, trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=end, pad_token=end if pad else None
    )


def model_of(family, vocabulary, numbers):
    """A model of random weights."""
    import transformers as hf

    some = {"vocab_size": vocabulary, **numbers}
    if family == "bert":
        return hf.BertModel(hf.BertConfig(**some, **INNER, max_position_embeddings=40))
    if family == "roberta":
        return hf.RobertaModel(hf.RobertaConfig(**some, **INNER, max_position_embeddings=42))
    if family == "t5":
        config = hf.T5Config(**some, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2)
        return hf.T5ForConditionalGeneration(config)
    if family == "gpt2":
        return hf.GPT2LMHeadModel(hf.GPT2Config(**some, n_embd=16, n_layer=2, n_head=2))
    if family in ("qwen2", "qwen3"):
        kind = {"qwen2": "Qwen2", "qwen3": "Qwen3"}[family]
        more = {"num_key_value_heads": 1} | ({"head_dim": 8} if family == "qwen3" else {})
        config = getattr(hf, f"{kind}Config")(**some, **INNER, **more)
        return getattr(hf, f"{kind}ForCausalLM")(config)
    if family == "clip":
        config = hf.CLIPConfig(
            text_config={**some, **INNER, "max_position_embeddings": 20},
            vision_config=IMAGE,
            projection_dim=12,
        )
        return hf.CLIPModel(config)
    text = {**some, **INNER, "max_position_embeddings": 16, "projection_size": 16}
    return hf.SiglipModel(hf.SiglipConfig(text_config=text, vision_config=IMAGE))


def save_checkpoint(family, folder):
    """Save a model with its tokenizer, and with its image processor if it reads images."""
    import transformers as hf

    ends = {"bert": ("<s>", "</s>"), "roberta": ("<s>", "</s>"), "clip": ("<s>", "</s>")}
    if family in ("gpt2", "qwen2", "qwen3"):
        tokenizer = pieces(pad=family != "gpt2")
    else:
        begin, end = ends.get(family, ("", "</s>"))
        # CLIP has no padding of its own.
        tokenizer = words(begin, end, "</s>" if family == "clip" else "<pad>")
    tokenizer.save_pretrained(folder)
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    numbers = {name: getattr(tokenizer, name) for name in names}
    torch.manual_seed(0)
    model_of(family, len(tokenizer), numbers).save_pretrained(folder)
    if family == "clip":
        processor = hf.CLIPImageProcessor(
            size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}
        )
        processor.save_pretrained(folder)
    if family == "siglip":
        hf.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def as_sentence_folder(folder, pooling=None, prompts=None, modules=(), **settings):
    """Add the files of sentence-transformers to a checkpoint."""
    kinds = ["Transformer", *(["Pooling"] if pooling else []), *modules]
    paths = ["" if kind == "Transformer" else f"{n}_{kind}" for n, kind in enumerate(kinds)]
    listed = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (kind, path) in enumerate(zip(kinds, paths, strict=True))
    ]
    for path in paths:
        (folder / path).mkdir(exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(listed))
    if pooling:
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    said = {"prompts": prompts or {}, "default_prompt_name": None}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    return folder
