//! Every operation against PyTorch in f32, forward and backward: the scripts in `reference` made
//! the values.

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use conv_core::{Conv1dConfig, Conv2dConfig, Padding2d};
use conv_nn::{
    BatchNorm, BatchNormConfig, Conv1d, Conv2d, CrossEntropyConfig, CtcConfig, Embedding,
    EmbeddingConfig, GroupNorm, GroupNormConfig, Gru, GruConfig, LayerNorm, LayerNormConfig,
    LayerWeights, Linear, LocalResponseNormConfig, Lstm, LstmConfig, LstmState, Mode, Parameters,
    Reduction, Roi, RoiAlignConfig, argmax_over_time, binary_cross_entropy, cross_entropy,
    ctc_loss, dot_attention, glu, gru, local_response_norm, log_softmax, lstm, relu, rng,
    roi_align, smooth_l1, softmax,
};
use std::collections::{BTreeMap, HashMap};

/// The largest difference allowed, relative to values above 1.
const TOLERANCE: f32 = 1e-5;

struct Case {
    name: String,
    tensors: HashMap<String, Tensor>,
    variables: HashMap<String, Var>,
}

fn cases(operation: &str) -> Result<Vec<Case>> {
    cases_of("fixtures", operation)
}

fn cases_of(file: &str, operation: &str) -> Result<Vec<Case>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");
    let path = format!("{folder}/{file}.safetensors");
    let mut cases: Vec<Case> = Vec::new();
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
    for number in 0.. {
        let name = format!("{operation}.{number}");
        let tensors: HashMap<String, Tensor> = tensors
            .iter()
            .filter_map(|(key, value)| {
                let key = key.strip_prefix(&name)?.strip_prefix('.')?;
                Some((key.to_string(), value.clone()))
            })
            .collect();
        if tensors.is_empty() {
            break;
        }
        let mut variables = HashMap::new();
        for (key, value) in &tensors {
            if tensors.contains_key(&format!("d{key}")) && key != "y" {
                variables.insert(key.clone(), Var::from_tensor(value)?);
            }
        }
        cases.push(Case { name, tensors, variables });
    }
    assert!(!cases.is_empty(), "no case of {operation}");
    Ok(cases)
}

impl Case {
    fn argument(&self, name: &str) -> Tensor {
        self.variables[name].as_tensor().clone()
    }

    fn ids(&self, name: &str) -> Result<Tensor> {
        self.tensors[name].to_dtype(DType::U32)
    }

    fn setting(&self, name: &str) -> Result<Option<f64>> {
        let value = self.tensors.get(name);
        value.map(|value| value.to_dtype(DType::F64)?.to_scalar()).transpose()
    }

    fn check(&self, y: &Tensor) -> Result<()> {
        self.compare("y", y)?;
        let gradients = y.mul(&self.tensors["dy"])?.sum_all()?.backward()?;
        for (name, variable) in &self.variables {
            let Some(gradient) = gradients.get(variable) else {
                panic!("{}: {name} has no gradient", self.name);
            };
            self.compare(&format!("d{name}"), gradient)?;
        }
        Ok(())
    }

    fn compare(&self, name: &str, found: &Tensor) -> Result<()> {
        let expected = &self.tensors[name];
        assert_eq!(found.dims(), expected.dims(), "{}: shape of {name}", self.name);
        let values = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        for (i, (found, expected)) in values(found)?.into_iter().zip(values(expected)?).enumerate()
        {
            // The first half lets -∞ equal itself.
            let close = found == expected
                || (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
            assert!(close, "{}: {name}[{i}] is {found}, PyTorch has {expected}", self.name);
        }
        Ok(())
    }
}

#[test]
fn linear() -> Result<()> {
    for case in cases("linear")? {
        let bias = case.variables.get("bias").map(|bias| bias.as_tensor().clone());
        case.check(&Linear::new(case.argument("weight"), bias).forward(&case.argument("x"))?)?;
    }
    Ok(())
}

#[test]
fn embedding() -> Result<()> {
    for case in cases("embedding")? {
        let padding_index = case.setting("padding")?.map(|id| id as u32);
        let table = Embedding::new(case.argument("weight"), EmbeddingConfig { padding_index });
        case.check(&table.forward(&case.ids("ids")?)?)?;
    }
    Ok(())
}

#[test]
fn rectifier() -> Result<()> {
    for case in cases("relu")? {
        case.check(&relu(&case.argument("x"))?)?;
    }
    Ok(())
}

#[test]
fn gated_linear_unit() -> Result<()> {
    for case in cases("glu")? {
        let dim = case.setting("dim")?.unwrap_or_default() as usize;
        case.check(&glu(&case.argument("x"), dim)?)?;
    }
    Ok(())
}

#[test]
fn batch_norm() -> Result<()> {
    for case in cases("batch_norm")? {
        let momentum = case.setting("momentum")?.unwrap_or_default();
        let config = BatchNormConfig { momentum, ..BatchNormConfig::default() };
        let running = |name: &str| case.tensors[name].copy();
        let mean = running("running_mean")?;
        let variance = running("running_var")?;
        let weight = case.argument("weight");
        let bias = case.argument("bias");
        let layer = BatchNorm::new(weight, bias, mean.clone(), variance.clone(), config);
        let training = case.setting("training")? == Some(1.0);
        let mut stream = rng::seeded(1, "batch_norm");
        let mut mode = if training { Mode::Train(&mut stream) } else { Mode::Eval };
        case.check(&layer.forward(&case.argument("x"), &mut mode)?)?;
        case.compare("new_running_mean", &mean)?;
        case.compare("new_running_var", &variance)?;
    }
    Ok(())
}

#[test]
fn layer_norm() -> Result<()> {
    for case in cases("layer_norm")? {
        let config = LayerNormConfig { epsilon: case.setting("epsilon")?.unwrap_or(1e-5) };
        let layer = LayerNorm::new(case.argument("weight"), case.argument("bias"), config);
        case.check(&layer.forward(&case.argument("x"))?)?;
    }
    Ok(())
}

#[test]
fn softmax_and_its_logarithm() -> Result<()> {
    for case in cases("softmax")? {
        let dim = case.setting("dim")?.unwrap_or(0.0) as usize;
        case.check(&softmax(&case.argument("x"), dim)?)?;
    }
    for case in cases("log_softmax")? {
        let dim = case.setting("dim")?.unwrap_or(0.0) as usize;
        case.check(&log_softmax(&case.argument("x"), dim)?)?;
    }
    Ok(())
}

#[test]
fn cross_entropy_in_every_reduction() -> Result<()> {
    for (suffix, reduction) in
        [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("none", Reduction::None)]
    {
        for case in cases(&format!("cross_entropy_{suffix}"))? {
            let config = CrossEntropyConfig {
                label_smoothing: case.setting("smoothing")?.unwrap_or(0.0),
                class_weights: case.tensors.get("weights").map(|w| w.to_vec1()).transpose()?,
                ignore_index: case.setting("ignore")?.map(|id| id as u32),
                reduction,
            };
            let targets = case.ids("targets")?;
            case.check(&cross_entropy(&case.argument("x"), &targets, &config)?)?;
        }
    }
    Ok(())
}

#[test]
fn ctc_in_every_reduction() -> Result<()> {
    for (suffix, reduction) in
        [("mean", Reduction::Mean), ("sum", Reduction::Sum), ("none", Reduction::None)]
    {
        for case in cases_of("ctc_fixtures", &format!("ctc_{suffix}"))? {
            let counts = |name: &str| -> Result<Vec<usize>> {
                let counts = case.ids(name)?.to_vec1::<u32>()?;
                Ok(counts.into_iter().map(|count| count as usize).collect())
            };
            let mut rest = &case.ids("targets")?.to_vec1::<u32>()?[..];
            let mut targets = Vec::new();
            for size in counts("sizes")? {
                let (target, behind) = rest.split_at(size);
                (rest, targets) = (behind, [targets, vec![target.to_vec()]].concat());
            }
            let blank = case.setting("blank")?.unwrap_or(0.0) as u32;
            let config = CtcConfig { blank, reduction };
            case.check(&ctc_loss(&case.argument("x"), &counts("lengths")?, &targets, &config)?)?;
        }
    }
    Ok(())
}

#[test]
fn max_over_time() -> Result<()> {
    for case in cases("max_over_time")? {
        let windows = case.ids("windows")?.to_vec1::<u32>()?;
        let windows: Vec<usize> = windows.into_iter().map(|windows| windows as usize).collect();
        let (y, positions) = argmax_over_time(&case.argument("x"), Some(&windows))?;
        assert_eq!(positions.to_vec2::<u32>()?, case.ids("positions")?.to_vec2::<u32>()?);
        case.check(&y)?;
    }
    Ok(())
}

#[test]
fn convolutions() -> Result<()> {
    for (operation, images) in [("conv1d", false), ("conv2d", true)] {
        for case in cases(operation)? {
            let setting =
                |name| -> Result<usize> { Ok(case.setting(name)?.unwrap_or(0.0) as usize) };
            let stride = setting("stride")?;
            let padding = setting("padding")?;
            let dilation = setting("dilation")?;
            let groups = setting("groups")?;
            let x = case.argument("x");
            let weight = case.argument("weight");
            let bias = case.variables.get("bias").map(|bias| bias.as_tensor().clone());
            let y = if images {
                let stride = (stride, stride);
                let dilation = (dilation, dilation);
                let padding = Padding2d::all(padding);
                Conv2d::new(
                    weight,
                    bias,
                    Conv2dConfig { stride, padding, dilation, groups, ..Default::default() },
                )
                .forward(&x)
            } else {
                let padding = (padding, padding);
                Conv1d::new(
                    weight,
                    bias,
                    Conv1dConfig { stride, padding, dilation, groups, ..Default::default() },
                )
                .forward(&x)
            };
            case.check(&y?)?;
        }
    }
    Ok(())
}

#[test]
fn group_norm() -> Result<()> {
    for case in cases_of("norm_fixtures", "group_norm")? {
        let groups = case.setting("groups")?.unwrap_or(0.0) as usize;
        let epsilon = case.setting("epsilon")?.unwrap_or(0.0);
        let is_affine = case.variables.contains_key("weight");
        let affine = is_affine.then(|| (case.argument("weight"), case.argument("bias")));
        let layer = GroupNorm::new(affine, GroupNormConfig { groups, epsilon });
        case.check(&layer.forward(&case.argument("x"))?)?;
    }
    Ok(())
}

#[test]
fn local_response_norms() -> Result<()> {
    for case in cases_of("norm_fixtures", "local_response_norm")? {
        let setting = |name| -> Result<f64> { Ok(case.setting(name)?.unwrap_or(0.0)) };
        let config = LocalResponseNormConfig {
            size: setting("size")? as usize,
            alpha: setting("alpha")?,
            beta: setting("beta")?,
            k: setting("k")?,
        };
        case.check(&local_response_norm(&case.argument("x"), &config)?)?;
    }
    Ok(())
}

#[test]
fn attention() -> Result<()> {
    for case in cases_of("attention_fixtures", "dot_attention")? {
        let lengths = case.tensors["lengths"].to_dtype(DType::U32)?.to_vec1::<u32>()?;
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length as usize).collect();
        let arguments = ["queries", "keys", "values"].map(|name| case.argument(name));
        let [queries, keys, values] = &arguments;
        case.check(&dot_attention(queries, keys, values, &lengths)?.0)?;
        // Where nothing is tracked a kernel of its own reads.
        let [queries, keys, values] = &arguments.each_ref().map(Tensor::detach);
        let (read, _) = dot_attention(queries, keys, values, &lengths)?;
        let apart = (read - &case.tensors["y"])?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(apart < TOLERANCE, "{}: {apart}", case.name);
    }
    Ok(())
}

/// The weights of a recurrent case's layers, as their names say.
fn layers(case: &Case) -> Vec<LayerWeights> {
    let find = |name: String| case.variables.get(&name).map(|found| found.as_tensor().clone());
    let names = (0..).flat_map(|layer| ["", "_reverse"].map(|end| format!("l{layer}{end}")));
    let of = |end: String| {
        let found = |name: &str| find(format!("{name}_{end}"));
        Some(LayerWeights {
            weight_ih: found("weight_ih")?,
            weight_hh: found("weight_hh")?,
            bias: found("bias_ih").zip(found("bias_hh")),
            weight_hr: found("weight_hr"),
        })
    };
    names.take(8).filter_map(of).collect()
}

#[test]
fn recurrent_layers() -> Result<()> {
    for operation in ["lstm", "gru"] {
        for case in cases_of("recurrent_fixtures", operation)? {
            let setting = |name| case.setting(name).map(|setting| setting.unwrap_or(0.0) as usize);
            let lengths = match case.tensors.get("lengths") {
                None => None,
                Some(lengths) => Some(lengths.to_dtype(DType::U32)?.to_vec1::<u32>()?),
            };
            let lengths: Option<Vec<_>> =
                lengths.map(|lengths| lengths.into_iter().map(|length| length as usize).collect());
            let weights = layers(&case);
            let x = case.argument("x");
            let h = case.argument("h0");
            let layers = setting("layers")?;
            let bidirectional = setting("bidirectional")? > 0;
            assert_eq!(weights.len(), layers * (1 + usize::from(bidirectional)), "{}", case.name);
            let bias = weights[0].bias.is_some();
            let mode = &mut Mode::Eval;
            let parts = if operation == "lstm" {
                let projection = Some(setting("projection")?).filter(|size| *size > 0);
                let config = LstmConfig { layers, bidirectional, projection, bias, dropout: 0.0 };
                let state = LstmState { h, c: case.argument("c0") };
                let layer = Lstm::new(weights, config);
                let (y, last) = layer.forward(&x, lengths.as_deref(), Some(&state), mode)?;
                vec![y, last.h, last.c]
            } else {
                let config = GruConfig { layers, bidirectional, bias, dropout: 0.0 };
                let layer = Gru::new(weights, config);
                let (y, last) = layer.forward(&x, lengths.as_deref(), Some(&h), mode)?;
                vec![y, last]
            };
            let parts = parts.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?;
            case.check(&Tensor::cat(&parts, 0)?)?;
        }
    }
    Ok(())
}

/// PyTorch's names and shapes are those that a builder asks for.
#[test]
fn recurrent_parameters_have_pytorchs_names() -> Result<()> {
    for operation in ["lstm", "gru"] {
        for case in cases_of("recurrent_fixtures", operation)? {
            let size = |name| case.setting(name).map(|size| size.unwrap_or(0.0) as usize);
            let is_bias = case.variables.contains_key("bias_ih_l0");
            let units = size("units")?;
            let in_size = case.argument("x").dim(2)?;
            let layers = size("layers")?;
            let bidirectional = size("bidirectional")? > 0;
            let projection = Some(size("projection")?).filter(|size| *size > 0);
            let parameters = Parameters::new(1);
            let vb = parameters.builder(DType::F32, &Device::Cpu);
            let (bias, dropout) = (is_bias, 0.0);
            if operation == "lstm" {
                let config = LstmConfig { layers, bidirectional, projection, bias, dropout };
                lstm(in_size, units, config, vb)?;
            } else {
                gru(in_size, units, GruConfig { layers, bidirectional, bias, dropout }, vb)?;
            }
            let shape = |var: &Var| var.dims().to_vec();
            let found: BTreeMap<_, _> =
                parameters.vars().iter().map(|(name, var)| (name.clone(), shape(var))).collect();
            let expected = case.variables.iter().filter(|(name, _)| name.contains("_l"));
            let expected: BTreeMap<_, _> =
                expected.map(|(name, var)| (name.clone(), shape(var))).collect();
            assert_eq!(found, expected, "{}", case.name);
        }
    }
    Ok(())
}

#[test]
fn roi_align_of_every_kind() -> Result<()> {
    for case in cases_of("roi_align_fixtures", "roi_align")? {
        let rois = case.tensors["rois"].to_vec2::<f32>()?;
        let roi = |row: &Vec<f32>| Roi {
            sample: row[0] as usize,
            corners: [row[1], row[2], row[3], row[4]],
        };
        let rois: Vec<Roi> = rois.iter().map(roi).collect();
        let output = case.tensors["output"].to_dtype(DType::U32)?.to_vec1::<u32>()?;
        let sampling = case.setting("sampling")?.filter(|sampling| *sampling > 0.0);
        let config = RoiAlignConfig {
            output: (output[0] as usize, output[1] as usize),
            scale: 0.5,
            sampling: sampling.map(|sampling| sampling as usize),
            aligned: case.setting("aligned")? == Some(1.0),
        };
        case.check(&roi_align(&case.argument("x"), &rois, &config)?)?;
    }
    Ok(())
}

#[test]
fn losses_of_single_numbers() -> Result<()> {
    for case in cases_of("roi_align_fixtures", "binary_cross_entropy")? {
        case.check(&binary_cross_entropy(&case.argument("x"), &case.tensors["targets"])?)?;
    }
    for case in cases_of("roi_align_fixtures", "smooth_l1")? {
        let beta = case.setting("beta")?.unwrap_or_default();
        case.check(&smooth_l1(&case.argument("x"), &case.tensors["targets"], beta)?)?;
    }
    Ok(())
}
