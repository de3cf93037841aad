"""Writes fairseq/: three tiny models that fairseq trained on a made-up corpus, and what fairseq computes with them.

    python -m venv venv && venv/bin/pip install torch numpy cython setuptools wheel
    venv/bin/pip install hydra-core==1.3.2 omegaconf==2.3.0 cffi regex sacrebleu tqdm bitarray scikit-learn subword-nmt
    venv/bin/pip install --no-build-isolation --no-deps fairseq-fixed
    venv/bin/python make_fairseq_fixtures.py

Made with Python 3.11, torch 2.15.0, numpy 2.4.6, cython 3.3.1, omegaconf 2.3.0, subword-nmt 0.3.8 and fairseq-fixed 0.12.3.1 in
about three minutes. The files:

- `first.pt`: several widths, kernel widths 1 to 4, residuals that skip layers or are absent, attention on three of four
  layers. The zip form, its arguments in `cfg` as fairseq 0.12 saves it: dictionaries, with a Namespace for the model.
- `second.pt`: shared embedding and output, attention everywhere. The zip form, its `cfg` omegaconf's own objects, as fairseq 0.10 saves it.
- `old.pt`: PyTorch's form before 1.6, a Namespace of the few arguments of 2018 in `args`, `decoder.version` 1, whose decoder's
  convolutions are weight-normalised over dimension 0. Its words are split by `bpecodes`.
- `dict.zo.txt`, `dict.mi.txt`: of the first two; `bpe/` has the same for the third.
- `NAME.safetensors`: for a batch of sentences of different lengths, padded on the left, `encoder_a` and `encoder_b` (B S E),
  `log_probabilities` (B T V) and `attention` (B T S) for the given `previous` words, all in evaluation.
- `NAME.json`: what fairseq's generator gives for the same batch, by setting. `score` and `positional_scores` are natural logarithms
  (fairseq-generate prints them divided by ln 2); `alignment` is the source word with the most attention, for each target word.
  `max_len` is given one sentence at a time: fairseq takes it from the batch's length, padding and all.
  `ensemble.json` is of the first two models together.

Every result is checked to be the same in double precision, so that no tie decides it.
"""

import argparse
import copy
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

torch.load = functools.partial(torch.load, weights_only=False)  # fairseq's checkpoints hold more than tensors
torch.set_num_threads(2)

from fairseq import checkpoint_utils, options  # noqa: E402
from fairseq.data import data_utils  # noqa: E402
from fairseq.dataclass.utils import convert_namespace_to_omegaconf  # noqa: E402
from fairseq.models import fconv  # noqa: E402
from fairseq.ngram_repeat_block import NGramRepeatBlock  # noqa: E402
from fairseq.token_generation_constraints import pack_constraints  # noqa: E402
from fairseq_cli import train as fairseq_train  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

OUT = Path(__file__).resolve().parent / "fairseq"
PAD, EOS = 1, 2

# ---- The corpus: Zo has subject, verb, object; Mi has the verb last and adjectives behind. Names are copied, and rare. ----


class Languages:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.taken = set()
        word = self.word
        # In Mi, one noun in three has a second word that is used now and then: a model has to be unsure.
        self.nouns = [(word(2), word(2), word(2) if i % 3 == 0 else None) for i in range(18)]
        self.adjectives = [(word(2), word(2)) for _ in range(8)]
        self.verbs = [(word(2), word(3)) for _ in range(10)]
        self.places = [(word(1), word(1)) for _ in range(4)]
        self.names = [word(3).capitalize() for _ in range(300)]

    def word(self, syllables):
        while True:
            word = "".join(self.random.choice("bdfgklmnprstvz") + self.random.choice("aeiou") for _ in range(syllables))
            if word not in self.taken:
                self.taken.add(word)
                return word

    def noun_phrase(self):
        r = self.random
        if r.random() < 0.12:
            name = r.choice(self.names)
            return [name], [name]
        source, target, other = r.choice(self.nouns)
        if other and r.random() < 0.35:
            target = other
        source, target = [source], [target]
        if r.random() < 0.3:  # many
            source, target = [source[0] + "li"], target + ["um"]
        for _ in range(r.choice([0, 0, 0, 1, 1, 2])):
            adjective = r.choice(self.adjectives)
            source, target = [adjective[0], *source], [*target, adjective[1]]
        return ["ta", *source], target

    def sentence(self, again=False):
        r = self.random
        subject, item = self.noun_phrase(), self.noun_phrase()
        verb, (tense, auxiliary) = r.choice(self.verbs), r.choice([("ra", "va"), ("ne", "ho")])
        source, target = [*subject[0], verb[0] + tense, *item[0]], [*subject[1]]
        for _ in range(r.choice([0, 0, 1, 2])):
            place, where = r.choice(self.places), subject if again else self.noun_phrase()
            source += [place[0], *where[0]]
            target += [*where[1], place[1]]
        target += [*item[1], auxiliary, verb[1]]
        if r.random() < 0.2:
            return [*source, "?"], ["ke", *target, "?"]
        return [*source, "."], [*target, "."]


def corpus():
    languages = Languages(20170508)
    parts = {"train": 4000, "valid": 100}
    pairs = {part: [languages.sentence() for _ in range(count)] for part, count in parts.items()}
    sentences = [languages.sentence(again=i % 2 == 0) for i in range(60)]
    sentences.sort(key=lambda pair: len(pair[0]))
    pairs["test"] = [sentences[i] for i in (30, 0, 59, 18, 54, 42)]
    for part, chosen in pairs.items():
        for side, language in enumerate(("zo", "mi")):
            Path(f"{part}.{language}").write_text("".join(" ".join(pair[side]) + "\n" for pair in chosen))
    command("cat train.zo train.mi | subword-nmt learn-bpe -s 60 > bpecodes")
    for part in pairs:
        for language in ("zo", "mi"):
            command(f"subword-nmt apply-bpe -c bpecodes < {part}.{language} > bpe.{part}.{language}")
    for prefix, folder in (("", "plain"), ("bpe.", "bpe")):
        command(
            f"fairseq-preprocess --source-lang zo --target-lang mi --trainpref {prefix}train --validpref {prefix}valid"
            f" --destdir {folder} --thresholdsrc 8 --thresholdtgt 8 --workers 1"
        )


def command(line):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(line, shell=True, check=True, env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL)


# ---- Training ----

SHAPES = {
    "first": [
        "--encoder-embed-dim=20", "--decoder-embed-dim=20", "--decoder-out-embed-dim=12",
        "--encoder-layers=[(16, 3)] * 2 + [(24, 4, 2)] + [(24, 3, 0), (32, 1)]",
        "--decoder-layers=[(16, 3), (16, 2)] + [(24, 3, 2)] + [(32, 1)]",
        "--decoder-attention=[True, False, True, True]",
    ],
    "second": [
        "--encoder-embed-dim=24", "--decoder-embed-dim=24", "--decoder-out-embed-dim=24", "--share-input-output-embed",
        "--encoder-layers=[(24, 3)] * 3", "--decoder-layers=[(24, 3)] * 2",
    ],
    "old": [
        "--encoder-embed-dim=20", "--decoder-embed-dim=20", "--decoder-out-embed-dim=16",
        "--encoder-layers=[(24, 3)] * 3", "--decoder-layers=[(24, 3)] * 2 + [(24, 1)]",
    ],
}  # fmt: skip


def train(name, data, seed):
    """Trains a model and returns the arguments and the checkpoint's state."""
    arguments = options.parse_args_and_arch(
        options.get_training_parser(),
        [
            data, "--source-lang=zo", "--target-lang=mi", "--arch=fconv", *SHAPES[name], "--dropout=0.1",
            "--max-source-positions=80", "--max-target-positions=70",
            "--optimizer=nag", "--lr=0.4", "--clip-norm=0.1", "--lr-scheduler=fixed", "--lr-shrink=0.8", "--force-anneal=16",
            "--criterion=label_smoothed_cross_entropy", "--label-smoothing=0.1", "--max-tokens=1000", "--max-epoch=20",
            f"--seed={seed}", "--cpu", "--num-workers=0", "--no-epoch-checkpoints", "--no-save-optimizer-state",
            f"--save-dir=run-{name}", "--no-progress-bar", "--log-interval=1000", "--bpe=subword_nmt",
        ],
    )  # fmt: skip
    fairseq_train.main(convert_namespace_to_omegaconf(arguments))
    return arguments, torch.load(f"run-{name}/checkpoint_last.pt")


def train_old():
    """As fairseq trained before `decoder.version` 2: the decoder's convolutions normalised over dimension 0."""
    whole, build = fconv.LinearizedConv1d, fconv.FConvDecoder.__init__

    def over_dimension_0(*arguments, **keywords):
        return torch.nn.utils.weight_norm(torch.nn.utils.remove_weight_norm(whole(*arguments, **keywords)), dim=0)

    def of_version_1(self, *arguments, **keywords):
        build(self, *arguments, **keywords)
        self.version.fill_(1)

    fconv.LinearizedConv1d, fconv.FConvDecoder.__init__ = over_dimension_0, of_version_1
    arguments, state = train("old", "bpe", 3)
    fconv.LinearizedConv1d, fconv.FConvDecoder.__init__ = whole, build
    kept = [
        "arch", "data", "source_lang", "target_lang", "max_source_positions", "max_target_positions", "dropout", "criterion",
        "label_smoothing", "optimizer", "lr", "momentum", "clip_norm", "lr_scheduler", "lr_shrink", "force_anneal", "seed", "max_epoch",
        "encoder_embed_dim", "encoder_embed_path", "encoder_layers", "decoder_embed_dim", "decoder_embed_path", "decoder_layers",
        "decoder_out_embed_dim", "decoder_attention", "share_input_output_embed",
    ]  # fmt: skip
    old = argparse.Namespace(**{name: getattr(arguments, name) for name in kept})
    # Truth values of the task were text then.
    old.left_pad_source, old.left_pad_target, old.raw_text = "True", "False", False
    history = [
        {
            "criterion_name": "LabelSmoothedCrossEntropyCriterion",
            "optimizer_name": "FairseqNAG",
            "lr_scheduler_state": {"best": 1.0},
            "num_updates": state["optimizer_history"][-1]["num_updates"],
        }
    ]
    extra = {"train_iterator": {"epoch": 20, "iterations_in_epoch": 0}, "val_loss": 1.0}
    state = {"args": old, "model": state["model"], "optimizer_history": history, "last_optimizer_state": None, "extra_state": extra}
    torch.save(state, OUT / "old.pt", _use_new_zipfile_serialization=False)


def train_all():
    _, state = train("first", "plain", 1)
    torch.save(state, OUT / "first.pt")
    arguments, state = train("second", "plain", 2)
    state["cfg"] = convert_namespace_to_omegaconf(arguments)
    torch.save(state, OUT / "second.pt")
    train_old()
    for language in ("zo", "mi"):
        shutil.copy(f"plain/dict.{language}.txt", OUT)
        shutil.copy(f"bpe/dict.{language}.txt", OUT / "bpe")
    shutil.copy("bpecodes", OUT / "bpe")


# ---- What fairseq computes ----

SETTINGS = {
    "beam1": {"beam": 1},
    "beam5": {"beam": 5},
    "lenpen0.6": {"beam": 5, "lenpen": 0.6},
    "lenpen1.5": {"beam": 5, "lenpen": 1.5},
    "unnormalized": {"beam": 5, "unnormalized": True},
    "min_len": {"beam": 4, "min_len": 14},
    "max_len": {"beam": 4, "max_len_a": 0.5, "max_len_b": 3},
    "no_repeat_ngram": {"beam": 4, "no_repeat_ngram_size": 2},
    "unkpen": {"beam": 4, "unkpen": 2.5},
    "unkpen_negative": {"beam": 4, "unkpen": -1.5},
    "temperature0.7": {"beam": 4, "temperature": 0.7},
    "temperature1.6": {"beam": 4, "temperature": 1.6},
    "prefix": {"beam": 4},
    "diverse": {"beam": 6, "diverse_beam_groups": 3, "diverse_beam_strength": 0.5},
    "constraints_ordered": {"beam": 6, "constraints": "ordered"},
    "constraints_unordered": {"beam": 6, "constraints": "unordered"},
}


# fairseq 0.12 gives this the whole buffer, whose end is padding, so that on a CPU it never forbids anything; before, and on a
# GPU, it got the words so far, as here.
whole_buffer = NGramRepeatBlock.forward
NGramRepeatBlock.forward = lambda self, tokens, lprobs, bsz, beam_size, step: whole_buffer(
    self, tokens[:, : step + 1], lprobs, bsz, beam_size, step
)


# The decoder's own upgrade of old checkpoints is hidden in fairseq 0.12 by its base class, and never called.
fconv.FConvDecoder.upgrade_state_dict_named = lambda self, state, name: self.upgrade_state_dict(state)


class Expectations:
    def __init__(self, names, data, source, target):
        paths = [str(OUT / f"{name}.pt") for name in names]
        self.models, _, self.task = checkpoint_utils.load_model_ensemble_and_task(paths, arg_overrides={"data": data})
        for model in self.models:
            model.eval()
        self.lines = source.read_text().splitlines(), target.read_text().splitlines()
        dictionaries = self.task.source_dictionary, self.task.target_dictionary
        self.ids = [
            [dictionary.encode_line(line, add_if_not_exist=False).long() for line in lines]
            for dictionary, lines in zip(dictionaries, self.lines)
        ]

    def batch(self, rows):
        source, target = ([ids[row] for row in rows] for ids in self.ids)
        collate = functools.partial(data_utils.collate_tokens, pad_idx=PAD, eos_idx=EOS)
        return {
            "id": torch.arange(len(rows)),
            "net_input": {
                "src_tokens": collate(source, left_pad=True),
                "src_lengths": torch.tensor([len(ids) for ids in source]),
                "prev_output_tokens": collate(target, left_pad=False, move_eos_to_beginning=True),
            },
            "target": collate(target, left_pad=False),
        }

    @torch.no_grad()
    def tensors(self):
        sample = self.batch(range(len(self.ids[0])))
        inputs, model = sample["net_input"], self.models[0]
        encoder = model.encoder(inputs["src_tokens"], inputs["src_lengths"])
        logits, attention = model.decoder(inputs["prev_output_tokens"], encoder)
        return {
            "source": inputs["src_tokens"],
            "previous": inputs["prev_output_tokens"],
            "target": sample["target"],
            "encoder_a": encoder["encoder_out"][0],
            "encoder_b": encoder["encoder_out"][1],
            "log_probabilities": model.get_normalized_probs((logits, None), log_probs=True),
            "attention": attention,
        }

    def hypotheses(self, models, rows, options, **forced):
        sample = self.batch(rows)
        generator = self.task.build_generator(models, argparse.Namespace(**options))
        found = self.task.inference_step(generator, models, sample, **forced)
        results = []
        for row, hypotheses in zip(rows, found):
            results.append([])
            for hypothesis in hypotheses:
                attention = hypothesis["attention"]  # source by target, but target by source from the scorer
                attention = attention if "score_reference" in options else attention.T
                attention = attention[: len(hypothesis["tokens"]), -len(self.ids[0][row]) :]
                results[-1].append(
                    {
                        "tokens": hypothesis["tokens"].tolist(),
                        "text": self.task.target_dictionary.string(hypothesis["tokens"], "@@ "),
                        "score": rounded(hypothesis["score"]),
                        "positional_scores": [rounded(score) for score in hypothesis["positional_scores"]],
                        "alignment": attention.argmax(1).tolist(),
                    }
                )
        return results

    def checked(self, rows, options, **forced):
        """The same in double precision must choose the same words."""
        found = self.hypotheses(self.models, rows, options, **forced)
        double = [copy.deepcopy(model).double() for model in self.models]
        again = self.hypotheses(double, rows, options, **copy.deepcopy(forced))
        for ours, theirs in zip(found, again):
            assert [one["tokens"] for one in ours] == [one["tokens"] for one in theirs], (options, ours, theirs)
            assert all(abs(one["score"] - other["score"]) < 2e-5 for one, other in zip(ours, theirs))
            assert [one["alignment"] for one in ours] == [one["alignment"] for one in theirs], options
        return found

    def json(self, settings):
        rows = range(len(self.ids[0]))
        results = {}
        for name in settings:
            options, forced, given = SETTINGS[name], {}, {}
            if name == "prefix":
                # The beginnings of other sentences' references, of different lengths.
                prefix = [self.ids[1][(row + 1) % len(rows)][: row % 4] for row in rows]
                forced["prefix_tokens"] = data_utils.collate_tokens(prefix, PAD)
                given["prefix"] = [ids.tolist() for ids in prefix]
            if name.startswith("constraints"):
                # Of the sentence after: a pair of words, then one before it; none for the third.
                following = [self.ids[1][(row + 1) % len(rows)] for row in rows]
                constraints = [[] if row == 2 else [ids[1:3], ids[:1]] for row, ids in enumerate(following)]
                forced["constraints"] = pack_constraints(constraints)
                given["constraints"] = [[ids.tolist() for ids in sentence] for sentence in constraints]
            if name == "max_len":  # it counts the batch's padding
                sentences = [self.checked([row], options)[0] for row in rows]
            else:
                sentences = self.checked(rows, options, **forced)
            results[name] = {"options": options, **given, "sentences": sentences}
        alone = [self.checked([row], SETTINGS["beam5"])[0] for row in rows]
        for ours, theirs in zip(alone, results["beam5"]["sentences"]):
            assert [one["tokens"] for one in ours] == [one["tokens"] for one in theirs], "depends on the batch"
        results["references"] = {"options": {"score_reference": True}, "sentences": self.checked(rows, {"score_reference": True})}
        return {
            "source": self.lines[0],
            "target": self.lines[1],
            "source_ids": [ids.tolist() for ids in self.ids[0]],
            "target_ids": [ids.tolist() for ids in self.ids[1]],
            "results": results,
        }


def rounded(number):
    return float(f"{float(number):.8g}")


def write(name, models, data, source, target, settings):
    expectations = Expectations(models, data, Path(source), Path(target))
    if len(models) == 1:
        tensors = expectations.tensors()
        save_file({key: value.contiguous().clone() for key, value in tensors.items()}, OUT / f"{name}.safetensors")
    lines = json.dumps(expectations.json(settings), ensure_ascii=False)
    # One hypothesis a line.
    (OUT / f"{name}.json").write_text(lines.replace('{"tokens"', '\n{"tokens"') + "\n")


def main():
    (OUT / "bpe").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        corpus()
        train_all()
        every = list(SETTINGS)
        write("first", ["first"], "plain", "test.zo", "test.mi", every)
        write("second", ["second"], "plain", "test.zo", "test.mi", ["beam1", "beam5"])
        write("old", ["old"], "bpe", "bpe.test.zo", "bpe.test.mi", ["beam1", "beam5", "lenpen0.6"])
        write("ensemble", ["first", "second"], "plain", "test.zo", "test.mi", ["beam1", "beam5", "temperature1.6", "constraints_ordered"])
        os.chdir("/")
    for file in sorted(OUT.rglob("*")):
        if file.is_file():
            assert folder.encode() not in file.read_bytes(), file
            print(file.relative_to(OUT), file.stat().st_size)


main()
