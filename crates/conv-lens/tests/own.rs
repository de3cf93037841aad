//! A network of one's own: two convolutions, with a rectifier behind each.
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use conv_core::Conv2dConfig;
use conv_lens::evaluate::{draw, measure, shares};
use conv_lens::{Ascent, Climb, Objective, Rendering, Result, Subject, Survey, excitement, render};
use conv_nn::{redirected_relu, relu};
use conv_vision::{Address, Limits, Picture};
use std::path::Path;

struct Own {
    weights: [Tensor; 2],
    /// Values that it leaves out.
    left_out: usize,
}

impl Own {
    fn new() -> Self {
        let weights =
            [((4, 3, 5, 5), 0.37), ((6, 4, 3, 3), 0.61)].map(|(shape, pace): (_, f64)| {
                let shape: (usize, usize, usize, usize) = shape;
                let count = shape.0 * shape.1 * shape.2 * shape.3;
                let values: Vec<f32> =
                    (0..count).map(|at| (at as f64 * pace).sin() as f32).collect();
                Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
            });
        Self { weights, left_out: 0 }
    }
}

impl Subject for Own {
    fn name(&self) -> String {
        "mine".into()
    }

    fn layers(&self) -> Vec<String> {
        ["low", "high"].map(String::from).into()
    }

    fn channels(&self, layer: usize) -> Result<usize> {
        Ok(self.weights[layer].dim(0)?)
    }

    fn read(&self, pixels: &Tensor) -> Result<Tensor> {
        Ok(pixels.affine(1.0 / 127.5, -1.0)?)
    }

    fn values(&self, x: &Tensor, layers: &[Address], redirected: bool) -> Result<Vec<Tensor>> {
        let mut found = vec![x.clone()];
        for weight in &self.weights {
            let before = &found[found.len() - 1];
            let y = conv_core::conv2d(before, weight, None, &Conv2dConfig::default())?;
            found.push(if redirected { redirected_relu(&y)? } else { relu(&y)? });
        }
        let wanted = layers.iter().map(|address| found[address.layer + 1].clone());
        Ok(wanted.skip(self.left_out).collect())
    }
}

#[test]
fn it_is_rendered_and_compared_as_any_other() {
    let own = Own::new();
    let rendering = Rendering { size: 32, steps: 24, ..Rendering::default() };
    let objective = Objective::parse("high:3 - 0.5*low:1 + 0.01*tv", &own).unwrap();
    let rendered = render(&own, &objective, &rendering, |_| true).unwrap();
    let value = |picture: &Picture| excitement(&own, &objective, picture).unwrap();
    assert!(value(rendered.picture()) > value(&rendered.frames[0].picture));
    assert_eq!(objective.units()[0].to_string(), "high:3");

    // Left and gone on with.
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("own.ascent");
    let climbs = [Climb::new(objective.clone(), vec![rendering.seed])];
    let mut ascent = Ascent::new(&own, &climbs, &rendering).unwrap();
    (0..9).for_each(|_| assert!(ascent.step().unwrap().is_some()));
    ascent.save(&path).unwrap();
    let mut ascent = Ascent::resume(&own, &climbs, &rendering, &path).unwrap();
    while ascent.step().unwrap().is_some() {}
    assert_eq!(ascent.finish().unwrap()[0].picture(), rendered.picture());

    // Random units beside photographs.
    let crops = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples/crops");
    let layers = own.layers();
    let survey = Survey::measure(&own, &layers, &crops, &[32]).unwrap();
    let units = draw(&survey, 4, 1);
    let rendering = Rendering { keep: Vec::new(), ..rendering };
    let measured =
        measure(&own, &survey, &units, &rendering, Some(place.path()), |_| true).unwrap();
    let (all, by_layer) = shares(&survey, &measured);
    assert_eq!((all.units, by_layer.len()), (4, 2));
    assert!(all.mean_beats >= 0.5, "{measured:?}");
    let written = place.path().join(format!("{}-{}.png", units[0].0, units[0].1));
    assert_eq!(Picture::open(&written, &Limits::default()).unwrap().width(), 32);
}

#[test]
fn what_it_does_not_have_is_named() {
    let own = Own::new();
    let refused = |text: &str| Objective::parse(text, &own).err().unwrap().to_string();
    for (text, expected) in [
        ("middle:1", "mine: no layer \"middle:1\"; there are low, high"),
        ("high:x", "mine: no layer \"high:x\"; there are low, high"),
        ("high:6", "layer \"high\" has 6 channels, numbered from 0; channel 6 is asked for"),
        ("class(\"cat\")", "mine has no names of classes"),
    ] {
        let found = refused(text);
        assert!(found.contains(expected), "{found}");
    }
    // One that gives less than it is asked for.
    let objective = Objective::parse("high:3 + low:1", &own).unwrap();
    let own = Own { left_out: 1, ..own };
    let found = render(&own, &objective, &Rendering { size: 32, ..Rendering::default() }, |_| true);
    let found = found.err().unwrap().to_string();
    assert!(found.contains("values is 1, expected 2, one a layer"), "{found}");
}
