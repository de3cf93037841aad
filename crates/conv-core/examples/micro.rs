#![allow(missing_docs, clippy::print_stdout)]
use candle_core::{Device, Tensor};
use conv_core::*;
use std::time::Instant;
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    keep_memory();
    let a: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let [b, c, o, h, w, kh, kw, p, reps] = a[..] else { panic!() };
    let x = Tensor::rand(-1f32, 1., (b, c, h, w), &Device::Cpu)?;
    let wt = Tensor::rand(-1f32, 1., (o, c, kh, kw), &Device::Cpu)?;
    let cfg = Conv2dConfig {
        padding: Padding2d { top: p.min(kh - 1), bottom: p.min(kh - 1), left: p, right: p },
        ..Default::default()
    };
    for exact in [Precision::Fast, Precision::Exact] {
        let mut best = f64::MAX;
        let mut n = 0;
        for _ in 0..reps {
            let s = Instant::now();
            n = exact.with(|| conv2d(&x, &wt, None, &cfg))?.elem_count();
            best = best.min(s.elapsed().as_secs_f64());
        }
        println!(
            "{exact:?} {:.2} ms {:.1} GF/s",
            best * 1e3,
            2.0 * (n * c * kh * kw) as f64 / best / 1e9
        );
    }
    let (xv, wv) = (candle_core::Var::from_tensor(&x)?, candle_core::Var::from_tensor(&wt)?);
    let y = conv2d(&x, &wt, None, &cfg)?;
    let dy = Tensor::rand(-1f32, 1., y.shape(), &Device::Cpu)?;
    let flops = 2.0 * (y.elem_count() * c * kh * kw) as f64;
    for (name, x, w) in
        [("dw", x.clone(), wv.as_tensor().clone()), ("dx", xv.as_tensor().clone(), wt.clone())]
    {
        let mut best = f64::MAX;
        for _ in 0..reps {
            let s = Instant::now();
            gradients::conv2d(&x, &w, None, &dy, &cfg)?;
            best = best.min(s.elapsed().as_secs_f64());
        }
        println!("{name} {:.2} ms {:.1} GF/s", best * 1e3, flops / best / 1e9);
    }
    Ok(())
}
