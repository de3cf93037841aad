//! Every network of torchvision's that is known here beside torchvision's own, and what training's
//! neighbours do with one: batch norms folded, files for torchvision, files of timm.
#![allow(clippy::unwrap_used)]

mod seeded;

use candle_core::{D, DType, Device, Tensor};
use conv_nn::{Mode, Parameters};
use conv_vision::data::Labels;
use conv_vision::{Architecture, Error, Network, Operation, Pretrained, Weights, network};
use std::collections::BTreeMap;

/// Sides of the picture of `make_every.py`.
const SIDE: usize = 64;

/// The norm, the largest absolute value and two elements, as `make_every.py` keeps them.
fn digest(tensor: &Tensor) -> [f64; 4] {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>();
    let values = values.unwrap();
    let norm = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    let largest = values.iter().fold(0f64, |a, b| a.max(b.abs()));
    [norm, largest, values[values.len() / 3], values[values.len() * 2 / 3]]
}

/// The norm relative to itself, the rest to the largest.
fn assert_close(what: &str, found: &Tensor, expected: &[f32], tolerance: f64) {
    let found = digest(found);
    let scale = [expected[0], expected[1], expected[1], expected[1]].map(f64::from);
    for (at, (found, scale)) in found.iter().zip(scale).enumerate() {
        let error = (found - f64::from(expected[at])).abs() / scale;
        assert!(error < tolerance, "{what}, number {at}: {error:e}");
    }
}

fn equals(architecture: Architecture) {
    let id = architecture.torchvision().unwrap();
    // The classifier of VGG takes pictures of 224 pixels alone.
    let graph = if id.starts_with("vgg") {
        let graph = architecture.graph();
        let is_pool = |layer: &&conv_vision::Layer| layer.name.starts_with("features.");
        let last = graph.layers().iter().rfind(is_pool).unwrap().name.clone();
        graph.until(&last)
    } else {
        architecture.graph()
    };
    let mut weights = seeded::weights(architecture);
    if id.starts_with("vgg") {
        weights.retain(|name, _| name.starts_with("features."));
    }
    let path = seeded::reference("every.safetensors");
    let fixture = conv_hub::read_safetensors(&path, Some(DType::F32)).unwrap();
    let rows = |of: &str| fixture[&format!("{id} {of}")].to_vec2::<f32>().unwrap();
    let of = |dtype: DType, parameters: &Parameters| -> Network {
        let vb = parameters.builder(dtype, &Device::Cpu);
        network(architecture.name(), graph.clone(), SIDE, &vb).unwrap()
    };

    let single = of(DType::F32, &Parameters::frozen(weights.clone()));
    let learns = |operation: &Operation| {
        matches!(
            operation,
            Operation::Convolution { .. } | Operation::Linear { .. } | Operation::BatchNorm(_)
        )
    };
    let layers = graph.layers().iter().filter(|layer| learns(&layer.operation));
    let mut names: Vec<(String, String)> = layers
        .map(|layer| {
            let before = if layer.rectified { "/pre_relu" } else { "" };
            (layer.name.clone(), format!("{}{before}", layer.name))
        })
        .collect();
    names.sort();
    let picture = seeded::numbers("picture", &[1, 3, SIDE, SIDE], 2.0);
    let asked: Vec<&str> = names.iter().map(|(_, asked)| asked.as_str()).collect();
    let values = single.features(&picture, &asked).unwrap();
    let expected = rows("layers");
    assert_eq!(values.len(), expected.len(), "{id}");
    for ((name, value), expected) in names.iter().zip(&values).zip(&expected) {
        assert_close(&format!("{id} {}", name.0), value, expected, 1e-4);
    }

    // With doubles: a sum that rounds to the other side of a rectifier would move a gradient more
    // than any error.
    let double = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let weights = weights.iter().map(|(name, tensor)| (name.clone(), double(tensor))).collect();
    let parameters = Parameters::warm(1, weights);
    let network = of(DType::F64, &parameters);
    let y = network.forward(&double(&picture), &mut Mode::Eval).unwrap();
    let gradients = y.sqr().unwrap().mean_all().unwrap().backward().unwrap();
    let learnt = parameters.vars();
    let expected = rows("gradients");
    assert_eq!(learnt.len(), expected.len(), "{id}");
    for ((name, variable), expected) in learnt.iter().zip(&expected) {
        let gradient = gradients.get(variable.as_tensor()).unwrap();
        assert_close(&format!("{id} gradient of {name}"), gradient, expected, 1e-4);
    }
}

#[test]
fn residual_networks_have_torchvision_s_layers_and_gradients() {
    let of = |architecture: &Architecture| architecture.id().starts_with("resnet");
    Architecture::ALL.into_iter().filter(of).for_each(equals);
}

#[test]
fn others_have_torchvision_s_layers_and_gradients() {
    let of = |architecture: &Architecture| {
        architecture.id().starts_with("torchvision_")
            // Its own fixture has all of it: it takes no picture as small as these.
            && *architecture != Architecture::TorchAlexNet
    };
    Architecture::ALL.into_iter().filter(of).for_each(equals);
}

fn build(architecture: Architecture) -> Network {
    let parameters = Parameters::frozen(seeded::weights(architecture));
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let side = architecture.preprocessing().crop;
    network(architecture.name(), architecture.graph(), side, &vb).unwrap()
}

#[test]
fn a_folded_network_answers_the_same() {
    for architecture in [
        Architecture::ResNet18,
        Architecture::ResNet50,
        Architecture::TorchGoogLeNet,
        Architecture::Conv4,
        Architecture::SqueezeNet,
    ] {
        let network = build(architecture);
        let folded = network.clone().folded().unwrap();
        let is_norm =
            |layer: &&conv_vision::Layer| matches!(layer.operation, Operation::BatchNorm(_));
        let norms = network.graph().layers().iter().filter(is_norm).count();
        assert_eq!(folded.graph().layers().iter().filter(is_norm).count(), 0);
        let before = network.graph().layers().len();
        let after = folded.graph().layers().len();
        assert_eq!(before - after, norms, "{architecture:?}");
        let x = seeded::numbers("picture", &[2, 3, 64, 64], 2.0);
        // Every layer that is still there, and what goes into its rectifier.
        let layers = folded.graph().layers().iter();
        let names: Vec<String> = layers
            .flat_map(|layer| {
                let before = layer.rectified.then(|| format!("{}/pre_relu", layer.name));
                [Some(layer.name.clone()), before].into_iter().flatten()
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let values = network.features(&x, &names).unwrap();
        for ((name, a), b) in names.iter().zip(values).zip(folded.features(&x, &names).unwrap()) {
            let largest = a.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            let apart = (a - b).unwrap().abs().unwrap().max_all().unwrap();
            let apart = apart.to_scalar::<f32>().unwrap();
            assert!(apart <= 1e-5 * largest, "{architecture:?} {name}: {apart} of {largest}");
        }
        assert_eq!(
            network.graph().layers()[network.graph().output()].name,
            folded.graph().layers()[folded.graph().output()].name
        );
    }
    // What a norm alone does not read stays.
    let vgg = Architecture::TorchVgg11Bn.graph().until("features.3");
    let weights = seeded::weights(Architecture::TorchVgg11Bn);
    let mut weights: BTreeMap<String, Tensor> = weights;
    weights.retain(|name, _| name.starts_with("features.0.") || name.starts_with("features.1."));
    let vb = Parameters::frozen(weights).builder(DType::F32, &Device::Cpu);
    let folded = network("VGG", vgg, 64, &vb).unwrap().folded().unwrap();
    let names: Vec<&str> = folded.graph().layers().iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["data", "features.1", "features.3"]);
}

#[test]
fn what_is_exported_opens_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let (published, exported) =
        (place.path().join("a.safetensors"), place.path().join("b.safetensors"));
    seeded::save(&seeded::weights(Architecture::ResNet18), &published);
    let mut weights = Weights::open(&published).unwrap();
    weights.preprocessing.size = 300;
    weights.export(&exported).unwrap();
    let bytes = std::fs::read(&exported).unwrap();
    weights.export(&exported).unwrap();
    assert!(std::fs::read(&exported).unwrap() == bytes);
    let tensors = conv_hub::read_safetensors(&exported, None).unwrap();
    assert_eq!(tensors["layer4.1.bn2.num_batches_tracked"].dtype(), DType::I64);
    // 62 parameters and three buffers for each of 20 norms, as PyTorch has them.
    assert_eq!(tensors.len(), 62 + 60);
    let answer = |path: &std::path::Path| {
        let network = Pretrained::open(path, &Device::Cpu).unwrap().network;
        let x = seeded::numbers("x", &[1, 3, 64, 64], 2.0);
        network.forward(&x, &mut Mode::Eval).unwrap().to_vec2::<f32>().unwrap()
    };
    assert_eq!(answer(&published), answer(&exported));

    // With classes of its own it says which they are.
    weights.labels = Some(Labels::parse(&["n00000001 one", "n00000002 two"]));
    weights.export(&exported).unwrap();
    let text = Weights::open(&exported).unwrap_err().to_string();
    assert!(text.contains("`fc.weight` is [1000, 512], expected [2, 512]"), "{text}");

    let caffe = place.path().join("caffe.safetensors");
    seeded::save(&seeded::weights(Architecture::SqueezeNet), &caffe);
    let refused = Weights::open(&caffe).unwrap().export(&exported);
    assert!(matches!(refused, Err(Error::NotInTorchvision { .. })));
}

#[test]
fn a_vgg_of_timm_is_that_of_torchvision() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("timm.safetensors");
    let ours = seeded::weights(Architecture::TorchVgg11);
    let mut theirs = ours.clone();
    for (name, to, shape) in [
        ("classifier.0", "pre_logits.fc1", vec![4096, 512, 7, 7]),
        ("classifier.3", "pre_logits.fc2", vec![4096, 4096, 1, 1]),
        ("classifier.6", "head.fc", vec![1000, 4096]),
    ] {
        let weight = theirs.remove(&format!("{name}.weight")).unwrap();
        theirs.insert(format!("{to}.weight"), weight.reshape(shape).unwrap());
        let bias = theirs.remove(&format!("{name}.bias")).unwrap();
        theirs.insert(format!("{to}.bias"), bias);
    }
    seeded::save(&theirs, &path);
    drop(theirs);
    let opened = Weights::open(&path).unwrap();
    assert_eq!(opened.architecture, Architecture::TorchVgg11);
    let of =
        |tensor: &Tensor| tensor.sqr().unwrap().sum(D::Minus1).unwrap().to_vec1::<f32>().unwrap();
    let model = Pretrained::open(&path, &Device::Cpu).unwrap();
    let address = [model.network.graph().find("classifier.0", "").unwrap()];
    let given = seeded::numbers("given", &[1, 512, 7, 7], 1.0);
    let at = model.network.graph().position("features.20").unwrap();
    let x = Tensor::zeros((1, 3, 224, 224), DType::F32, &Device::Cpu).unwrap();
    let found =
        model.network.values_given(&x, at, &given, &address, &mut Mode::Eval).unwrap().remove(0);
    let weight = &ours["classifier.0.weight"];
    let flat = given.flatten_from(1).unwrap().matmul(&weight.t().unwrap()).unwrap();
    let expected = flat.broadcast_add(&ours["classifier.0.bias"]).unwrap().relu().unwrap();
    let found = of(&found)[0];
    let expected = of(&expected)[0];
    assert!((found / expected - 1.0).abs() < 1e-4, "{found} and {expected}");
}
