//! Scenes as a detector saw their pictures.

use super::pool::ScenePool;
use super::scene::{ATTRIBUTES, Scene, VALUES, features_of};
use crate::{Error, Result};
use candle_core::Tensor;
use conv_vision::Features;
use std::collections::HashMap;
use std::path::Path;

impl ScenePool {
    /// Scenes by what a detector said of their pictures, as `detect features` keeps it: how many
    /// objects there are, and how many are to be expected of each value and each pair of values,
    /// given how probable the detector has those of each object. A-Bot then answers by the picture,
    /// and scenes are ranked by theirs; a scene's graph tells the caption, and whether an answer is
    /// true. A picture is a scene's whose file has the scene's name. Returns how many scenes have
    /// none, which are left out.
    ///
    /// # Errors
    /// Features of other things than CLEVR's objects, by layer or picture; two pictures of a name;
    /// no scene with a picture, with the first names that were looked for.
    pub fn seen(scenes: Vec<Scene>, path: &Path, features: &Features) -> Result<(Self, usize)> {
        let orders = orders(path, features)?;
        let mut pictures = HashMap::new();
        for image in features.images() {
            let name = image.rsplit('/').next().unwrap_or(image);
            if let Some(other) = pictures.insert(name, image) {
                let reason = format!("two pictures {name}: {other} and {image}");
                return Err(Error::Features { path: path.into(), reason });
            }
        }
        let all = scenes.len();
        let first = scenes.iter().take(3).map(|scene| scene.name.clone());
        let looked_for = first.collect::<Vec<_>>().join(", ");
        let mut kept = Vec::new();
        let mut rows = Vec::new();
        for scene in scenes {
            if let Some(image) = pictures.get(&scene.name[..]) {
                rows.push(expected(path, features, image, &orders)?);
                kept.push(scene);
            }
        }
        if kept.is_empty() {
            let has = pictures.keys().min().copied().unwrap_or("none");
            let reason = format!(
                "no picture of the {all} scenes, looked for {looked_for}, found such as {has}; \
                 without pictures scenes are played by their graphs alone"
            );
            return Err(Error::Features { path: path.into(), reason });
        }
        let left_out = all - kept.len();
        Ok((Self::with_features(kept, rows), left_out))
    }
}

/// Of each attribute, which of its values each of the detector's numbers is of.
fn orders(path: &Path, features: &Features) -> Result<[Vec<usize>; 4]> {
    let order = |(attribute, begin, end): (&str, usize, usize)| {
        let names = features.made_by().names.get(attribute).map_or(&[][..], Vec::as_slice);
        let place = |name: &String| (begin..end).find(|&value| VALUES[value] == name);
        let order: Option<Vec<usize>> = names.iter().map(place).collect();
        let known = VALUES[begin..end].join(", ");
        // Each value once, in whatever order.
        order.filter(|order| (begin..end).all(|value| order.contains(&value))).ok_or_else(|| {
            let reason = format!(
                "layer `{attribute}` has the values {names:?}, expected {known}: \
                 `detect features` with the detector of CLEVR's objects makes such"
            );
            Error::Features { path: path.into(), reason }
        })
    };
    let [size, color, material, shape] = ATTRIBUTES.map(order);
    Ok([size?, color?, material?, shape?])
}

/// The features of a picture's scene.
fn expected(
    path: &Path,
    features: &Features,
    image: &str,
    orders: &[Vec<usize>; 4],
) -> Result<Vec<f32>> {
    let wrong = |layer: &str, reason: String| Error::Features {
        path: path.into(),
        reason: format!("{image}, layer `{layer}`: {reason}"),
    };
    let mut objects: Vec<[f32; VALUES.len()]> = Vec::new();
    for ((attribute, ..), order) in ATTRIBUTES.iter().zip(orders) {
        let layer = features.get(image, attribute);
        let layer = layer.ok_or_else(|| wrong(attribute, "there is none".into()))?;
        let rows = shares(layer, order.len()).map_err(|reason| wrong(attribute, reason))?;
        if objects.is_empty() {
            objects = vec![[0.0; VALUES.len()]; rows.len()];
        }
        if rows.len() != objects.len() {
            let reason = format!("{} objects, expected {}", rows.len(), objects.len());
            return Err(wrong(attribute, reason));
        }
        for (object, row) in objects.iter_mut().zip(&rows) {
            order.iter().zip(row).for_each(|(&value, &share)| object[value] = share);
        }
    }
    let count = |values: &[usize]| -> f32 {
        let shares =
            objects.iter().map(|object| values.iter().map(|&v| object[v]).product::<f32>());
        shares.sum()
    };
    Ok(features_of(objects.len(), count))
}

/// Rows `[N, values]` of probabilities.
fn shares(layer: &Tensor, values: usize) -> Result<Vec<Vec<f32>>, String> {
    match layer.dims() {
        [_, found] if *found == values => {}
        found => return Err(format!("shape {found:?}, expected [objects, {values}]")),
    }
    let rows = layer.to_vec2::<f32>().map_err(|error| error.to_string())?;
    match rows.iter().flatten().find(|share| !(0.0..=1.0).contains(*share)) {
        Some(share) => Err(format!("{share}, expected probabilities")),
        None => Ok(rows),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::guess::draw_scenes;
    use candle_core::Device;
    use conv_vision::FeaturesMadeBy;

    /// What a detector that is sure and right says of scenes, its values in an order of its own.
    fn sure(scenes: &[Scene]) -> Features {
        let order = |begin: usize, end: usize| (begin..end).rev();
        let names = ATTRIBUTES.map(|(name, begin, end)| {
            (name.to_string(), order(begin, end).map(|value| VALUES[value].to_string()).collect())
        });
        let made_by = FeaturesMadeBy {
            network: "mask-rcnn".into(),
            layers: ATTRIBUTES.map(|(name, ..)| name.to_string()).into(),
            weights: "0".into(),
            preprocessing: serde_json::Value::Null,
            names: names.into(),
        };
        let tensors = scenes.iter().flat_map(|scene| {
            ATTRIBUTES.map(|(name, begin, end)| {
                let rows = scene.objects.iter().flat_map(|object| {
                    order(begin, end).map(|value| f32::from(u8::from(object.is(&[value]))))
                });
                let axes = (scene.objects.len(), end - begin);
                let tensor = Tensor::from_vec(rows.collect(), axes, &Device::Cpu).unwrap();
                (format!("images/{}", scene.name), name.to_string(), tensor)
            })
        });
        Features::new(made_by, tensors)
    }

    #[test]
    fn what_a_sure_detector_sees_is_the_scene() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("seen.safetensors");
        let mut scenes = draw_scenes(5, 1);
        // A picture on which nothing was found.
        scenes[3].objects.clear();
        sure(&scenes[..4]).write(&path).unwrap();
        let features = Features::read(&path).unwrap();
        let (pool, left_out) = ScenePool::seen(scenes.clone(), &path, &features).unwrap();
        assert_eq!((pool.scenes(), left_out), (&scenes[..4], 1));
        let all = [0, 1, 2, 3];
        let rows = |pool: &ScenePool| {
            pool.features_of(&all, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap()
        };
        assert_eq!(rows(&pool), rows(&ScenePool::new(scenes[..4].to_vec())));

        let error =
            ScenePool::seen(scenes[4..].to_vec(), &path, &features).unwrap_err().to_string();
        for part in ["looked for scene 4", "found such as scene 0", "by their graphs alone"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn other_features_are_named() {
        let scenes = draw_scenes(1, 1);
        let path = Path::new("a.safetensors");
        let read = |features: &Features| {
            ScenePool::seen(scenes.clone(), path, features).unwrap_err().to_string()
        };
        let with = |change: &dyn Fn(&mut FeaturesMadeBy), layer: Tensor| {
            let whole = sure(&scenes);
            let mut made_by = whole.made_by().clone();
            change(&mut made_by);
            let tensors = ATTRIBUTES.map(|(name, ..)| {
                let tensor = whole.get("images/scene 0", name).unwrap().clone();
                let tensor = if name == "color" { layer.clone() } else { tensor };
                ("scene 0".to_string(), name.to_string(), tensor)
            });
            read(&Features::new(made_by, tensors))
        };
        let tensor =
            |value: f32, axes: [usize; 2]| Tensor::full(value, &axes, &Device::Cpu).unwrap();
        let count = scenes[0].objects.len();
        let pink = |made_by: &mut FeaturesMadeBy| {
            made_by.names.get_mut("color").unwrap()[0] = "pink".into();
        };
        let error = with(&pink, tensor(0.1, [count, 8]));
        assert!(error.contains("a.safetensors") && error.contains("pink"), "{error}");
        let error = with(&|_| {}, tensor(0.1, [count + 1, 8]));
        assert!(error.contains(&format!("`color`: {} objects", count + 1)), "{error}");
        let error = with(&|_| {}, tensor(0.1, [count, 7]));
        assert!(error.contains("[objects, 8]"), "{error}");
        let error = with(&|_| {}, tensor(f32::NAN, [count, 8]));
        assert!(error.contains("NaN, expected probabilities"), "{error}");
    }
}
