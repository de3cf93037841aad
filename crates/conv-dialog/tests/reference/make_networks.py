"""Writes networks.json: scores, loss and gradients of every encoder × decoder of Das et al. (2017), "Visual Dialog", by PyTorch.

    python make_networks.py > networks.json
"""

import json

import torch
from torch import nn

KNOWN, D, H, K, FEATURES, COUNTING, HISTORY, IMAGE = 9, 3, 4, 3, 19, 2, 8, 2
ENCODERS, DECODERS = ("late-fusion", "hierarchical", "memory"), ("discriminative", "generative")


def last(layer, words, texts):
    """The last state of a layer over each text, [N, H]; texts one by one, so that there is no padding."""
    return torch.stack([layer(words(torch.tensor(text))[None])[1][0][0, 0] for text in texts])


class Network(nn.Module):
    def __init__(self, image):
        super().__init__()
        self.image = image
        self.words = nn.Embedding(KNOWN + 1, D, padding_idx=0)
        for name in ("question", "history", "answer"):
            setattr(self, name, nn.LSTM(D, H, batch_first=True))
        self.dialog = nn.LSTM(2 * H + image, H, batch_first=True)
        self.fusion = nn.Linear(2 * H + image, H)
        self.context = nn.Linear(H, H)
        if image:
            self.query = nn.Linear(H + image, H)
        self.counting = nn.ModuleDict({"hidden": nn.Linear(FEATURES, COUNTING), "score": nn.Linear(COUNTING, 1)})
        self.next = nn.Linear(H, KNOWN + 1)

    def encode(self, encoder, turn):
        image = torch.tensor(turn["image"][: self.image])
        question = last(self.question, self.words, [turn["question"]])[0]
        rounds = [asked + answered for asked, answered in turn["rounds"]]
        if encoder == "late-fusion":
            heard = turn["caption"][:HISTORY]
            before = sum(rounds, [])
            heard = heard + before[max(0, len(before) - (HISTORY - len(heard))) :]
            history = last(self.history, self.words, [heard])[0]
            return torch.tanh(self.fusion(torch.cat([question, history, image])))
        facts = last(self.history, self.words, [fact[:HISTORY] for fact in [turn["caption"]] + rounds])
        if encoder == "hierarchical":
            asked = [question for question, _ in turn["rounds"]] + [turn["question"]]
            questions = last(self.question, self.words, asked)
            seen = image.expand(len(facts), -1)
            return self.dialog(torch.cat([questions, facts, seen], 1)[None])[1][0][0, 0]
        if self.image:
            question = torch.tanh(self.query(torch.cat([question, image])))
        attention = torch.softmax(facts @ question, 0)
        return question + self.context(attention @ facts)

    def scores(self, encoder, decoder, turn):
        encoded = self.encode(encoder, turn)
        if decoder == "discriminative":
            read = last(self.answer, self.words, turn["candidates"]) @ encoded
            counted = torch.tanh(self.counting["hidden"](torch.tensor(turn["counted"])))
            return read + self.counting["score"](counted)[:, 0]
        scores = []
        for answer in turn["candidates"]:
            before = self.words(torch.tensor([KNOWN] + answer))[None]
            state = (encoded[None, None], torch.zeros(1, 1, H))
            logits = self.next(self.answer(before, state)[0][0])
            scores.append(-nn.functional.cross_entropy(logits, torch.tensor(answer + [KNOWN]), reduction="sum"))
        return torch.stack(scores)


def rounded(tensor, digits=5):
    return [round(number, digits) for number in tensor.flatten().tolist()]


def drawn(image):
    network = Network(image)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.tensor(rounded(parameter, 3)).view_as(parameter))
    return network


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    networks = [drawn(0), drawn(IMAGE)]

    def text(most):
        return torch.randint(1, KNOWN, (int(torch.randint(1, most + 1, ())),)).tolist()

    turns = []
    for before in (0, 3, 1):
        turns.append(
            {
                "caption": text(5),
                "rounds": [[text(4), text(3)] for _ in range(before)],
                "question": text(4),
                "image": [round(float(x), 3) for x in torch.randn(IMAGE)],
                "candidates": [text(3) for _ in range(K)],
                "counted": [[round(float(x), 3) for x in torch.randn(FEATURES)] for _ in range(K)],
            }
        )
    print(json.dumps({"sizes": sizes(), "turns": turns, "networks": [cases(n, turns) for n in networks]}, separators=(",", ":")))


def sizes():
    return {"known": KNOWN, "dimension": D, "units": H, "counting_units": COUNTING, "history": HISTORY}


def cases(network, turns):
    """Every encoder with every decoder of a network."""
    cases = []
    for encoder in ENCODERS:
        for decoder in DECODERS:
            network.zero_grad()
            scores = torch.stack([network.scores(encoder, decoder, turn) for turn in turns])
            if decoder == "discriminative":
                loss = nn.functional.cross_entropy(scores, torch.zeros(len(turns), dtype=torch.long))
            else:
                loss = -scores[:, 0].sum() / sum(1 + len(turn["candidates"][0]) for turn in turns)
            loss.backward()
            gradients = {name: rounded(p.grad) for name, p in network.named_parameters() if p.grad is not None}
            if decoder == "discriminative":
                # There the table has no row for an answer's ends.
                gradients["words.weight"] = gradients["words.weight"][: KNOWN * D]
            cases.append(
                {
                    "encoder": encoder,
                    "decoder": decoder,
                    "scores": rounded(scores.detach()),
                    "loss": loss.item(),
                    "gradients": gradients,
                }
            )
    parameters = {name: rounded(p.data, 3) for name, p in network.named_parameters()}
    return {"image": network.image, "parameters": parameters, "cases": cases}


main()
