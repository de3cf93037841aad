//! Convolutional sequence to sequence learning (Gehring et al. 2017), of one width throughout.
//!
//! Activations are `[B, C, T]`; a linear map of every position is a convolution of one tap. Weight
//! normalisation, the scaled gradients of the encoder (section 3.4) and maps between widths are
//! left out.

use super::{Task, numbers};
use anyhow::Result;
use candle_core::{D, Device, IndexOp, Module, Tensor};
use conv_core::Conv1dConfig;
use conv_nn::{
    Conv1d, CrossEntropyConfig, Embedding, Init, Linear, Mode, VarBuilder, cross_entropy, dropout,
    softmax,
};

const BATCH: usize = 32;
const TOKENS: usize = 30;
const VOCABULARY: usize = 6000;
const WIDTH: usize = 256;
const KERNEL: usize = 3;
const ENCODER_LAYERS: usize = 4;
const DECODER_LAYERS: usize = 3;
const DROPOUT: f64 = 0.3;
/// Different batches, which are learned by heart.
const BATCHES: u64 = 4;

/// Random pairs of sentences, and the network that learns them.
pub struct Translation {
    /// Source sentences `[B, T]` and target sentences `[B, T + 1]`, whose first token starts them.
    batches: Vec<[Tensor; 2]>,
    /// One table for source, target and output.
    words: Embedding,
    output: Linear,
    source_positions: Tensor,
    target_positions: Tensor,
    encoder: Vec<Conv1d>,
    decoder: Vec<DecoderLayer>,
}

/// A convolution that sees no later position, and the map of its states for attention (equation 1).
struct DecoderLayer {
    convolution: Conv1d,
    query: Conv1d,
}

/// First values are normal, of variance `factor` over what an output sums (section 3.5).
fn linear_map(
    outputs: usize,
    kernel: usize,
    padding: (usize, usize),
    factor: f64,
    vb: &VarBuilder,
) -> Result<Conv1d> {
    let init = Init::Normal { mean: 0.0, std: (factor / (WIDTH * kernel) as f64).sqrt() };
    let weight = vb.get_with_hints((outputs, WIDTH, kernel), "weight", init)?;
    let bias = vb.get_with_hints(outputs, "bias", Init::Const(0.0))?;
    Ok(Conv1d::new(weight, Some(bias), Conv1dConfig { padding, ..Default::default() }))
}

/// For a gated linear unit behind it.
fn gated(padding: (usize, usize), vb: &VarBuilder) -> Result<Conv1d> {
    linear_map(2 * WIDTH, KERNEL, padding, 4.0 * (1.0 - DROPOUT), vb)
}

fn residual(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok(((x + y)? * 0.5f64.sqrt())?)
}

impl Translation {
    /// With its parameters at their first values.
    pub fn new(vb: &VarBuilder) -> Result<Self> {
        let table = |rows: usize, name| {
            vb.get_with_hints((rows, WIDTH), name, Init::Normal { mean: 0.0, std: 0.1 })
        };
        let words = table(VOCABULARY, "words")?;
        let bias = vb.get_with_hints(VOCABULARY, "bias", Init::Const(0.0))?;
        let batch = |number: u64| {
            let side = |tokens: usize, seed| {
                let ids = numbers(BATCH * tokens, VOCABULARY as u64, seed);
                Tensor::from_vec(ids, (BATCH, tokens), &Device::Cpu)
            };
            Ok([side(TOKENS, 2 * number)?, side(TOKENS + 1, 2 * number + 1)?])
        };
        let encoder = vb.pp("encoder");
        let decoder = vb.pp("decoder");
        Ok(Self {
            batches: (0..BATCHES).map(batch).collect::<Result<_>>()?,
            output: Linear::new(words.clone(), Some(bias)),
            words: Embedding::new(words, Default::default()),
            source_positions: table(TOKENS, "source_positions")?,
            target_positions: table(TOKENS, "target_positions")?,
            encoder: (0..ENCODER_LAYERS)
                .map(|layer| gated((KERNEL / 2, KERNEL / 2), &encoder.pp(layer)))
                .collect::<Result<_>>()?,
            decoder: (0..DECODER_LAYERS)
                .map(|layer| {
                    let vb = decoder.pp(layer);
                    let convolution = gated((KERNEL - 1, 0), &vb)?;
                    let query = linear_map(WIDTH, 1, (0, 0), 1.0, &vb.pp("query"))?;
                    Ok(DecoderLayer { convolution, query })
                })
                .collect::<Result<_>>()?,
        })
    }

    /// Words and their positions (section 3.1), `[B, T]` → `[B, C, T]`.
    fn embed(&self, ids: &Tensor, positions: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let sum = self.words.forward(ids)?.broadcast_add(positions)?;
        Ok(dropout(&sum, DROPOUT, mode)?.transpose(1, 2)?.contiguous()?)
    }

    /// The outputs z and the embeddings e of the source, `[B, C, S]` each.
    fn encode(&self, source: &Tensor, mode: &mut Mode) -> Result<[Tensor; 2]> {
        let embedded = self.embed(source, &self.source_positions, mode)?;
        let mut z = embedded.clone();
        for convolution in &self.encoder {
            let y = convolution.forward_glu(&dropout(&z, DROPOUT, mode)?)?;
            z = residual(&y, &z)?;
        }
        Ok([z, embedded])
    }

    /// Logits of each next token, `[B · T, V]`.
    fn decode(&self, target: &Tensor, [z, e]: &[Tensor; 2], mode: &mut Mode) -> Result<Tensor> {
        let values = (z + e)?;
        let scale = (TOKENS as f64).sqrt();
        let embedded = self.embed(target, &self.target_positions, mode)?;
        let mut h = embedded.clone();
        for layer in &self.decoder {
            let y = layer.convolution.forward_glu(&dropout(&h, DROPOUT, mode)?)?;
            // Multi-step attention (section 3.3): d = W h + b + g, a = softmax(d · z), c = Σ a (z +
            // e).
            let d = (layer.query.forward(&y)? + &embedded)?;
            let a = softmax(&d.transpose(1, 2)?.matmul(z)?, D::Minus1)?;
            let c = (values.matmul(&a.transpose(1, 2)?)? * scale)?;
            h = residual(&(y + c)?, &h)?;
        }
        let h = dropout(&h, DROPOUT, mode)?.transpose(1, 2)?.flatten(0, 1)?;
        Ok(self.output.forward(&h)?)
    }
}

impl Task for Translation {
    fn loss(&self, step: u64, mode: &mut Mode) -> Result<Tensor> {
        let [source, target] = &self.batches[(step % BATCHES) as usize];
        let encoded = self.encode(source, mode)?;
        let logits = self.decode(&target.i((.., ..TOKENS))?, &encoded, mode)?;
        let next = target.i((.., 1..))?.flatten_all()?;
        let smoothed = CrossEntropyConfig { label_smoothing: 0.1, ..Default::default() };
        Ok(cross_entropy(&logits, &next, &smoothed)?)
    }
}
