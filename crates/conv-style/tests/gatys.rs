//! What a descent can be asked for, on weights by formula.
#![allow(clippy::unwrap_used)]

#[path = "../../conv-vision/tests/seeded/mod.rs"]
mod seeded;

use candle_core::Device;
use conv_style::{
    Canvas, Colours, End, LossConfig, LossNetwork, Method, Painting, Plan, Sources, Start,
    StylePicture, paint,
};
use conv_vision::{Architecture, Picture, Pretrained};

fn losses() -> LossNetwork {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("weights.safetensors");
    seeded::save(&seeded::weights(Architecture::SqueezeNet), &path);
    let model = Pretrained::open(&path, &Device::Cpu).unwrap();
    LossNetwork::new(&model, LossConfig::of(Architecture::SqueezeNet)).unwrap()
}

/// A picture of two colours in bands.
fn bands(width: usize, height: usize, [a, b]: [[u8; 3]; 2]) -> Picture {
    let of = |x: usize, y: usize| if (x + 2 * y) % 9 < 4 { a } else { b };
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| of(x, y))).collect();
    Picture::new(width, height, pixels).unwrap()
}

fn photo() -> Picture {
    let of = |x: usize, y: usize| [(x * 4) as u8, (y * 5) as u8, ((x + y) * 2) as u8];
    let pixels = (0..40).flat_map(|y| (0..48).flat_map(move |x| of(x, y))).collect();
    Picture::new(48, 40, pixels).unwrap()
}

const RED: [[u8; 3]; 2] = [[230, 40, 30], [120, 0, 0]];
const BLUE: [[u8; 3]; 2] = [[20, 40, 240], [0, 0, 90]];

fn sources() -> Sources {
    Sources::new(photo(), bands(44, 44, RED))
}

fn painting() -> Painting {
    Painting { size: 48, steps: 6, ..Painting::default() }
}

fn style(picture: Picture, weight: f64, mask: Option<Picture>) -> StylePicture {
    StylePicture { picture, weight, mask }
}

/// The mean of a channel over some columns.
fn mean(picture: &Picture, channel: usize, columns: std::ops::Range<usize>) -> f64 {
    let of = |(at, pixel): (usize, &[u8])| {
        columns.contains(&(at % picture.width())).then(|| f64::from(pixel[channel]))
    };
    let found: Vec<f64> = picture.pixels().chunks(3).enumerate().filter_map(of).collect();
    found.iter().sum::<f64>() / found.len() as f64
}

#[test]
fn adam_goes_down_too() {
    let (losses, sources) = (losses(), sources());
    let painting = Painting { method: Method::adam(), steps: 20, ..painting() };
    let painted = paint(&losses, &sources, &painting, |_| true).unwrap();
    let [first, .., last] = painted.strokes.as_slice() else { panic!("{:?}", painted.strokes) };
    assert!(last.loss < 0.7 * first.loss, "{first:?} {last:?}");
    // One evaluation a step, and one where it begins.
    assert_eq!((last.step, last.evaluations, painted.end), (20, 21, End::Completed));
}

#[test]
fn evaluations_are_bounded_to_within_a_step() {
    let (losses, sources) = (losses(), sources());
    let painting = Painting { steps: 100, evaluations: Some(9), ..painting() };
    let painted = paint(&losses, &sources, &painting, |_| true).unwrap();
    let [.., before, last] = painted.strokes.as_slice() else { panic!("{:?}", painted.strokes) };
    assert!(before.evaluations < 9 && last.evaluations >= 9 && painted.end == End::Completed);
}

#[test]
fn styles_count_by_their_weights() {
    let losses = losses();
    let red = bands(44, 44, RED);
    let blue = bands(40, 44, BLUE);
    let start = |styles: Vec<StylePicture>| {
        let sources = Sources { styles, ..sources() };
        let mut canvas = Canvas::new(&losses, &sources, &painting()).unwrap();
        canvas.step().unwrap();
        canvas.strokes()[0].style
    };
    let one = start(vec![style(red.clone(), 1.0, None)]);
    let other = start(vec![style(blue.clone(), 1.0, None)]);
    let both = start(vec![style(red.clone(), 3.0, None), style(blue.clone(), 1.0, None)]);
    assert!((both / (0.75 * one + 0.25 * other) - 1.0).abs() < 1e-5, "{both} of {one}, {other}");
    let none = Sources { styles: Vec::new(), ..sources() };
    let error = |sources: &Sources| Canvas::new(&losses, sources, &painting()).err().unwrap();
    assert_eq!(error(&none).to_string(), "there is no painting, expected at least one");
    let bad = Sources { styles: vec![style(red, -1.0, None)], ..sources() };
    assert_eq!(error(&bad).to_string(), "style weight is -1, expected above 0");
}

#[test]
fn each_style_is_where_its_mask_is_white() {
    let losses = losses();
    // Of another size than the photograph, and of its shape.
    let mask = |white: std::ops::Range<usize>| {
        let pixel = |at: usize| [if white.contains(&(at % 24)) { 255 } else { 0 }; 3];
        Picture::new(24, 20, (0..480).flat_map(pixel).collect()).unwrap()
    };
    let styles = |left: Option<Picture>, right: Option<Picture>| {
        vec![style(bands(44, 44, RED), 1.0, left), style(bands(44, 44, BLUE), 1.0, right)]
    };
    let sources = Sources { styles: styles(Some(mask(0..12)), Some(mask(12..24))), ..sources() };
    let painting = Painting { steps: 12, ..painting() };
    let painted = paint(&losses, &sources, &painting, |_| true).unwrap().picture;
    let apart = |columns: std::ops::Range<usize>| {
        mean(&painted, 0, columns.clone()) - mean(&painted, 2, columns)
    };
    assert!(apart(0..20) > apart(28..48) + 60.0, "{} {}", apart(0..20), apart(28..48));

    let error = |mask: Picture| {
        let sources = Sources { styles: styles(Some(mask), None), ..self::sources() };
        Canvas::new(&losses, &sources, &painting).err().unwrap().to_string()
    };
    assert!(error(mask(0..0)).contains("all black"));
    let square = Picture::new(20, 20, vec![255; 1200]).unwrap();
    let text = error(square);
    assert!(text.contains("20 × 20 pixels, expected the shape of the picture, 48 × 40"), "{text}");
}

#[test]
fn a_larger_style_scale_makes_the_painting_larger_and_never_larger_than_it_is() {
    let losses = losses();
    let sources = Sources::new(photo(), bands(60, 90, RED));
    let side = |style_scale: f64| {
        let painting = Painting { style_scale, ..painting() };
        Canvas::new(&losses, &sources, &painting).map(|canvas| canvas.styles()[0].height())
    };
    assert_eq!([1.0, 1.5, 4.0].map(|scale| side(scale).unwrap()), [48, 72, 90]);
    assert!(side(0.01).unwrap_err().to_string().contains("style_scale is 0.01"));
}

#[test]
fn the_photographs_colours_can_be_kept() {
    let (losses, sources) = (losses(), sources());
    let with = |colours: Colours| {
        let painting = Painting { colours, ..painting() };
        paint(&losses, &sources, &painting, |_| true).unwrap()
    };
    let blue = |picture: &Picture| mean(picture, 2, 0..48) - mean(picture, 0, 0..48);
    let photograph = blue(&photo());
    // A red painting makes it redder, unless its colours are kept.
    let style = with(Colours::Style);
    assert!(blue(&style.picture) < photograph - 30.0, "{}", blue(&style.picture));
    let luminance = with(Colours::Luminance);
    assert!((blue(&luminance.picture) - photograph).abs() < 8.0, "{}", blue(&luminance.picture));
    let histogram = with(Colours::Histogram);
    assert!((blue(&histogram.styles[0]) - photograph).abs() < 4.0);
    assert!(blue(&histogram.picture) > blue(&style.picture) + 20.0);
}

#[test]
fn stages_go_from_coarse_to_fine() {
    let losses = losses();
    let photo = bands(96, 80, [[10, 200, 60], [90, 90, 220]]);
    let sources = Sources::new(photo, bands(80, 80, RED));
    let painting = Painting { size: 96, stages: 2, steps: 3, ..Painting::default() };
    let painted = paint(&losses, &sources, &painting, |_| true).unwrap();
    assert_eq!((painted.picture.width(), painted.picture.height()), (96, 80));
    let steps: Vec<_> = painted.strokes.iter().map(|stroke| (stroke.stage, stroke.step)).collect();
    assert_eq!(steps, [(1, 0), (1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (2, 6)]);
    // The first stage is too small for the layers: named before anything is painted.
    let painting = Painting { stages: 4, ..painting };
    let error = Canvas::new(&losses, &sources, &painting).err().unwrap().to_string();
    assert!(error.starts_with("the picture of 12 × 10 pixels is too small"), "{error}");
}

#[test]
fn it_begins_where_it_is_told_to() {
    let losses = losses();
    let begins = |start: Start, picture: Option<Picture>| {
        let sources = Sources { start: picture, ..sources() };
        let canvas = Canvas::new(&losses, &sources, &Painting { start, ..painting() });
        canvas.map(|canvas| canvas.picture().unwrap())
    };
    assert_eq!(begins(Start::Content, None).unwrap(), photo());
    // A picture of another size is resized.
    let given = bands(96, 80, BLUE);
    let found = begins(Start::Picture, Some(given)).unwrap();
    assert_eq!((found.width(), found.height()), (48, 40));
    assert!(mean(&found, 2, 0..48) > 120.0 && mean(&found, 0, 0..48) < 30.0);
    let noise = begins(Start::Noise, None).unwrap();
    assert!((mean(&noise, 0, 0..48) - 128.0).abs() < 6.0);
    let error = begins(Start::Picture, None).unwrap_err().to_string();
    assert!(error.contains("start"), "{error}");
}

#[test]
fn what_was_saved_goes_on_with_the_same_bits() {
    let (losses, sources) = (losses(), sources());
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("saved.safetensors");
    let adam = Painting { method: Method::adam(), ..painting() };
    let large = Sources::new(bands(96, 80, BLUE), bands(80, 80, RED));
    let stages = Painting { size: 96, stages: 2, steps: 4, ..Painting::default() };
    for (sources, painting) in [(&sources, painting()), (&sources, adam), (&large, stages)] {
        let mut whole = Canvas::new(&losses, sources, &painting).unwrap();
        let mut saved = 0;
        let end = loop {
            if whole.strokes().len() == 6 {
                whole.save(&path).unwrap();
                saved += 1;
            }
            if let Some(end) = whole.step().unwrap() {
                break end;
            }
        };
        assert_eq!(saved, 1);
        let mut again = Canvas::resume(&losses, sources, &painting, &path).unwrap();
        while again.step().unwrap().is_none() {}
        let whole = whole.finish(end).unwrap();
        let again = again.finish(end).unwrap();
        assert!(whole.picture == again.picture);
        let numbers = |stroke: &conv_style::Stroke| (stroke.step, stroke.evaluations, stroke.loss);
        assert!(whole.strokes.iter().map(numbers).eq(again.strokes.iter().map(numbers)));
    }

    let resume = |sources: &Sources, painting: &Painting| {
        Canvas::resume(&losses, sources, painting, &path).err().unwrap().to_string()
    };
    let stages = Painting { size: 96, stages: 2, steps: 9, ..Painting::default() };
    let text = resume(&sources, &stages);
    assert!(text.contains("another painting: photograph differs"), "{text}");
    let text = resume(&large, &Painting { seed: 2, ..stages });
    assert!(text.contains("settings.seed differs"), "{text}");
    std::fs::write(&path, "no tensors").unwrap();
    assert!(resume(&large, &painting()).contains("saved.safetensors"));
}

/// jcjohnson/neural-style #47: losses that stand still, and nobody says why.
#[test]
fn a_search_that_cannot_go_on_says_so() {
    let losses = losses();
    // The photograph has its own style: there is nothing to descend.
    let sources = Sources::new(photo(), photo());
    let painted = paint(&losses, &sources, &painting(), |_| true).unwrap();
    let End::Stalled(stall) = painted.end else { panic!("{:?}", painted.end) };
    assert_eq!(stall.to_string(), "the gradient vanishes");
    assert_eq!(painted.picture, photo());
}

/// alexjc/neural-doodle #75: a painting smaller than the picture.
#[test]
fn layers_that_see_more_than_a_painting_has_are_named() {
    let losses = losses();
    let wider = losses.wider_than((33, 60));
    let (last, side) = wider.last().unwrap();
    assert_eq!(last, "fire7/concat");
    assert!(*side > 33 && wider.iter().all(|(_, side)| *side > 33) && wider.len() < 6, "{wider:?}");
    assert!(losses.wider_than((1000, 1000)).is_empty());
}

#[test]
fn a_plan_tells_sizes_before_anything_is_computed() {
    let losses = losses();
    let sources = Sources::new(bands(96, 80, BLUE), bands(50, 80, RED));
    let painting = Painting { size: 96, stages: 2, ..Painting::default() };
    let plan = Plan::new(&losses, &sources, &painting).unwrap();
    let stages: Vec<_> = plan.stages.iter().map(|stage| (stage.width, stage.height)).collect();
    assert_eq!(stages, [(48, 40), (96, 80)]);
    assert_eq!(plan.stages[1].styles, [(50, 80)]);
    // Twenty pairs and what else a step needs, of 3 · 96 · 80 numbers.
    assert_eq!(plan.stages[1].descent, 50 * 3 * 96 * 80 * 4);
    let small = Plan::new(&losses, &sources, &Painting { stages: 4, ..painting });
    assert!(small.unwrap_err().to_string().contains("too small"));
}
