//! Style: a picture drawn here, in two styles of the shipped StyleBank and half way between them
//! (Chen et al. 2017).

use anyhow::Result;
use candle_core::Device;
use conv_style::{Mixture, Painter};
use conv_train::report::{Html, Report};
use conv_vision::Picture;
use conv_vision::page::Gallery;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// Sides of the picture.
const WIDTH: usize = 192;
const HEIGHT: usize = 144;

/// The picture in the bank's styles.
#[derive(Debug, Serialize)]
pub struct Styles {
    width: usize,
    height: usize,
    painted: Vec<Painted>,
}

#[derive(Debug, Serialize)]
struct Painted {
    mixture: String,
    seconds: f64,
    /// By how many grey levels a colour of a pixel differs from the picture, in the mean.
    changed: f64,
}

/// Paints, and adds the pictures to the report.
pub fn section(data: &Path, device: &Device, report: Report) -> Result<(Styles, Report)> {
    let painter = Painter::open(&data.join("models/stylebank"), device)?;
    let styles = painter.styles();
    let mixtures = match styles {
        [first, second, ..] => {
            vec![format!("{first}=1"), format!("{first}=0.5,{second}=0.5"), format!("{second}=1")]
        }
        styles => styles.iter().map(|style| format!("{style}=1")).collect(),
    };
    let scene = scene()?;
    let mut row = Gallery::default();
    row.add("a scene drawn here", &scene, "")?;
    let mut painted = Vec::new();
    for mixture in mixtures {
        let begun = Instant::now();
        let picture = painter.paint(&scene, &Mixture::parse(&mixture, styles)?)?;
        let seconds = begun.elapsed().as_secs_f64();
        row.add(&mixture, &picture, "")?;
        let pairs = picture.pixels().iter().zip(scene.pixels());
        let apart: f64 = pairs.map(|(&a, &b)| f64::from(a.abs_diff(b))).sum();
        painted.push(Painted { mixture, seconds, changed: apart / scene.pixels().len() as f64 });
    }
    let body = format!(
        "<p>A scene that this program draws, through one network: the encoder says what is where, a bank of filters is a style, and \
         banks mix.</p>{}",
        row.row()
    );
    let report = report.section("A picture in two styles", Html::trusted(body));
    Ok((Styles { width: WIDTH, height: HEIGHT, painted }, report))
}

/// Hills under a sun, a house with a tree, a path: large and small forms, plain and bright.
fn scene() -> Result<Picture> {
    let mut pixels = Vec::with_capacity(3 * WIDTH * HEIGHT);
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            let x = column as f64 / HEIGHT as f64;
            let y = row as f64 / HEIGHT as f64;
            pixels.extend(colour(x, y).map(|part| part.clamp(0.0, 255.0) as u8));
        }
    }
    Ok(Picture::new(WIDTH, HEIGHT, pixels)?)
}

/// The colour at x from 0 to 4/3 and y from 0, the top, to 1.
fn colour(x: f64, y: f64) -> [f64; 3] {
    let near = |cx: f64, cy: f64, radius: f64| (x - cx).hypot(y - cy) < radius;
    let within = |from: (f64, f64), to: (f64, f64)| {
        (from.0..to.0).contains(&x) && (from.1..to.1).contains(&y)
    };
    let far_hill = 0.52 - 0.10 * (3.1 * x + 0.4).sin() - 0.03 * (9.0 * x).sin();
    let near_hill = 0.70 - 0.07 * (2.3 * x + 2.2).sin();
    let shade = 12.0 * (40.0 * x).sin() * (31.0 * y).cos();
    // From the front to the back.
    if within((0.34, 0.58), (0.62, 0.82)) {
        let is_window = within((0.39, 0.64), (0.45, 0.70)) || within((0.51, 0.64), (0.57, 0.70));
        let is_door = within((0.455, 0.71), (0.505, 0.82));
        return match (is_window, is_door) {
            (true, _) => [250.0, 226.0, 120.0],
            (_, true) => [90.0, 50.0, 30.0],
            _ => [214.0, 190.0, 160.0],
        };
    }
    if y < 0.58 && y > 0.42 && (x - 0.48).abs() < (y - 0.42) * 1.1 {
        return [168.0, 60.0, 46.0];
    }
    if near(0.98, 0.46, 0.13) || near(0.90, 0.54, 0.09) || near(1.07, 0.54, 0.09) {
        return [38.0 + shade, 104.0 + shade, 48.0];
    }
    if within((0.96, 0.55), (1.00, 0.80)) {
        return [92.0, 62.0, 38.0];
    }
    if y > 0.82 && (x - 0.48 - 0.25 * (y - 0.82) * (12.0 * y).sin()).abs() < 0.03 + 0.3 * (y - 0.82)
    {
        return [206.0 + shade, 186.0 + shade, 148.0];
    }
    if y > near_hill {
        return [96.0 + shade, 158.0 + shade - 60.0 * (y - near_hill), 62.0];
    }
    if y > far_hill {
        return [92.0, 128.0 + shade, 118.0];
    }
    if near(0.20, 0.20, 0.09) {
        return [252.0, 214.0, 90.0];
    }
    let cloud = near(0.72, 0.17, 0.06) || near(0.80, 0.14, 0.07) || near(0.89, 0.17, 0.06);
    if cloud { [242.0, 244.0, 248.0] } else { [110.0 + 120.0 * y, 170.0 + 90.0 * y, 232.0] }
}

impl fmt::Display for Styles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, painted } = self;
        writeln!(
            f,
            "A scene of {width} × {height} pixels in the styles of a bank, after Chen et al. (2017)"
        )?;
        for Painted { mixture, seconds, changed } in painted {
            write!(
                f,
                "\n  {mixture}: {seconds:.2} s, {changed:.0} grey levels from the scene in the mean"
            )?;
        }
        Ok(())
    }
}
