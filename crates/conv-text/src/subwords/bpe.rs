//! Byte-pair encoding over characters (Sennrich et al. 2016), trained by the `tokenizers` crate.

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, Result, Trainer};

use super::SPECIALS;

/// The model of at most `vocabulary` tokens, special ones first, then characters, then pairs of
/// tokens that come at least twice, the most frequent first.
pub(super) fn train(words: &[(String, u64)], vocabulary: usize) -> Result<BPE> {
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocabulary)
        .min_frequency(2)
        .special_tokens(SPECIALS.map(|name| AddedToken::from(name, true)).to_vec())
        .build();
    let all = words.iter().flat_map(|(word, count)| (0..*count).map(move |_| word));
    trainer.feed(all, |word| Ok(vec![word.to_owned()]))?;
    let mut model = BPE::builder().unk_token("<unk>".into()).fuse_unk(true).build()?;
    trainer.train(&mut model)?;
    Ok(model)
}
