//! Classes by name.

use crate::{Error, Result};
use conv_vision::Pretrained;
use conv_vision::data::Label;

/// The number of the class that is called `text`: by its label (`n06874185`), its whole name, or
/// one of the names in it, between commas (`traffic light` of
/// `traffic light, traffic signal, stoplight`); capitals do not matter.
///
/// # Errors
/// Weights without names of classes; a name that no class has, with those that contain it; a name
/// that several have.
pub fn class(model: &Pretrained, text: &str) -> Result<usize> {
    let wrong = |hint: String| Error::NoClass { found: text.into(), hint };
    let Some(labels) = &model.labels else {
        return Err(wrong("the weights came without names of classes".into()));
    };
    let sought = text.trim().to_lowercase();
    let those = |is_it: &dyn Fn(&Label) -> bool| -> Vec<(usize, &Label)> {
        labels.all().iter().enumerate().filter(|(_, label)| is_it(label)).collect()
    };
    let mut called = those(&|label| label.label.to_lowercase() == sought);
    if called.is_empty() {
        called = those(&|label| label.name.to_lowercase() == sought);
    }
    if called.is_empty() {
        let is_one = |name: &str| name.trim().to_lowercase() == sought;
        called = those(&|label| label.name.split(',').any(is_one));
    }
    let told = |classes: &[(usize, &Label)]| {
        let one = |(_, label): &(usize, &Label)| format!("{} ({})", label.label, label.name);
        classes.iter().take(5).map(one).collect::<Vec<_>>().join("; ")
    };
    match called.as_slice() {
        [(class, _)] => Ok(*class),
        [] => {
            let contains = |label: &Label| label.name.to_lowercase().contains(&sought);
            let alike = those(&|label| !sought.is_empty() && contains(label));
            Err(wrong(if alike.is_empty() {
                format!("none of the {} classes has this name", labels.all().len())
            } else {
                format!("there are {}", told(&alike))
            }))
        }
        several => Err(wrong(format!("it stands for {}", told(several)))),
    }
}
