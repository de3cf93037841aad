//! A trained translator: a model folder, opened once and shared between threads.

use crate::data::{Encoders, TextPair};
use crate::{
    ConvS2s, END, Ensemble, Error, Hypothesis, Replacements, Request, Result, SearchConfig,
    Sentence, Stored, UNKNOWN, Vocabularies, attention_picture,
};
use candle_core::Device;
use conv_text::subwords::{SPECIALS, Subwords};
use conv_train::batch::by_length;
use serde::Serialize;
use std::path::Path;

/// Tokens, padding included, that a batch's sources have at most.
const BATCH: usize = 2000;

/// A sentence's translation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Translation {
    /// As people write it.
    pub text: String,
    /// The tokens, without the end's.
    pub tokens: Vec<String>,
    /// The logarithm of its probability divided by its length, with its end, to the power of the
    /// length penalty.
    pub score: f32,
    /// For each token the place of the source token that was read most.
    pub alignment: Vec<usize>,
    /// The share of each source token, its end included, in what was read for each token and for
    /// the end.
    #[serde(skip)]
    pub attention: Vec<Vec<f32>>,
    /// The logarithm of the probability of each token and of the end.
    #[serde(skip)]
    pub positional: Vec<f32>,
}

impl Translation {
    /// The best translations of a sentence from those of its parts ([`Translator::parts`]) in their
    /// order: the best of each together, and so on. The attention of parts is not kept; the score
    /// is that of all tokens.
    pub fn joined(mut parts: Vec<Vec<Self>>, config: &SearchConfig) -> Vec<Self> {
        if parts.len() == 1 {
            return parts.swap_remove(0);
        }
        let count = parts.iter().map(Vec::len).min().unwrap_or(0);
        let rank = |rank: usize| {
            let mut whole = Self::default();
            let mut before = 0;
            let mut texts = Vec::new();
            for part in parts.iter().map(|part| &part[rank]) {
                texts.push(part.text.as_str());
                whole.tokens.extend_from_slice(&part.tokens);
                whole.alignment.extend(part.alignment.iter().map(|source| before + source));
                whole.positional.extend_from_slice(&part.positional);
                // The source's tokens without the part's end.
                before += part.attention.first().map_or(1, Vec::len) - 1;
            }
            whole.text = texts.join(" ");
            whole.score = config.score(whole.positional.iter().sum(), whole.positional.len());
            whole
        };
        (0..count).map(rank).collect()
    }
}

/// A translator, ready for use. `Send + Sync`: one serves many threads.
#[derive(Debug)]
pub struct Translator {
    ensemble: Ensemble,
    source: Subwords,
    target: Subwords,
    longest_source: usize,
    replacements: Option<Replacements>,
}

impl Translator {
    /// Opens a model folder, or a checkpoint of fairseq's with its dictionaries beside it
    /// ([`FairseqModel`](crate::fairseq::FairseqModel)), which takes ready-made tokens with blanks
    /// between them.
    ///
    /// # Errors
    /// A missing or damaged file, a folder of another task, or a vocabulary that does not fit the
    /// network, by name.
    pub fn open(folder: &Path, device: &Device) -> Result<Self> {
        Self::open_all(&[folder], device)
    }

    /// Opens several model folders as one translator, which says the mean of their probabilities;
    /// their vocabularies are the first's.
    ///
    /// # Errors
    /// As [`Translator::open`]; no folder, or vocabularies of different sizes.
    pub fn open_all(folders: &[impl AsRef<Path>], device: &Device) -> Result<Self> {
        let mut networks = Vec::new();
        let mut vocabularies = None;
        for folder in folders {
            let (network, of_model) = Stored::open(folder.as_ref())?.into_network(device)?;
            networks.push(network);
            vocabularies.get_or_insert(of_model);
        }
        Self::new(networks, vocabularies.as_ref().ok_or(Error::NoModel)?.encoders())
    }

    /// Puts together networks and the vocabularies of both languages.
    ///
    /// # Errors
    /// No network, or vocabularies of different sizes.
    pub fn new(networks: Vec<ConvS2s>, encoders: Encoders) -> Result<Self> {
        let config = networks.first().ok_or(Error::NoModel)?.config();
        let source = encoders.source.clone();
        let target = encoders.target.clone();
        let vocabularies = Vocabularies { source, target };
        vocabularies.check(["in memory".into(), "in memory".into()], config)?;
        let longest = networks.iter().map(|network| network.config().longest_source()).min();
        let Vocabularies { source, target } = vocabularies;
        let longest_source = longest.unwrap_or(0);
        let ensemble = Ensemble::new(networks)?;
        Ok(Self { ensemble, source, target, longest_source, replacements: None })
    }

    /// The same, which writes for each `<unk>` of a translation what `replacements` have for the
    /// source token that was read most. Scores and tokens are as without.
    pub fn replace_unknown(self, replacements: Replacements) -> Self {
        Self { replacements: Some(replacements), ..self }
    }

    /// The tokens of a source text as the network reads them, without its end.
    ///
    /// # Errors
    /// A text that a tokenizer of the user's own cannot take.
    pub fn source_tokens(&self, text: &str) -> Result<Vec<String>> {
        let ids = self.source.encode(text)?;
        Ok(self.source.pieces(&ids).into_iter().map(String::from).collect())
    }

    /// The text in parts of which each has no more tokens than the network knows positions; itself
    /// for most. It is parted where a sentence in it ends, else between words, else within a word.
    ///
    /// # Errors
    /// As [`Translator::source_tokens`].
    pub fn parts(&self, text: &str) -> Result<Vec<String>> {
        let room = self.longest_source.saturating_sub(1).max(1);
        if self.source.encode(text)?.len() <= room {
            return Ok(vec![text.into()]);
        }
        let mut parts = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let fits = |end: &usize| Ok(self.source.encode(&rest[..*end])?.len() <= room);
            let blanks = rest.char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| at);
            // A word has a token at least, so that no more words than tokens go together.
            let ends: Vec<usize> = blanks.chain([rest.len()]).take(room).collect();
            let words = last_that(&ends, fits)?;
            let letters: Vec<usize> =
                rest.char_indices().map(|(at, c)| at + c.len_utf8()).take(room).collect();
            let end = match words {
                0 => letters[last_that(&letters, fits)?.max(1) - 1],
                words if ends[words - 1] == rest.len() => rest.len(),
                words => {
                    let ends = &ends[words / 2..words];
                    let full = |end: &&usize| rest[..**end].ends_with(['.', '!', '?', '…']);
                    *ends.iter().rev().find(full).unwrap_or(&ends[ends.len() - 1])
                }
            };
            parts.push(rest[..end].into());
            rest = rest[end..].trim_start();
        }
        Ok(parts)
    }

    /// A text of the target's language as translations are written: tokens of a vocabulary of
    /// pieces, joined to words.
    pub fn reference(&self, text: &str) -> String {
        self.target.joined(text.into())
    }

    /// Translates one sentence: the best translation.
    ///
    /// # Errors
    /// As [`Translator::translate_batch`].
    pub fn translate(&self, text: &str, config: &SearchConfig) -> Result<Translation> {
        let mut found = self.translate_batch(&[text], config)?;
        let best =
            found.pop().and_then(|mut found| (!found.is_empty()).then(|| found.swap_remove(0)));
        best.ok_or(Error::NoTranslation { sentence: 1 })
    }

    /// Translates many sentences, each into its best translations, the best first; each result is
    /// the same as alone. An empty sentence has an empty translation.
    ///
    /// # Errors
    /// As [`Translator::translate_sentences`].
    pub fn translate_batch(
        &self,
        texts: &[impl AsRef<str>],
        config: &SearchConfig,
    ) -> Result<Vec<Vec<Translation>>> {
        let sentence = |(place, text): (usize, &_)| Sentence::new(place, AsRef::as_ref(text));
        let sentences: Vec<_> = texts.iter().enumerate().map(sentence).collect();
        self.translate_sentences(&sentences, config)
    }

    /// The same with what is asked of each translation. The place of each sentence is its own:
    /// blocks of a longer input have what the whole has, also where words are drawn.
    ///
    /// # Errors
    /// By its place: a sentence beyond the positions that the network knows, or one of which
    /// something is asked that cannot be. Settings out of range.
    pub fn translate_sentences(
        &self,
        sentences: &[Sentence],
        config: &SearchConfig,
    ) -> Result<Vec<Vec<Translation>>> {
        config.check()?;
        let mut requests = Vec::new();
        let mut translations = vec![Vec::new(); sentences.len()];
        for (i, sentence) in sentences.iter().enumerate() {
            match self.request(sentence)? {
                None => translations[i] = vec![Translation::default()],
                Some(request) => requests.push((i, request)),
            }
        }
        requests.sort_by_key(|(_, request)| request.source.len());
        let (places, requests): (Vec<usize>, Vec<Request>) = requests.into_iter().unzip();
        let lengths: Vec<usize> = requests.iter().map(|request| request.source.len()).collect();
        for batch in by_length(&lengths, BATCH) {
            // They lie in order of their lengths: a batch is a piece of them.
            let batch = batch[0]..batch[0] + batch.len();
            let found = self.ensemble.search(&requests[batch.clone()], config)?;
            for (&i, found) in places[batch].iter().zip(found) {
                let said = |hypothesis| self.said(&sentences[i].text, hypothesis);
                translations[i] = found.into_iter().map(said).collect::<Result<_>>()?;
            }
        }
        Ok(translations)
    }

    /// How probable given translations are, each as if it were alone. Of `config` only the
    /// normalisation counts.
    ///
    /// # Errors
    /// By its line, a pair beyond the positions that the network knows.
    pub fn score(&self, pairs: &[TextPair], config: &SearchConfig) -> Result<Vec<Translation>> {
        let mut encoded = Vec::with_capacity(pairs.len());
        let target = self.ensemble.longest_target();
        for (i, pair) in pairs.iter().enumerate() {
            let place = (pair.line.max(1) - 1) as usize;
            let source = ended(self.source.encode(&pair.source)?);
            within(place, "source", source.len(), self.longest_source)?;
            let words = self.target.encode(&pair.target)?;
            within(place, "target", words.len() + 1, target)?;
            encoded.push((i, source, words));
        }
        let length =
            |(_, source, words): &(_, Vec<u32>, Vec<u32>)| source.len().max(words.len() + 1);
        encoded.sort_by_key(length);
        let lengths: Vec<usize> = encoded.iter().map(length).collect();
        let mut scored = vec![Translation::default(); pairs.len()];
        for batch in by_length(&lengths, BATCH) {
            let batch = &encoded[batch[0]..batch[0] + batch.len()];
            let batch_pairs: Vec<(&[u32], &[u32])> =
                batch.iter().map(|(_, source, words)| (&source[..], &words[..])).collect();
            for ((i, ..), found) in batch.iter().zip(self.ensemble.score(&batch_pairs, config)?) {
                scored[*i] = self.said(&pairs[*i].source, found)?;
            }
        }
        Ok(scored)
    }

    /// A picture of what was read of `text` for each token of its translation
    /// ([`attention_picture`]), in which unknown source tokens are spelled out.
    ///
    /// # Errors
    /// As [`Translator::source_tokens`].
    pub fn picture(&self, text: &str, translation: &Translation) -> Result<String> {
        let ids = self.source.encode(text)?;
        let tokens = self.source.pieces(&ids).into_iter().zip(self.source.spellings(text)?);
        let token = |(id, (piece, spelling)): (&u32, (&str, &str))| match *id {
            UNKNOWN => spelling.to_owned(),
            _ => piece.to_owned(),
        };
        let source: Vec<String> = ids.iter().zip(tokens).map(token).collect();
        let ended = |tokens: Vec<String>| [tokens, vec![SPECIALS[END as usize].into()]].concat();
        let [source, target] = [source, translation.tokens.clone()].map(ended);
        Ok(attention_picture(&source, &target, &translation.attention))
    }

    /// What to search for; nothing for an empty sentence.
    fn request(&self, sentence: &Sentence) -> Result<Option<Request>> {
        let Sentence { place, text, prefix, phrases } = sentence;
        let source = self.source.encode(text)?;
        if source.is_empty() || text.chars().all(is_unseen) {
            return Ok(None);
        }
        let source = ended(source);
        within(*place, "source", source.len(), self.longest_source)?;
        let prefix = self.known(*place, "prefix", prefix)?;
        let constraints = phrases.iter().map(|phrase| self.known(*place, "constraints", phrase));
        let constraints = constraints.collect::<Result<_>>()?;
        Ok(Some(Request { prefix, constraints, ..Request::new(*place, source) }))
    }

    /// The tokens of words that must be said, of which none is unknown.
    fn known(&self, place: usize, field: &'static str, words: &str) -> Result<Vec<u32>> {
        let tokens = self.target.encode(words)?;
        if tokens.contains(&UNKNOWN) {
            return Err(Error::Request {
                sentence: place + 1,
                field,
                found: format!("{words:?}"),
                expected: "words that the model's vocabulary has".into(),
            });
        }
        Ok(tokens)
    }

    /// A translation in words.
    fn said(&self, source: &str, hypothesis: Hypothesis) -> Result<Translation> {
        let Hypothesis { tokens, score, positional, attention, alignment } = hypothesis;
        let pieces = self.target.pieces(&tokens).into_iter().map(String::from).collect::<Vec<_>>();
        let text = match &self.replacements {
            Some(replacements) if tokens.contains(&UNKNOWN) => {
                let spellings = self.source.spellings(source)?;
                let write = |((id, piece), place): ((&u32, &String), &usize)| match *id {
                    UNKNOWN => {
                        replacements.of(spellings.get(*place).copied().unwrap_or_default()).into()
                    }
                    _ => piece.clone(),
                };
                let words = tokens.iter().zip(&pieces).zip(&alignment).map(write);
                self.target.join(words.collect())?
            }
            _ => self.target.decode(&tokens)?,
        };
        Ok(Translation { text, tokens: pieces, score, alignment, attention, positional })
    }
}

/// Blanks, and what is not seen: Unicode's `Default_Ignorable_Code_Point` (joiners, marks of
/// direction, a byte-order mark, selectors of variants, fillers, tags), its marks of annotations,
/// the blank pattern of Braille, and what steers a terminal.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many of these, of which the first few hold, hold.
fn last_that(ends: &[usize], holds: impl Fn(&usize) -> Result<bool>) -> Result<usize> {
    let (mut least, mut most) = (0, ends.len());
    while least < most {
        let middle = (least + most).div_ceil(2);
        if holds(&ends[middle - 1])? { least = middle } else { most = middle - 1 }
    }
    Ok(least)
}

fn ended(tokens: Vec<u32>) -> Vec<u32> {
    [tokens, vec![END]].concat()
}

/// Refuses what has more tokens than positions.
fn within(place: usize, side: &'static str, found: usize, expected: usize) -> Result<()> {
    let sentence = place + 1;
    if found > expected {
        return Err(Error::TooLongSentence { sentence, side, found, expected });
    }
    Ok(())
}
