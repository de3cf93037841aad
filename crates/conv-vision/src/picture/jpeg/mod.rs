//! JPEG to the bit as libjpeg-turbo decodes it, and so Pillow and torchvision. The standard leaves
//! rounding, the enlarging of colours and the way from YCbCr to RGB to the decoder, and others
//! differ by up to nine grey levels: enough to change what a network says of one photograph in
//! fifty.
//!
//! ITU-T T.81 (1992); the arithmetic is that of the IJG's `jidctint.c`, `jdsample.c` and
//! `jdcolor.c`.

mod bits;
mod header;
mod pixels;
mod scan;
mod whole;

use header::Frame;

pub(in crate::picture) use whole::is_whole;

/// Pixels of red, green and blue, of a picture that is known to have so many columns and rows;
/// `None` for what is read by another decoder: kinds of JPEG that photographs seldom are (other
/// than 8 bits, Huffman codes, and one component or three of YCbCr with colours at full or half
/// size), all that is damaged, and a picture of other sides, for which nothing is allocated.
pub(super) fn decode(bytes: &[u8], sides: [u32; 2]) -> Option<Vec<u8>> {
    let mut tables = header::Tables::default();
    let mut frame: Option<Frame> = None;
    let mut at = 2;
    loop {
        let (code, body, end) = header::segment(bytes, at)?;
        at = end;
        match code {
            0xc0..=0xc2 if frame.is_none() => {
                frame = Some(Frame::new(body, code == 0xc2, sides)?);
            }
            0xc4 => tables.huffman(body)?,
            0xdb => tables.quantisation(body)?,
            0xdd => tables.restart = usize::from(header::word(body, 0)?),
            0xda => at = scan::decode(frame.as_mut()?, &mut tables, body, bytes, at)?,
            0xe0 => tables.jfif |= body.starts_with(b"JFIF\0"),
            0xee if body.starts_with(b"Adobe") => tables.adobe = body.get(11).copied(),
            0xd9 => break,
            // Other frames, arithmetic codes, a height that comes later.
            0xc0..=0xcf | 0xdc => return None,
            _ => {}
        }
    }
    let frame = frame.filter(|frame| frame.is_grey_or_ycbcr(&tables))?;
    pixels::rgb(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_other_sides_is_left_to_the_other_decoder() {
        let bytes = include_bytes!("../../../tests/reference/photo_420.jpg");
        assert!(decode(bytes, [37, 29]).is_some_and(|rgb| rgb.len() == 3 * 37 * 29));
        assert!(decode(bytes, [29, 37]).is_none());
    }
}
