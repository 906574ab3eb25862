"""Titles and descriptions of the miniature shop: what an image of a product does not show."""

from collections.abc import Sequence

import numpy as np

# No word here names a color, a pattern or a shape: the text and the image of a product have only
# its category in common.

_BRANDS = (
    *("Alvaro & Sons", "Birkholm", "Casa Duna", "Everline", "Fjellby", "Gildenhaus", "Haldane"),
    *("Ikari", "Juniper Lane", "Kestrel", "Lumenova", "Marisol", "Nordvik", "Ostara", "Pell & Co"),
    *("Quillon", "Rivermade", "Solveig", "Tamarind", "Umbra Works", "Vantage", "Wilder", "Yarrow"),
)
_NAMES = (
    *("Aria", "Basil", "Clara", "Dune", "Ember", "Finn", "Gala", "Hugo", "Isla", "Juno", "Kai"),
    *("Luca", "Mira", "Nico", "Otis", "Pia", "Remy", "Saga", "Theo", "Una", "Vera", "Wim", "Zoe"),
)
_NOUNS = {
    "tableware": ("tableware", "kitchenware", "kitchen companion", "piece of tableware"),
    "lighting": ("light", "home light", "luminaire", "living room light"),
    "seating": ("seat", "piece of furniture", "place to sit", "seat for the home"),
    "bags": ("bag", "carry bag", "everyday bag", "carrier"),
    "tops": ("top", "everyday top", "upper layer", "piece of clothing"),
    "footwear": ("pair of shoes", "everyday shoes", "footwear", "walking shoes"),
}
_STYLE = {
    "outdoor": ("weatherproof", "trail-ready", "rugged outdoor", "all-weather", "expedition"),
    "minimalist": ("minimalist", "pared-back", "clean-lined", "uncluttered", "understated"),
    "vintage": ("vintage", "retro", "old-fashioned", "heritage", "antique-style"),
    "smart": ("smart", "app-controlled", "Bluetooth", "sensor-equipped", "connected"),
    "playful": ("playful", "cheeky", "quirky", "fun", "light-hearted"),
    "luxury": ("luxury", "luxurious", "premium", "exclusive", "opulent"),
}
_STYLE_SENTENCES = {
    "outdoor": (
        "Wind, rain and mud leave no trace on it.",
        "At home around the campfire and high up in the mountains.",
        "Tested for a whole winter by mountain guides.",
        "Built for long days out in the wild.",
    ),
    "minimalist": (
        "There is nothing on it that does not need to be there.",
        "A quiet design that stays out of the way.",
        "Reduced to the essentials, with no logo and no ornament.",
        "Less, but better: that was the whole brief.",
    ),
    "vintage": (
        "It revives a classic of the nineteen-fifties from our archive.",
        "Looks like a lucky find from the flea market.",
        "A loving nod to grandmother's house, made with the old tools.",
        "The charm of another age, nostalgic without dust.",
    ),
    "smart": (
        "It pairs with your phone and learns your habits.",
        "A hidden sensor sends its readings to the app.",
        "Charges by USB-C and gets updates over the air.",
        "Works with every common voice assistant.",
    ),
    "playful": (
        "Made to raise a smile on sleepy mornings.",
        "It does not take itself too seriously, and neither should you.",
        "A little joke that gets better every time.",
        "For grown-ups who have not forgotten how to play.",
    ),
    "luxury": (
        "Finished by a master craftsman and numbered by hand.",
        "For those who settle for nothing but the finest.",
        "Comes in a satin-lined case with a certificate.",
        "A small edition from one of the most distinguished houses.",
    ),
}
_MATERIAL = {
    "tableware": {
        "plant": ("bamboo fibre", "coconut shell"),
        "recycled": ("recycled glass", "reclaimed clay"),
        "technical": ("silicone", "unbreakable polymer"),
        "animal": ("leather-wrapped stoneware", "wool-felt-clad stoneware"),
    },
    "lighting": {
        "plant": ("rattan", "bamboo"),
        "recycled": ("recycled aluminium", "reclaimed glass"),
        "technical": ("acrylic", "polycarbonate"),
        "animal": ("leather", "wool felt"),
    },
    "seating": {
        "plant": ("rattan and oak", "beech and jute"),
        "recycled": ("recycled plastic", "reclaimed timber"),
        "technical": ("fibreglass", "moulded polymer"),
        "animal": ("full-grain leather", "wool"),
    },
    "bags": {
        "plant": ("hemp", "cork"),
        "recycled": ("recycled sailcloth", "upcycled tarpaulin"),
        "technical": ("ripstop nylon", "coated polyester"),
        "animal": ("saddle leather", "wool felt"),
    },
    "tops": {
        "plant": ("linen", "hemp"),
        "recycled": ("recycled yarn", "upcycled textile"),
        "technical": ("quick-dry polyester", "stretch microfibre"),
        "animal": ("merino wool", "alpaca wool"),
    },
    "footwear": {
        "plant": ("cork", "jute"),
        "recycled": ("recycled rubber", "upcycled ocean plastic"),
        "technical": ("EVA foam", "nylon mesh"),
        "animal": ("suede leather", "nubuck leather"),
    },
}
_MATERIAL_SENTENCES = {
    "plant": (
        "The plant fibres grow without pesticides and compost at the end.",
        "Harvested, not drilled for: it comes from fast-growing plants.",
        "Botanical through and through, from the field to the finish.",
    ),
    "recycled": (
        "Collected waste gets a second life here.",
        "Every piece keeps a kilo of rubbish out of the sea.",
        "Nothing new was dug up for it; the raw material is scrap.",
    ),
    "technical": (
        "The synthetic comes from aerospace and weighs next to nothing.",
        "An engineered polymer that dries in minutes and does not crack.",
        "Laboratory-made, wipe-clean and hard to break.",
    ),
    "animal": (
        "Hide and fleece come from small farms and grow softer with age.",
        "Natural leather and sheep's wool, tanned and spun nearby.",
        "Warm to the touch, as only wool and leather are.",
    ),
}
_USE = {
    "travel": ("for travel", "for the road", "for weekend trips", "for globetrotters"),
    "office": ("for the office", "for work", "for business days", "for the workplace"),
    "gift": ("as a gift", "to give away", "for birthdays", "as a present"),
    "family": ("for the family", "for parents and kids", "for young families", "for children too"),
    "wellness": ("for wellness", "for unwinding", "for relaxing evenings", "for yoga days"),
}
_USE_SENTENCES = {
    "travel": (
        "Take it along on trains, planes and ferries.",
        "A faithful companion on every journey.",
        "Globetrotters took it around the world before we sold it.",
    ),
    "office": (
        "It sees you through meetings and deadlines.",
        "Colleagues will ask where you got it.",
        "For everyone who spends the day at a computer.",
    ),
    "gift": (
        "We wrap it and add a handwritten card.",
        "A present that nobody has at home yet.",
        "The right thing for anniversaries and housewarmings.",
    ),
    "family": (
        "Small hands and big ones get on with it.",
        "It survives breakfast with three children.",
        "Tried by toddlers, approved by their parents.",
    ),
    "wellness": (
        "Breathe out and let the day go.",
        "Made for slow evenings and deep rest.",
        "Goes well with meditation, a sauna and an early night.",
    ),
}
_CLOSING = (
    "Two years' guarantee.",
    "Delivered within three days.",
    "Free returns within a month.",
    "Spare parts are available for ten years.",
    "One of our customers' favourites.",
)


def write_text(
    category: str, style: str, material: str, use: str, rng: np.random.Generator
) -> tuple[str, str]:
    """Return the title and the description of one product.

    The title contains style, material and sometimes use; the description contains all three in
    other words.
    """
    brand, name, noun = (_pick(words, rng) for words in (_BRANDS, _NAMES, _NOUNS[category]))
    look, stuff = _pick(_STYLE[style], rng), _pick(_MATERIAL[category][material], rng)
    purpose = _pick(_USE[use], rng) if rng.random() < 0.7 else ""
    title = _pick(
        (
            f"{brand} {name}: {look} {noun} made of {stuff} {purpose}",
            f"{look} {noun} {purpose} – {brand} {name}, {stuff}",
            f"{name} by {brand}, {look} {noun} in {stuff} {purpose}",
            f"{look} {stuff} {noun} {purpose} ({brand} {name})",
        ),
        rng,
    )
    title = " ".join(title.split()).replace(" ,", ",")
    sentences = [
        _pick(_STYLE_SENTENCES[style], rng),
        _pick(_MATERIAL_SENTENCES[material], rng),
        _pick(_USE_SENTENCES[use], rng),
    ]
    rng.shuffle(sentences)
    return title[0].upper() + title[1:], " ".join([*sentences, _pick(_CLOSING, rng)])


def _pick(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
