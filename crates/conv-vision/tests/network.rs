//! Networks beside PyTorch's, from weights by formula; what is computed and what is not.
#![allow(clippy::unwrap_used)]

mod seeded;

use candle_core::{DType, Device, Tensor, Var};
use conv_nn::{Mode, Parameters};
use conv_vision::{
    Architecture, Channels, Error, Misfit, Network, Operation, Preprocessing, Pretrained, network,
};
use std::collections::BTreeMap;

fn build(architecture: Architecture) -> Network {
    let parameters = Parameters::frozen(seeded::weights(architecture));
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let side = architecture.preprocessing().crop;
    network(architecture.name(), architecture.graph(), side, &vb).unwrap()
}

/// The norm, the largest absolute value and some elements, as `make_networks.py` keeps them.
fn digest(tensor: &Tensor, count: usize) -> Vec<f32> {
    let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let norm = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let count = values.len().min(count);
    let picked = (0..count).map(|at| values[at * values.len() / count]);
    let largest = values.iter().fold(0f32, |a, &b| a.max(b.abs()));
    [norm as f32, largest].into_iter().chain(picked).collect()
}

/// Elements relative to the tensor's largest, the norm to itself.
fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f32) {
    let expected = expected.to_vec1::<f32>().unwrap();
    let found = digest(found, expected.len() - 2);
    assert_eq!(found.len(), expected.len(), "{what}");
    let norm = (found[0] - expected[0]).abs() / expected[0];
    let errors = found[1..].iter().zip(&expected[1..]).map(|(a, b)| (a - b).abs());
    let error = errors.fold(0f32, f32::max) / expected[1];
    assert!(norm < tolerance && error < tolerance, "{what}: norm {norm:e}, elements {error:e}");
}

fn equals_pytorch(architecture: Architecture, fixture: &str, side: usize) {
    let network = build(architecture);
    let fixture =
        conv_hub::read_safetensors(&seeded::reference(fixture), Some(DType::F32)).unwrap();
    let picture = seeded::numbers("picture", &[1, 3, side, side], 120.0);
    let layers = fixture.keys().filter(|name| !name.starts_with("gradient"));
    let names: Vec<&str> = layers.map(String::as_str).collect();
    // Every layer has its row, and the rectified ones two.
    let rectified = network
        .graph()
        .layers()
        .iter()
        .filter(|layer| network.graph().find(&format!("{}/pre_relu", layer.name), "").is_ok());
    assert_eq!(names.len(), network.graph().layers().len() - 1 + rectified.count());
    let features = network.features(&picture, &names).unwrap();
    for (name, feature) in names.iter().zip(&features) {
        assert_close(name, feature, &fixture[*name], 1e-4);
    }
    for (name, expected) in fixture.iter().filter(|(name, _)| name.starts_with("gradient")) {
        let layer = name.strip_prefix("gradient of ").unwrap();
        let x = Var::from_tensor(&picture).unwrap();
        let y = network.features(&x, &[layer]).unwrap().remove(0);
        let gradients = y.sqr().unwrap().mean_all().unwrap().backward().unwrap();
        // A sum that rounds to the other side of a rectifier, or another maximum, moves some
        // elements more than the rounding.
        assert_close(name, gradients.get(&x).unwrap(), expected, 3e-3);
    }
    // Alone, without those in between being asked for: convolutions then rectify as they store.
    let last = network.graph().layers()[network.graph().output()].name.clone();
    let alone = network.forward(&picture, &mut Mode::Eval).unwrap();
    assert_close("alone", &alone, &fixture[&last], 1e-4);
}

/// All layers up to `last` as torchvision's own modules give them, and the gradient of the last
/// one's mean square.
fn equals_torchvision(architecture: Architecture, fixture: &str, side: usize, last: &str) {
    let graph = architecture.graph().until(last);
    let mut weights = seeded::weights(architecture);
    let own = |name: &str| {
        graph.layers().iter().any(|layer| name.starts_with(&format!("{}.", layer.name)))
    };
    weights.retain(|name, _| own(name));
    let vb = Parameters::frozen(weights.clone()).builder(DType::F32, &Device::Cpu);
    let network = network(architecture.name(), graph, side, &vb).unwrap();
    let fixture =
        conv_hub::read_safetensors(&seeded::reference(fixture), Some(DType::F32)).unwrap();
    let picture = seeded::numbers("picture", &[1, 3, side, side], 2.0);
    // Each layer by its name in our graph and in the fixture.
    let mut rows = Vec::new();
    for layer in &network.graph().layers()[1..] {
        let name = layer.name.clone();
        match (layer.rectified, matches!(layer.operation, Operation::Add)) {
            // torchvision's block is what comes out of its last rectifier.
            (false, _) | (true, true) => rows.push((name.clone(), name)),
            (true, false) => {
                rows.push((name.clone(), format!("{name}/relu")));
                rows.push((format!("{name}/pre_relu"), name));
            }
        }
    }
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let features = network.features(&picture, &names).unwrap();
    for ((name, row), feature) in rows.iter().zip(&features) {
        assert_close(name, feature, &fixture[row], 1e-4);
    }
    // With doubles: a sum that rounds to the other side of a rectifier would move the gradient more
    // than any error.
    let double = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
    let weights = weights.iter().map(|(name, tensor)| (name.clone(), double(tensor))).collect();
    let vb = Parameters::frozen(weights).builder(DType::F64, &Device::Cpu);
    let graph = network.graph().clone();
    let network = conv_vision::network(architecture.name(), graph, side, &vb).unwrap();
    let x = Var::from_tensor(&double(&picture)).unwrap();
    let y = network.forward(&x, &mut Mode::Eval).unwrap();
    let gradients = y.sqr().unwrap().mean_all().unwrap().backward().unwrap();
    let gradient = gradients.get(&x).unwrap().to_dtype(DType::F32).unwrap();
    assert_close("gradient", &gradient, &fixture["gradient"], 1e-4);
}

#[test]
fn residual_networks_equal_torchvision() {
    equals_torchvision(Architecture::ResNet18, "resnet18.safetensors", 97, "prob");
    equals_torchvision(Architecture::ResNet50, "resnet50.safetensors", 97, "prob");
}

#[test]
fn others_equal_torchvision() {
    let squeezenet = "torchvision_squeezenet1_1.safetensors";
    equals_torchvision(Architecture::TorchSqueezeNet, squeezenet, 97, "prob");
    let googlenet = "torchvision_googlenet.safetensors";
    equals_torchvision(Architecture::TorchGoogLeNet, googlenet, 97, "prob");
    equals_torchvision(Architecture::TorchAlexNet, "torchvision_alexnet.safetensors", 224, "prob");
    equals_torchvision(Architecture::TorchVgg11Bn, "vgg11_bn.safetensors", 64, "features.28");
}

#[test]
fn sizes_are_the_published_ones() {
    // torchvision's own counts of parameters, running statistics left out.
    for (architecture, expected) in [
        (Architecture::ResNet18, 11_689_512),
        (Architecture::ResNet34, 21_797_672),
        (Architecture::ResNet50, 25_557_032),
        (Architecture::ResNet101, 44_549_160),
        (Architecture::ResNet152, 60_192_808),
        (Architecture::TorchVgg11, 132_863_336),
        (Architecture::TorchVgg13, 133_047_848),
        (Architecture::TorchVgg16, 138_357_544),
        (Architecture::TorchVgg19, 143_667_240),
        (Architecture::TorchVgg19Bn, 143_678_248),
        (Architecture::TorchAlexNet, 61_100_840),
        (Architecture::TorchSqueezeNet, 1_235_496),
        (Architecture::TorchGoogLeNet, 6_624_904),
    ] {
        let parameters = architecture.parameters().unwrap();
        let learnt = parameters.iter().filter(|(name, _)| !name.contains(".running_"));
        let count: usize = learnt.map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(count, expected, "{architecture:?}");
    }
}

#[test]
fn a_module_s_name_stands_for_its_last_layer() {
    let graph = Architecture::ResNet50.graph();
    let at = |name: &str| graph.find(name, "ResNet-50").map(|address| address.layer);
    assert_eq!(at("layer3").unwrap(), graph.position("layer3.5").unwrap());
    assert_eq!(
        at("layer1.0.downsample").unwrap(),
        graph.position("layer1.0.downsample.1").unwrap()
    );
    let error = at("layer9").unwrap_err().to_string();
    assert!(error.starts_with("ResNet-50 has no layer \"layer9\""), "{error}");
}

#[test]
fn googlenet_equals_pytorch() {
    equals_pytorch(Architecture::GoogLeNet, "googlenet.safetensors", 224);
}

#[test]
fn squeezenet_equals_pytorch() {
    equals_pytorch(Architecture::SqueezeNet, "squeezenet1_1.safetensors", 227);
}

#[test]
fn alexnet_equals_pytorch() {
    equals_pytorch(Architecture::AlexNet, "alexnet.safetensors", 227);
}

#[test]
fn small_alexnets_equal_pytorch() {
    equals_pytorch(Architecture::AlexNet32, "alexnet32.safetensors", 32);
    equals_pytorch(Architecture::AlexNet32Bn, "alexnet32_bn.safetensors", 32);
    for architecture in [Architecture::AlexNet32, Architecture::AlexNet32Bn] {
        let report = architecture.graph().report(&[3, 32, 32]).unwrap();
        let cost: u64 = report.iter().map(|layer| layer.multiply_adds).sum();
        assert!(cost < 60_000_000, "{cost}");
    }
}

#[test]
fn vgg_equals_pytorch() {
    equals_pytorch(Architecture::Vgg16Features, "vgg16_conv5_1.safetensors", 75);
}

#[test]
fn conv4_equals_pytorch() {
    equals_pytorch(Architecture::Conv4, "conv4.safetensors", 53);
}

#[test]
fn batch_norm_is_told_as_it_is_computed() {
    let graph = Architecture::Conv4.graph();
    let report = graph.report(&[3, 48, 48]).unwrap();
    let of = |name: &str| &report[graph.position(name).unwrap()];
    // The convolution before it has no bias; two numbers a channel are learnt, and a product an
    // element is computed.
    assert_eq!((of("conv2").parameters, of("conv2").multiply_adds), (18432, 18432 * 24 * 24));
    assert_eq!(
        (of("bn2").operation, of("bn2").output.as_slice()),
        ("batch norm", &[64, 24, 24][..])
    );
    assert_eq!((of("bn2").parameters, of("bn2").multiply_adds), (128, 64 * 24 * 24));
    assert_eq!(of("bn2").receptive_field, of("conv2").receptive_field);
    let all: u64 = report.iter().map(|layer| layer.parameters).sum();
    let stored = Architecture::Conv4.parameters().unwrap();
    assert_eq!(stored["bn2.running_var"], [64]);
    assert!(!stored.contains_key("conv2.bias"));
    let learnt = stored.iter().filter(|(name, _)| !name.contains("running"));
    assert_eq!(all, learnt.map(|(_, shape)| shape.iter().product::<usize>() as u64).sum::<u64>());

    // In training its moments are the batch's: the channels come out around 0 with variance 1.
    let parameters = Parameters::new(3);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let network = network("Conv-4", graph, 48, &vb).unwrap();
    let mut rng = conv_nn::rng::seeded(1, "step 0");
    let x = seeded::numbers("x", &[4, 3, 16, 16], 2.0);
    let address = network.graph().find("bn1/pre_relu", "Conv-4").unwrap();
    let y = network.values(&x, &[address], &mut Mode::Train(&mut rng)).unwrap().remove(0);
    let mean = y.mean((0, 2, 3)).unwrap().abs().unwrap().max_all().unwrap();
    let square = (y.sqr().unwrap().mean((0, 2, 3)).unwrap() - 1.0).unwrap();
    let square = square.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(mean.to_scalar::<f32>().unwrap() < 1e-5 && square < 1e-3, "{square}");
    // And its running statistics have moved in the store, though they are no parameters.
    let running = &parameters.tensors()["bn1.running_mean"];
    assert!(running.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap() > 0.0);
    assert!(parameters.is_buffer("bn1.running_mean") && !parameters.is_buffer("bn1.bias"));
}

#[test]
fn first_values_are_those_of_he() {
    let parameters = Parameters::new(1);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    network("Conv-4", Architecture::Conv4.graph(), 48, &vb).unwrap();
    let tensors = parameters.tensors();
    let deviation = |name: &str| {
        let square = tensors[name].sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        square.sqrt()
    };
    // Over the outputs, as torchvision: √(2 / (256 · 9)).
    assert!((deviation("conv4.weight") / (2f32 / 2304.0).sqrt() - 1.0).abs() < 0.01);
    assert!((deviation("fc5.weight") / 0.01 - 1.0).abs() < 0.01);
    assert_eq!(
        (deviation("fc5.bias"), deviation("bn4.bias"), deviation("bn4.weight")),
        (0.0, 0.0, 1.0)
    );
}

#[test]
fn nothing_is_computed_that_no_answer_stands_on() {
    // Without the weights of what lies behind, and of a branch beside, what is asked for is still
    // there: weights that are no numbers would show.
    let mut weights = seeded::weights(Architecture::GoogLeNet);
    for (name, tensor) in &mut weights {
        if name.starts_with("inception_3b") || name.starts_with("inception_3a/5x5") {
            *tensor = (tensor.zeros_like().unwrap() + f64::NAN).unwrap();
        }
    }
    let vb = Parameters::frozen(weights).builder(DType::F32, &Device::Cpu);
    let graph = Architecture::GoogLeNet.graph();
    let network = network("GoogLeNet", graph, 224, &vb).unwrap();
    let picture = seeded::numbers("picture", &[1, 3, 64, 64], 120.0);
    let is_finite = |name: &str| {
        let sum = network.features(&picture, &[name]).unwrap()[0].sum_all().unwrap();
        sum.to_scalar::<f32>().unwrap().is_finite()
    };
    assert!(is_finite("inception_3a/3x3") && is_finite("inception_3a/pool_proj:3"));
    assert!(!is_finite("inception_3a/output") && !is_finite("inception_3b"));
}

#[test]
fn a_picture_has_the_same_answer_in_any_batch() {
    let network = build(Architecture::GoogLeNet);
    let pictures: Vec<Tensor> = (0..8)
        .map(|at| seeded::numbers(&format!("picture {at}"), &[1, 3, 96, 96], 120.0))
        .collect();
    let alone: Vec<Vec<f32>> = pictures
        .iter()
        .map(|x| {
            network.forward(x, &mut Mode::Eval).unwrap().squeeze(0).unwrap().to_vec1().unwrap()
        })
        .collect();
    for batch in [2, 3, 8] {
        let x = Tensor::cat(&pictures[..batch], 0).unwrap();
        let rows: Vec<Vec<f32>> = network.forward(&x, &mut Mode::Eval).unwrap().to_vec2().unwrap();
        for (row, alone) in rows.iter().zip(&alone) {
            let largest = alone.iter().fold(0f32, |a, &b| a.max(b.abs()));
            for (a, b) in row.iter().zip(alone) {
                assert!((a - b).abs() <= 1e-5 * largest, "batch {batch}: {a} and {b} of {largest}");
            }
        }
    }
}

#[test]
fn addresses_are_found_or_refused_by_name() {
    let network = build(Architecture::SqueezeNet);
    let picture = seeded::numbers("picture", &[2, 3, 64, 64], 120.0);
    let wanted = ["fire3", "fire3:5", "fire3/expand1x1/pre_relu:5", "data", "prob"];
    let values = network.features(&picture, &wanted).unwrap();
    let dims: Vec<&[usize]> = values.iter().map(Tensor::dims).collect();
    assert_eq!(
        dims,
        [&[2, 128, 15, 15][..], &[2, 1, 15, 15], &[2, 1, 15, 15], &[2, 3, 64, 64], &[2, 1000]]
    );
    let joined = values[0].narrow(1, 5, 1).unwrap();
    let rectified = conv_nn::relu(&values[2]).unwrap();
    for other in [&values[1], &rectified] {
        let error = (&joined - other).unwrap().abs().unwrap().max_all().unwrap();
        assert_eq!(error.to_scalar::<f32>().unwrap(), 0.0);
    }
    let refused = |name: &str| network.features(&picture, &[name]).unwrap_err().to_string();
    let text = refused("fire12");
    assert_eq!(text, "SqueezeNet 1.1 has no layer \"fire12\"; its 41 layers go from data to prob");
    assert!(refused("fire3/1x1").contains("there are fire3/squeeze1x1, fire3/expand1x1"));
    assert!(refused("fire3:x").starts_with("SqueezeNet 1.1 has no layer"));
    assert_eq!(
        refused("fire3/concat:128"),
        "layer \"fire3/concat\" has 128 channels, numbered from 0; channel 128 is asked for"
    );
    assert!(refused("pool1/pre_relu").contains("no rectifier"));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let network = build(Architecture::SqueezeNet);
    let refused = |shape: &[usize]| {
        let x = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        network.forward(&x, &mut Mode::Eval).unwrap_err().to_string()
    };
    assert!(refused(&[1, 3, 2, 64]).starts_with("layer \"conv1\" cannot take [3, 2, 64]"));
    assert!(refused(&[1, 1, 64, 64]).contains("expected a batch of [3, H, W]"));
    let error = network.graph().shapes(&[3, 2, 64]).unwrap_err().to_string();
    assert_eq!(
        error,
        "layer \"conv1\" cannot take [3, 2, 64]: expected at least 3 rows and columns"
    );
}

#[test]
fn shapes_of_the_description_are_those_that_come_out() {
    for (architecture, side) in [
        (Architecture::GoogLeNet, 97),
        (Architecture::SqueezeNet, 90),
        (Architecture::Vgg16Features, 33),
        (Architecture::Conv4, 37),
    ] {
        let network = build(architecture);
        let names: Vec<String> =
            network.graph().layers().iter().map(|layer| layer.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let x = seeded::numbers("picture", &[1, 3, side, side], 120.0);
        let values = network.features(&x, &names).unwrap();
        let shapes = network.graph().shapes(&[3, side, side]).unwrap();
        for ((name, value), shape) in names.iter().zip(values).zip(shapes) {
            assert_eq!(value.dims()[1..], shape, "{name}");
        }
    }
}

#[test]
fn what_one_element_sees_is_what_moves_it() {
    // The gradient of one element in the middle reaches as far as the description says.
    let network = build(Architecture::GoogLeNet);
    let fields = network.graph().receptive_fields();
    for (name, at) in [("pool1/3x3_s2", 20), ("inception_3a/output", 10), ("inception_3a/1x1", 10)]
    {
        let field = fields[network.graph().position(name).unwrap()].unwrap();
        let x = Var::from_tensor(&seeded::numbers("picture", &[1, 3, 170, 170], 1.0)).unwrap();
        let y = network.features(&x, &[name]).unwrap().remove(0);
        let one = y.narrow(2, at, 1).unwrap().narrow(3, at, 1).unwrap().sum_all().unwrap();
        let gradients = one.backward().unwrap();
        let rows = gradients.get(&x).unwrap().abs().unwrap().sum((0, 1, 3)).unwrap();
        let rows = rows.to_vec1::<f32>().unwrap();
        let first = rows.iter().position(|&x| x != 0.0).unwrap() as isize;
        let last = rows.iter().rposition(|&x| x != 0.0).unwrap() as isize;
        let start = field.start + (at * field.stride) as isize;
        let end = start + field.size as isize - 1;
        // Maxima pick some elements only, so that the outermost rows may go unseen.
        let near = |a: isize, b: isize| (0..=4).contains(&(a - b));
        assert!(near(first, start) && near(end, last), "{name}: {first}..{last}, {start}..{end}");
    }
}

#[test]
fn weights_are_recognised_and_misfits_are_listed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("weights.safetensors");
    let weights = seeded::weights(Architecture::SqueezeNet);
    seeded::save(&weights, &path);
    let model = Pretrained::open(&path, &Device::Cpu).unwrap();
    assert_eq!((model.architecture, model.hash.len()), (Architecture::SqueezeNet, 64));
    assert!(
        model.network.features(&seeded::numbers("x", &[1, 3, 64, 64], 1.0), &["fire2"]).is_ok()
    );

    let mut wrong = weights;
    wrong.remove("fire4/squeeze1x1.bias");
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    wrong.insert("conv10.weight".into(), zeros(&[21, 512, 1, 1]));
    wrong.insert("fire2/bypass.weight".into(), zeros(&[1]));
    seeded::save(&wrong, &path);
    let Err(Error::Misfits { misfits, network, .. }) = Pretrained::open(&path, &Device::Cpu) else {
        panic!("expected misfits");
    };
    let expected = [
        Misfit::Shape {
            name: "conv10.weight".into(),
            found: vec![21, 512, 1, 1],
            expected: vec![1000, 512, 1, 1],
        },
        Misfit::Missing { name: "fire4/squeeze1x1.bias".into() },
        Misfit::Extra { name: "fire2/bypass.weight".into() },
    ];
    assert_eq!((network, misfits.as_slice()), ("SqueezeNet 1.1", &expected[..]));

    seeded::save(&BTreeMap::from([("fc.weight".to_string(), zeros(&[2, 3]))]), &path);
    let text = Pretrained::open(&path, &Device::Cpu).unwrap_err().to_string();
    assert!(text.contains("its 1 tensors begin with fc.weight [2, 3]"), "{text}");
}

#[test]
fn what_stands_for_a_picture_is_the_last_hidden_layer() {
    for (architecture, expected) in [
        (Architecture::AlexNet, "fc7"),
        (Architecture::GoogLeNet, "pool5/7x7_s1"),
        (Architecture::SqueezeNet, "fire9/concat"),
        (Architecture::Vgg16, "fc7"),
        (Architecture::Vgg16Features, "conv5_1"),
    ] {
        let graph = architecture.graph();
        assert_eq!(graph.layers()[graph.embedding()].name, expected);
    }
}

#[test]
fn pixels_that_gradients_reach_become_what_the_network_reads() {
    let noise = seeded::noise("pixels", 9, 7);
    for preprocessing in [Preprocessing::caffe(224), Preprocessing::torchvision()] {
        let expected = preprocessing.normalise(&[&noise], (9, 7), &Device::Cpu).unwrap();
        let pixels = Var::from_tensor(&noise.tensor(&Device::Cpu).unwrap()).unwrap();
        let found = preprocessing.of_pixels(&pixels).unwrap();
        let apart = (&found - expected).unwrap().abs().unwrap().max_all().unwrap();
        assert!(apart.to_scalar::<f32>().unwrap() < 1e-4);
        // One pixel of red is the network's only where its red is.
        let red = if preprocessing.channels == Channels::Rgb { 0 } else { 2 };
        let one = found.narrow(1, red, 1).unwrap().narrow(3, 4, 1).unwrap().sum_all().unwrap();
        let gradients = one.backward().unwrap();
        let gradient = gradients.get(&pixels).unwrap().sum((0, 2, 3)).unwrap();
        let scale = 7.0 * preprocessing.scale / preprocessing.std[red];
        let gradient = gradient.to_vec1::<f32>().unwrap();
        assert!((gradient[0] - scale).abs() < 1e-5 && gradient[1..] == [0.0, 0.0], "{gradient:?}");
    }
}

#[test]
fn means_take_the_place_of_maxima() {
    let network = build(Architecture::SqueezeNet).average_pooled();
    let picture = seeded::numbers("picture", &[1, 3, 40, 40], 120.0);
    let values = network.features(&picture, &["conv1", "pool1"]).unwrap();
    let first = values[0].narrow(2, 0, 3).unwrap().narrow(3, 0, 3).unwrap();
    let expected = first.mean((2, 3)).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let found = values[1].narrow(2, 0, 1).unwrap().narrow(3, 0, 1).unwrap();
    let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0)));
    // A window that hangs over the end has the mean of what there is.
    assert_eq!(
        values[1].dims(),
        build(Architecture::SqueezeNet).features(&picture, &["pool1"]).unwrap()[0].dims()
    );
}

#[test]
fn layers_behind_the_one_asked_for_may_be_impossible() {
    let graph = Architecture::SqueezeNet.graph();
    let fire2 = graph.find("fire2", "").unwrap().layer;
    assert!(graph.shapes(&[3, 12, 12]).is_err());
    assert_eq!(graph.shapes_until(fire2 + 1, &[3, 12, 12]).unwrap()[fire2], [128, 2, 2]);
}

/// A unit of which noise opens nothing: without redirection no gradient comes to the picture, with
/// it one does, and the values are the same.
#[test]
fn a_redirected_network_leads_to_what_is_closed() {
    let mut weights = seeded::weights(Architecture::SqueezeNet);
    let bias = Tensor::full(-1e6f32, 64, &Device::Cpu).unwrap();
    weights.insert("fire2/expand1x1.bias".into(), bias);
    let parameters = Parameters::frozen(weights);
    let vb = parameters.builder(DType::F32, &Device::Cpu);
    let name = Architecture::SqueezeNet.name();
    let graph = Architecture::SqueezeNet.graph();
    let network = network(name, graph, 227, &vb).unwrap();
    let gradient = |network: &Network| {
        let x = Var::from_tensor(&seeded::numbers("picture", &[1, 3, 24, 24], 120.0)).unwrap();
        let answer = network.features(&x, &["fire2:7"]).unwrap().remove(0).mean_all().unwrap();
        assert_eq!(answer.to_scalar::<f32>().unwrap(), 0.0);
        let gradients = answer.neg().unwrap().backward().unwrap();
        let gradient = gradients.get(&x).map(|g| g.abs().unwrap().sum_all().unwrap());
        gradient.map_or(0.0, |sum| sum.to_scalar::<f32>().unwrap())
    };
    assert_eq!(gradient(&network), 0.0);
    assert!(gradient(&network.clone().redirected()) > 0.0);
    let x = seeded::numbers("other", &[1, 3, 24, 24], 120.0);
    let values = |network: &Network| {
        let value = network.features(&x, &["fire3"]).unwrap().remove(0).flatten_all().unwrap();
        value.to_vec1::<f32>().unwrap()
    };
    assert_eq!(values(&network), values(&network.clone().redirected()));
}

#[test]
fn a_layer_that_is_given_takes_the_place_of_its_own() {
    let network = build(Architecture::GoogLeNet);
    let x = seeded::numbers("picture", &[1, 3, 64, 64], 120.0);
    let graph = network.graph();
    let branch = graph.position("inception_4c/3x3").unwrap();
    let wanted = ["inception_4c/3x3", "inception_4c/1x1", "loss3/classifier"]
        .map(|name| graph.find(name, network.name()).unwrap());
    let own = network.values(&x, &wanted, &mut Mode::Eval).unwrap();
    let from =
        |value: &Tensor| network.values_given(&x, branch, value, &wanted, &mut Mode::Eval).unwrap();
    let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (own, same) in own.iter().zip(from(&own[0])) {
        assert!(numbers(own) == numbers(&same));
    }
    let given = Var::from_tensor(&own[0]).unwrap();
    let gradients = from(&given)[2].sum_all().unwrap().backward().unwrap();
    let gradient = gradients.get(&given).unwrap();
    assert_eq!(gradient.dims(), own[0].dims());
    assert!(numbers(gradient).iter().any(|&x| x != 0.0));
    let other = from(&(&own[0] * 2.0).unwrap());
    assert!(numbers(&own[1]) == numbers(&other[1]));
    assert!(numbers(&own[2]) != numbers(&other[2]));
}
