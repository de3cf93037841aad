//! The arguments of a convolutional model and its task.

use std::path::Path;

use conv_hub::pth::Value;

use super::fields::Fields;
use crate::{Error, Preset, Result};

/// Positions where a checkpoint does not name their number, as in fairseq.
const POSITIONS: usize = 1024;

/// What fairseq was told to build and train, by the names of its command line.
///
/// ```no_run
/// # let path = std::path::Path::new("checkpoint_best.pt");
/// let checkpoint = conv_hub::Checkpoint::open(path)?;
/// let arguments = conv_translate::fairseq::Arguments::read(checkpoint.root(), path)?;
/// println!("{} {}", arguments.arch, arguments.encoder_layers);
/// # Ok::<(), conv_translate::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// The preset's name, one of [`Preset::ALL`] or the user's own; it says nothing that the other
    /// fields do not say.
    pub arch: String,
    /// E of the source.
    pub encoder_embed_dim: usize,
    /// The encoder's layers in fairseq's notation, `[(512, 3)] * 20`.
    pub encoder_layers: String,
    /// E of the target.
    pub decoder_embed_dim: usize,
    /// The decoder's layers.
    pub decoder_layers: String,
    /// Length of the vector that the output layer sees.
    pub decoder_out_embed_dim: usize,
    /// Which decoder layers attend: `True`, `False` or a list of these, one a layer.
    pub decoder_attention: String,
    /// Whether the output layer's weight is the target's table.
    pub share_input_output_embed: bool,
    /// Probability of dropping an element in training, from 0 to below 1.
    pub dropout: f64,
    /// Rows of the source's table of positions.
    pub max_source_positions: usize,
    /// Rows of the target's table of positions.
    pub max_target_positions: usize,
    /// The language translated from: `dict.SOURCE.txt` is its dictionary.
    pub source_lang: String,
    /// The language translated into.
    pub target_lang: String,
    /// How words were split, such as `subword_nmt`, if fairseq was told.
    pub bpe: Option<String>,
}

impl Arguments {
    /// Takes the arguments out of what a checkpoint's file holds (`args`, or `cfg` where that is
    /// absent); `file` stands in error messages.
    ///
    /// Attention and sharing, positions and padding have fairseq's defaults where an old file does
    /// not name them.
    ///
    /// # Errors
    /// [`Error::NotFairseq`] where there are no arguments, [`Error::Architecture`] for those of
    /// another network, [`Error::FairseqArgument`] for a field that is missing or of another kind.
    /// Layers and attention are not parsed here.
    pub fn read(root: &Value, file: &Path) -> Result<Self> {
        let fields = Fields::of(root, file)?;
        // Newer networks than this one have the name of their kind alone.
        let arch = fields.text("arch")?.or(fields.text("_name")?);
        let arch = arch.ok_or_else(fields.missing("arch"))?;
        // A name of the user's own says nothing that the fields do not say: layers as text are this
        // network's.
        let is_preset = Preset::ALL.iter().any(|preset| preset.name() == arch);
        let is_fconv = ["encoder_layers", "decoder_layers"]
            .into_iter()
            .all(|field| matches!(fields.text(field), Ok(Some(layers)) if layers.contains('(')))
            && fields.text("self_attention").is_ok_and(|found| found.is_none());
        if !is_preset && !is_fconv {
            return Err(Error::Architecture {
                file: file.display().to_string(),
                found: arch,
                expected: Preset::ALL.map(Preset::name).join(", "),
            });
        }
        let text = |field| fields.text(field)?.ok_or_else(fields.missing(field));
        let size = |field| fields.size(field)?.ok_or_else(fields.missing(field));
        // Once there was one number for both sides.
        let both = fields.size("max_positions")?.unwrap_or(POSITIONS);
        Ok(Self {
            arch,
            encoder_embed_dim: size("encoder_embed_dim")?,
            encoder_layers: text("encoder_layers")?,
            decoder_embed_dim: size("decoder_embed_dim")?,
            decoder_layers: text("decoder_layers")?,
            decoder_out_embed_dim: size("decoder_out_embed_dim")?,
            decoder_attention: fields.text("decoder_attention")?.unwrap_or_else(|| "True".into()),
            share_input_output_embed: fields.truth("share_input_output_embed")?.unwrap_or(false),
            dropout: fields.probability("dropout")?.ok_or_else(fields.missing("dropout"))?,
            max_source_positions: fields.size("max_source_positions")?.unwrap_or(both),
            max_target_positions: fields.size("max_target_positions")?.unwrap_or(both),
            source_lang: text("source_lang")?,
            target_lang: text("target_lang")?,
            bpe: fields.text("bpe")?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn dict(entries: &[(&str, Value)]) -> Value {
        Value::Dict(entries.iter().map(|(key, value)| (text(key), value.clone())).collect())
    }

    /// What the first releases saved, and these fields instead of theirs.
    fn arguments(changed: &[(&str, Value)]) -> Result<Arguments> {
        let mut fields = vec![
            ("arch", text("fconv_iwslt_de_en")),
            ("encoder_embed_dim", Value::Int(256)),
            ("encoder_layers", text("[(256, 3)] * 4")),
            ("decoder_embed_dim", Value::Int(256)),
            ("decoder_layers", text("[(256, 3)] * 3")),
            ("decoder_out_embed_dim", Value::Int(128)),
            ("dropout", Value::Float(0.2)),
            ("max_positions", Value::Int(512)),
            ("source_lang", text("de")),
            ("target_lang", text("en")),
        ];
        for (key, value) in changed {
            fields.retain(|(field, _)| field != key);
            fields.push((key, value.clone()));
        }
        Arguments::read(&dict(&[("args", dict(&fields)), ("cfg", Value::None)]), "a.pt".as_ref())
    }

    #[test]
    fn what_an_old_file_does_not_name_has_fairseqs_defaults() {
        let read = arguments(&[]).unwrap();
        assert_eq!(
            (read.decoder_attention.as_str(), read.share_input_output_embed),
            ("True", false)
        );
        assert_eq!((read.max_source_positions, read.max_target_positions), (512, 512));
        assert_eq!(read.bpe, None);
        let read = arguments(&[
            ("max_positions", Value::None),
            ("max_target_positions", Value::Int(7)),
            ("share_input_output_embed", text("True")),
        ]);
        let read = read.unwrap();
        assert_eq!((read.max_source_positions, read.max_target_positions), (1024, 7));
        assert!(read.share_input_output_embed);
    }

    #[test]
    fn each_defect_is_named() {
        let cases = [
            ("arch", Value::None, "argument `arch` is missing, expected a value"),
            ("decoder_layers", Value::None, "argument `decoder_layers` is missing"),
            ("encoder_layers", Value::Int(4), "`encoder_layers` is 4, expected text"),
            ("encoder_embed_dim", Value::Int(-1), "is -1, expected an integer above 0"),
            ("dropout", Value::Float(f64::NAN), "is NaN, expected a number from 0 to below 1"),
            ("dropout", text("0.1"), "is \"0.1\", expected a number"),
            ("share_input_output_embed", Value::Int(1), "is 1, expected True or False"),
            ("source_lang", dict(&[]), "`source_lang` is a dictionary, expected text"),
        ];
        for (field, value, expected) in cases {
            let error = arguments(&[(field, value)]).unwrap_err().to_string();
            assert!(error.starts_with("a.pt"), "{error}");
            assert!(error.contains(expected), "{error}\nexpected: {expected}");
        }
        let transformer = [("arch", text("transformer")), ("encoder_layers", Value::Int(6))];
        let error = arguments(&transformer).unwrap_err().to_string();
        assert!(error.contains("is a model of the architecture \"transformer\""), "{error}");
        for root in [Value::None, dict(&[("model", dict(&[]))]), dict(&[("args", Value::None)])] {
            let error = Arguments::read(&root, "a.pt".as_ref()).unwrap_err();
            assert!(matches!(error, Error::NotFairseq { .. }), "{error}");
        }
    }

    #[test]
    fn a_name_of_the_user_s_own_does_not_matter_where_the_fields_say_everything() {
        let read = arguments(&[("arch", text("fconv_custom"))]).unwrap();
        assert_eq!((read.arch.as_str(), read.encoder_embed_dim), ("fconv_custom", 256));
    }

    #[test]
    fn a_newer_network_is_named_too() {
        let cfg = dict(&[("model", dict(&[("_name", text("transformer_lm"))]))]);
        let error = Arguments::read(&dict(&[("cfg", cfg)]), "a.pt".as_ref()).unwrap_err();
        assert!(
            error.to_string().contains("\"transformer_lm\", expected one of fconv, "),
            "{error}"
        );
    }
}
