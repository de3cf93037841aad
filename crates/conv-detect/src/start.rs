//! What training starts from: parameters of another detector, as far as they fit, some of which
//! stay as they are.

use crate::{Config, Error, Pretrained, Recipe, Result};
use candle_core::{DType, Device, Tensor};
use conv_hub::InvalidField;
use conv_nn::{Init, Parameters};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A part of the network that may stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The first convolution and its normalisation.
    Stem,
    /// The stage of stride 4.
    Layer1,
    /// The stage of stride 8.
    Layer2,
    /// The stage of stride 16.
    Layer3,
    /// The stage of stride 32.
    Layer4,
    /// The feature pyramid.
    Fpn,
    /// The region proposal network.
    Rpn,
}

impl Stage {
    const ALL: [Self; 7] =
        [Self::Stem, Self::Layer1, Self::Layer2, Self::Layer3, Self::Layer4, Self::Fpn, Self::Rpn];

    fn name(self) -> &'static str {
        match self {
            Self::Stem => "stem",
            Self::Layer1 => "layer1",
            Self::Layer2 => "layer2",
            Self::Layer3 => "layer3",
            Self::Layer4 => "layer4",
            Self::Fpn => "fpn",
            Self::Rpn => "rpn",
        }
    }

    /// Whether the parameter of this name is of it.
    fn has(self, parameter: &str) -> bool {
        let prefixes: &[&str] = match self {
            Self::Stem => &["backbone.body.conv1.", "backbone.body.bn1."],
            Self::Layer1 => &["backbone.body.layer1."],
            Self::Layer2 => &["backbone.body.layer2."],
            Self::Layer3 => &["backbone.body.layer3."],
            Self::Layer4 => &["backbone.body.layer4."],
            Self::Fpn => &["backbone.fpn."],
            Self::Rpn => &["rpn."],
        };
        prefixes.iter().any(|prefix| parameter.starts_with(prefix))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|stage| stage.name() == text);
        found.ok_or_else(|| InvalidField::name("freeze", text, known()))
    }
}

/// First values, and what is told of them.
pub(crate) struct Start {
    pub parameters: Parameters,
    /// For `training.json`; null where all were drawn.
    pub told: Value,
    /// The layers that begin anew, each with why.
    pub replaced: Vec<String>,
}

impl Start {
    /// All drawn.
    pub fn drawn(recipe: &Recipe, config: &Config) -> Result<Self> {
        if let Some(stage) = recipe.freeze.first() {
            let expected = "none where all is drawn: weights to start from are what stays";
            return Err(InvalidField::new("freeze", stage, expected).into());
        }
        if let crate::Backbone::Residual(residual) = &config.backbone {
            let expected = "weights to start from: its normalisation is frozen, and learns nothing";
            let found = residual.architecture.id();
            return Err(InvalidField::new("backbone", found, expected).into());
        }
        let parameters = Parameters::new(recipe.fit.seed);
        Ok(Self { parameters, told: Value::Null, replaced: Vec::new() })
    }

    /// From `pretrained`: its heads are replaced where the data asks for other numbers.
    pub fn from(pretrained: &Pretrained, recipe: &Recipe, config: &Config) -> Result<Self> {
        let mut tensors = pretrained.tensors.clone();
        let replaced = replace_heads(&mut tensors, config);
        for stage in &recipe.freeze {
            if !tensors.keys().any(|name| stage.has(name)) {
                let expected = format!("parts that {} has", pretrained.path.display());
                return Err(InvalidField::new("freeze", stage, expected).into());
            }
        }
        let parameters = Parameters::warm(recipe.fit.seed, tensors.clone());
        let vb = parameters.builder(DType::F32, &Device::Cpu);
        for (name, tensor) in &tensors {
            if recipe.freeze.iter().any(|stage| stage.has(name)) {
                // Asked for as a buffer before its layer asks: so it is no parameter, and nothing
                // below it is tracked.
                vb.get_with_hints(tensor.shape(), name, Init::Buffer(Box::default()))?;
            }
        }
        let hash = format!("{:016x}", pretrained.fingerprint()?);
        let told = json!({ "from": pretrained.path, "parameters": hash, "replaced": replaced });
        Ok(Self { parameters, told, replaced })
    }
}

/// Takes away what answers with another number of rows than the data asks for, and tells which
/// layers begin anew.
fn replace_heads(tensors: &mut BTreeMap<String, Tensor>, config: &Config) -> Vec<String> {
    let answers = config.classes + 1;
    let mut heads = vec![
        ("box_predictor.cls_score".to_string(), answers),
        ("box_predictor.bbox_pred".into(), 4 * answers),
        ("mask_predictor.mask_fcn_logits".into(), answers),
    ];
    for attribute in &config.attributes {
        heads.push((format!("attribute_predictor.{}", attribute.name), attribute.values.len()));
    }
    if !config.measures.is_empty() {
        heads.push(("measure_predictor".into(), config.measures.len()));
    }
    let mut replaced = Vec::new();
    for (head, expected) in heads {
        let name = format!("roi_heads.{head}");
        let weight = tensors.get(&format!("{name}.weight"));
        match weight.and_then(|weight| weight.dims().first().copied()) {
            Some(found) if found == expected => {}
            Some(found) => {
                ["weight", "bias"].iter().for_each(|value| {
                    tensors.remove(&format!("{name}.{value}"));
                });
                replaced.push(format!("{name}: {expected} rows in place of {found}"));
            }
            None => replaced.push(format!("{name}: {expected} rows, which it had not")),
        }
    }
    replaced
}

impl Recipe {
    /// Settings for training that starts from `pretrained`: its network, and a tenth of the usual
    /// learning rate.
    pub fn starting_from(pretrained: &Pretrained) -> Self {
        let usual = Self::default();
        let fit =
            conv_train::FitConfig { learning_rate: usual.fit.learning_rate / 10.0, ..usual.fit };
        Self { network: pretrained.config.clone(), fit, ..usual }
    }

    /// Refuses sizes that are not those of what training starts from; how many classes, attributes
    /// and measures there are is the data's.
    pub(crate) fn check_network(&self, pretrained: &Pretrained) -> Result<()> {
        let (own, theirs) = (&self.network, &pretrained.config);
        let differs = [
            ("backbone", own.backbone != theirs.backbone),
            ("pyramid", own.pyramid != theirs.pyramid),
            ("anchors.aspects", own.anchors.aspects.len() != theirs.anchors.aspects.len()),
            ("box_features", own.box_features != theirs.box_features),
            ("mask_layers", own.mask_layers != theirs.mask_layers),
            ("mask_channels", own.mask_channels != theirs.mask_channels),
        ];
        let Some((field, _)) = differs.into_iter().find(|(_, differs)| *differs) else {
            return Ok(());
        };
        Err(Error::Differs {
            place: "the recipe".into(),
            what: "its network has another",
            found: field.into(),
            expected: format!("that of {}", pretrained.path.display()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_told_by_the_names_of_its_parameters() -> Result<()> {
        let stage: Stage = "stem".parse()?;
        assert!(stage.has("backbone.body.conv1.weight") && stage.has("backbone.body.bn1.bias"));
        assert!(!stage.has("backbone.body.layer1.0.conv1.weight"));
        for stage in Stage::ALL {
            assert_eq!(stage.name().parse::<Stage>()?, stage);
            assert_eq!(json!(stage), json!(stage.name()));
        }
        let error = "layer5".parse::<Stage>().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("layer5") && error.contains("stem, layer1"), "{error}");
        Ok(())
    }

    #[test]
    fn heads_of_other_numbers_are_named_and_begin_anew() -> Result<()> {
        let rows = |rows: usize| Tensor::zeros((rows, 3), DType::F32, &Device::Cpu);
        let mut tensors = BTreeMap::new();
        for (name, count) in [
            ("box_predictor.cls_score", 91),
            ("box_predictor.bbox_pred", 364),
            ("mask_predictor.mask_fcn_logits", 3),
            ("box_head.fc7", 5),
        ] {
            tensors.insert(format!("roi_heads.{name}.weight"), rows(count)?);
            tensors.insert(format!("roi_heads.{name}.bias"), rows(count)?);
        }
        let attributes = vec![crate::Attribute { name: "color".into(), values: vec!["a".into()] }];
        let config = Config { classes: 2, attributes, ..Config::default() };
        let replaced = replace_heads(&mut tensors, &config);
        let expected = [
            "roi_heads.box_predictor.cls_score: 3 rows in place of 91",
            "roi_heads.box_predictor.bbox_pred: 12 rows in place of 364",
            "roi_heads.attribute_predictor.color: 1 rows, which it had not",
        ];
        assert_eq!(replaced, expected);
        let left: Vec<&str> = tensors.keys().map(String::as_str).collect();
        assert_eq!(left.len(), 4);
        assert!(left.iter().all(|name| name.contains("fc7") || name.contains("mask_fcn_logits")));
        Ok(())
    }
}
