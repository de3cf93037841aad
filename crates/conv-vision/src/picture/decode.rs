//! From a file that somebody else made to pixels: what it claims is checked before memory is asked
//! for.

use super::{Picture, jpeg};
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageResult, RgbImage};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// What a picture may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pixels, width times height.
    pub pixels: u64,
    /// The file's length in bytes.
    pub bytes: u64,
}

impl Default for Limits {
    /// 100 million pixels in 256 MiB.
    fn default() -> Self {
        Self { pixels: 100_000_000, bytes: 256 << 20 }
    }
}

/// What a PNG may unpack besides its pixels, in bytes.
const MOST_BESIDE_PIXELS: u64 = 32 << 20;

/// Why a file is no picture that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureDefect {
    /// The file system refused.
    #[error("cannot be read: {reason}")]
    Io {
        /// Its answer.
        reason: String,
    },
    /// A folder, a pipe or a device.
    #[error("is no regular file")]
    NotAFile,
    /// No bytes at all.
    #[error("is empty")]
    Empty,
    /// More bytes than are read.
    #[error("has {found} bytes, expected at most {limit}")]
    Bytes {
        /// The file's length.
        found: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The content is of no format of pictures.
    #[error("is no picture: it begins with {found}")]
    NotAPicture {
        /// The first bytes, as text where they are text.
        found: String,
    },
    /// A picture in a format that is not read here.
    #[error("is {format}, expected JPEG or PNG")]
    Format {
        /// The format.
        format: &'static str,
    },
    /// The content is not what the name says.
    #[error("holds {found}, but its name says {named}: rename it")]
    Mislabelled {
        /// The format of the content.
        found: &'static str,
        /// The format that belongs to the extension.
        named: &'static str,
    },
    /// The content ends before the picture does.
    #[error("is cut off: its {format} data end after {bytes} bytes, before the picture does")]
    Truncated {
        /// The format.
        format: &'static str,
        /// What there is.
        bytes: usize,
    },
    /// Several pictures in one.
    #[error("is an animation, expected one picture")]
    Animated,
    /// More pixels than are decoded.
    #[error("claims {width} × {height} pixels, expected at most {limit} in all")]
    Pixels {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The most there may be.
        limit: u64,
    },
    /// The decoder gave up.
    #[error("is damaged: {reason}")]
    Damaged {
        /// The decoder's reason.
        reason: String,
    },
}

type Result<T> = std::result::Result<T, PictureDefect>;

pub(super) fn open(path: &Path, limits: &Limits) -> Result<Picture> {
    let io = |error: std::io::Error| PictureDefect::Io { reason: error.to_string() };
    // Before it is opened: opening a pipe would wait for its other end.
    let metadata = path.metadata().map_err(io)?;
    if metadata.is_dir() {
        // A folder that cannot be listed is met here, with its reason.
        path.read_dir().map_err(io)?;
    }
    if !metadata.is_file() {
        return Err(PictureDefect::NotAFile);
    }
    check_length(metadata.len(), limits)?;
    let mut bytes = Vec::new();
    // It may have grown since.
    File::open(path).map_err(io)?.take(limits.bytes + 1).read_to_end(&mut bytes).map_err(io)?;
    check_length(bytes.len() as u64, limits)?;
    let named = path.extension().and_then(ImageFormat::from_extension);
    let found = image::guess_format(&bytes).ok();
    if let (Some(found), Some(named)) = (found, named)
        && found != named
    {
        return Err(PictureDefect::Mislabelled { found: name(found), named: name(named) });
    }
    decode(&bytes, limits)
}

fn check_length(found: u64, limits: &Limits) -> Result<()> {
    if found > limits.bytes {
        Err(PictureDefect::Bytes { found, limit: limits.bytes })
    } else {
        Ok(())
    }
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture> {
    if bytes.is_empty() {
        return Err(PictureDefect::Empty);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => {
            let decoder = JpegDecoder::new(Cursor::new(bytes));
            if let Ok(decoder) = &decoder {
                check_pixels(decoder, limits)?;
            }
            // The decoder fills what is missing with grey.
            if !jpeg::is_whole(bytes) {
                return Err(PictureDefect::Truncated { format: "JPEG", bytes: bytes.len() });
            }
            let decoder = decoder.map_err(|e| defect(e, bytes))?;
            // What this one leaves, the other reads or refuses.
            let (width, height) = decoder.dimensions();
            let own = jpeg::decode(bytes, [width, height])
                .and_then(|pixels| RgbImage::from_raw(width, height, pixels));
            pixels(decoder, own, bytes)
        }
        Ok(ImageFormat::Png) => {
            // Text and colour profiles unpack to a thousand times their size, and are not in the
            // count of pixels.
            let mut beside = image::Limits::no_limits();
            beside.max_alloc = Some(MOST_BESIDE_PIXELS);
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), beside);
            let decoder = decoder.map_err(|e| defect(e, bytes))?;
            check_pixels(&decoder, limits)?;
            if decoder.is_apng().map_err(|e| defect(e, bytes))? {
                return Err(PictureDefect::Animated);
            }
            pixels(decoder, None, bytes)
        }
        Ok(other) => Err(PictureDefect::Format { format: name(other) }),
        Err(_) => Err(PictureDefect::NotAPicture { found: beginning(bytes) }),
    }
}

fn check_pixels(decoder: &impl ImageDecoder, limits: &Limits) -> Result<()> {
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.pixels {
        Err(PictureDefect::Pixels { width, height, limit: limits.pixels })
    } else {
        Ok(())
    }
}

/// What a decoder makes of the file, or what has been made of it, turned as it is to be looked at.
fn pixels(mut decoder: impl ImageDecoder, own: Option<RgbImage>, bytes: &[u8]) -> Result<Picture> {
    let decode = || -> ImageResult<DynamicImage> {
        let orientation = decoder.orientation()?;
        let mut image = match own {
            Some(own) => own.into(),
            None => DynamicImage::from_decoder(decoder)?,
        };
        image.apply_orientation(orientation);
        Ok(image)
    };
    let image = decode().map_err(|error| defect(error, bytes))?.into_rgb8();
    let width = image.width() as usize;
    let height = image.height() as usize;
    if width == 0 || height == 0 {
        return Err(PictureDefect::Damaged {
            reason: format!("it has {width} × {height} pixels")
        });
    }
    Ok(Picture { width, height, pixels: image.into_raw() })
}

fn defect(error: image::ImageError, bytes: &[u8]) -> PictureDefect {
    let reason = error.to_string();
    let format = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => "PNG",
        _ => "JPEG",
    };
    let ended = matches!(&error, image::ImageError::IoError(error)
        if error.kind() == std::io::ErrorKind::UnexpectedEof);
    // The decoders wrap the end of the file in texts of their own.
    if ended || reason.contains("nexpected end") || reason.contains("EOF") {
        return PictureDefect::Truncated { format, bytes: bytes.len() };
    }
    PictureDefect::Damaged { reason: reason.replace('\n', " ") }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Ico => "ICO",
        ImageFormat::Avif => "AVIF",
        ImageFormat::Pnm => "PNM",
        ImageFormat::Tga => "TGA",
        ImageFormat::Dds => "DDS",
        ImageFormat::Hdr => "HDR",
        ImageFormat::OpenExr => "OpenEXR",
        ImageFormat::Farbfeld => "farbfeld",
        ImageFormat::Qoi => "QOI",
        _ => "a picture of another format",
    }
}

/// What somebody who looks for the reason wants to see: `"Dear all, "`, or the first bytes as
/// numbers.
fn beginning(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(12)];
    if first.iter().all(|byte| (b' '..0x7f).contains(byte) || byte.is_ascii_whitespace()) {
        format!("{:?}", String::from_utf8_lossy(first))
    } else {
        first.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
    }
}
