//! NIST SPHERE: a header of text, and samples behind it. CMU's AN4 and most of the LDC's speech
//! come so.

use super::{Audio, wav};

/// What a file begins with.
pub(super) const MAGIC: &[u8] = b"NIST_1A\n";

/// The longest header that is read; they have 1024 bytes.
const LONGEST_HEADER: usize = 1 << 16;

/// What the header says, as far as it matters.
struct Header<'a> {
    rate: u32,
    channels: u16,
    /// Bytes of a sample of one channel.
    width: u16,
    /// Samples of each channel, where it says so.
    count: Option<usize>,
    /// `10` is the higher byte first.
    order: &'a str,
    coding: &'a str,
}

/// The sound of a file: integers of 16 to 32 bits or µ-law, of any number of channels; none that is
/// packed (`shorten`).
pub(super) fn decode(bytes: &[u8]) -> Result<Audio, String> {
    let length = bytes.get(MAGIC.len()..MAGIC.len() + 8).unwrap_or_default();
    let length = String::from_utf8_lossy(length).trim().parse::<usize>().unwrap_or(0);
    let fits = length > MAGIC.len() + 8 && length <= bytes.len().min(LONGEST_HEADER);
    if !fits {
        return Err(format!("a SPHERE header of {length} bytes, expected one within the file"));
    }
    let (head, samples) = bytes.split_at(length);
    let head = String::from_utf8_lossy(&head[MAGIC.len() + 8..]);
    let Header { rate, channels, width, count, order, coding } = header(&head)?;
    let kind = match (coding, width) {
        ("pcm", 2..=4) => 1u16,
        ("ulaw" | "mu-law", 1) => 7,
        _ => return Err(format!("samples as {coding} of {width} bytes, expected pcm or ulaw")),
    };
    let frame = usize::from(channels) * usize::from(width);
    let held = count.map_or(samples.len(), |count| count.saturating_mul(frame).min(samples.len()));
    let mut samples = samples[..held - held % frame].to_vec();
    if order == "10" {
        samples.chunks_mut(width.into()).for_each(<[u8]>::reverse);
    }
    let mut format = [kind, channels].map(u16::to_le_bytes).concat();
    format.extend([rate, rate.saturating_mul(frame as u32)].map(u32::to_le_bytes).concat());
    format.extend([channels * width, 8 * width].map(u16::to_le_bytes).concat());
    wav::samples(&format, &samples)
}

fn header(text: &str) -> Result<Header<'_>, String> {
    let field = |name: &str| {
        let lines = text.lines().take_while(|line| line.trim() != "end_head");
        let mut fields = lines.map(|line| line.splitn(3, ' '));
        fields.find_map(|mut field| (field.next()? == name).then(|| field.nth(1))?).map(str::trim)
    };
    let number = |name: &str, least: usize, most: usize, default: usize| {
        let Some(text) = field(name) else { return Ok(default) };
        let found = text.parse().ok().filter(|number| (least..=most).contains(number));
        found.ok_or_else(|| format!("{name} is {text:?}, expected {least} to {most}"))
    };
    let is_there = field("sample_count").is_some();
    Ok(Header {
        rate: number("sample_rate", 1, 1 << 24, 16_000)? as u32,
        channels: number("channel_count", 1, 64, 1)? as u16,
        width: number("sample_n_bytes", 1, 4, 2)? as u16,
        count: is_there.then(|| number("sample_count", 0, usize::MAX, 0)).transpose()?,
        order: field("sample_byte_format").unwrap_or("01"),
        coding: field("sample_coding").unwrap_or("pcm"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(fields: &str, samples: &[u8]) -> Vec<u8> {
        let mut file = format!("NIST_1A\n   1024\n{fields}end_head\n").into_bytes();
        file.resize(1024, b' ');
        [&file[..], samples].concat()
    }

    #[test]
    fn samples_of_either_order_and_any_channels_are_numbers() -> Result<(), String> {
        let fields = "sample_rate -i 8000\nsample_count -i 2\nsample_n_bytes -i 2\n";
        let order = "sample_byte_format -s2 10\nchannel_count -i 1\n";
        // A third sample is behind the count.
        let found = decode(&file(&(fields.to_string() + order), &[0x40, 0, 0xe0, 0, 1, 1]))?;
        assert_eq!((found.rate, found.samples), (8000, vec![0.5, -0.25]));
        let stereo = "channel_count -i 2\nsample_rate -i 16000\nsample_byte_format -s2 01\n";
        let found = decode(&file(stereo, &[0, 0x40, 0, 0, 0, 0x20, 0, 0x20, 9]))?;
        assert_eq!((found.rate, found.samples), (16_000, vec![0.25, 0.25]));
        let law = "sample_coding -s4 ulaw\nsample_n_bytes -i 1\n";
        assert_eq!(decode(&file(law, &[0xff]))?.samples, [0.0]);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |bytes: &[u8]| decode(bytes).err().unwrap_or_default();
        let packed = "sample_coding -s26 pcm,embedded-shorten-v2.00\n";
        assert!(message(&file(packed, &[0; 8])).contains("pcm,embedded-shorten-v2.00 of 2 bytes"));
        let none = "sample_rate -i 0\n";
        let expected = "sample_rate is \"0\", expected 1 to 16777216";
        assert_eq!(message(&file(none, &[])), expected);
        for bad in
            [&b"NIST_1A\n"[..], b"NIST_1A\n   9999\nend_head\n", b"NIST_1A\n      7\n\n\n\n\n"]
        {
            assert!(message(bad).contains("expected one within the file"), "{}", message(bad));
        }
        let clean = file("sample_rate -i 8000\nchannel_count -i 2\n", &[7; 40]);
        for at in 0..80 {
            for value in [0, b'-', b'9', 0xff] {
                let mut bytes = clean.clone();
                bytes[at] = value;
                if let Ok(audio) = decode(&bytes) {
                    assert!(audio.samples.len() <= 1100, "{at}");
                }
            }
        }
    }
}
