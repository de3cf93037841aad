//! On CUDA layers and losses give the values and the gradients that they give on the CPU, in f32 to
//! 1e-4 of the largest. Without a device nothing is tested, and that is said; with `CONVOKE_CUDA`
//! in the environment it is a failure.
#![allow(missing_docs)]

use candle_core::{DType, Device, Module, Result, Tensor};
use conv_nn::{
    BatchNorm, BatchNormConfig, CrossEntropyConfig, Embedding, EmbeddingConfig, GroupNorm,
    GroupNormConfig, Gru, GruConfig, LayerNorm, LayerNormConfig, LayerWeights, Linear,
    LocalResponseNormConfig, Lstm, LstmConfig, LstmState, Mode, Parameters, RDropConfig, Reduction,
    add_relu, add_scaled, argmax_over_time, cross_entropy, dropout, dropout_of_first, glu,
    keep_first, linear_cross_entropy, linear_r_drop_loss, local_response_norm, log_softmax,
    max_over_time, relu, rng, scale_gradient, softmax, softmax_of_first, weight_norm,
};
use gradcheck::OnCuda;

/// Calls `test` where there is a device.
fn on_cuda(test: impl FnOnce(&mut OnCuda) -> Result<()>) -> Result<()> {
    let Some(mut checks) = OnCuda::new()? else { return Ok(()) };
    test(&mut checks)?;
    checks.end();
    Ok(())
}

#[test]
fn activations() -> Result<()> {
    on_cuda(|checks| {
        let x = [3, 8, 37];
        checks.check("relu", &[&x], |t| relu(&t[0]))?;
        checks.check("add_relu", &[&x, &x], |t| add_relu(&t[0], &t[1]))?;
        checks.check("add_scaled", &[&x, &x], |t| add_scaled(&t[0], &t[1], 0.5f64.sqrt()))?;
        checks.check("scale_gradient", &[&x], |t| scale_gradient(&t[0], 0.1))?;
        for dim in 0..3 {
            checks.check("softmax", &[&x], |t| softmax(&t[0], dim))?;
            checks.check("log_softmax", &[&x], |t| log_softmax(&t[0], dim))?;
        }
        checks.check("glu", &[&x], |t| glu(&t[0], 1))?;
        checks.check("keep_first", &[&x], |t| keep_first(&t[0], &[37, 5, 1]))?;
        checks.check("softmax_of_first", &[&x], |t| softmax_of_first(&t[0], &[37, 5, 1]))?;
        checks.check("max_over_time", &[&x], |t| max_over_time(&t[0], None))?;
        checks
            .check("max_over_time of some", &[&x], |t| max_over_time(&t[0], Some(&[37, 5, 1])))?;
        // Of equals the first; positions have no gradient.
        let equals = gradcheck::values(&x, 1).affine(2.0, 0.0)?.round()?;
        checks.check_on("argmax_over_time", &[equals], |t| {
            let (y, positions) = argmax_over_time(&t[0], None)?;
            y.broadcast_add(&positions.to_dtype(y.dtype())?)
        })
    })
}

/// One mask for one key, whatever the device.
#[test]
fn dropout_in_both_modes() -> Result<()> {
    on_cuda(|checks| {
        let x = [3, 8, 37];
        checks.check("dropout in evaluation", &[&x], |t| dropout(&t[0], 0.5, &mut Mode::Eval))?;
        checks.check("dropout", &[&x], |t| {
            dropout(&t[0], 0.3, &mut Mode::Train(&mut rng::seeded(1, "dropout")))
        })?;
        checks.check("dropout_of_first", &[&x], |t| {
            let mut stream = rng::seeded(1, "dropout");
            dropout_of_first(&t[0], &[37, 5, 1], 0.3, &mut Mode::Train(&mut stream))
        })
    })
}

#[test]
fn batch_norm_and_its_running_statistics() -> Result<()> {
    on_cuda(|checks| {
        for x in [&[16, 6][..], &[5, 6, 31], &[3, 6, 9, 7]] {
            for is_training in [false, true] {
                for is_rectified in [false, true] {
                    let name = format!("batch_norm, {is_training}, {is_rectified}");
                    checks.check(&name, &[x, &[6], &[6], &[6], &[6]], |t| {
                        let [mean, variance] =
                            [t[3].detach().copy()?, t[4].sqr()?.detach().copy()?];
                        let running = [mean.clone(), variance.clone()];
                        let config = BatchNormConfig::default();
                        let layer =
                            BatchNorm::new(t[1].clone(), t[2].clone(), mean, variance, config);
                        let mut stream = rng::seeded(1, "not used");
                        let mut mode =
                            if is_training { Mode::Train(&mut stream) } else { Mode::Eval };
                        let y = if is_rectified {
                            layer.forward_relu(&t[0], &mut mode)?
                        } else {
                            layer.forward(&t[0], &mut mode)?
                        };
                        // The statistics behind the values, with gradients for those who need one.
                        let [mean, variance] = running.map(|of| of.flatten_all());
                        let unused = [&t[3], &t[4]].map(|t| t.sum_all());
                        let unused = unused.into_iter().map(|t| t?.unsqueeze(0));
                        let unused = unused.collect::<Result<Vec<_>>>()?;
                        let y = y.flatten_all()?;
                        Tensor::cat(&[&y, &mean?, &variance?, &unused[0], &unused[1]], 0)
                    })?;
                }
            }
        }
        Ok(())
    })
}

#[test]
fn normalisations_over_channels() -> Result<()> {
    on_cuda(|checks| {
        for x in [&[16, 6][..], &[5, 6, 31], &[3, 6, 9, 7]] {
            for groups in [1, 3, 6] {
                let config = GroupNormConfig { groups, ..Default::default() };
                checks.check(&format!("group_norm, {groups}"), &[x, &[6], &[6]], |t| {
                    GroupNorm::new(Some((t[1].clone(), t[2].clone())), config).forward(&t[0])
                })?;
            }
            let config = GroupNormConfig { groups: 2, ..Default::default() };
            checks.check("group_norm without parameters", &[x], |t| {
                GroupNorm::new(None, config).forward(&t[0])
            })?;
            for (size, beta) in [(5, 0.75), (4, 1.0), (20, 0.5)] {
                let config = LocalResponseNormConfig { size, alpha: 1.0, beta, k: 1.0 };
                checks.check(&format!("local_response_norm, {config:?}"), &[x], |t| {
                    local_response_norm(&t[0], &config)
                })?;
            }
        }
        Ok(())
    })
}

#[test]
fn layers() -> Result<()> {
    on_cuda(|checks| {
        for x in [&[7, 24][..], &[3, 5, 24]] {
            checks.check("layer_norm", &[x, &[24], &[24]], |t| {
                let weight = t[1].clone();
                let bias = t[2].clone();
                LayerNorm::new(weight, bias, LayerNormConfig::default()).forward(&t[0])
            })?;
            checks.check("linear", &[x, &[10, 24], &[10]], |t| {
                Linear::new(t[1].clone(), Some(t[2].clone())).forward(&t[0])
            })?;
        }
        checks.check("linear of a transposed batch", &[&[24, 7], &[10, 24]], |t| {
            Linear::new(t[1].clone(), None).forward(&t[0].t()?)
        })?;
        checks.check("weight_norm", &[&[6, 4, 3], &[6, 1, 1]], |t| weight_norm(&t[0], &t[1]))?;
        for padding_index in [None, Some(1)] {
            let config = EmbeddingConfig { padding_index };
            checks.check(&format!("embedding, {config:?}"), &[&[9, 5]], |t| {
                let ids = Tensor::new(&[[1u32, 8, 3], [3, 1, 0]], t[0].device())?;
                Embedding::new(t[0].clone(), config).forward(&ids)
            })?;
        }
        Ok(())
    })
}

#[test]
fn recurrent_layers() -> Result<()> {
    on_cuda(|checks| {
        let lengths: [Option<&[usize]>; 2] = [None, Some(&[6, 0, 3, 6])];
        for lengths in lengths {
            let shapes: [&[usize]; 8] =
                [&[4, 6, 5], &[36, 5], &[36, 4], &[36], &[36], &[4, 9], &[1, 4, 4], &[1, 4, 9]];
            checks.check("lstm", &shapes, |t| {
                let weights = LayerWeights {
                    weight_ih: t[1].clone(),
                    weight_hh: t[2].clone(),
                    bias: Some((t[3].clone(), t[4].clone())),
                    weight_hr: Some(t[5].clone()),
                };
                let config = LstmConfig { projection: Some(4), ..Default::default() };
                let state = LstmState { h: t[6].clone(), c: t[7].clone() };
                let layer = Lstm::new(vec![weights], config);
                let (y, state) = layer.forward(&t[0], lengths, Some(&state), &mut Mode::Eval)?;
                let parts = [y, state.h, state.c].map(|part| part.flatten_all());
                let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
                Tensor::cat(&parts, 0)
            })?;
            let shapes: [&[usize]; 6] =
                [&[4, 6, 5], &[12, 5], &[12, 4], &[12, 5], &[12, 4], &[2, 4, 4]];
            checks.check("gru", &shapes, |t| {
                let weights = [[&t[1], &t[2]], [&t[3], &t[4]]].map(|[ih, hh]| LayerWeights {
                    weight_ih: ih.clone(),
                    weight_hh: hh.clone(),
                    bias: None,
                    weight_hr: None,
                });
                let config = GruConfig { bidirectional: true, bias: false, ..Default::default() };
                let layer = Gru::new(weights.to_vec(), config);
                let (y, last) = layer.forward(&t[0], lengths, Some(&t[5]), &mut Mode::Eval)?;
                Tensor::cat(&[y.flatten_all()?, last.flatten_all()?], 0)
            })?;
        }
        Ok(())
    })
}

#[test]
fn losses() -> Result<()> {
    on_cuda(|checks| {
        let targets = |device: &Device| Tensor::new(&[4u32, 0, 2, 2, 10, 7], device);
        let weights = (1..12).map(|class| class as f32 / 6.0).collect();
        let plain = CrossEntropyConfig::default();
        for config in [
            plain.clone(),
            CrossEntropyConfig { label_smoothing: 0.1, ..plain.clone() },
            CrossEntropyConfig { class_weights: Some(weights), ..plain.clone() },
            CrossEntropyConfig {
                ignore_index: Some(2),
                reduction: Reduction::Sum,
                ..plain.clone()
            },
            CrossEntropyConfig { reduction: Reduction::None, ..plain },
        ] {
            checks.check(&format!("cross_entropy, {config:?}"), &[&[6, 11]], |t| {
                cross_entropy(&t[0], &targets(t[0].device())?, &config)
            })?;
            let name = format!("linear_cross_entropy, {config:?}");
            checks.check(&name, &[&[6, 8], &[11, 8], &[11]], |t| {
                let layer = Linear::new(t[1].clone(), Some(t[2].clone()));
                linear_cross_entropy(&layer, &t[0], &targets(t[0].device())?, &config)
            })?;
        }
        let config = RDropConfig { label_smoothing: 0.1, alpha: 5.0 };
        checks.check("linear_r_drop_loss", &[&[6, 8], &[11, 8]], |t| {
            let targets = Tensor::new(&[4u32, 0, 2, 4, 0, 2], t[0].device())?;
            linear_r_drop_loss(&Linear::new(t[1].clone(), None), &t[0], &targets, &config)
        })
    })
}

/// The values that a seed means are the same on every device.
#[test]
fn parameters_are_drawn_alike() -> Result<()> {
    on_cuda(|checks| {
        let drawn = |device: &Device| {
            let parameters = Parameters::new(3);
            let vb = parameters.builder(DType::F32, device);
            let layer = conv_nn::linear(20, 30, vb.pp("layer"))?;
            layer.weight().flatten_all()?.to_vec1::<f32>()
        };
        assert_eq!(drawn(checks.device())?, drawn(&Device::Cpu)?);
        Ok(())
    })
}
