//! Whether a JPEG file reaches its end.

/// Whether the segments and the scans of a JPEG file are followed by an end-of-image marker. A
/// thumbnail's own marker, in a segment of EXIF data, is not taken for it; what comes behind the
/// marker does not matter.
///
/// ITU-T T.81, annex B.
pub(in crate::picture) fn is_whole(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut at = 2;
    loop {
        // Any number of fill bytes, 0xff, may stand before a marker's code.
        let Some(marker) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff))
        else {
            return false;
        };
        at += marker;
        let Some(code) = bytes[at..].iter().position(|&byte| byte != 0xff) else {
            return false;
        };
        at += code + 1;
        match bytes[at - 1] {
            END => return true,
            // A stuffed byte of a scan, restart markers, and others that stand alone.
            0x00 | 0x01 | 0xd0..=0xd8 => continue,
            _ => {
                let Some(length) = bytes.get(at..at + 2) else {
                    return false;
                };
                at += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                // Behind a scan's header its data follow, in which the next marker is looked for
                // like any other.
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of three bytes that hold an end marker, a scan with a stuffed byte and a restart,
    /// the end.
    const WHOLE: [u8; 20] = [
        0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 2, 7, 0xff, 0, 0xff, 0xd0, 7,
        0xff, 0xd9,
    ];

    #[test]
    fn only_the_last_marker_is_the_end() {
        assert!(is_whole(&WHOLE) && is_whole(&[&WHOLE[..], b"trailer"].concat()));
        for length in 0..WHOLE.len() {
            assert!(!is_whole(&WHOLE[..length]), "{length}");
        }
    }
}
