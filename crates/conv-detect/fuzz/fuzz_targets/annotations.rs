//! Any bytes as COCO's annotations and as CLEVR's scenes, beside a picture of 12 × 9 pixels.
#![no_main]

use conv_detect::{Dataset, Limits, Picture};
use std::fs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path();
    for part in ["images", "masks"] {
        fs::create_dir(folder.join(part)).expect("a folder");
    }
    let picture = Picture::new(12, 9, vec![1; 324]).expect("a picture");
    let png = picture.to_png().expect("a PNG");
    fs::write(folder.join("images/a.png"), &png).expect("a written file");
    fs::write(folder.join("masks/a.png"), &png).expect("a written file");
    for name in ["instances.json", "scenes.json"] {
        let file = folder.join(name);
        fs::write(&file, bytes).expect("a written file");
        let read = if name == "scenes.json" { folder } else { &file };
        let Ok(data) = Dataset::open(read, &Limits::default()) else { continue };
        for (example, object) in
            data.examples.iter().flat_map(|e| e.objects.iter().map(move |o| (e, o)))
        {
            assert!(object.bounding_box.is_at_least(f32::MIN_POSITIVE));
            assert!(object.class < data.labels.len() && object.area.is_finite());
            assert_eq!(
                (object.mask.width(), object.mask.height()),
                (example.width, example.height)
            );
        }
    }
});
