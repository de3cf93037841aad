//! What filters over the waveform hear: their centre frequencies and bandwidths, beside the mel
//! scale's.

use crate::frontend::{LogMelConfig, mel_corners};
use crate::{Cldnn, Result};
use conv_train::report::Html;
use realfft::RealFftPlanner;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What a filter hears best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Where its gain is the largest, in Hz.
    pub centre: f64,
    /// How wide the band around it is in which its power is at least half as large, in Hz.
    pub bandwidth: f64,
}

/// Points of the spectrum to a filter's samples, at least: what frequencies are told by.
const FINE: usize = 8;

/// Of each filter of a network's front end over the waveform, the lowest first; nothing of a
/// network without one.
///
/// # Errors
/// Weights on a device that cannot be read.
pub fn filters(model: &Cldnn) -> Result<Option<Vec<Band>>> {
    let Some(raw) = model.raw() else { return Ok(None) };
    let weights = raw.filters().squeeze(1)?.to_vec2::<f32>()?;
    let mut heard: Vec<Band> =
        weights.iter().map(|filter| of(filter, model.config().rate)).collect();
    heard.sort_by(|a, b| a.centre.total_cmp(&b.centre));
    Ok(Some(heard))
}

fn of(filter: &[f32], rate: u32) -> Band {
    let size = (FINE * filter.len()).next_power_of_two();
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(size);
    let mut padded = transform.make_input_vec();
    let mut spectrum = transform.make_output_vec();
    padded[..filter.len()].copy_from_slice(filter);
    let done = transform.process(&mut padded, &mut spectrum);
    debug_assert!(done.is_ok(), "the transform's own vectors fit");
    let power: Vec<f32> = spectrum.iter().map(|bin| bin.norm_sqr()).collect();
    let louder = |best: usize, bin: usize| if power[bin] > power[best] { bin } else { best };
    let centre = (0..power.len()).fold(0, louder);
    let within = |bin: &&f32| **bin >= 0.5 * power[centre];
    let above = power[centre..].iter().take_while(within).count();
    let below = power[..centre].iter().rev().take_while(within).count();
    let hertz = |bins: usize| bins as f64 * f64::from(rate) / size as f64;
    Band { centre: hertz(centre), bandwidth: hertz(above + below) }
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 30.0;

/// Draws filters, which stand in order, as points with their bandwidths, beside the centres of as
/// many mel filters of the same rate as a line.
pub fn filters_picture(heard: &[Band], rate: u32) -> Html {
    let half = f64::from(rate) / 2.0;
    let count = heard.len().max(1) as f64;
    let x = |number: usize| LEFT + (WIDTH - LEFT) * (number as f64 + 0.5) / count;
    let y = |hertz: f64| (HEIGHT - BOTTOM) * (1.0 - (hertz / half).clamp(0.0, 1.0));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Centre frequencies of the learnt filters, \
         sorted, and of mel filters\" style=\"width:100%;max-width:{WIDTH}px;height:auto;display:block\" \
         font-family=\"sans-serif\" font-size=\"12\">"
    );
    let bottom = HEIGHT - BOTTOM;
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = y(share * half);
        let _ = write!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{WIDTH}\" stroke=\"#888\" stroke-opacity=\"0.4\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"currentColor\">{:.0} Hz</text>",
            LEFT - 4.0,
            (at + 4.0).clamp(12.0, bottom),
            share * half
        );
    }
    let log_mel = LogMelConfig { filters: heard.len(), ..LogMelConfig::default() };
    let corners = mel_corners(&log_mel, rate);
    let mel = corners.iter().skip(1).take(heard.len()).enumerate();
    let line = mel.fold(String::new(), |mut line, (number, &centre)| {
        let letter = if number == 0 { 'M' } else { 'L' };
        let _ = write!(line, "{letter}{:.1} {:.1}", x(number), y(centre));
        line
    });
    let _ = write!(svg, "<path d=\"{line}\" fill=\"none\" stroke=\"#3b82c4\" stroke-width=\"2\"/>");
    for (number, Band { centre, bandwidth }) in heard.iter().enumerate() {
        let x = x(number);
        let low = y(centre - bandwidth / 2.0);
        let high = y(centre + bandwidth / 2.0);
        let _ = write!(
            svg,
            "<path d=\"M{x:.1} {low:.1}V{high:.1}\" stroke=\"#d6610a\" stroke-opacity=\"0.6\"/>\
             <circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#d6610a\"><title>{centre:.0} Hz, {bandwidth:.0} Hz wide</title></circle>",
            y(*centre)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.0}\" fill=\"currentColor\">filters, the lowest first: <tspan fill=\"#d6610a\">learnt, with \
         their bandwidths</tspan>, <tspan fill=\"#3b82c4\">mel</tspan></text></svg>",
        HEIGHT - 8.0
    );
    Html::trusted(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::gammatone;
    use crate::{Alphabet, Recipe, cldnn};
    use candle_core::{DType, Device};
    use conv_nn::Parameters;
    use std::f64::consts::TAU;

    #[test]
    fn a_tone_and_gammatone_filters_are_found_where_they_are() -> Result<()> {
        let tone = |at: usize| (TAU * 1000.0 * at as f64 / 16_000.0).cos() as f32;
        let found = of(&(0..400).map(tone).collect::<Vec<_>>(), 16_000);
        assert!((found.centre - 1000.0).abs() < 5.0, "{found:?}");
        // Of a rectangle of T seconds it is 0.886 / T.
        assert!((found.bandwidth - 0.886 * 40.0).abs() < 6.0, "{found:?}");

        let config = Recipe::small(Recipe::raw()).network(16_000, Alphabet::of(["A"]));
        let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
        let heard = filters(&cldnn(&config, None, &vb)?)?.unwrap_or_default();
        assert_eq!(heard.len(), 40);
        let weights = gammatone(40, 400, 16_000);
        let alone = of(&weights[39 * 400..], 16_000);
        assert_eq!(heard[39], alone);
        // Equivalent rectangular bandwidths grow with the frequency.
        assert!((7000.0..7400.0).contains(&alone.centre), "{alone:?}");
        assert!(alone.bandwidth > 5.0 * heard[5].bandwidth, "{heard:?}");
        let svg = filters_picture(&heard, 16_000).to_string();
        assert_eq!(svg.matches("<circle").count(), 40);
        Ok(())
    }

    #[test]
    fn a_network_without_such_filters_has_none() -> Result<()> {
        let config = Recipe::default().network(8000, Alphabet::of(["A"]));
        let vb = Parameters::new(1).builder(DType::F32, &Device::Cpu);
        assert_eq!(filters(&cldnn(&config, None, &vb)?)?, None);
        Ok(())
    }
}
