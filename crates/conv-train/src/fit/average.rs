//! The mean of the weights after the last evaluations: a network in the middle of those that
//! training went through.

use super::folder::Folder;
use crate::Result;
use crate::checkpoint;
use candle_core::Tensor;
use conv_hub::files::in_file;
use conv_nn::Parameters;
use std::collections::BTreeMap;

/// Keeps the present weights beside those of the evaluations before, and names the `count` latest
/// in `kept`.
pub(super) fn keep(
    folder: &Folder,
    step: u64,
    parameters: &Parameters,
    count: usize,
    kept: &mut Vec<u64>,
) -> Result<()> {
    checkpoint::write_weights(&folder.after(step), &folder.unfinished, step, parameters)?;
    kept.push(step);
    kept.drain(..kept.len().saturating_sub(count));
    Ok(())
}

/// Removes weights that no checkpoint names any more.
pub(super) fn clear(folder: &Folder, kept: &[u64]) -> Result<()> {
    for (step, path) in folder.all_after()? {
        if !kept.contains(&step) {
            std::fs::remove_file(&path).map_err(in_file("remove", &path))?;
        }
    }
    Ok(())
}

/// The mean of the weights after each of the steps `kept`, summed in their order; buffers are those
/// after the last of them.
pub(super) fn mean(
    folder: &Folder,
    kept: &[u64],
    parameters: &Parameters,
) -> Result<BTreeMap<String, Tensor>> {
    let mut sums = BTreeMap::new();
    for &step in kept {
        for (name, weights) in checkpoint::read_weights(&folder.after(step), step)? {
            let sum = match sums.remove(&name) {
                Some(sum) if !parameters.is_buffer(&name) => (sum + weights)?,
                _ => weights,
            };
            sums.insert(name, sum);
        }
    }
    for (name, sum) in &mut sums {
        if !parameters.is_buffer(name) {
            *sum = (&*sum / kept.len() as f64)?;
        }
    }
    Ok(sums)
}
