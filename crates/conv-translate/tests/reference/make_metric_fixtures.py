"""sacreBLEU's scores, lines and words for tests/metrics.rs.

    python make_metric_fixtures.py        # sacrebleu==2.6.0 with regex; writes metrics.json beside itself

All text here is made up, by hand or from a seed. `settings` are those of conv-translate as JSON has them; each corpus gives
[score, line] for every setting in their order, and for each sentence its BLEU with the effective order, its chrF and its chrF++.
References stand beside their sentence, which may have more or fewer of them than others.
"""

import itertools
import json
import random
from pathlib import Path

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.metrics.bleu import _get_tokenizer

assert sacrebleu.__version__ == "2.6.0"

BLEUS = [
    {"tokenization": tokenization, "lowercase": lowercase, "smoothing": smoothing, "effective_order": effective}
    for tokenization, lowercase, smoothing, effective in itertools.product(
        ["13a", "intl", "none"], [False, True], ["exp", "floor", "add-k", "none"], [False, True]
    )
]
CHRFS = [
    dict(zip(["plus_plus", "lowercase", "whitespace", "eps_smoothing"], flags))
    for flags in itertools.product([False, True], repeat=4)
]

# A hypothesis and its references.
GERMAN = [
    ("Der Hund läuft schnell über die nasse Wiese.", "Der Hund rennt schnell über die nasse Wiese."),
    ("Zwei Kinder spielen im Garten mit einem roten Ball.", "Zwei Kinder spielen mit einem roten Ball im Garten."),
    ("Die alte Frau kauft Brot, Käse und Äpfel.", "Eine alte Frau kauft Äpfel, Brot und Käse."),
    ("ER SAGTE: \"MORGEN KOMME ICH.\"", "Er sagte: „Morgen komme ich.“"),
    ("Der Zug um 8.15 Uhr kostet 12,50 €.", "Der Zug um 8:15 Uhr kostet 12,50 €!"),
    ("Wir sehen uns in der saftig-grünen U-Bahn-Station.", "Wir treffen uns in der saftig-grünen U-Bahn-Station."),
    ("Es regnet.", "Es regnet in Strömen."),
    ("Niemand weiß, was die Katze denkt, wenn die Katze schläft.", "Niemand weiß, was die Katze denkt, während sie schläft."),
]
ENGLISH = [
    ("The cat sits on the mat.", "The cat sat on the mat.", "A cat sits on a mat."),
    ("It rains today.", "It is raining today.", "Today it rains."),
    ("the the the the the the the", "The cat is on the mat.", "There is a cat on the mat"),
    ("Don't you think that's Bob's well-known 3-4 year-old?", "Do you not think it's Bob's well-known toddler?", "Don't you think so?"),
    ("In 1999-2000 sales rose by 1,234.56 % (net).", "Sales rose by 1,234.56% (net) in 1999-2000.", "In 1999–2000, sales rose 1,234.56 %."),
    ("", "Nothing came out.", "No output."),
]
NASTY = [
    ("&quot;A&amp;B&quot; &lt;b&gt; &amp;lt; &apos;", "\"A&B\" <b> &lt; '"),
    ("<skipped>one<skipped> two <skipped", "one two"),
    ("wait -", "wait-"),
    ("...", ". . ."),
    ("3.", "3 ."),
    (".5 -5 5- 5-5 5--5 a-b 1.2.3, 4,,5 .,. ,", ".5 - 5 5 - 5-5 5--5 a-b 1.2.3 , 4,,5 .,.,"),
    ("a\u00a0b\u2003c\u3000d\u1680e\u202ff\u2028g\u0085h", "a b c d e f g h"),
    ("a\tb\x0bc\x0cd\re\x1cf\x1dg\x1eh\x1fi", "a b c d e f g h i"),
    ("a\u200bb\ufeffc\u2060d\u180ee", "ab cd e"),
    ("  leading and trailing \u00a0 ", "leading and trailing"),
    ("line\nbreak wo-\nrd", "line break word"),
    ("我爱北京天安门。", "我愛北京天安門。"),
    ("日本語、とても 難しい!", "日本語 とても 難しい !"),
    ("e\u0301te\u0301 n\u0303 \u0301\u0302", "été ñ ´ˆ"),
    ("İstanbul ΣΑΣ ΣΑΣ. STRASSE Straße ǅ", "i̇stanbul σας σας. strasse STRAßE ǆ"),
    ("٣٫١٤ ١٢٬٣ x² ½ Ⅷ. 5°C 10‰", "٣ ٫ ١٤ ١٢٬٣ x² ½ viii . 5 °C 10 ‰"),
    ("«Ja», sagte er — „nein“… ¿Qué? ¡No!", "« Ja » , sagte er – \"nein\"... Qué? No!"),
    ("👩‍👩‍👧 🇩🇪 👍🏽 ©™ ±$€¥ ^`~|", "👩 👧 🇩🇪 👍 © ™ + - $ € ¥ ^ ` ~ |"),
    ("(hi) -x- ., a. .a .. (( 'tis' \"q\"", "( hi ) - x - . , a . . a . ( ' tis ' \" q \""),
    ("\\ / [ ] { } # @ _ * + = ? : ;", "\\/[]{}#@_*+=?:;"),
    ("x\u0000y\ufffdz \ue000", "xyz"),
    ("שלום, עולם! مرحبا، يا عالم؟", "שלום עולם ! مرحبا ، يا عالم ؟"),
    ("हिन्दी।भाषा", "हिन्दी । भाषा"),
]

CORPORA = {
    "german": GERMAN,
    "english, two references": ENGLISH,
    "english, one to four references": [
        ENGLISH[0] + ("A cat is sitting on the mat.", "The cat sits upon the mat."),
        ENGLISH[1][:2],
        ENGLISH[4],
    ],
    "nasty": NASTY,
    "words": [("yes", "yes"), ("no", "maybe"), ("Ja", "ja"), ("!", "."), ("a b", "a c")],
    "two words": [("good morning", "good morning")],
    "no match": [("alpha beta gamma delta epsilon", "eins zwei drei vier fünf")],
    "no characters in common": [("aaaa bbbb", "cccc dddd")],
    "short of four-grams": [("a b c", "a b c"), ("d e", "d e")],
    "no three-gram matches": [("a b x c d y e", "a b z c d w e")],
    "empty hypotheses": [("", "something was said"), (" ", "and more")],
    "empty references": [("something was said", ""), ("and more", "\u00a0")],
    "an empty and a full reference": [("something was said", "", "something was said"), ("", "", "full")],
    "nothing": [("", "")],
    "equal": [(reference, reference) for _, reference in GERMAN],
    "ties in length": [("a b c d e f", "a b c d", "a b c d e f g h"), ("a b c", "b c d e", "a b")],
}

# Text drawn from pieces that matter to a tokenizer.
PIECES = (
    [" "] * 12 + list("aAbBzZ0159.,-'\"") * 2 + list("!#$%&()*+/:;<=>?@[\\]^_`{|}~äßÉΣσςİ中日のا٣²½€«»„“–—…¿。、")
    + ["the", "der", "&quot;", "&amp;", "&lt;", "&gt;", "<skipped>", "-\n", "\n", "\t", "\x1c", "\x85", "\u00a0", "\u2009", "\u3000", "\u200b", "\u0301", "👍🏽"]
)
rng = random.Random(20170511)


def nonsense(length):
    return "".join(rng.choice(PIECES) for _ in range(length))


def perturbed(text):
    """The text with some characters dropped, doubled, exchanged or replaced."""
    characters = list(text)
    for _ in range(rng.randrange(1 + len(characters) // 8)):
        at = rng.randrange(len(characters))
        change = rng.randrange(4)
        if change == 0:
            characters[at] = ""
        elif change == 1:
            characters[at] *= 2
        elif change == 2:
            other = rng.randrange(len(characters))
            characters[at], characters[other] = characters[other], characters[at]
        else:
            characters[at] = rng.choice(PIECES)
    return "".join(characters)


for number, references in enumerate([1, 1, 2, 3]):
    sentences = []
    for _ in range(15):
        origin = nonsense(rng.choice([0, 1, 3, 10, 40, 60]))
        sentences.append(tuple(perturbed(origin) for _ in range(1 + references)))
    CORPORA[f"nonsense {number}"] = sentences

WORDS = "ein Mann Frau Hund im Park , sitzt steht und der die auf Bank . rot -".split()
for number, references in enumerate([1, 2]):
    sentences = []
    for _ in range(20):
        origin = [rng.choice(WORDS) for _ in range(rng.randrange(1, 14))]
        variant = lambda: " ".join(word for word in origin if rng.random() > 0.1) + rng.choice(["", " .", "!"])
        sentences.append(tuple(variant() for _ in range(1 + references)))
    CORPORA[f"words {number}"] = sentences


def bleu(settings):
    return BLEU(
        lowercase=settings["lowercase"],
        tokenize=settings["tokenization"],
        smooth_method=settings["smoothing"],
        effective_order=settings["effective_order"],
        force=True,
    )


def chrf(settings):
    return CHRF(
        word_order=2 if settings["plus_plus"] else 0,
        lowercase=settings["lowercase"],
        whitespace=settings["whitespace"],
        eps_smoothing=settings["eps_smoothing"],
    )


def scored(metric, sentences):
    hypotheses = [sentence[0] for sentence in sentences]
    references = list(itertools.zip_longest(*(sentence[1:] for sentence in sentences)))
    score = metric.corpus_score(hypotheses, references)
    return [score.score, score.format(width=1, signature=str(metric.get_signature()))]


def sentence_scores(sentence):
    hypothesis, *references = sentence
    metrics = BLEU(effective_order=True), CHRF(), CHRF(word_order=2)
    return [metric.sentence_score(hypothesis, references).score for metric in metrics]


corpora = [
    {
        "name": name,
        "hypotheses": [sentence[0] for sentence in sentences],
        "references": [list(sentence[1:]) for sentence in sentences],
        "bleu": [scored(bleu(settings), sentences) for settings in BLEUS],
        "chrf": [scored(chrf(settings), sentences) for settings in CHRFS],
        "sentences": [sentence_scores(sentence) for sentence in sentences],
    }
    for name, sentences in CORPORA.items()
]
lines = [text for sentence in NASTY for text in sentence] + [nonsense(rng.randrange(2, 40)) for _ in range(120)]
tokenizers = [_get_tokenizer(name)() for name in ("13a", "intl")]
words = [[line] + [tokenizer(line.rstrip()).split() for tokenizer in tokenizers] for line in lines]


def rows(values):
    return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"


fixture = {"settings": [{"bleu": BLEUS, "chrf": CHRFS}], "corpora": corpora, "words": words}
parts = [f"{json.dumps(key)}: {rows(values)}" for key, values in fixture.items()]
Path(__file__).with_name("metrics.json").write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="ascii")
