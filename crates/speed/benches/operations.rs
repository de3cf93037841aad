//! `cargo bench -p speed [name]`: each operation, forward and with its own backward pass, for work
//! on the kernels.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use speed::cases::{Arguments, CASES};
use speed::convoke::{forward, forward_backward};

fn operations(criterion: &mut Criterion) {
    for case in &CASES {
        let tracked = Arguments::new(case).unwrap();
        let plain = tracked.detached();
        let dy = forward(case, &plain).unwrap().ones_like().unwrap();
        let mut group = criterion.benchmark_group(case.name);
        group.sample_size(20);
        group.bench_function("forward", |b| b.iter(|| forward(case, &plain).unwrap()));
        group.bench_function("forward and backward", |b| {
            b.iter(|| forward_backward(case, &tracked, &dy).unwrap())
        });
        group.finish();
    }
}

criterion_group!(benches, operations);
criterion_main!(benches);
