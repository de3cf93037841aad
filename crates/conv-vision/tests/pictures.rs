//! Decoding and resizing beside Pillow's, and files that are not what they claim.
#![allow(clippy::unwrap_used)]

mod seeded;

use conv_vision::data::{find, load};
use conv_vision::{Filter, Limits, Picture, PictureDefect, Preprocessing, Region, Resize};
use serde::Deserialize;
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
struct Fixture {
    resized: Vec<Resized>,
    decoded: Vec<Decoded>,
    photographs: Vec<Photograph>,
}

#[derive(Deserialize)]
struct Resized {
    kind: String,
    from: [usize; 2],
    to: [usize; 2],
    filter: Filter,
    sum: u64,
    weighted: u64,
    samples: Vec<u8>,
}

#[derive(Deserialize)]
struct Decoded {
    file: String,
    size: [usize; 2],
    pixels: Vec<u8>,
}

#[derive(Deserialize)]
struct Photograph {
    file: String,
    size: [usize; 2],
    sum: u64,
    weighted: u64,
}

/// The sum, and that of each value times 1 to 251 by its place.
fn sums(values: &[u8]) -> (u64, u64) {
    let terms = values.iter().zip(0u64..).map(|(&x, at)| u64::from(x) * (at % 251 + 1));
    (values.iter().map(|&x| u64::from(x)).sum(), terms.sum())
}

fn fixture() -> Fixture {
    let text = fs::read_to_string(seeded::reference("pictures.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn stripes(width: usize, height: usize) -> Picture {
    let pixel = |at: usize| {
        let (x, y) = (at % width, at / width);
        [x % 2 == 1, (x + y) % 2 == 1, x % 3 == 0].map(|on| if on { 255 } else { 0 })
    };
    Picture::new(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
}

#[test]
fn resizing_equals_pillow_to_the_bit() {
    for case in fixture().resized {
        let [width, height] = case.from;
        let source = match case.kind.as_str() {
            "noise" => seeded::noise("noise", width, height),
            _ => stripes(width, height),
        };
        let resized = source.resize(case.to[0], case.to[1], case.filter).unwrap();
        let values = resized.pixels();
        let what = format!("{} {:?} to {:?}, {:?}", case.kind, case.from, case.to, case.filter);
        let samples: Vec<u8> = (0..64).map(|at| values[at * values.len() / 64]).collect();
        assert_eq!(samples, case.samples, "{what}");
        assert_eq!(sums(values), (case.sum, case.weighted), "{what}");
    }
}

#[test]
fn a_part_is_the_part_of_the_whole() {
    let source = seeded::noise("noise", 123, 77);
    for (size, filter) in [((50, 40), Filter::Bilinear), ((301, 99), Filter::Bicubic)] {
        let whole = source.resize(size.0, size.1, filter).unwrap();
        let region = Region { left: 7, top: 11, width: 31, height: 20 };
        let part = source.resize_region(size, region, filter).unwrap();
        for row in 0..20 {
            let from = 3 * ((11 + row) * size.0 + 7);
            assert_eq!(part.pixels()[93 * row..][..93], whole.pixels()[from..][..93]);
        }
        let beyond = Region { left: size.0 - 30, ..region };
        assert!(source.resize_region(size, beyond, filter).is_err());
    }
}

#[test]
fn decoding_equals_pillow() {
    for case in fixture().decoded {
        let picture = Picture::open(&seeded::reference(&case.file), &Limits::default()).unwrap();
        assert_eq!([picture.width(), picture.height()], case.size, "{}", case.file);
        let differences = picture.pixels().iter().zip(&case.pixels).map(|(a, b)| a.abs_diff(*b));
        // Four colours are not ours to decode.
        let (most, at_most) =
            (differences.max().unwrap(), if case.file.starts_with("cmyk") { 3 } else { 0 });
        assert!(most <= at_most, "{}: {most} grey levels", case.file);
    }
}

#[test]
fn photographs_equal_libjpeg_turbo_to_the_bit() {
    for case in fixture().photographs {
        let picture = Picture::open(&seeded::reference(&case.file), &Limits::default()).unwrap();
        assert_eq!([picture.width(), picture.height()], case.size, "{}", case.file);
        assert_eq!(sums(picture.pixels()), (case.sum, case.weighted), "{}", case.file);
    }
}

#[test]
fn a_damaged_photograph_is_a_picture_or_an_error_and_never_a_panic() {
    for name in ["photo_420.jpg", "photo_progressive.jpg", "photo_restarts.jpg", "photo_grey.jpg"] {
        let bytes = fs::read(seeded::reference(name)).unwrap();
        let limits = Limits { pixels: 1 << 16, ..Limits::default() };
        for at in 2..bytes.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let _ = Picture::decode(&damaged, &limits);
            }
            // Without some bytes in the middle.
            let cut = [&bytes[..at], &bytes[(at + 7).min(bytes.len())..]].concat();
            let _ = Picture::decode(&cut, &limits);
        }
    }
}

/// The header of a picture that claims to be huge, in each format that is recognised.
fn headers(side: u32) -> Vec<(&'static str, Vec<u8>)> {
    let be = side.to_be_bytes();
    let le = side.to_le_bytes();
    let short = u16::MAX.to_be_bytes();
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        let length = (data.len() as u32).to_be_bytes();
        [&length, body.as_slice(), &crc(&body).to_be_bytes()].concat()
    };
    let header = [&be[..], &be, &[8, 2, 0, 0, 0]].concat();
    let png =
        [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &[0x78, 0x9c])];
    let frame =
        [&[0xff, 0xc0, 0, 17, 8], &short[..], &short, &[3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]];
    vec![
        ("huge.png", png.concat()),
        ("huge.jpg", [&[0xff, 0xd8][..], &frame.concat(), &SCAN].concat()),
        ("huge.gif", [b"GIF89a", &short[..], &short, &[0, 0, 0]].concat()),
        ("huge.bmp", [&b"BM"[..], &[0; 12], &40u32.to_le_bytes(), &le, &le].concat()),
        ("huge.tif", b"II*\0\x08\0\0\0".to_vec()),
        ("huge.webp", b"RIFF\0\0\0\0WEBPVP8L".to_vec()),
        ("huge.ico", b"\0\0\x01\0\x01\0\0\0".to_vec()),
    ]
}

/// A scan of three channels without data, and the end.
const SCAN: [u8; 16] = [0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0xff, 0xd9];

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, &byte: &u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[test]
fn a_header_that_lies_is_refused_before_memory_is_asked_for() {
    for (name, bytes) in headers(100_000) {
        let defect = Picture::decode(&bytes, &Limits::default()).unwrap_err();
        let refused = matches!(defect, PictureDefect::Pixels { .. } | PictureDefect::Format { .. });
        assert!(refused, "{name}: {defect}");
    }
}

#[test]
fn a_folder_of_files_that_are_no_pictures_stops_nothing() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name);
    let picture = seeded::noise("noise", 40, 30);
    let jpeg = picture.to_jpeg(90).unwrap();
    let png = picture.to_png().unwrap();
    for (percent, name) in [(10, "a10.jpg"), (50, "a50.jpg"), (99, "a99.jpg")] {
        fs::write(path(name), &jpeg[..jpeg.len() * percent / 100]).unwrap();
        fs::write(path(&name.replace("jpg", "png")), &png[..png.len() * percent / 100]).unwrap();
    }
    fs::write(path("empty.jpg"), b"").unwrap();
    fs::write(path("text.jpg"), b"Dear all, here are the pictures").unwrap();
    fs::write(path("png.jpg"), &png).unwrap();
    fs::write(path("Thumbs.db"), [0xd0, 0xcf, 0x11, 0xe0]).unwrap();
    fs::create_dir(path("below")).unwrap();
    fs::write(path("below/good.jpg"), &jpeg).unwrap();
    fs::write(path("good.png"), &png).unwrap();
    fs::write(path(".hidden"), b"").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", path("link.jpg")).unwrap();
        // Round and round, if it were followed; that into another folder is.
        std::os::unix::fs::symlink("below", path("linked")).unwrap();
        std::os::unix::fs::symlink(".", path("round")).unwrap();
    }
    for (name, bytes) in headers(100_000) {
        fs::write(path(name), bytes).unwrap();
    }

    let files = find(&[place.path()]);
    let (pictures, skipped) = load(&files, &Limits::default());
    let names: Vec<&Path> =
        pictures.iter().map(|(at, _)| files[*at].strip_prefix(place.path()).unwrap()).collect();
    let linked = cfg!(unix).then_some("linked/good.jpg");
    let expected = ["below/good.jpg", "good.png"].into_iter().chain(linked);
    assert!(names.iter().copied().eq(expected.map(Path::new)), "{names:?}");
    assert_eq!(skipped.len() + names.len(), files.len());
    let reason = |name: &str| {
        let of = skipped.iter().find(|file| file.path.ends_with(name));
        of.unwrap_or_else(|| panic!("{name} is not listed")).reason.as_str()
    };
    for percent in [10, 50, 99] {
        for ending in ["jpg", "png"] {
            let name = format!("a{percent}.{ending}");
            assert!(reason(&name).starts_with("is cut off"), "{name}: {}", reason(&name));
        }
    }
    assert_eq!(reason("empty.jpg"), "is empty");
    assert_eq!(reason("text.jpg"), "is no picture: it begins with \"Dear all, he\"");
    assert_eq!(reason("png.jpg"), "holds PNG, but its name says JPEG: rename it");
    assert_eq!(reason("Thumbs.db"), "is no picture: it begins with d0 cf 11 e0");
    assert_eq!(
        reason("huge.png"),
        "claims 100000 × 100000 pixels, expected at most 100000000 in all"
    );
    assert_eq!(reason("huge.gif"), "is GIF, expected JPEG or PNG");
    #[cfg(unix)]
    assert!(reason("link.jpg").starts_with("cannot be read: No such file"));
    #[cfg(unix)]
    assert_eq!(reason("round"), "is no regular file");
}

#[test]
fn what_the_network_sees_is_the_middle() {
    let caffe = Preprocessing::caffe(224);
    // A picture a thousand times as wide as high, and one of a single pixel.
    for (width, height) in [(30_000, 30), (1, 1), (224, 500)] {
        let picture = Picture::new(width, height, vec![7; 3 * width * height]).unwrap();
        for resize in [Resize::ShortSide, Resize::Squash] {
            let crop = Preprocessing { resize, ..caffe.clone() }.crop(&picture).unwrap();
            assert!(
                (crop.width(), crop.height()) == (224, 224)
                    && crop.pixels().iter().all(|&x| x == 7)
            );
        }
    }
    let wrong = Preprocessing { size: 200, ..caffe };
    let error = wrong.check().unwrap_err().to_string();
    assert_eq!(error, "size is 200, expected 224 (the crop) to 16384");
}

#[test]
fn preprocessing_is_plain_data() {
    for preprocessing in [Preprocessing::caffe(227), Preprocessing::torchvision()] {
        let text = serde_json::to_string(&preprocessing).unwrap();
        assert_eq!(serde_json::from_str::<Preprocessing>(&text).unwrap(), preprocessing);
    }
    // Grey of 128 through torchvision's numbers: (128/255 − 0.485) / 0.229 in red.
    let grey = Picture::new(300, 300, vec![128; 270_000]).unwrap();
    let x = Preprocessing::torchvision().tensor(&[grey], &candle_core::Device::Cpu).unwrap();
    let x = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert!((x[0] - 0.074_064).abs() < 1e-5 && (x[x.len() - 1] - 0.426_493).abs() < 1e-5);
}
