//! Times of the convolution kernels, and how much of the processor's peak they reach.
#![allow(clippy::print_stdout)]
use candle_core::{DType, Device, Tensor, Var};
use conv_core::{Conv2dConfig, Padding2d, conv2d};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).and_then(|t| t.parse().ok()).unwrap_or(1);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let only = std::env::args().nth(2).unwrap_or_default();
    // name, x, weight, stride, padding (top, bottom, left, right), groups, input gradient
    type Case = (&'static str, [usize; 4], [usize; 4], usize, [usize; 4], usize, bool);
    let cases: Vec<Case> = vec![
        ("kim3", [50, 300, 1, 56], [100, 300, 1, 3], 1, [0; 4], 1, true),
        ("kim4", [50, 300, 1, 56], [100, 300, 1, 4], 1, [0; 4], 1, true),
        ("kim5", [50, 300, 1, 56], [100, 300, 1, 5], 1, [0; 4], 1, true),
        ("convs2s-256", [32, 256, 1, 30], [512, 256, 1, 3], 1, [0, 0, 2, 0], 1, true),
        ("convs2s-512", [32, 512, 1, 30], [1024, 512, 1, 3], 1, [0, 0, 2, 0], 1, true),
        ("raw-window", [64, 1, 1, 560], [40, 1, 1, 400], 1, [0; 4], 1, false),
        ("raw-utterance", [8, 1, 1, 32000], [40, 1, 1, 400], 1, [0; 4], 1, false),
        ("raw-utterance-s4", [8, 1, 1, 32000], [40, 1, 1, 400], 4, [0; 4], 1, false),
        ("alexnet-conv1", [16, 3, 227, 227], [96, 3, 11, 11], 4, [0; 4], 1, false),
        ("alexnet-conv2", [16, 96, 27, 27], [256, 48, 5, 5], 1, [2; 4], 2, true),
        ("alexnet-conv3", [16, 256, 13, 13], [384, 256, 3, 3], 1, [1; 4], 1, true),
        ("resnet-3x3-64", [8, 64, 56, 56], [64, 64, 3, 3], 1, [1; 4], 1, true),
        ("resnet-3x3-128", [8, 128, 28, 28], [128, 128, 3, 3], 1, [1; 4], 1, true),
        ("resnet-3x3-512", [8, 512, 7, 7], [512, 512, 3, 3], 1, [1; 4], 1, true),
        ("resnet-3x3-s2", [8, 64, 56, 56], [128, 64, 3, 3], 2, [1; 4], 1, true),
        ("resnet-1x1", [8, 256, 56, 56], [64, 256, 1, 1], 1, [0; 4], 1, true),
        ("resnet-7x7-s2", [8, 3, 224, 224], [64, 3, 7, 7], 2, [3; 4], 1, false),
        ("vgg-3x3", [1, 64, 224, 224], [64, 64, 3, 3], 1, [1; 4], 1, true),
        ("depthwise-3x3", [8, 128, 28, 28], [128, 1, 3, 3], 1, [1; 4], 128, true),
    ];
    println!("{:<18} {:>9} {:>6}   {:>9} {:>6}", "case", "fwd ms", "GF/s", "both ms", "GF/s");
    for (name, x, w, s, [top, bottom, left, right], groups, dx) in cases {
        if !name.contains(&only) {
            continue;
        }
        let x = Var::rand(-1f32, 1., &x, &Device::Cpu)?;
        let w = Var::rand(-1f32, 1., &w, &Device::Cpu)?;
        let b = Tensor::zeros(w.dims()[0], DType::F32, &Device::Cpu)?;
        let padding = Padding2d { top, bottom, left, right };
        let config = Conv2dConfig { stride: (s, s), padding, groups, ..Default::default() };
        let seen = if dx { x.as_tensor().clone() } else { x.detach() };
        let y = conv2d(&seen, &w, Some(&b), &config)?;
        let flops = 2.0 * (y.elem_count() * w.elem_count() / w.dims()[0]) as f64;
        let time = |f: &mut dyn FnMut() -> candle_core::Result<f64>| -> candle_core::Result<f64> {
            f()?;
            let mut times = Vec::new();
            let start = Instant::now();
            while times.len() < 5 || start.elapsed().as_secs_f64() < 0.6 {
                times.push(f()?);
            }
            times.sort_by(f64::total_cmp);
            Ok(times[times.len() / 4])
        };
        let (xd, wd) = (x.detach(), w.detach());
        let forward = time(&mut || {
            let start = Instant::now();
            conv2d(&xd, &wd, Some(&b), &config)?;
            Ok(start.elapsed().as_secs_f64())
        })?;
        let dy = y.detach();
        let both = time(&mut || {
            let start = Instant::now();
            conv2d(&xd, &wd, Some(&b), &config)?;
            conv_core::gradients::conv2d(&seen, &w, Some(&b), &dy, &config)?;
            Ok(start.elapsed().as_secs_f64())
        })?;
        let passes = if dx { 3.0 } else { 2.0 };
        println!(
            "{name:<18} {:>9.3} {:>6.1}   {:>9.3} {:>6.1}",
            forward * 1e3,
            flops / forward / 1e9,
            both * 1e3,
            passes * flops / both / 1e9
        );
    }
    Ok(())
}
