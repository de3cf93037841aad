//! What surfaces do with light: the ground, rubber, which scatters it, and metal, which throws it
//! back.

use super::light::Beam;
use super::vector::Vector;
use crate::{Color, Material};
use std::f32::consts::PI;

/// The share of light that the ground scatters.
const GROUND: f32 = 0.78;

/// What is seen at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surface {
    /// The share of light that is scattered to all sides.
    pub scattered: Vector,
    /// The share that is thrown back as a mirror does it.
    pub mirrored: Vector,
    /// Highlights, each by its share and how rough it is.
    pub gloss: [(Vector, f32); 2],
}

/// A colour as the original's `properties.json` has it, 0 to 255 of linear light.
fn linear(color: Color) -> Vector {
    let rgb = match color {
        Color::Gray => [87.0, 87.0, 87.0],
        Color::Red => [173.0, 35.0, 35.0],
        Color::Blue => [42.0, 75.0, 215.0],
        Color::Green => [29.0, 105.0, 20.0],
        Color::Brown => [129.0, 74.0, 25.0],
        Color::Purple => [129.0, 38.0, 192.0],
        Color::Cyan => [41.0, 208.0, 208.0],
        Color::Yellow => [255.0, 238.0, 51.0],
    };
    Vector(rgb) * 255f32.recip()
}

impl Surface {
    pub fn ground() -> Self {
        let none = (Vector::default(), 1.0);
        Self { scattered: Vector::all(GROUND), mirrored: Vector::default(), gloss: [none; 2] }
    }

    pub fn new(material: Material, color: Color) -> Self {
        let color = linear(color);
        match material {
            Material::Rubber => Self {
                scattered: color * 0.92,
                mirrored: Vector::default(),
                gloss: [(Vector::all(0.05), 0.4), (Vector::default(), 1.0)],
            },
            Material::Metal => Self {
                scattered: Vector::default(),
                mirrored: color * 0.85,
                gloss: [(color * 1.0, 0.08), (color * 0.3, 0.35)],
            },
        }
    }

    /// The share of a beam that highlights send towards the eye (Walter et al. 2007, GGX). The
    /// lamp's width makes them wider, where drawing places of the lamp would make them grainy.
    pub fn highlight(&self, normal: Vector, beam: &Beam, to_eye: Vector) -> Vector {
        let middle = (beam.middle + to_eye).unit();
        let [light, eye, between] =
            [beam.middle, to_eye, middle].map(|way| way.dot(normal).clamp(1e-4, 1.0));
        // The middle between light and eye turns by half of what the light does.
        let width = 0.5 * beam.radius;
        let mut sum = Vector::default();
        for (share, rough) in self.gloss {
            let square = rough * rough + width * width;
            let spread = between * between * (square - 1.0) + 1.0;
            let distribution = square / (PI * spread * spread);
            let side = |cosine: f32| {
                2.0 * cosine / (cosine + (square + (1.0 - square) * cosine * cosine).sqrt())
            };
            sum = sum + share * (distribution * side(light) * side(eye) / (4.0 * eye));
        }
        sum
    }
}
