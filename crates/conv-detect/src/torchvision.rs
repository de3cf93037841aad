//! The state of torchvision's `MaskRCNN`, with the names of its present and its earlier versions.

use crate::config::Residual;
use crate::{Architecture, Backbone, Config, Error, Result};
use candle_core::Tensor;
use conv_hub::ModelConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// COCO's names by their numbers, from 1; `N/A` and the number where there is none.
const COCO: &str = "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,N/A 12,stop sign,\
    parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,N/A 26,backpack,umbrella,N/A 29,N/A 30,\
    handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,\
    tennis racket,bottle,N/A 45,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,\
    pizza,donut,cake,chair,couch,potted plant,bed,N/A 66,dining table,N/A 68,N/A 69,toilet,N/A 71,tv,laptop,mouse,remote,\
    keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,N/A 83,book,clock,vase,scissors,teddy bear,hair drier,\
    toothbrush";

/// COCO's largest number.
const COCO_CLASSES: usize = 90;

/// Sizes, names of classes and tensors of a file.
pub(crate) fn read(path: &Path) -> Result<(Config, Vec<String>, BTreeMap<String, Tensor>)> {
    let tensors = conv_vision::read_weights(path)?;
    let mut tensors: BTreeMap<String, Tensor> =
        tensors.into_iter().map(|(name, tensor)| (present(&name), tensor)).collect();
    tensors.retain(|name, _| !name.ends_with(".num_batches_tracked"));
    let wrong = |reason: String| Error::Weights { path: path.to_path_buf(), reason };
    let config = sizes(&tensors).map_err(wrong)?;
    config.check()?;
    fits(&config, &tensors)?.map_err(wrong)?;
    let labels = match config.classes {
        COCO_CLASSES => COCO.split(',').map(String::from).collect(),
        classes => (1..=classes).map(|class| format!("class {class}")).collect(),
    };
    Ok((config, labels, tensors))
}

/// What torchvision calls today what it called `name` before 0.13; without what PyTorch puts before
/// it when several processes train.
fn present(name: &str) -> String {
    let name = name.strip_prefix("module.").unwrap_or(name);
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        ["backbone", "fpn", blocks @ ("inner_blocks" | "layer_blocks"), at, value] => {
            format!("backbone.fpn.{blocks}.{at}.0.{value}")
        }
        ["rpn", "head", "conv", value] => format!("rpn.head.conv.0.0.{value}"),
        ["roi_heads", "mask_head", layer, value] => {
            let number = layer.strip_prefix("mask_fcn").and_then(|n| n.parse::<usize>().ok());
            match number.and_then(|number| number.checked_sub(1)) {
                Some(at) => format!("roi_heads.mask_head.{at}.0.{value}"),
                None => name.into(),
            }
        }
        _ => name.into(),
    }
}

/// The sizes that the tensors have, or what is wrong with them.
fn sizes(tensors: &BTreeMap<String, Tensor>) -> Result<Config, String> {
    let known = "expected a Mask R-CNN of torchvision on a ResNet with a feature pyramid";
    if tensors.contains_key("roi_heads.box_head.0.0.weight") {
        return Err(format!(
            "is of maskrcnn_resnet50_fpn_v2, whose heads are others, {known}: maskrcnn_resnet50_fpn"
        ));
    }
    let rows = |name: &str| {
        let tensor = tensors.get(name).ok_or_else(|| format!("`{name}` is missing, {known}"))?;
        tensor.dims().first().copied().ok_or_else(|| format!("`{name}` is one number, {known}"))
    };
    let architecture = backbone(tensors).ok_or_else(|| format!("its backbone is none, {known}"))?;
    let answers = rows("roi_heads.box_predictor.cls_score.weight")?;
    let usual = Config::torchvision(architecture, answers.saturating_sub(1));
    let found = rows("rpn.head.cls_logits.weight")?;
    let aspects = usual.anchors.aspects.len();
    if found != aspects {
        return Err(format!("has {found} anchors at a place, expected {aspects}"));
    }
    let layer = |at: usize| format!("roi_heads.mask_head.{at}.0.weight");
    let mut config = Config {
        pyramid: rows("rpn.head.conv.0.0.weight")?,
        box_features: rows("roi_heads.box_head.fc6.weight")?,
        mask_layers: (0..).take_while(|&at| tensors.contains_key(&layer(at))).count(),
        mask_channels: rows(&layer(0))?,
        ..usual
    };
    // torchvision takes it away from what it published itself.
    if let (Backbone::Residual(residual), COCO_CLASSES) = (&mut config.backbone, config.classes) {
        residual.epsilon = 0.0;
    }
    Ok(config)
}

/// The residual network most of whose parameters are there; none where none is.
fn backbone(tensors: &BTreeMap<String, Tensor>) -> Option<Architecture> {
    let score = |architecture: &Architecture| -> Option<i64> {
        let parameters = body(*architecture).ok()?;
        let fits = |(name, shape): (&String, &Vec<usize>)| {
            tensors.get(name).is_some_and(|tensor| tensor.dims() == shape)
        };
        let (all, fitting) = (parameters.len(), parameters.iter().filter(|p| fits(*p)).count());
        // As many as fit, less those that do not: a smaller network is part of a larger one.
        (fitting > 0).then(|| 2 * fitting as i64 - all as i64)
    };
    let scored = Residual::ALL.into_iter().filter_map(|a| Some((score(&a)?, a)));
    Some(scored.max_by_key(|(score, _)| *score)?.1)
}

/// The shapes of a residual network's parameters in a detector.
fn body(architecture: Architecture) -> Result<BTreeMap<String, Vec<usize>>> {
    let mut parameters = architecture.parameters()?;
    parameters.retain(|name, _| !name.starts_with("fc."));
    let own = |(name, shape)| (format!("backbone.body.{name}"), shape);
    Ok(parameters.into_iter().map(own).collect())
}

/// The names of all parameters of a network of these sizes.
fn names(config: &Config) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    if let Backbone::Residual(Residual { architecture, .. }) = config.backbone {
        names.extend(body(architecture)?.into_keys());
    }
    let mut layer = |name: String| {
        names.extend([format!("{name}.weight"), format!("{name}.bias")]);
    };
    for at in 0..4 {
        ["inner_blocks", "layer_blocks"]
            .iter()
            .for_each(|kind| layer(format!("backbone.fpn.{kind}.{at}.0")));
    }
    for name in ["conv.0.0", "cls_logits", "bbox_pred"] {
        layer(format!("rpn.head.{name}"));
    }
    for name in ["box_head.fc6", "box_head.fc7", "box_predictor.cls_score"] {
        layer(format!("roi_heads.{name}"));
    }
    for name in ["box_predictor.bbox_pred", "mask_predictor.conv5_mask"] {
        layer(format!("roi_heads.{name}"));
    }
    layer("roi_heads.mask_predictor.mask_fcn_logits".into());
    (0..config.mask_layers).for_each(|at| layer(format!("roi_heads.mask_head.{at}.0")));
    Ok(names)
}

/// Whether the tensors are those of the network, none missing and none left over. Shapes are asked
/// for where it is built.
fn fits(config: &Config, tensors: &BTreeMap<String, Tensor>) -> Result<Result<(), String>> {
    /// Names that a message has at most.
    const NAMED: usize = 4;
    let expected = names(config)?;
    let named = |what: &str, names: Vec<&String>| {
        let more = names.len().saturating_sub(NAMED);
        let first: Vec<String> = names.iter().take(NAMED).map(|n| format!("`{n}`")).collect();
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(format!("{}{and} {what}", first.join(", ")))
    };
    let missing: Vec<&String> = expected.iter().filter(|n| !tensors.contains_key(*n)).collect();
    let extra: Vec<&String> = tensors.keys().filter(|name| !expected.contains(*name)).collect();
    Ok(match (missing.is_empty(), extra.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => named("missing", missing),
        (true, false) => named("not expected", extra),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_names_become_the_present_ones() {
        for (before, today) in [
            ("backbone.fpn.inner_blocks.2.weight", "backbone.fpn.inner_blocks.2.0.weight"),
            ("backbone.fpn.layer_blocks.0.bias", "backbone.fpn.layer_blocks.0.0.bias"),
            ("rpn.head.conv.bias", "rpn.head.conv.0.0.bias"),
            ("roi_heads.mask_head.mask_fcn1.weight", "roi_heads.mask_head.0.0.weight"),
            ("roi_heads.mask_head.mask_fcn4.bias", "roi_heads.mask_head.3.0.bias"),
        ] {
            assert_eq!(present(before), today);
            assert_eq!(present(today), today);
        }
        assert_eq!(present("module.rpn.head.conv.weight"), "rpn.head.conv.0.0.weight");
        let others = ["roi_heads.mask_head.mask_fcn0.weight", "roi_heads.box_head.fc6.weight", ""];
        others.iter().for_each(|name| assert_eq!(present(name), *name));
    }

    #[test]
    fn coco_has_80_names_and_gaps() {
        let names: Vec<&str> = COCO.split(',').collect();
        assert_eq!(names.len(), COCO_CLASSES);
        assert_eq!(names.iter().filter(|name| !name.starts_with("N/A")).count(), 80);
        for (number, name) in
            [(1, "person"), (44, "bottle"), (67, "dining table"), (90, "toothbrush")]
        {
            assert_eq!(names[number - 1], name);
        }
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.trim(), *name);
            if let Some(number) = name.strip_prefix("N/A ") {
                assert_eq!(number, (at + 1).to_string());
            }
        }
    }
}
