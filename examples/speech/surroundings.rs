//! Noises and rooms that recordings are heard with.

use anyhow::Result;
use clap::Args;
use conv_cli::settings;
use conv_speech::{Surroundings, SurroundingsConfig};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Noises and rooms")]
pub struct Elsewhere {
    /// Files of noises, or folders of them
    #[arg(long, num_args = 1.., value_name = "FILE")]
    noise: Vec<PathBuf>,
    /// The lowest and the highest ratio of speech to noise, in dB, or one for both [default: 5 to
    /// 20]
    #[arg(long, num_args = 1..=2, value_name = "DB", allow_negative_numbers = true)]
    snr: Vec<f64>,
    /// Files of what rooms make of a click, or folders of them
    #[arg(long, num_args = 1.., value_name = "FILE")]
    rooms: Vec<PathBuf>,
    /// So many simulated rooms besides, drawn from the seed
    #[arg(long, default_value_t = 0, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(0..=4096))]
    simulated_rooms: u16,
    /// The share of recordings with a noise, where there are some [default: in training 0.5, else
    /// 1]
    #[arg(long, value_name = "SHARE")]
    noise_share: Option<f64>,
    /// The share of recordings in a room, where there are some [default: in training 0.5, else 1]
    #[arg(long, value_name = "SHARE")]
    room_share: Option<f64>,
}

impl Elsewhere {
    /// Sets what the flags say; `share` is of recordings with what they name, where nothing else
    /// says how many.
    pub fn set(&self, config: &mut SurroundingsConfig, share: f64) {
        let there = |is_there: bool, own: f64| (is_there && own == 0.0).then_some(share);
        let has_rooms = !self.rooms.is_empty() || self.simulated_rooms > 0;
        let of_noise = self.noise_share.or(there(!self.noise.is_empty(), config.noise));
        let of_rooms = self.room_share.or(there(has_rooms, config.room));
        settings::set(&mut config.noise, of_noise);
        settings::set(&mut config.room, of_rooms);
        if let (Some(low), Some(high)) = (self.snr.first(), self.snr.last()) {
            config.snr = [*low, *high];
        }
    }

    /// The sounds themselves, at `rate`.
    pub fn read(&self, rate: u32, seed: u64) -> Result<Surroundings> {
        let read = Surroundings::read(&self.noise, &self.rooms, rate)?;
        Ok(read.with_simulated(self.simulated_rooms.into(), rate, seed))
    }
}
