//! What is refused by name: half precision, as the crate's documentation says of every operation,
//! and views that claim more than there is memory for.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Module, Tensor, Var};
use conv_core::{Conv1dConfig, Conv2dConfig};
use conv_nn::*;

const WIDE: DType = DType::F32;

fn of(shape: &[usize], dtype: DType) -> Tensor {
    let count: usize = shape.iter().product();
    let values = Tensor::arange(0f32, count as f32, &Device::Cpu).unwrap();
    values.affine(0.01, -0.1).unwrap().reshape(shape).unwrap().to_dtype(dtype).unwrap()
}

/// What each operation says to an argument of this type, by its name.
fn said(dtype: DType) -> Vec<(&'static str, String)> {
    let x = |shape: &[usize]| of(shape, dtype);
    let wide = |shape: &[usize]| of(shape, WIDE);
    let parameters = Parameters::new(1);
    let vb = parameters.builder(WIDE, &Device::Cpu);
    let targets = Tensor::new(&[0u32, 1], &Device::Cpu).unwrap();
    let roi = Roi { sample: 0, corners: [0.0, 0.0, 3.0, 3.0] };
    let layer = linear(4, 3, vb.pp("linear")).unwrap();
    let mut stream = rng::seeded(1, "half");
    let mut train = Mode::Train(&mut stream);
    let group = GroupNormConfig { groups: 2, ..Default::default() };
    let entropy = CrossEntropyConfig::default();
    let batch = batch_norm(4, BatchNormConfig::default(), vb.pp("batch")).unwrap();
    let recurrent = lstm(4, 3, LstmConfig::default(), vb.pp("lstm")).unwrap();
    let gated = gru(4, 3, GruConfig::default(), vb.pp("gru")).unwrap();
    let text = |result: std::result::Result<Tensor, String>| result.err().unwrap_or_default();
    let own = |result: Result<Tensor>| text(result.map_err(|error| error.to_string()));
    let candle = |result: candle_core::Result<Tensor>| text(result.map_err(|e| e.to_string()));
    let first = |result: Result<(Tensor, Tensor)>| own(result.map(|pair| pair.0));
    vec![
        ("relu", own(relu(&x(&[2, 4])))),
        ("glu", own(glu(&x(&[2, 4]), 1))),
        ("softmax", own(softmax(&x(&[2, 4]), 1))),
        ("log_softmax", own(log_softmax(&x(&[2, 4]), 1))),
        ("softmax_of_first", own(softmax_of_first(&x(&[2, 3, 4]), &[2, 4]))),
        ("keep_first", own(keep_first(&x(&[2, 3, 4]), &[2, 4]))),
        ("dropout", own(dropout(&x(&[2, 4]), 0.5, &mut train))),
        ("dropout_of_first", own(dropout_of_first(&x(&[2, 3, 4]), &[2, 4], 0.5, &mut train))),
        ("add_relu", own(add_relu(&x(&[2, 4]), &x(&[2, 4])))),
        ("add_scaled", own(add_scaled(&x(&[2, 4]), &x(&[2, 4]), 0.5))),
        (
            "dot_attention",
            first(dot_attention(&x(&[1, 2, 4]), &x(&[1, 3, 4]), &x(&[1, 3, 4]), &[3])),
        ),
        ("batch_norm", own(batch.forward(&x(&[2, 4]), &mut Mode::Eval))),
        (
            "group_norm",
            candle(group_norm(4, group, vb.pp("group")).unwrap().forward(&x(&[2, 4, 3]))),
        ),
        (
            "layer_norm",
            candle(
                layer_norm(4, LayerNormConfig::default(), vb.pp("layer"))
                    .unwrap()
                    .forward(&x(&[2, 4])),
            ),
        ),
        (
            "local_response_norm",
            own(local_response_norm(&x(&[1, 4, 2, 2]), &LocalResponseNormConfig::default())),
        ),
        ("max_over_time", own(max_over_time(&x(&[2, 3, 4]), None))),
        ("weight_norm", own(weight_norm(&x(&[3, 4]), &x(&[3, 1])))),
        ("linear", candle(layer.forward(&x(&[2, 4])))),
        ("cross_entropy", own(cross_entropy(&x(&[2, 4]), &targets, &entropy))),
        (
            "linear_cross_entropy",
            own(linear_cross_entropy(&layer, &x(&[2, 4]), &targets, &entropy)),
        ),
        ("ctc_loss", own(ctc_loss(&x(&[1, 5, 4]), &[5], &[[1u32, 2]], &CtcConfig::default()))),
        (
            "rnnt_loss",
            own(rnnt_loss(&x(&[1, 5, 3, 4]), &[5], &[[1u32, 2]], &RnntConfig::default())),
        ),
        (
            "lstm",
            own(recurrent.forward(&x(&[1, 3, 4]), None, None, &mut Mode::Eval).map(|pair| pair.0)),
        ),
        ("gru", own(gated.forward(&x(&[1, 3, 4]), None, None, &mut Mode::Eval).map(|pair| pair.0))),
        ("dropout in Eval", own(dropout(&x(&[2, 4]), 0.5, &mut Mode::Eval))),
        ("scale_gradient", own(scale_gradient(&x(&[2, 4]), 0.5))),
        ("direction_lengths", own(direction_lengths(&x(&[3, 4])))),
        ("redirected_relu", own(redirected_relu(&x(&[2, 4])))),
        ("argmax_over_time", first(argmax_over_time(&x(&[2, 3, 4]), None))),
        ("binary_cross_entropy", own(binary_cross_entropy(&x(&[2, 4]), &wide(&[2, 4])))),
        ("smooth_l1", own(smooth_l1(&x(&[2, 4]), &wide(&[2, 4]), 1.0))),
        (
            "linear_r_drop_loss",
            own(linear_r_drop_loss(&layer, &x(&[2, 4]), &targets, &RDropConfig::default())),
        ),
        ("roi_align", own(roi_align(&x(&[1, 2, 4, 4]), &[roi], &RoiAlignConfig::default()))),
        ("mixed", own(add_relu(&wide(&[2, 4]), &x(&[2, 4])))),
    ]
}

#[test]
fn all_others_refuse_it_by_name() {
    for dtype in [DType::F16, DType::BF16] {
        let refusal = |name: &str| match name {
            // It computes in half precision too, where its weight is of it.
            "linear" => format!("weight is F32, expected {dtype:?}, as its input has"),
            _ => format!("is {dtype:?}, expected F32"),
        };
        let mut silent = said(dtype);
        silent.retain(|(name, error)| !error.contains(&refusal(name)));
        assert!(silent.is_empty(), "of {dtype:?}: {silent:?}");
    }
    // The same calls are right but for the type.
    for (name, error) in said(WIDE) {
        assert_eq!(error, "", "{name}");
    }
}

#[test]
fn convolutions_and_embeddings_take_it() {
    for dtype in [DType::F16, DType::BF16] {
        let vb = Parameters::new(1).builder(dtype, &Device::Cpu);
        let line = conv1d(4, 3, 3, Conv1dConfig::default(), vb.pp("line")).unwrap();
        let plane = conv2d(4, 3, (3, 3), Conv2dConfig::default(), vb.pp("plane")).unwrap();
        assert_eq!(line.forward(&of(&[1, 4, 5], dtype)).unwrap().dtype(), dtype);
        assert_eq!(plane.forward(&of(&[1, 4, 5, 5], dtype)).unwrap().dtype(), dtype);
        let ids = Tensor::new(&[0u32, 3], &Device::Cpu).unwrap();
        let table = embedding(4, 3, EmbeddingConfig::default(), vb.pp("table")).unwrap();
        assert_eq!(table.forward(&ids).unwrap().dtype(), dtype);
    }
}

/// A view of one element that claims to be 2⁴⁰ rows does not end the process.
#[test]
fn a_view_without_end_is_refused() {
    let device = Device::Cpu;
    let many = 1usize << 40;
    let view = |shape: &[usize], dtype| {
        Tensor::zeros(1, dtype, &device).unwrap().broadcast_as(shape).unwrap()
    };
    let x = |shape: &[usize]| view(shape, WIDE);
    let ids = |shape: &[usize]| view(shape, DType::U32);
    let entropy = CrossEntropyConfig::default();
    let parameters = Parameters::new(1);
    let vb = parameters.builder(WIDE, &device);
    let output = linear(2, 4, vb.pp("output")).unwrap();
    let recurrent = lstm(2, 3, LstmConfig::default(), vb.pp("lstm")).unwrap();
    let table = embedding(4, 3, EmbeddingConfig::default(), vb.pp("table")).unwrap();
    let config = GroupNormConfig { groups: 2, ..Default::default() };
    let group = group_norm(2, config, vb.pp("group")).unwrap();
    let batch = batch_norm(2, BatchNormConfig::default(), vb.pp("batch")).unwrap();
    let layer = layer_norm(2, LayerNormConfig::default(), vb.pp("layer")).unwrap();
    let queries = Var::zeros((1, 1, 2), WIDE, &device).unwrap();
    let queries = queries.broadcast_as((1, many, 2)).unwrap();
    let keys = Tensor::zeros((1, 1, 2), WIDE, &device).unwrap();
    let rows = x(&[many, 2]);
    let places = x(&[many, 2, 1, 1]);
    let text = |error: Option<String>| error.unwrap_or_default();
    let own = |result: Result<Tensor>| text(result.err().map(|error| error.to_string()));
    let candle = |result: candle_core::Result<Tensor>| text(result.err().map(|e| e.to_string()));
    let said = [
        own(max_over_time(&x(&[many, 1, 2]), None)),
        own(cross_entropy(&rows, &ids(&[many]), &entropy)),
        own(cross_entropy(&places, &ids(&[many, 1, 1]), &entropy)),
        own(linear_cross_entropy(&output, &rows, &ids(&[many]), &entropy)),
        own(dot_attention(&queries, &keys, &keys, &[1]).map(|pair| pair.0)),
        own(recurrent.forward(&x(&[many, 1, 2]), None, None, &mut Mode::Eval).map(|pair| pair.0)),
        candle(table.forward(&ids(&[many]))),
        candle(group.forward(&places)),
        own(relu(&rows)),
        own(softmax(&rows, 1)),
        own(glu(&rows, 1)),
        own(dropout(&rows, 0.5, &mut Mode::Train(&mut rng::seeded(1, "view")))),
        own(add_relu(&rows, &rows)),
        own(batch.forward(&rows, &mut Mode::Eval)),
        candle(layer.forward(&rows)),
        candle(output.forward(&rows)),
        own(weight_norm(&rows, &x(&[many, 1]))),
        own(direction_lengths(&rows)),
        own(local_response_norm(&places, &LocalResponseNormConfig::default())),
    ];
    for (place, text) in said.iter().enumerate() {
        assert!(text.contains("no memory for a result of "), "{place}: {text}");
    }
}
