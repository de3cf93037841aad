//! Search for translations with any number of networks: by beam, by diverse beam, or by lot.

mod allocate;
mod beam;
mod blocking;
mod config;
mod constraints;
mod ensemble;
mod hypothesis;
mod request;
mod sampling;
mod score;
mod top;

pub use config::{Constraints, Sampling, SearchConfig};
pub use ensemble::Ensemble;
pub use hypothesis::Hypothesis;
pub use request::Request;

use crate::{END, Error, Result};
use beam::{Beam, Said};
use candle_core::{Storage, Tensor};

impl Ensemble {
    /// Translates a batch: for each sentence its best translations, the best first. What is found
    /// for a sentence does not depend on the others, on a CPU to the last bit.
    ///
    /// # Errors
    /// A configuration or request out of range, a source beyond the positions, or a sentence of
    /// which nothing is left: its constraints hold words that must not be repeated, all words are
    /// forbidden before the least length, or the network says no number.
    pub fn search(
        &self,
        requests: &[Request],
        config: &SearchConfig,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        config.check()?;
        let mut beams = Vec::with_capacity(requests.len());
        for request in requests {
            let longest = config.longest(request.source.len(), self.longest_target());
            request.check(config, self.vocabularies(), longest)?;
            beams.push(Beam::new(config, request, longest));
        }
        conv_core::cpu::awake(|| self.run(requests, &mut beams, config))?;
        let finished = beams.into_iter().zip(requests).map(|(beam, request)| match beam.finish() {
            none if none.is_empty() => Err(Error::NoTranslation { sentence: request.place + 1 }),
            found => Ok(found),
        });
        finished.collect()
    }

    fn run(&self, requests: &[Request], beams: &mut [Beam], config: &SearchConfig) -> Result<()> {
        let sources: Vec<&[u32]> = requests.iter().map(|request| &request.source[..]).collect();
        // Places of sentences that are searched, in the order of the network's rows, of which each
        // has `width`.
        let mut searched: Vec<usize> = (0..beams.len()).collect();
        if searched.is_empty() {
            return Ok(());
        }
        let mut width = 1;
        let mut states = self.begin(&sources)?;
        let mut tokens = vec![END; searched.len()];
        let mut buffer = vec![0.0; self.vocabularies()[1]];
        loop {
            let [values, attention] = self.step(&tokens, &mut states, config.temperature)?;
            let stride = attention.dim(1)?;
            floats(&values, |values| {
                floats(&attention, |attention| {
                    let values = values.chunks(width * buffer.len());
                    let rows = values.zip(attention.chunks(width * stride));
                    for (place, (values, attention)) in searched.iter().zip(rows) {
                        beams[*place].advance(Said { values, attention, stride }, &mut buffer);
                    }
                })
            })??;
            let kept: Vec<usize> =
                (0..searched.len()).filter(|i| beams[searched[*i]].count() > 0).collect();
            let widest = kept.iter().map(|i| beams[searched[*i]].count()).max();
            let Some(widest) = widest else { return Ok(()) };
            let mut rows = Vec::with_capacity(kept.len() * widest);
            tokens.clear();
            for i in &kept {
                let begin = (i * width) as u32;
                for (origin, token) in beams[searched[*i]].rows() {
                    rows.push(begin + origin as u32);
                    tokens.push(token);
                }
                // Rows of no consequence, where another sentence has more.
                let missing = widest - beams[searched[*i]].count();
                rows.extend(std::iter::repeat_n(begin, missing));
                tokens.extend(std::iter::repeat_n(END, missing));
            }
            if kept.len() < searched.len() {
                states.keep(&kept, &rows, self)?;
            } else if widest != width || (0..).zip(&rows).any(|(i, row)| i != *row) {
                states.reorder(&rows, self)?;
            }
            searched = kept.into_iter().map(|i| searched[i]).collect();
            width = widest;
        }
    }
}

/// Looks at the numbers of an f32 tensor, in place where they lie in memory.
fn floats<R>(tensor: &Tensor, look: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(storage), Some((begin, end))) = (&*storage, layout.contiguous_offsets()) {
        return Ok(look(&storage.as_slice::<f32>()?[begin..end]));
    }
    drop(storage);
    Ok(look(&tensor.flatten_all()?.to_vec1::<f32>()?))
}
