"""Translates with fairseq's own generator: what our translation is timed against.

    pip install ...                                                          as make_fairseq_fixtures.py of conv-translate says, and tokenizers
    python convs2s_fairseq.py checkpoint runs/convs2s/.../model fairseq --input test.de
    python convs2s_fairseq.py translate fairseq --batch 32 --threads 2

`checkpoint` writes a trained model of ours as fairseq's: `checkpoint.pt`, `dict.SRC.txt`, `dict.TGT.txt`, and `input.txt`, the sentences of
--input in its pieces. Both sides open these. `translate` prints a line of JSON, as `crates/speed/src/bin/translate.rs` does: seconds of each
pass over the sentences, tokens, memory. The model is made ready as fairseq-generate does it: weight norm removed, `BeamableMM`, incremental
states, batches of like lengths.
"""
import argparse, functools, json, logging, pathlib, time
import torch


def resident(field):
    """A line of Linux's account of this process, in KiB."""
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))


def checkpoint(model, folder, input):
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    config = json.loads((model / "config.json").read_text())
    languages = json.loads((model / "training.json").read_text())["languages"].split("-")
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    words = sorted(tokenizer.get_vocab(with_added_tokens=True).items(), key=lambda word: word[1])
    assert [place for _, place in words] == list(range(len(words)))
    folder.mkdir(parents=True, exist_ok=True)
    for language in languages:
        # fairseq puts its own four in front.
        (folder / f"dict.{language}.txt").write_text("".join(f"{word} 1\n" for word, _ in words[4:]))
    state = {name: tensor.float() for name, tensor in load_file(model / "model.safetensors").items()}
    assert config["share_embeddings"] and config["tie_output"], "the recipe `small` alone"
    state["encoder.embed_tokens.weight"] = state["decoder.fc3.weight"] = state["decoder.embed_tokens.weight"]
    state["decoder.version"] = torch.tensor([2.0])
    arguments = argparse.Namespace(
        arch="fconv", task="translation", source_lang=languages[0], target_lang=languages[1], left_pad_source=True, left_pad_target=False,
        dropout=config["dropout"], encoder_embed_dim=config["encoder_embedding"], encoder_embed_path=None,
        encoder_layers=config["encoder_layers"], decoder_embed_dim=config["decoder_embedding"], decoder_embed_path=None,
        decoder_layers=config["decoder_layers"], decoder_out_embed_dim=config["output_embedding"],
        decoder_attention=str(config["attention"]), share_input_output_embed=True,
        max_source_positions=config["source_positions"], max_target_positions=config["target_positions"])  # fmt: skip
    # Without a history fairseq takes the file for one of 2017.
    history = [{"criterion_name": "LabelSmoothedCrossEntropyCriterion", "optimizer_name": "FairseqAdam",
                "lr_scheduler_state": {}, "num_updates": 0}]
    extra = {"train_iterator": {"epoch": 1, "iterations_in_epoch": 0}}
    torch.save({"args": arguments, "model": state, "optimizer_history": history, "extra_state": extra,
                "last_optimizer_state": None}, folder / "checkpoint.pt")
    lines = input.read_text().splitlines()
    pieces = [" ".join(tokenizer.encode(line, add_special_tokens=False).tokens) for line in lines]
    (folder / "input.txt").write_text("".join(f"{line}\n" for line in pieces))
    (folder / "languages.txt").write_text(" ".join(languages))


def translate(options):
    torch.load = functools.partial(torch.load, weights_only=False)  # fairseq's checkpoints hold more than tensors
    logging.disable(logging.WARNING)
    from fairseq import checkpoint_utils
    from fairseq.data import data_utils

    start = resident("VmRSS:")
    models, _, task = checkpoint_utils.load_model_ensemble_and_task(
        [str(options.folder / "checkpoint.pt")], arg_overrides={"data": str(options.folder)})
    for model in models:
        model.make_generation_fast_(beamable_mm_beam_size=options.beam, need_attn=False)
    search = {"beam": options.beam}
    if options.words:
        search["min_len"] = search["max_len_b"] = options.words
    generator = task.build_generator(models, argparse.Namespace(**search))
    lines = enumerate((options.folder / "input.txt").read_text().splitlines()[:options.lines])
    lines = sorted(lines, key=lambda line: line[1].count(" "))
    size = options.batch or len(lines)
    seconds = []
    for _ in range(options.times):
        found, began = [], time.perf_counter()
        for first in range(0, len(lines), size):
            batch = lines[first:first + size]
            source = [task.source_dictionary.encode_line(line, add_if_not_exist=False).long() for _, line in batch]
            sample = {"net_input": {
                "src_tokens": data_utils.collate_tokens(source, task.source_dictionary.pad(), left_pad=True),
                "src_lengths": torch.tensor([len(ids) for ids in source])}}
            for (place, _), hypotheses in zip(batch, task.inference_step(generator, models, sample)):
                best = hypotheses[0]
                found.append((place, task.target_dictionary.string(best["tokens"]), len(best["tokens"]), float(best["score"])))
        seconds.append(time.perf_counter() - began)
    found.sort()
    result = {"sentences": len(found), "tokens": sum(tokens for _, _, tokens, _ in found), "seconds": seconds,
              "start_kib": start, "peak_kib": resident("VmHWM:")}
    if options.texts:
        result["texts"] = [[text, score] for _, text, _, score in found]
    print(json.dumps(result))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("checkpoint")
    make.add_argument("model", type=pathlib.Path)
    make.add_argument("folder", type=pathlib.Path)
    make.add_argument("--input", type=pathlib.Path, required=True)
    use = verbs.add_parser("translate")
    use.add_argument("folder", type=pathlib.Path)
    use.add_argument("--threads", type=int, default=2)
    use.add_argument("--lines", type=int, default=None)
    use.add_argument("--batch", type=int, default=0, help="sentences at once; 0 for all")
    use.add_argument("--beam", type=int, default=5)
    use.add_argument("--words", type=int, help="translations of exactly so many words")
    use.add_argument("--times", type=int, default=1)
    use.add_argument("--texts", action="store_true", help="print the translations as well")
    options = parser.parse_args()
    if options.verb == "checkpoint":
        checkpoint(options.model, options.folder, options.input)
    else:
        torch.set_num_threads(options.threads)
        translate(options)
