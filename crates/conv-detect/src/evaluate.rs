//! How well a detector does on pictures whose objects are known.

use crate::average_precision::{AveragePrecision, Comparison, MOST, average_precision};
use crate::data::{Dataset, Object};
use crate::infer::{Detector, Instance};
use crate::{Error, Result};
use conv_vision::{Limits, Picture};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The score and the IoU from which on an instance counts as found, where its attributes are
/// counted.
const FOUND: (f32, f32) = (0.5, 0.5);

/// What an evaluation found. AP is COCO's, over boxes and over masks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Pictures that were looked at.
    pub pictures: usize,
    /// Objects on them.
    pub objects: usize,
    /// Boxes.
    #[serde(rename = "box")]
    pub boxes: AveragePrecision,
    /// Masks.
    pub mask: AveragePrecision,
    /// Objects that an instance with a score of 0.5 has an IoU of 0.5 with.
    pub matched: usize,
    /// Instances with a score of 0.5 that are no object.
    pub false_alarms: usize,
    /// Of the matched objects whose attribute is known, the share for which it is right.
    pub attributes: BTreeMap<String, f64>,
    /// The mean distance of each measure from the truth, over matched objects.
    pub measures: BTreeMap<String, f64>,
    /// Pictures that could not be read, each with its reason.
    pub skipped: Vec<String>,
}

/// Detects on every picture of `data` and compares. A data set of one class is compared without
/// regard to the classes of the model.
///
/// # Errors
/// A model whose classes are others than the data's, or numbers that are not finite. A picture that
/// cannot be read is skipped.
pub fn evaluate(detector: &Detector, data: &Dataset, limits: &Limits) -> Result<Evaluation> {
    Ok(Compared::new(detector, data, limits)?.evaluation)
}

/// An evaluation, and what it was counted from.
pub(crate) struct Compared {
    pub evaluation: Evaluation,
    pub boxes: Vec<Comparison>,
    pub masks: Vec<Comparison>,
    /// Objects that nothing was matched with: the example's place, and the object's on it.
    pub misses: Vec<(usize, usize)>,
    /// Instances that are no object, with their example's place.
    pub alarms: Vec<(usize, Instance)>,
}

impl Compared {
    pub fn new(detector: &Detector, data: &Dataset, limits: &Limits) -> Result<Self> {
        compare_all(detector, data, limits)
    }
}

fn compare_all(detector: &Detector, data: &Dataset, limits: &Limits) -> Result<Compared> {
    let classes_of = classes(detector, data)?;
    if data.examples.is_empty() {
        let place = data.name.clone();
        let found = "no picture with annotations".to_string();
        return Err(Error::Empty { place, found, expected: "some to measure on" });
    }
    let classes = data.labels.len();
    let mut boxes = Vec::new();
    let mut masks = Vec::new();
    let mut tally = Tally::default();
    let mut skipped = Vec::new();
    let mut pictures = 0;
    let mut objects = 0;
    for (place, example) in data.examples.iter().enumerate() {
        let picture = match Picture::open(&example.path, limits) {
            Ok(picture) => picture,
            Err(error) => {
                skipped.push(error.to_string());
                continue;
            }
        };
        let mut found = detector.detect(&picture)?;
        found.retain(|instance| classes_of[instance.class].is_some());
        pictures += 1;
        objects += example.objects.iter().filter(|object| !object.crowd).count();
        for class in 0..classes {
            let of_class = |instance: &&Instance| classes_of[instance.class] == Some(class);
            let found: Vec<&Instance> = found.iter().filter(of_class).take(MOST).collect();
            let truth: Vec<&Object> =
                example.objects.iter().filter(|object| object.class == class).collect();
            let box_area = |instance: &Instance| f64::from(instance.bounding_box.area());
            boxes.push(compare(class, &found, &truth, box_area, |instance, object| {
                let both = instance.bounding_box.intersection(&object.bounding_box);
                (f64::from(both), f64::from(object.bounding_box.area()))
            }));
            let mask_area = |instance: &Instance| instance.mask.area() as f64;
            masks.push(compare(class, &found, &truth, mask_area, |instance, object| {
                (instance.mask.intersection(&object.mask) as f64, object.mask.area() as f64)
            }));
        }
        tally.add(data, place, &found);
    }
    let (attributes, measures) = tally.shares();
    let evaluation = Evaluation {
        pictures,
        objects,
        boxes: average_precision(&boxes),
        mask: average_precision(&masks),
        matched: tally.matched,
        false_alarms: tally.alarms.len(),
        attributes,
        measures,
        skipped,
    };
    Ok(Compared { evaluation, boxes, masks, misses: tally.misses, alarms: tally.alarms })
}

/// For each class of the model that of the data which has its name; what the data does not ask for
/// has none. A data set of one class asks only where things are.
fn classes(detector: &Detector, data: &Dataset) -> Result<Vec<Option<usize>>> {
    let names = detector.labels();
    if data.labels.len() == 1 {
        return Ok(vec![Some(0); names.len()]);
    }
    if let Some(missing) = data.labels.iter().find(|label| !names.contains(label)) {
        return Err(Error::Differs {
            place: data.name.clone(),
            what: "there is the class",
            found: missing.clone(),
            expected: format!("the model's: {}", names.join(", ")),
        });
    }
    Ok(names.iter().map(|name| data.labels.iter().position(|label| label == name)).collect())
}

/// `area` gives that of an instance; `shared` what it has in common with an object, and that one's
/// area.
fn compare(
    class: usize,
    found: &[&Instance],
    truth: &[&Object],
    area: impl Fn(&Instance) -> f64,
    shared: impl Fn(&Instance, &Object) -> (f64, f64),
) -> Comparison {
    let iou = |instance: &Instance, object: &Object| {
        let (both, of_object) = shared(instance, object);
        let own = area(instance);
        // One of a crowd is found where it lies within it.
        both / if object.crowd { own } else { own + of_object - both }
    };
    let ious = |instance: &&Instance| truth.iter().map(|object| iou(instance, object)).collect();
    Comparison {
        class,
        scores: found.iter().map(|instance| instance.score).collect(),
        found_areas: found.iter().map(|instance| area(instance)).collect(),
        areas: truth.iter().map(|object| object.area).collect(),
        crowds: truth.iter().map(|object| object.crowd).collect(),
        ious: found.iter().map(ious).collect(),
    }
}

/// What is counted of instances that are objects.
#[derive(Default)]
struct Tally {
    matched: usize,
    misses: Vec<(usize, usize)>,
    alarms: Vec<(usize, Instance)>,
    /// Right and known, by attribute.
    attributes: BTreeMap<String, [usize; 2]>,
    /// Sum of distances and how many, by measure.
    measures: BTreeMap<String, (f64, usize)>,
}

impl Tally {
    /// Pairs instances, the surest first, with the object of the highest IoU that is not taken.
    fn add(&mut self, data: &Dataset, place: usize, found: &[Instance]) {
        let objects = &data.examples[place].objects;
        // Finding one of a crowd is no object found, and missing it none missed.
        let mut taken: Vec<bool> = objects.iter().map(|object| object.crowd).collect();
        for instance in found.iter().filter(|instance| instance.score >= FOUND.0) {
            let free = (0..objects.len()).filter(|&at| !taken[at]);
            let near = free.map(|at| (at, instance.bounding_box.iou(&objects[at].bounding_box)));
            let best = near.filter(|(_, iou)| *iou >= FOUND.1).max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((at, _)) = best else {
                self.alarms.push((place, instance.clone()));
                continue;
            };
            taken[at] = true;
            self.matched += 1;
            for (attribute, truth) in data.attributes.iter().zip(&objects[at].attributes) {
                let said = instance.attribute(&attribute.name);
                if let (Some(said), Some(truth)) = (said, truth) {
                    let [right, known] = self.attributes.entry(attribute.name.clone()).or_default();
                    *known += 1;
                    *right += usize::from(said.value == attribute.values[*truth as usize]);
                }
            }
            for (measure, truth) in data.measures.iter().zip(&objects[at].measures) {
                if let (Some(said), Some(truth)) = (instance.measure(&measure.name), truth) {
                    let (sum, count) = self.measures.entry(measure.name.clone()).or_default();
                    *sum += f64::from((said - truth).abs());
                    *count += 1;
                }
            }
        }
        let missed = (0..objects.len()).filter(|&at| !taken[at]);
        self.misses.extend(missed.map(|at| (place, at)));
    }

    fn shares(&self) -> (BTreeMap<String, f64>, BTreeMap<String, f64>) {
        let attributes = self
            .attributes
            .iter()
            .map(|(name, [right, known])| (name.clone(), *right as f64 / (*known).max(1) as f64));
        let measures = self
            .measures
            .iter()
            .map(|(name, (sum, count))| (name.clone(), sum / (*count).max(1) as f64));
        (attributes.collect(), measures.collect())
    }
}

impl Evaluation {
    /// The figures that stand in reports, by name.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        let of = |kind: &str, figures: &AveragePrecision| {
            let named = [("AP", figures.ap), ("AP50", figures.ap50), ("AP75", figures.ap75)];
            named.map(|(name, value)| (format!("{kind} {name}"), value))
        };
        let precisions = of("box", &self.boxes).into_iter().chain(of("mask", &self.mask));
        let figures = precisions.filter_map(|(name, value)| Some((name, value?)));
        let attributes = self.attributes.iter().map(|(name, share)| (name.clone(), *share));
        figures.chain(attributes).collect()
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |value: Option<f64>| {
            value.map_or("    –".into(), |value| format!("{:5.1}", 100.0 * value))
        };
        writeln!(f, "{} pictures with {} objects", self.pictures, self.objects)?;
        writeln!(f, "       AP   AP50   AP75    APs    APm    APl     AR")?;
        for (name, figures) in [("box ", &self.boxes), ("mask", &self.mask)] {
            let AveragePrecision { ap, ap50, ap75, small, medium, large, recall, .. } = *figures;
            let all = [ap, ap50, ap75, small, medium, large, recall].map(percent);
            writeln!(f, "{name}{}", all.map(|value| format!("  {value}")).concat())?;
        }
        let Self { matched, objects, false_alarms, .. } = self;
        write!(
            f,
            "{matched} of {objects} found at a score and an IoU of 0.5, {false_alarms} false alarms"
        )?;
        for (name, share) in &self.attributes {
            write!(f, "\n{name:<10} {:5.1} % right", 100.0 * share)?;
        }
        for (name, distance) in &self.measures {
            write!(f, "\n{name:<10} {distance:.3} from the truth")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RunLength;

    #[test]
    fn a_polygon_against_itself_has_a_precision_of_1() -> Result<()> {
        let square = [0.0, 0.0, 9.0, 0.0, 9.0, 9.0, 0.0, 9.0];
        let mask = RunLength::from_polygon(&square, 20, 12)?;
        let text = serde_json::to_string(&mask).unwrap();
        let found = Instance {
            bounding_box: mask.bitmap().bounding_box().unwrap(),
            score: 0.9,
            class: 0,
            label: "square".into(),
            mask: serde_json::from_str(&text).unwrap(),
            attributes: Vec::new(),
            measures: Vec::new(),
        };
        let object = Object {
            bounding_box: found.bounding_box,
            area: mask.area() as f64,
            mask,
            crowd: false,
            class: 0,
            attributes: Vec::new(),
            measures: Vec::new(),
        };
        let area = |instance: &Instance| instance.mask.area() as f64;
        let compared = compare(0, &[&found], &[&object], area, |instance, object| {
            (instance.mask.intersection(&object.mask) as f64, object.mask.area() as f64)
        });
        let precision = average_precision(&[compared]).ap.unwrap();
        assert!((precision - 1.0).abs() < 1e-12, "{precision}");
        Ok(())
    }
}
