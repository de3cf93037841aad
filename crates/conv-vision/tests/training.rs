//! Training from pictures on disk to a model folder that is opened again.
#![allow(clippy::unwrap_used)]

mod seeded;

use candle_core::{DType, Device, Tensor};
use conv_hub::Card;
use conv_train::{FitConfig, Learner, Run, Task, fit, task};
use conv_vision::data::{Examples, find};
use conv_vision::retrieval::{Describer, Pooling};
use conv_vision::{
    Augmentation, Classifier, Error, Features, Inspection, Limits, Picture, Pretrained, Recipe,
    Training, Weights, evaluate,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Noise around one of two colours, 20 pictures each, and a file that is none.
fn pictures(folder: &Path) {
    for (class, colour) in [("blue", [60, 60, 190]), ("red", [190, 60, 60])] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for at in 0..20 {
            let noise = seeded::noise(&format!("{class} {at}"), 20, 16);
            let pixels = noise.pixels().iter().zip(colour.iter().cycle());
            let pixels = pixels.map(|(&noise, &colour)| noise / 4 + colour).collect();
            let png = Picture::new(20, 16, pixels).unwrap().to_png().unwrap();
            fs::write(folder.join(class).join(format!("{at:02}.png")), png).unwrap();
        }
    }
    fs::write(folder.join("red/broken.png"), "no picture").unwrap();
}

fn recipe(seed: u64) -> Recipe {
    let mut recipe = Recipe::default();
    (recipe.preprocessing.size, recipe.preprocessing.crop) = (16, 16);
    recipe.augmentation = Augmentation { flip: true, smallest_area: 0.5, aspect: 1.3 };
    recipe.fit = FitConfig { seed, epochs: 3, ..recipe.fit };
    recipe.fit.batching.size = conv_train::batch::BatchSize::Examples(12);
    recipe
}

fn training(folder: &Path, seed: u64) -> Training {
    let data = Examples::read(folder, None, &Limits::default()).unwrap();
    assert_eq!(
        (data.labels.as_slice(), data.skipped.len()),
        (&["blue".into(), "red".into()][..], 1)
    );
    Training::new(recipe(seed), data, None, Limits::default(), &Device::Cpu).unwrap()
}

fn learnt(folder: &Path, seed: u64) -> (Training, BTreeMap<String, Tensor>) {
    let training = training(folder, seed);
    let place = tempfile::tempdir().unwrap();
    fit(&training, &recipe(seed).fit, Run::new(place.path())).unwrap();
    let tensors = training.parameters().tensors();
    (training, tensors)
}

fn bits(tensors: &BTreeMap<String, Tensor>) -> Vec<u32> {
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    tensors.values().flat_map(flat).map(f32::to_bits).collect()
}

#[test]
fn two_colours_are_learnt_saved_and_opened_again() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let model = place.path().join("model");
    pictures(&data);
    let (training, _) = learnt(&data, 1);
    let figures = training.evaluate().unwrap();
    assert_eq!(figures["accuracy"], 1.0, "{figures:?}");
    let card = Card { title: "Two colours".into(), metrics: figures, ..Card::default() };
    task::save(&training, &model, &card, false).unwrap();

    let classifier = Classifier::open(&model, None, &Device::Cpu).unwrap();
    let picture = Picture::open(&data.join("red/03.png"), &Limits::default()).unwrap();
    let prediction = classifier.predict(std::slice::from_ref(&picture)).unwrap().remove(0);
    let guesses = classifier.guesses(&prediction, 5);
    assert_eq!((guesses.len(), guesses[0].class.name.as_str()), (2, "red"));
    // As the network itself says, through the preprocessing that the folder holds.
    let x = recipe(1).preprocessing.tensor(std::slice::from_ref(&picture), &Device::Cpu).unwrap();
    let logits = training.network().forward(&x, &mut conv_nn::Mode::Eval).unwrap();
    let expected = conv_nn::softmax(&logits, 1).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(guesses[0].probability, f64::from(expected[0][1]));

    let opened = Pretrained::open(&model, &Device::Cpu).unwrap();
    let inspection = Inspection::new(&opened).unwrap();
    assert_eq!(inspection.training["examples"]["train"], 36);
    assert!(inspection.to_string().contains("metrics          {\"accuracy\":1.0"));
    let describer = Describer::new(opened, None, Pooling::default(), &Device::Cpu).unwrap();
    assert_eq!(describer.describe(&[picture]).unwrap()[0].len(), 256);

    // A folder whose parts do not belong together is refused.
    fs::write(model.join("labels.txt"), "red\n").unwrap();
    let error = Classifier::open(&model, None, &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("labels.txt names 1 classes, expected 2"), "{error}");
    fs::write(model.join("labels.txt"), "red\nblue\ngreen\n").unwrap();
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), config.replace("\"classes\": 2", "\"classes\": 3"))
        .unwrap();
    let Err(Error::Misfits { misfits, .. }) = Pretrained::open(&model, &Device::Cpu) else {
        panic!("expected misfits");
    };
    assert_eq!(misfits.len(), 2);
}

#[test]
fn the_seed_and_not_the_threads_makes_the_bits() {
    let place = tempfile::tempdir().unwrap();
    pictures(place.path());
    let pool =
        |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(|| bits(&learnt(place.path(), 1).1));
    let three = pool(3).install(|| bits(&learnt(place.path(), 1).1));
    assert!(one == three);
    let other = bits(&learnt(place.path(), 2).1);
    assert!(one != other);
}

#[test]
fn a_picture_is_augmented_by_its_epoch_and_not_by_its_neighbours() {
    let place = tempfile::tempdir().unwrap();
    pictures(place.path());
    let training = training(place.path(), 1);
    let load = |epoch, examples: &[usize]| {
        let pictures = training.load(epoch, examples).unwrap().pictures().clone();
        pictures.flatten_from(1).unwrap().to_vec2::<f32>().unwrap()
    };
    assert_eq!(load(Some(3), &[5, 9])[1], load(Some(3), &[9])[0]);
    assert_ne!(load(Some(3), &[9]), load(Some(4), &[9]));
    let plain = Picture::open(Path::new(&training.name_of(9)), &Limits::default()).unwrap();
    let plain = recipe(1).preprocessing.tensor(&[plain], &Device::Cpu).unwrap();
    assert_eq!(load(None, &[9]), plain.flatten_from(1).unwrap().to_vec2::<f32>().unwrap());
}

#[test]
fn training_goes_on_from_weights_and_frozen_layers_keep_every_bit() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let model = place.path().join("model");
    pictures(&data);
    let (first, tensors) = learnt(&data, 1);
    task::save(&first, &model, &Card::default(), false).unwrap();
    let weights = Weights::open(&model).unwrap();
    // Another class: the classifier alone does not fit.
    fs::create_dir(data.join("green")).unwrap();
    for at in 0..20 {
        let png = Picture::new(20, 16, [60, 190, 60].repeat(320)).unwrap().to_png().unwrap();
        fs::write(data.join(format!("green/{at}.png")), png).unwrap();
    }
    let base = Recipe::fine_tuning(&weights, 3).unwrap();
    let groups: Vec<&str> = base.fit.groups.iter().map(|group| group.prefix.as_str()).collect();
    assert_eq!(groups, ["fc5.bias", "fc5.weight"]);
    let tune = |freeze: Option<&str>, fold: &str| {
        let mut recipe = Recipe { freeze: freeze.map(String::from), ..base.clone() };
        recipe.fit = FitConfig { epochs: 2, learning_rate: 0.01, ..recipe.fit };
        let read = Examples::read(&data, None, &Limits::default()).unwrap();
        let fit_config = recipe.fit.clone();
        let training =
            Training::from_weights(recipe, &weights, read, None, Limits::default(), &Device::Cpu)
                .unwrap();
        let started = training.parameters().tensors();
        assert_eq!(bits(&only(&started, "conv")), bits(&only(&tensors, "conv")));
        fit(&training, &fit_config, Run::new(&place.path().join(fold))).unwrap();
        assert_eq!(training.start()["sha256"], weights.hash);
        (training.parameters().tensors(), training.evaluate().unwrap()["accuracy"])
    };
    let (all, accuracy) = tune(None, "all");
    assert!(accuracy > 0.6 && bits(&only(&all, "conv1")) != bits(&only(&tensors, "conv1")));
    let (some, _) = tune(Some("bn2"), "some");
    for (layer, stays) in [
        ("conv1", true),
        ("bn1", true),
        ("conv2", true),
        ("bn2", true),
        ("conv3", false),
        ("bn3", false),
    ] {
        assert_eq!(bits(&only(&some, layer)) == bits(&only(&tensors, layer)), stays, "{layer}");
    }
    // Frozen layers are computed by themselves; the answer is that of the whole network.
    let mut recipe = Recipe { freeze: Some("conv9".into()), ..base.clone() };
    let read = || Examples::read(&data, None, &Limits::default()).unwrap();
    let begin = |recipe: &Recipe| {
        Training::from_weights(
            recipe.clone(),
            &weights,
            read(),
            None,
            Limits::default(),
            &Device::Cpu,
        )
    };
    assert!(begin(&recipe).err().unwrap().to_string().contains("conv9"));
    recipe.freeze = Some("bn2".into());
    let training = begin(&recipe).unwrap();
    let batch = training.load(None, &[0, 30, 50]).unwrap();
    let loss = training.loss(&batch, &mut conv_nn::Mode::Eval).unwrap().value;
    let logits = training.network().forward(batch.pictures(), &mut conv_nn::Mode::Eval).unwrap();
    let expected = conv_nn::cross_entropy(&logits, batch.classes(), &Default::default()).unwrap();
    assert_eq!(loss.to_scalar::<f32>().unwrap(), expected.to_scalar::<f32>().unwrap());
    recipe.architecture = conv_vision::Architecture::AlexNet;
    assert!(begin(&recipe).err().unwrap().to_string().contains("expected conv4, as the weights"));
}

/// The tensors of one layer.
fn only(tensors: &BTreeMap<String, Tensor>, layer: &str) -> BTreeMap<String, Tensor> {
    let of_layer = tensors.iter().filter(|(name, _)| name.starts_with(layer));
    of_layer.map(|(name, tensor)| (name.clone(), tensor.clone())).collect()
}

#[test]
fn features_are_kept_by_picture_and_belong_to_their_weights() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let model = place.path().join("model");
    pictures(&data);
    let (training, _) = learnt(&data, 1);
    task::save(&training, &model, &Card::default(), false).unwrap();
    let opened = Pretrained::open(&model, &Device::Cpu).unwrap();
    let layers = ["bn2".to_owned(), "pool4".into()];
    let limits = Limits::default();
    let files = find(&[&data]);
    let of = |layers: &[String]| {
        let places = (&files[..], &*data);
        Features::of(&opened, places, layers, &limits, DType::F32, &Device::Cpu)
    };
    let (features, skipped) = of(&layers).unwrap();
    assert_eq!((features.images().len(), skipped.len()), (40, 1));
    let path = place.path().join("features.safetensors");
    features.write(&path).unwrap();
    let read = Features::open(&path, &opened).unwrap();
    assert_eq!((read.images(), read.made_by()), (features.images(), features.made_by()));
    // As the picture alone has them.
    let picture = Picture::open(&data.join("red/07.png"), &limits).unwrap();
    let x = opened.preprocessing.tensor(&[picture], &Device::Cpu).unwrap();
    let alone = opened.network.features(&x, &["bn2", "pool4"]).unwrap();
    let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (layer, alone) in layers.iter().zip(&alone) {
        let kept = read.get("red/07.png", layer).unwrap();
        assert_eq!(kept.dims(), &alone.dims()[1..]);
        let apart = numbers(kept)
            .iter()
            .zip(numbers(alone))
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(apart < 1e-5, "{layer}: {apart}");
    }
    assert!(read.get("red/99.png", "bn2").is_none());
    assert!(of(&["conv9".into()]).is_err());
    let mut other = opened.clone();
    other.hash = "0".into();
    let error = Features::open(&path, &other).unwrap_err().to_string();
    assert!(error.contains("was made with weights"), "{error}");
    other = opened.clone();
    other.preprocessing.resize = conv_vision::Resize::Squash;
    let error = Features::open(&path, &other).unwrap_err().to_string();
    assert!(error.contains("was made with preprocessing"), "{error}");
}

#[test]
fn mistakes_are_counted_named_and_shown() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let model = place.path().join("model");
    pictures(&data);
    let (training, _) = learnt(&data, 1);
    task::save(&training, &model, &Card::default(), false).unwrap();
    let classifier = Classifier::open(&model, None, &Device::Cpu).unwrap();
    // A red picture among the blue ones.
    fs::copy(data.join("red/03.png"), data.join("blue/red.png")).unwrap();
    let limits = Limits::default();
    for classifier in [classifier.clone(), classifier.with_ten_crop(true)] {
        let found = evaluate(&classifier, &data, &limits).unwrap();
        assert_eq!((found.images, found.top1, found.top5), (41, 40, 41));
        assert_eq!((found.confusion.count(0, 1), found.confusion.total()), (1, 41));
        let [mistake] = &found.worst[..] else { panic!("{:?}", found.worst) };
        assert!(mistake.path.ends_with("blue/red.png") && mistake.probability < 0.5);
        let json = serde_json::json!(found);
        let expected = serde_json::json!([{"truth": "blue", "taken_for": "red", "count": 1}]);
        assert_eq!(json["mistaken"], expected);
        assert!(found.to_string().contains("red instead of blue, 1 times"));
        let page = found.report(&classifier, "colours", &limits).unwrap().html();
        assert!(page.contains("Worst mistakes") && page.contains("Confusion, colours"));
    }
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let place = tempfile::tempdir().unwrap();
    pictures(place.path());
    let read = |path: &Path| Examples::read(path, None, &Limits::default()).unwrap();
    let refused = |recipe: Recipe, data: Examples| {
        let training = Training::new(recipe, data, None, Limits::default(), &Device::Cpu);
        training.err().map(|error| error.to_string()).unwrap_or_default()
    };
    fs::remove_dir_all(place.path().join("red")).unwrap();
    let one = read(place.path());
    let text = "all 20 pictures to train on are of [\"blue\"], expected at least two classes";
    assert_eq!(refused(recipe(1), one), text);

    let other = tempfile::tempdir().unwrap();
    pictures(other.path());
    let mut wrong = recipe(1);
    wrong.augmentation.smallest_area = 0.0;
    let text = "smallest_area is 0, expected above 0 and at most 1";
    assert_eq!(refused(wrong, read(other.path())), text);
    // A picture that vanishes after it was looked at is named.
    let training = training(other.path(), 1);
    let name = training.name_of(0);
    fs::remove_file(&name).unwrap();
    let error = training.load(None, &[0]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{name}: cannot be read")), "{error}");
}
