//! What the network is to say of a picture, as large as it sees it.

use crate::data::{Example, Object};
use crate::model::{Targets, UNKNOWN};
use crate::{Config, Input, Result};
use candle_core::{Device, Tensor};

/// The shortest side of an object's box, in pixels of what the network sees: of what is smaller
/// nothing can be learnt.
const SHORTEST: f32 = 1.0;

/// Whether an object's box is large enough to learn from where the network sees it.
pub(crate) fn is_large(input: Input, example: &Example, object: &Object) -> bool {
    let (width, height) = input.sides(example.width, example.height);
    let across = width as f32 / example.width as f32;
    let down = height as f32 / example.height as f32;
    object.bounding_box.scaled(across, down).is_at_least(SHORTEST)
}

/// What the network is to say of an example that it sees as large as `input` says.
pub(crate) fn targets(
    config: &Config,
    input: Input,
    example: &Example,
    mirror: bool,
    device: &Device,
) -> Result<Targets> {
    let (width, height) = input.sides(example.width, example.height);
    let across = width as f32 / example.width as f32;
    let down = height as f32 / example.height as f32;
    let is_learnt = |object: &&Object| !object.crowd && is_large(input, example, object);
    let objects: Vec<&Object> = example.objects.iter().filter(is_learnt).collect();
    let mut masks = Vec::with_capacity(objects.len() * width * height);
    for object in &objects {
        let bitmap = object.mask.bitmap();
        for y in 0..height {
            let row = y * example.height / height;
            masks.extend((0..width).map(|x| {
                let column = x * example.width / width;
                let column = if mirror { example.width - 1 - column } else { column };
                if bitmap.get(column, row) { 1f32 } else { 0.0 }
            }));
        }
    }
    let place = |object: &&Object| {
        let found = object.bounding_box;
        let found = if mirror { found.mirrored(example.width as f32) } else { found };
        found.scaled(across, down)
    };
    let value = |object: &&Object, at: usize| {
        object.attributes.get(at).copied().flatten().unwrap_or(UNKNOWN)
    };
    let of_attribute = |at| objects.iter().map(|object| value(object, at)).collect();
    let measures = |object: &&Object| {
        let known = config.measures.iter().zip(&object.measures);
        let signed = known.map(|(measure, value)| match value {
            Some(value) if mirror && measure.mirrors => -value,
            Some(value) => *value,
            None => f32::NAN,
        });
        signed.collect()
    };
    Ok(Targets {
        sides: (width, height),
        boxes: objects.iter().map(place).collect(),
        classes: objects.iter().map(|object| object.class).collect(),
        masks: Tensor::from_vec(masks, (objects.len(), 1, height, width), device)?,
        attributes: (0..config.attributes.len()).map(of_attribute).collect(),
        measures: objects.iter().map(measures).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Attribute, Measure};
    use crate::{Bitmap, BoundingBox, RunLength};
    use std::path::PathBuf;

    fn object(left: usize, right: usize) -> Object {
        let mask = RunLength::from(&Bitmap::new(20, 10, |x, y| x >= left && x < right && y > 3));
        Object {
            bounding_box: mask.bitmap().bounding_box().unwrap(),
            area: mask.area() as f64,
            mask,
            crowd: false,
            class: 0,
            attributes: vec![Some(1)],
            measures: vec![Some(2.0), Some(3.0)],
        }
    }

    #[test]
    fn what_is_taught_is_mirrored_and_resized_with_the_picture() -> Result<()> {
        let measure = |name: &str, mirrors| Measure { name: name.into(), mirrors };
        let config = Config {
            input: crate::Input { short_side: 20, long_side: 40 },
            attributes: vec![Attribute { name: "c".into(), values: vec!["a".into(), "b".into()] }],
            measures: vec![measure("right", true), measure("front", false)],
            ..Config::default()
        };
        let narrow = Object { bounding_box: BoundingBox::new(5.0, 5.0, 5.2, 9.0), ..object(5, 6) };
        let crowd = Object { crowd: true, ..object(0, 20) };
        let objects = vec![object(2, 7), narrow, crowd];
        let example = Example { id: 0, path: PathBuf::new(), width: 20, height: 10, objects };
        let plain = targets(&config, config.input, &example, false, &Device::Cpu)?;
        // Neither what is narrower than a pixel nor a crowd is taught.
        assert_eq!(plain.boxes, [BoundingBox::new(4.0, 8.0, 14.0, 20.0)]);
        assert_eq!((plain.sides, plain.masks.dims()), ((40, 20), &[1, 1, 20, 40][..]));
        assert_eq!((&plain.attributes, &plain.measures), (&vec![vec![1]], &vec![vec![2.0, 3.0]]));
        let larger = targets(&config, config.input.scaled(2.0), &example, false, &Device::Cpu)?;
        assert_eq!(larger.boxes, [BoundingBox::new(8.0, 16.0, 28.0, 40.0)]);
        assert_eq!((larger.sides, larger.masks.dims()), ((80, 40), &[1, 1, 40, 80][..]));
        let mirrored = targets(&config, config.input, &example, true, &Device::Cpu)?;
        assert_eq!(mirrored.boxes, [BoundingBox::new(26.0, 8.0, 36.0, 20.0)]);
        assert_eq!(mirrored.measures, [vec![-2.0, 3.0]]);
        for (targets, first) in [(plain, 4), (mirrored, 26)] {
            let row = targets.masks.flatten_to(2)?.get(12)?.to_vec1::<f32>()?;
            let own: Vec<usize> = (0..40).filter(|&x| row[x] == 1.0).collect();
            assert_eq!(own, (first..first + 10).collect::<Vec<_>>());
        }
        Ok(())
    }
}
