"""Writes ranking.json: scores of made-up rounds and their figures by the definitions of VisDial's challenge, in plain Python.

The definitions are those of the challenge's own evaluation (Das et al. 2017, section 5; the NDCG of the 2018 challenge): candidates are
ranked by falling score; R@k is whether the true answer's rank is at most k; NDCG is over the first k of the ranking, k being how many
candidates have a relevance above 0, with the discount 1 / log2(place + 1), places from 1. No two scores of a round are equal.

    python make_ranking.py
"""

import json
import math
import pathlib
import random


def ranks(scores):
    order = sorted(range(len(scores)), key=lambda candidate: -scores[candidate])
    rank = [0] * len(scores)
    for place, candidate in enumerate(order):
        rank[candidate] = place + 1
    return rank


def ndcg(scores, relevance):
    k = sum(value != 0 for value in relevance)
    ranked = sorted(range(len(scores)), key=lambda candidate: -scores[candidate])[:k]
    ideal = sorted(relevance, reverse=True)[:k]
    dcg = lambda values: sum(value / math.log2(place + 2) for place, value in enumerate(values))
    return dcg([relevance[candidate] for candidate in ranked]) / dcg(ideal)


def main():
    draw = random.Random(23)
    rounds = []
    for _ in range(12):
        scores = [number / 64 for number in draw.sample(range(-4000, 4000), 100)]
        truth = draw.randrange(100)
        # Some true answers come early.
        if draw.random() < 0.6:
            scores[truth] = sorted(scores)[-draw.randrange(1, 9)] + 1 / 128
        relevance = [0.0] * 100
        for candidate in draw.sample(range(100), draw.randrange(1, 12)):
            relevance[candidate] = draw.randrange(1, 6) / 5
        rounds.append({"scores": scores, "truth": truth, "relevance": relevance, "ndcg": ndcg(scores, relevance)})
    found = [ranks(one["scores"])[one["truth"]] for one in rounds]
    mean = lambda values: sum(values) / len(found)
    figures = {
        "mrr": mean([1 / rank for rank in found]),
        "r1": mean([rank <= 1 for rank in found]),
        "r5": mean([rank <= 5 for rank in found]),
        "r10": mean([rank <= 10 for rank in found]),
        "mean_rank": mean(found),
    }
    path = pathlib.Path(__file__).with_name("ranking.json")
    path.write_text(json.dumps({"rounds": rounds, "figures": figures}) + "\n")


if __name__ == "__main__":
    main()
