//! An index on disk: whole, damaged, of another model, of pictures that have changed; and how
//! neighbours are counted.
#![allow(clippy::unwrap_used)]

mod seeded;

use candle_core::Device;
use conv_vision::retrieval::{
    Added, Describer, Expansion, Index, Metric, Pooling, State, Views, evaluate,
};
use conv_vision::{Architecture, Error, Limits, Picture, Preprocessing, Pretrained};
use std::fs;
use std::path::{Path, PathBuf};

/// SqueezeNet with drawn weights, looking at small pictures.
fn model(folder: &Path) -> Pretrained {
    let path = folder.join("weights.safetensors");
    seeded::save(&seeded::weights(Architecture::SqueezeNet), &path);
    let mut model = Pretrained::open(&path, &Device::Cpu).unwrap();
    model.preprocessing = Preprocessing { size: 64, crop: 64, ..model.preprocessing };
    model
}

fn describer(model: Pretrained) -> Describer {
    Describer::new(model, None, Pooling::Average, &Device::Cpu).unwrap()
}

/// Two kinds of pictures, three of each: noise, and noise in red alone.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for kind in ["grey", "red"] {
        fs::create_dir_all(folder.join(kind)).unwrap();
        for number in 0..3 {
            let noise = seeded::noise(&format!("{kind} {number}"), 70, 64);
            let mut pixels = noise.pixels().to_vec();
            for pixel in pixels.chunks_exact_mut(3).filter(|_| kind == "red") {
                pixel[1..].fill(0);
            }
            let picture = Picture::new(70, 64, pixels).unwrap();
            paths.push(folder.join(kind).join(format!("{number}.png")));
            fs::write(paths.last().unwrap(), picture.to_png().unwrap()).unwrap();
        }
    }
    paths
}

#[test]
fn an_index_finds_what_is_alike_and_tells_what_has_changed() {
    let place = tempfile::tempdir().unwrap();
    let paths = pictures(place.path());
    let describer = describer(model(place.path()));
    let broken = place.path().join("red/broken.png");
    fs::write(&broken, b"no picture").unwrap();
    let all = [paths.clone(), vec![broken.clone()]].concat();
    let (index, skipped) = Index::new(&describer, &all, &Limits::default()).unwrap();
    assert_eq!((index.paths(), skipped[0].path.as_path()), (paths.as_slice(), broken.as_path()));

    let file = place.path().join("index");
    index.write(&file).unwrap();
    let read = Index::open(&file).unwrap();
    assert_eq!(read, index);
    let bytes = fs::read(&file).unwrap();
    index.write(&file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), bytes);

    let picture = Picture::open(&paths[4], &Limits::default()).unwrap();
    let descriptor = describer.describe(&[picture]).unwrap().remove(0);
    for metric in [Metric::Cosine, Metric::Euclidean] {
        let found = read.search(&descriptor, metric, 6).unwrap();
        assert_eq!(found[0].path, paths[4]);
        // It was described together with others, and is now alone.
        assert!(found[0].distance.abs() < 1e-3 * found[1].distance, "{found:?}");
        let kinds: Vec<bool> =
            found.iter().map(|n| n.path.parent().unwrap().ends_with("red")).collect();
        assert_eq!(kinds, [true, true, true, false, false, false]);
        assert!(found.iter().all(|neighbour| neighbour.state == State::Same));
    }
    fs::remove_file(&paths[0]).unwrap();
    fs::write(&paths[1], b"something else").unwrap();
    let found = read.search(&descriptor, Metric::Cosine, 9).unwrap();
    assert_eq!(found.len(), 6);
    let state = |path: &Path| found.iter().find(|n| n.path == path).unwrap().state;
    assert_eq!((state(&paths[0]), state(&paths[1])), (State::Gone, State::Changed));
}

#[test]
fn another_model_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let paths = pictures(place.path());
    let first = model(place.path());
    let describer = describer(first.clone());
    let (index, _) = Index::new(&describer, &paths, &Limits::default()).unwrap();
    let file = Path::new("photos.index");
    assert!(index.describer(first.clone(), file, &Device::Cpu).is_ok());

    let mut weights = seeded::weights(Architecture::SqueezeNet);
    weights.insert("conv10.bias".into(), seeded::numbers("other", &[1000], 1.0));
    let other = place.path().join("other.safetensors");
    seeded::save(&weights, &other);
    let other = Pretrained::open(&other, &Device::Cpu).unwrap();
    let refused = |model, layer, pooling| {
        let other = Describer::new(model, layer, pooling, &Device::Cpu).unwrap();
        match index.check(&other, file) {
            Err(Error::OtherModel { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    let error = index.describer(other.clone(), file, &Device::Cpu).unwrap_err().to_string();
    assert!(error.starts_with("photos.index was made with weights "), "{error}");
    assert_eq!(refused(first.clone(), Some("fire8/concat"), Pooling::Average), "layer");
    assert_eq!(refused(first.clone(), None, Pooling::Maximum), "pooling");
    let mut squashed = first;
    squashed.preprocessing.size += 1;
    assert_eq!(refused(squashed, None, Pooling::Average), "preprocessing");
}

#[test]
fn a_damaged_index_is_an_error_and_never_a_panic() {
    let place = tempfile::tempdir().unwrap();
    let (index, _) =
        Index::new(&describer(model(place.path())), &pictures(place.path()), &Limits::default())
            .unwrap();
    let file = place.path().join("index");
    index.write(&file).unwrap();
    let bytes = fs::read(&file).unwrap();
    for sixteenth in 0..16 {
        fs::write(&file, &bytes[..bytes.len() * sixteenth / 16]).unwrap();
        assert!(Index::open(&file).is_err(), "{sixteenth}");
    }
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize + 8;
    for at in (0..header).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x15;
        fs::write(&file, &flipped).unwrap();
        // Some bytes are of a name or a number that may be another one.
        let _ = Index::open(&file);
    }
    let weights = place.path().join("weights.safetensors");
    let text = Index::open(&weights).unwrap_err().to_string();
    assert!(text.contains("is no index of pictures"), "{text}");
}

#[test]
fn categories_are_told_apart_by_their_neighbours() {
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    pictures(&tree);
    fs::write(tree.join("red/notes.txt"), b"no picture").unwrap();
    let plain = Expansion::default();
    // A category of one has nothing to be found by.
    fs::create_dir(tree.join("alone")).unwrap();
    fs::copy(tree.join("grey/0.png"), tree.join("alone/0.png")).unwrap();
    let describer = describer(model(place.path()));
    let found = evaluate(&describer, &tree, Metric::Cosine, plain, &Limits::default()).unwrap();
    assert_eq!((found.images, found.queries, found.categories, found.skipped.len()), (7, 6, 3, 1));
    // The copy is the nearest to its original, and one of the two nearest to its likes or not: only
    // red is sure.
    assert!(found.p_at_1 >= 0.5 && found.map > 0.5 && found.map < 1.0, "{found:?}");
    fs::remove_dir_all(tree.join("alone")).unwrap();
    let found = evaluate(&describer, &tree, Metric::Cosine, plain, &Limits::default()).unwrap();
    assert_eq!((found.p_at_1, found.map), (1.0, 1.0));
    // What is taken in is of the same kind, and changes nothing here.
    let both = Expansion { query: 1, database: 1 };
    let found = evaluate(&describer, &tree, Metric::Cosine, both, &Limits::default()).unwrap();
    assert_eq!((found.p_at_1, found.map), (1.0, 1.0));
    let refused = evaluate(&describer, &tree, Metric::Euclidean, both, &Limits::default());
    assert!(refused.unwrap_err().to_string().starts_with("metric is euclidean"));
}

#[test]
fn an_index_changes_with_its_pictures() {
    let place = tempfile::tempdir().unwrap();
    let paths = pictures(place.path());
    let describer = describer(model(place.path()));
    let limits = Limits::default();
    let (mut index, _) = Index::new(&describer, &paths[..4], &limits).unwrap();
    // Two more, one that has another picture now, and one that is there twice.
    let other = fs::read(&paths[5]).unwrap();
    fs::write(&paths[1], &other).unwrap();
    let named = [&paths[..], &paths[5..]].concat();
    let (added, skipped) = index.add(&describer, &named, &limits).unwrap();
    assert_eq!((added, skipped.len()), (Added { new: 2, renewed: 2, unchanged: 3 }, 0));
    let (whole, _) = Index::new(&describer, &paths, &limits).unwrap();
    let near = |index: &Index| {
        let picture = Picture::open(&paths[5], &limits).unwrap();
        let descriptor = describer.describe(&[picture]).unwrap().remove(0);
        index.search(&descriptor, Metric::Cosine, 2).unwrap()
    };
    assert_eq!(near(&index)[0].path, paths[1]);
    assert!(near(&index)[1].path == paths[5] && near(&index)[1].state == State::Same);
    assert_eq!(near(&whole).len(), 2);

    fs::remove_file(&paths[0]).unwrap();
    assert_eq!(index.remove(|_, state| state == State::Gone), 1);
    assert_eq!(index.remove(|path, _| path == paths[5]), 1);
    assert_eq!(index.paths(), &paths[1..5]);
    let file = place.path().join("index");
    index.write(&file).unwrap();
    assert_eq!(Index::open(&file).unwrap(), index);
    assert_eq!(near(&index)[0].path, paths[1]);
    // Without any picture it is an index all the same.
    assert_eq!(index.remove(|_, _| true), 4);
    index.write(&file).unwrap();
    let mut empty = Index::open(&file).unwrap();
    assert_eq!(near(&empty), []);
    empty.add(&describer, &paths[3..], &limits).unwrap();
    assert_eq!(empty.paths().len(), 3);
}

#[test]
fn views_are_of_the_whole_picture_at_several_sizes_and_mirrored() {
    let place = tempfile::tempdir().unwrap();
    let paths = pictures(place.path());
    let picture = Picture::open(&paths[0], &Limits::default()).unwrap();
    let model = model(place.path());
    let of = |views: &Views, pooling| {
        let model = model.clone();
        let describer = Describer::new(model, None, pooling, &Device::Cpu).unwrap();
        describer.with_views(views.clone()).unwrap()
    };
    let average = |views: &Views, picture: &Picture| {
        let rows = of(views, Pooling::Average).describe(std::slice::from_ref(picture));
        rows.unwrap().remove(0)
    };
    let whole = Views { whole: true, ..Views::default() };
    let both = Views { mirrored: true, ..whole.clone() };
    let apart = |a: &[f32], b: &[f32]| Metric::Cosine.distance(a, b);
    // A mirror image's views are the picture's.
    let [a, b] = [average(&both, &picture), average(&both, &picture.mirrored())];
    assert!(apart(&a, &b) < 1e-5);
    let [a, b] = [average(&whole, &picture), average(&whole, &picture.mirrored())];
    assert!(apart(&a, &b) > 1e-4);
    let length = a.iter().map(|x| x * x).sum::<f32>();
    assert!((length - 1.0).abs() < 1e-5);
    // By hand: the mean of two sizes, each of a length of 1.
    let sizes = |sizes: &[usize]| Views { sizes: sizes.into(), ..whole.clone() };
    let [one, two] = [average(&sizes(&[64]), &picture), average(&sizes(&[80]), &picture)];
    let sum: Vec<f32> = one.iter().zip(&two).map(|(a, b)| a + b).collect();
    assert!(apart(&sum, &average(&sizes(&[64, 80]), &picture)) < 1e-6);
    assert_eq!(one, average(&whole, &picture));
    // The generalised mean lies between the mean and the maximum.
    let plain = Views::default();
    let [mean, gem, most] = [Pooling::Average, Pooling::Gem, Pooling::Maximum].map(|pooling| {
        of(&plain, pooling).describe(std::slice::from_ref(&picture)).unwrap().remove(0)
    });
    for ((mean, gem), most) in mean.iter().zip(&gem).zip(&most) {
        assert!(*mean <= gem * 1.0001 && *gem <= most * 1.0001, "{mean} {gem} {most}");
    }
    // An index keeps them and refuses others.
    let describer = of(&sizes(&[64, 80]), Pooling::Gem);
    let (index, _) = Index::new(&describer, &paths, &Limits::default()).unwrap();
    let file = place.path().join("index");
    index.write(&file).unwrap();
    let read = Index::open(&file).unwrap();
    assert!(read.describer(model.clone(), &file, &Device::Cpu).is_ok());
    let text = read.check(&of(&whole, Pooling::Gem), &file).unwrap_err().to_string();
    assert!(text.contains("the whole picture at 64, 80"), "{text}");
    // A picture of one column is no danger to memory.
    let column = Picture::new(1, 5000, vec![9; 15000]).unwrap();
    assert_eq!(average(&whole, &column).len(), a.len());
    assert!(of(&plain, Pooling::Average).with_views(sizes(&[9])).is_err());
}

#[test]
fn nothing_to_index_is_said() {
    let place = tempfile::tempdir().unwrap();
    let describer = describer(model(place.path()));
    let text = Index::new(&describer, &[], &Limits::default()).unwrap_err().to_string();
    assert_eq!(text, "no picture in 0 files");
    // A descriptor of a picture that is black, and so of a layer that is rectified and may be zero.
    let black = Picture::new(64, 64, vec![0; 3 * 64 * 64]).unwrap();
    let descriptor = describer.describe(&[black]).unwrap().remove(0);
    assert!(descriptor.iter().all(|value| value.is_finite()));
}
