//! Average precision as COCO counts it (Lin et al. 2014; the rules are those of pycocotools'
//! `COCOeval`).

use serde::Serialize;

/// Instances of a picture at most.
pub(crate) const MOST: usize = 100;

/// IoU thresholds: 0.50, 0.55, … 0.95.
const THRESHOLDS: usize = 10;

/// Recalls at which precision is read: 0, 0.01, … 1.
pub(crate) const RECALLS: usize = 101;

/// Areas in square pixels: all, small, medium, large.
const AREAS: [(f64, f64); 4] =
    [(0.0, 1e10), (0.0, 32.0 * 32.0), (32.0 * 32.0, 96.0 * 96.0), (96.0 * 96.0, 1e10)];

/// How well boxes or masks agree with the truth, as shares from 0 to 1; a figure is not there where
/// no object could be found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AveragePrecision {
    /// Mean over the ten thresholds.
    #[serde(rename = "AP")]
    pub ap: Option<f64>,
    /// At an IoU of 0.5.
    #[serde(rename = "AP50")]
    pub ap50: Option<f64>,
    /// At an IoU of 0.75.
    #[serde(rename = "AP75")]
    pub ap75: Option<f64>,
    /// Of objects below 32² pixels.
    #[serde(rename = "APs")]
    pub small: Option<f64>,
    /// Of objects between.
    #[serde(rename = "APm")]
    pub medium: Option<f64>,
    /// Of objects above 96² pixels.
    #[serde(rename = "APl")]
    pub large: Option<f64>,
    /// The share of objects that were found, mean over the ten thresholds.
    #[serde(rename = "AR")]
    pub recall: Option<f64>,
    /// The share of objects that were found at an IoU of 0.5.
    #[serde(rename = "recall50")]
    pub recall50: Option<f64>,
}

/// The objects of one class on one picture, and what was said of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    pub class: usize,
    /// Of what was found, by falling score, at most [`MOST`].
    pub scores: Vec<f32>,
    /// The areas of what was found.
    pub found_areas: Vec<f64>,
    /// The areas of the objects.
    pub areas: Vec<f64>,
    /// Objects that stand for several ("crowds"): finding one of them is neither right nor wrong.
    pub crowds: Vec<bool>,
    /// For each that was found its IoU with each object; with a crowd, intersection over its own
    /// area.
    pub ious: Vec<Vec<f64>>,
}

/// One thing that was found, at one threshold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    Ignored,
}

fn threshold(at: usize) -> f64 {
    0.5 + 0.05 * at as f64
}

impl Comparison {
    /// The verdict on each that was found, and how many objects count.
    fn judge(&self, threshold: f64, (smallest, largest): (f64, f64)) -> (Vec<Verdict>, usize) {
        let is_out = |area: f64| area < smallest || area > largest;
        let ignored: Vec<bool> = self
            .areas
            .iter()
            .zip(&self.crowds)
            .map(|(area, crowd)| *crowd || is_out(*area))
            .collect();
        // Those that count first.
        let mut order: Vec<usize> = (0..self.areas.len()).collect();
        order.sort_by_key(|&at| ignored[at]);
        let mut taken = vec![false; self.areas.len()];
        let verdict = |(found, &area): (usize, &f64)| {
            let mut best = threshold.min(1.0 - 1e-10);
            let mut chosen: Option<usize> = None;
            for &at in &order {
                if taken[at] && !self.crowds[at] {
                    continue;
                }
                // What counts is not given up for what does not.
                if chosen.is_some_and(|chosen| !ignored[chosen]) && ignored[at] {
                    break;
                }
                let iou = self.ious[found][at];
                if iou >= best {
                    (best, chosen) = (iou, Some(at));
                }
            }
            match chosen {
                Some(at) => {
                    taken[at] = true;
                    if ignored[at] { Verdict::Ignored } else { Verdict::Right }
                }
                None if is_out(area) => Verdict::Ignored,
                None => Verdict::Wrong,
            }
        };
        let verdicts = self.found_areas.iter().enumerate().map(verdict).collect();
        (verdicts, ignored.iter().filter(|ignored| !**ignored).count())
    }
}

/// Precision at the 101 recalls, and the recall that is reached; none where no object counts.
fn curve(
    comparisons: &[&Comparison],
    threshold: f64,
    areas: (f64, f64),
) -> Option<([f64; RECALLS], f64)> {
    let (mut all, mut objects) = (Vec::new(), 0);
    for comparison in comparisons {
        let (verdicts, count) = comparison.judge(threshold, areas);
        objects += count;
        all.extend(comparison.scores.iter().copied().zip(verdicts));
    }
    if objects == 0 {
        return None;
    }
    // Stable: of equal scores those of earlier pictures first.
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut wrong) = (0usize, 0usize);
    let mut points: Vec<(f64, f64)> = Vec::with_capacity(all.len());
    for (_, verdict) in all {
        match verdict {
            Verdict::Right => right += 1,
            Verdict::Wrong => wrong += 1,
            Verdict::Ignored => {}
        }
        let precision = right as f64 / ((right + wrong) as f64 + f64::EPSILON);
        points.push((right as f64 / objects as f64, precision));
    }
    // Precision at a recall is the best at it or above.
    let mut best = 0f64;
    for (_, precision) in points.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    let mut precisions = [0.0; RECALLS];
    for (at, precision) in precisions.iter_mut().enumerate() {
        let wanted = if at == RECALLS - 1 { 1.0 } else { at as f64 * 0.01 };
        let place = points.partition_point(|(recall, _)| *recall < wanted);
        *precision = points.get(place).map_or(0.0, |(_, precision)| *precision);
    }
    Some((precisions, points.last().map_or(0.0, |(recall, _)| *recall)))
}

/// The classes that are compared.
fn classes(comparisons: &[Comparison]) -> Vec<usize> {
    let mut classes: Vec<usize> = comparisons.iter().map(|comparison| comparison.class).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// Precision at the recalls 0, 0.01, … 1, the mean over classes that occur, at an IoU of 0.5, and
/// so many steps of 0.05 more; none where no object counts.
pub(crate) fn precisions(comparisons: &[Comparison], steps: usize) -> Option<[f64; RECALLS]> {
    let of_class = |class: usize| {
        let own: Vec<&Comparison> = comparisons.iter().filter(|c| c.class == class).collect();
        Some(curve(&own, threshold(steps), AREAS[0])?.0)
    };
    let curves: Vec<_> = classes(comparisons).into_iter().filter_map(of_class).collect();
    let mean = |at: usize| curves.iter().map(|curve| curve[at]).sum::<f64>() / curves.len() as f64;
    (!curves.is_empty()).then(|| std::array::from_fn(mean))
}

/// The figures over all pictures: means over classes that occur.
pub(crate) fn average_precision(comparisons: &[Comparison]) -> AveragePrecision {
    let classes = classes(comparisons);
    // For each threshold the mean precision and recall of each class.
    let figures = |areas: (f64, f64)| -> Vec<[Vec<f64>; 2]> {
        let at = |at: usize| {
            let mut precisions = Vec::new();
            let mut recalls = Vec::new();
            for &class in &classes {
                let own: Vec<&Comparison> =
                    comparisons.iter().filter(|comparison| comparison.class == class).collect();
                if let Some((curve, recall)) = curve(&own, threshold(at), areas) {
                    precisions.push(curve.iter().sum::<f64>() / RECALLS as f64);
                    recalls.push(recall);
                }
            }
            [precisions, recalls]
        };
        (0..THRESHOLDS).map(at).collect()
    };
    let mean = |some: &[[Vec<f64>; 2]], kind: usize| {
        let values = || some.iter().flat_map(|of| &of[kind]);
        let count = values().count();
        (count > 0).then(|| values().sum::<f64>() / count as f64)
    };
    let all = figures(AREAS[0]);
    let [small, medium, large] = [1, 2, 3].map(|at| mean(&figures(AREAS[at]), 0));
    AveragePrecision {
        ap: mean(&all, 0),
        ap50: mean(&all[..1], 0),
        ap75: mean(&all[5..6], 0),
        small,
        medium,
        large,
        recall: mean(&all, 1),
        recall50: mean(&all[..1], 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BoundingBox;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Fixture {
        pictures: Vec<Picture>,
        expected: serde_json::Value,
    }

    #[derive(Deserialize)]
    struct Picture {
        class: usize,
        /// x, y, width, height, and whether it is a crowd.
        objects: Vec<[f32; 5]>,
        /// x, y, width, height and score.
        found: Vec<[f32; 5]>,
    }

    fn comparison(picture: &Picture) -> Comparison {
        let area = |of: &[f32; 5]| f64::from(of[2] * of[3]);
        let place = |of: &[f32; 5]| BoundingBox::from_xywh([of[0], of[1], of[2], of[3]]);
        let mut found = picture.found.clone();
        found.sort_by(|a, b| b[4].total_cmp(&a[4]));
        found.truncate(MOST);
        let iou = |found: &[f32; 5], object: &[f32; 5]| {
            let both = f64::from(place(found).intersection(&place(object)));
            let union =
                if object[4] == 1.0 { area(found) } else { area(found) + area(object) - both };
            both / union
        };
        Comparison {
            class: picture.class,
            scores: found.iter().map(|found| found[4]).collect(),
            found_areas: found.iter().map(area).collect(),
            areas: picture.objects.iter().map(area).collect(),
            crowds: picture.objects.iter().map(|object| object[4] == 1.0).collect(),
            ious: found
                .iter()
                .map(|f| picture.objects.iter().map(|o| iou(f, o)).collect())
                .collect(),
        }
    }

    #[test]
    fn figures_are_those_of_pycocotools() {
        let text = include_str!("../tests/reference/average_precision.json");
        let Fixture { pictures, expected } = serde_json::from_str(text).unwrap();
        let comparisons: Vec<Comparison> = pictures.iter().map(comparison).collect();
        let found = serde_json::to_value(average_precision(&comparisons)).unwrap();
        for (name, expected) in expected.as_object().unwrap() {
            let found = found[name].as_f64().unwrap();
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() < 1e-9, "{name}: {found}, expected {expected}");
        }
        // What is drawn has the mean that is told.
        for (steps, name) in [(0, "AP50"), (5, "AP75")] {
            let drawn = precisions(&comparisons, steps).unwrap().iter().sum::<f64>() / 101.0;
            assert!((drawn - expected[name].as_f64().unwrap()).abs() < 1e-9, "{name}: {drawn}");
        }
        assert_eq!(precisions(&[], 0), None);
    }

    #[test]
    fn nothing_to_find_has_no_figure_and_nothing_found_is_0() {
        let none = average_precision(&[Comparison::default()]);
        assert_eq!((none.ap, none.recall), (None, None));
        let missed =
            Comparison { areas: vec![100.0], crowds: vec![false], ..Comparison::default() };
        let missed = average_precision(&[missed]);
        assert_eq!((missed.ap, missed.recall50, missed.large), (Some(0.0), Some(0.0), None));
    }
}
