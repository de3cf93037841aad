//! Compressed sound: FLAC, MP3, and Vorbis in Ogg, by the `symphonia` crate.

use super::Audio;
use std::io::Cursor;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// Samples of all channels that are decoded at most: nine hours at 16 kHz.
const MOST: usize = 1 << 29;

/// Samples that a byte may stand for: silence takes FLAC some bytes for each 4,096.
const OF_A_BYTE: usize = 1024;

/// Mono samples of a file, whatever of these it is.
pub(super) fn decode(bytes: Vec<u8>) -> Result<Audio, String> {
    let most = bytes.len().saturating_mul(OF_A_BYTE).min(MOST);
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let probe = symphonia::default::get_probe();
    let options = (FormatOptions::default(), MetadataOptions::default());
    let mut format = probe
        .probe(&Hint::new(), stream, options.0, options.1)
        .map_err(|error| format!("no WAV, FLAC, MP3 or Ogg Vorbis ({error})"))?;
    let track = format.default_track(TrackType::Audio).ok_or("no sound in it")?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or("its sound is of no known kind")?;
    let id = track.id;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| error.to_string())?;
    let mut sound = Mono { samples: Vec::new(), rate: None, most };
    read(&mut *format, &mut *decoder, id, &mut sound)?;
    match sound.rate {
        Some(rate) if rate > 0 => Ok(Audio { samples: sound.samples, rate }),
        _ => Err("0 samples a second, expected some".into()),
    }
}

/// What has been decoded.
struct Mono {
    samples: Vec<f32>,
    rate: Option<u32>,
    most: usize,
}

fn read(
    format: &mut dyn FormatReader,
    decoder: &mut dyn AudioDecoder,
    track: u32,
    sound: &mut Mono,
) -> Result<(), String> {
    let mut interleaved: Vec<f32> = Vec::new();
    let mut decoded = 0;
    loop {
        let damaged = |error: Error, sound: &Mono| {
            let seconds =
                sound.rate.map_or(0.0, |rate| sound.samples.len() as f64 / f64::from(rate));
            format!("damaged behind {seconds:.1} s: {error}")
        };
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(()),
            Err(error) => return Err(damaged(error, sound)),
        };
        if packet.track_id != track {
            continue;
        }
        let buffer = decoder.decode(&packet).map_err(|error| damaged(error, sound))?;
        let rate = buffer.spec().rate();
        if *sound.rate.get_or_insert(rate) != rate {
            return Err(format!("{rate} samples a second after others, expected one rate"));
        }
        buffer.copy_to_vec_interleaved(&mut interleaved);
        decoded += interleaved.len();
        if decoded > sound.most {
            return Err(format!("more than {} samples, expected at most as many", sound.most));
        }
        let channels = buffer.num_planes().max(1);
        let share = 1.0 / channels as f32;
        let mixed =
            interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * share);
        sound.samples.extend(mixed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A FLAC file of two constant frames of 192 samples of 16 bits at 8 kHz, the one of 1000, the
    /// other of -500: made here by hand.
    fn constants() -> Vec<u8> {
        let mut bytes = b"fLaC\x80\0\0\x22".to_vec();
        // Blocks of 192; frame sizes unknown; 8000 Hz, one channel, 16 bits, 384 samples; no MD5.
        bytes.extend([0, 192, 0, 192, 0, 0, 0, 0, 0, 0]);
        let info: u64 = 8000 << 44 | 15 << 36 | 384;
        bytes.extend(info.to_be_bytes());
        bytes.extend([0; 16]);
        for (number, value) in [(0u8, 1000i16), (1, -500)] {
            // Fixed blocks of 192 at 8 kHz, mono, 16 bits.
            let mut frame = vec![0xff, 0xf8, 0x14, 0x08, number];
            frame.push(crc(&frame, 8, 0x07) as u8);
            frame.push(0);
            frame.extend(value.to_be_bytes());
            frame.extend(crc(&frame, 16, 0x8005).to_be_bytes());
            bytes.extend(frame);
        }
        bytes
    }

    fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u16 {
        let mut crc: u32 = 0;
        for &byte in bytes {
            crc ^= u32::from(byte) << (bits - 8);
            for _ in 0..8 {
                let high = crc >> (bits - 1) & 1;
                crc = (crc << 1) & ((1 << bits) - 1);
                crc ^= polynomial * high;
            }
        }
        crc as u16
    }

    #[test]
    fn a_flac_file_is_its_samples() -> Result<(), String> {
        let audio = Audio::from_bytes(constants())?;
        assert_eq!((audio.rate, audio.samples.len()), (8000, 384));
        assert!(audio.samples[..192].iter().all(|&value| value == 1000.0 / 32_768.0));
        assert!(audio.samples[192..].iter().all(|&value| value == -500.0 / 32_768.0));
        Ok(())
    }

    #[test]
    fn hostile_bytes_are_refused_or_are_few_samples() {
        let clean = constants();
        for end in 0..clean.len() {
            if let Ok(audio) = decode(clean[..end].to_vec()) {
                assert!(audio.samples.len() <= 384, "{end}");
            }
        }
        for at in 0..clean.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = clean.clone();
                bytes[at] = value;
                if let Ok(audio) = decode(bytes) {
                    assert!(audio.samples.len() <= 1 << 17, "{at} {value}");
                }
            }
        }
        let error = decode(b"no sound at all, just text".repeat(10)).err().unwrap_or_default();
        assert!(error.starts_with("no WAV, FLAC, MP3 or Ogg Vorbis"), "{error}");
    }
}
