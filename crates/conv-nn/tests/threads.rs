//! The same bits for 1, 2 and 4 threads, forward and backward.

use candle_core::{DType, Device, Module, Result, Tensor};
use conv_nn::{
    BatchNormConfig, CrossEntropyConfig, CtcConfig, EmbeddingConfig, GroupNormConfig, GruConfig,
    LayerNormConfig, LocalResponseNormConfig, LstmConfig, Mode, Parameters, RDropConfig,
    RnntConfig, add_scaled, batch_norm, cross_entropy, ctc_loss, dropout, dropout_of_first,
    embedding, glu, group_norm, gru, layer_norm, linear, linear_r_drop_loss, local_response_norm,
    log_softmax, lstm, max_over_time, relu, rng, rnnt_loss, softmax,
};
use std::path::Path;
use std::process::Command;

/// Where a child process writes its bits.
const OUTPUT: &str = "CONV_NN_BITS_OUTPUT";

/// Rayon's pool and candle's matrix product fix their threads once a process, so each count gets a
/// process: this test, started again.
#[test]
fn results_do_not_depend_on_the_number_of_threads()
-> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Some(output) = std::env::var_os(OUTPUT) {
        return Ok(std::fs::write(output, bits()?)?);
    }
    let mut found = Vec::new();
    for threads in ["1", "2", "4"] {
        let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("conv-nn-bits-{threads}"));
        // What an earlier run left must not stand for this one's.
        std::fs::write(&output, "")?;
        let child = Command::new(std::env::current_exe()?)
            .args(["--exact", "results_do_not_depend_on_the_number_of_threads"])
            .env("RAYON_NUM_THREADS", threads)
            .env(OUTPUT, &output)
            .output()?;
        assert!(child.status.success(), "with {threads} threads: {child:?}");
        found.push(std::fs::read_to_string(&output)?);
    }
    assert!(found[0].lines().count() == 46, "{}", found[0]);
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    Ok(())
}

/// A line a result: its name and a hash of its bits. The sizes are such that every operation's work
/// is split.
fn bits() -> Result<String> {
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let table = embedding(3000, 70, EmbeddingConfig::default(), vb.pp("embedding"))?;
    let first = linear(70, 90, vb.pp("first"))?;
    let batches = batch_norm(90, BatchNormConfig::default(), vb.pp("batches"))?;
    let norm = layer_norm(90, LayerNormConfig::default(), vb.pp("norm"))?;
    let groups = GroupNormConfig { groups: 9, ..Default::default() };
    let groups = group_norm(90, groups, vb.pp("groups"))?;
    let second = linear(90, 700, vb.pp("second"))?;
    let wide = linear(90, 2000, vb.pp("wide"))?;

    let stacked =
        LstmConfig { layers: 2, bidirectional: true, projection: Some(40), ..Default::default() };
    let memory = lstm(90, 60, stacked, vb.pp("memory"))?;
    let gated_units = gru(80, 70, GruConfig::default(), vb.pp("gru"))?;

    let list: Vec<u32> = (0..64 * 40).map(|i| i * i % 3001 % 3000).collect();
    let targets: Vec<u32> = list.iter().map(|id| id % 700).collect();
    let ids = Tensor::from_vec(list, (64, 40), &Device::Cpu)?;
    let targets = Tensor::from_vec(targets, 64 * 40, &Device::Cpu)?;

    let mut stream = rng::seeded(2, "threads");
    let x = dropout(&table.forward(&ids)?, 0.3, &mut Mode::Train(&mut stream))?;
    let x = relu(&norm.forward(&first.forward(&x)?)?)?;
    let x = (softmax(&x, 1)? + log_softmax(&x, 2)?)?;
    let normalised = batches.forward(&x.transpose(1, 2)?, &mut Mode::Train(&mut stream))?;
    let lengths: Vec<usize> = (0..64).map(|i| i * 7 % 41).collect();
    let ended = dropout_of_first(&normalised, &lengths, 0.3, &mut Mode::Train(&mut stream))?;
    let gated = glu(&add_scaled(&ended, &normalised, 0.7)?, 1)?;
    let grouped = groups.forward(&normalised)?;
    let across = LocalResponseNormConfig { alpha: 1.0, ..Default::default() };
    let across = local_response_norm(&grouped, &across)?;
    let pooled = max_over_time(&x.transpose(1, 2)?, None)?;
    let logits = second.forward(&x)?.flatten_to(1)?;
    let loss = cross_entropy(&logits, &targets, &CrossEntropyConfig::default())?;
    let of_blocks = x.flatten_to(1)?;
    // The cross-entropy by blocks, and more.
    let r_drop = RDropConfig { label_smoothing: 0.1, alpha: 1.0 };
    let of_blocks = linear_r_drop_loss(&wide, &of_blocks, &targets, &r_drop)?;
    let loss = (((loss + of_blocks.clone())? + pooled.sum_all()?)? + gated.sum_all()?)?;
    let loss = (loss + across.sqr()?.sum_all()?)?;
    let (remembered, _) = memory.forward(&x, Some(&lengths), None, &mut Mode::Eval)?;
    let (last, _) = gated_units.forward(&remembered, Some(&lengths), None, &mut Mode::Eval)?;
    let loss = (loss + last.sqr()?.sum_all()?)?;
    let timed: Vec<Vec<u32>> = lengths
        .iter()
        .map(|&length| (0..length / 2).map(|at| 1 + at as u32 % 79).collect())
        .collect();
    let timed = ctc_loss(&remembered, &lengths, &timed, &CtcConfig::default())?;
    let places = Tensor::stack(&[&remembered; 4], 2)?;
    let texts = vec![[1u32, 2, 3]; lengths.len()];
    let some: Vec<usize> = lengths.iter().map(|&length| length.max(1)).collect();
    let written = rnnt_loss(&places, &some, &texts, &RnntConfig::default())?;
    let loss = ((loss + &timed)? + &written)?;
    let gradients = loss.backward()?;

    let mut results =
        vec![("loss".to_string(), loss), ("pooled".into(), pooled), ("gated".into(), gated)];
    results.push(("of_blocks".into(), of_blocks));
    results.extend([("grouped".to_string(), grouped), ("across".into(), across)]);
    results.extend([
        ("last".to_string(), last),
        ("timed".into(), timed),
        ("written".into(), written),
    ]);
    for (name, var) in parameters.vars() {
        results.extend(gradients.get(&var).map(|gradient| (name, gradient.clone())));
    }
    let line = |(name, tensor): (String, Tensor)| -> Result<String> {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        // FNV-1a.
        let hash = values.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, value| {
            (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3)
        });
        Ok(format!("{name} {hash:016x}\n"))
    };
    results.into_iter().map(line).collect()
}
