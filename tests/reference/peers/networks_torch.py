"""Whole networks of torchvision, answers and training steps, timed: a line of JSON, as `crates/speed/src/bin/networks.rs` prints.

    python networks_torch.py --network alexnet|resnet18|resnet50 --work inference|training [--batch 1] [--threads 1] [--seconds 10]
        [--channels-last]
"""
import argparse, json, time
import torch, torchvision

from steps_torch import numbers, resident

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", required=True)
    parser.add_argument("--work", required=True, choices=["inference", "training"])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    start_kib = resident("VmRSS:")
    network = getattr(torchvision.models, options.network.removeprefix("torchvision_"))()
    side, batch = 224, options.batch
    pictures = (numbers(batch * 3 * side * side, 256, 1).float() / 64 - 2).reshape(batch, 3, side, side)
    truth = numbers(batch, 1000, 2)
    if options.channels_last:
        network, pictures = (x.to(memory_format=torch.channels_last) for x in (network, pictures))
    training = options.work == "training"
    network.train(training)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def turn():
        if not training:
            with torch.inference_mode():
                return network(pictures).sum().item()
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(pictures), truth)
        loss.backward()
        optimizer.step()
        return loss.item()

    first = turn()
    turn()
    times, start, last = [], time.perf_counter(), first
    while len(times) < 3 or time.perf_counter() - start < options.seconds:
        began = time.perf_counter()
        last = turn()
        times.append(time.perf_counter() - began)
    times.sort()
    print(json.dumps({
        "per_second": batch / times[len(times) // 2], "best": batch / times[0], "turns": len(times),
        "answers": [first, last], "parameters": sum(p.numel() for p in network.parameters()),
        "start_kib": start_kib, "peak_kib": resident("VmHWM:"),
    }))
