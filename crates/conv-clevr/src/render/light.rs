//! What lights a scene: three lamps of square shape, a wide sun and a dim sky, as those of the
//! original's base scene.

use super::vector::Vector;
use std::f32::consts::PI;

/// The light of the sky, from all sides.
pub(super) const SKY: Vector = Vector([0.051, 0.051, 0.051]);

/// Where the sun is.
const SUN: Vector = Vector([0.414, -0.195, 0.889]);

/// The sun's light on a surface that faces it.
const SUNLIGHT: f32 = 0.45;

/// The sun's radius, as a share of its distance.
const SUN_RADIUS: f32 = 0.2;

/// The lamps beside, opposite and left of the camera (the original's key, back and fill): place,
/// side, and light on a surface that faces it from 1 unit. Places are the base scene's; how strong
/// they are was fitted to the ground of `clevr/rendered`.
const LAMPS: [(Vector, f32, Vector); 3] = [
    (Vector([6.45, -2.91, 4.26]), 1.0, Vector([21.8, 20.3, 17.6])),
    (Vector([-1.17, 2.65, 5.82]), 1.0, Vector([6.5, 6.5, 6.5])),
    (Vector([-4.67, -4.01, 3.01]), 1.0, Vector([3.9, 4.25, 5.5])),
];

/// How many lamps there are.
pub(super) const COUNT: usize = LAMPS.len();

/// The lamps, each moved from where it usually hangs, in units of the scene.
#[derive(Debug, Clone)]
pub(super) struct Lights {
    lamps: [Lamp; COUNT],
    sun: [Vector; 2],
}

/// A square that shines to one side.
#[derive(Debug, Clone)]
struct Lamp {
    centre: Vector,
    facing: Vector,
    sides: [Vector; 2],
    power: Vector,
}

/// Light that would arrive at a point if nothing were in its way.
pub(super) struct Beam {
    /// Towards the light, of the length that it comes from; the sun's is endless.
    pub to: Vector,
    /// The same, of length 1.
    pub along: Vector,
    /// The light on a surface that faces it.
    pub light: Vector,
    /// Towards the middle of what shines, of length 1.
    pub middle: Vector,
    /// The radius of what shines, as a share of its distance.
    pub radius: f32,
}

impl Lights {
    pub fn new(moved: &[Vector; COUNT]) -> Self {
        let mut moved = moved.iter();
        let lamps = LAMPS.map(|(place, side, power)| {
            // A lamp that is moved still faces the way it did.
            let facing = (-place).unit();
            let sides = facing.frame().map(|axis| axis * side);
            let centre = place + moved.next().copied().unwrap_or_default();
            Lamp { centre, facing, sides, power }
        });
        Self { lamps, sun: SUN.unit().frame().map(|axis| axis * SUN_RADIUS) }
    }

    /// Lamps and sun.
    pub const BEAMS: usize = COUNT + 1;

    /// The light of one of them at a point, from a place of it that two numbers from 0 to 1 say.
    pub fn beam(&self, at: usize, point: Vector, [u, v]: [f32; 2]) -> Beam {
        let Some(lamp) = self.lamps.get(at) else {
            let radius = u.sqrt();
            let angle = 2.0 * PI * v;
            let [first, second] = self.sun;
            let along =
                SUN.unit() + first * (radius * angle.cos()) + second * (radius * angle.sin());
            let along = along.unit();
            let to = along * 1e4;
            let light = Vector::all(SUNLIGHT);
            return Beam { to, along, light, middle: SUN.unit(), radius: SUN_RADIUS };
        };
        let [first, second] = lamp.sides;
        let to = lamp.centre + first * (u - 0.5) + second * (v - 0.5) - point;
        let square = to.dot(to).max(1e-6);
        let along = to * square.sqrt().recip();
        let shines = (-along).dot(lamp.facing).max(0.0);
        let light = lamp.power * (shines / square);
        let middle = lamp.centre - point;
        let near = middle.length().max(1e-3).recip();
        Beam { to, along, light, middle: middle * near, radius: 0.5 * first.length() * near }
    }

    /// The light at a point of the ground, with nothing in its way.
    pub fn on_ground(&self, point: Vector) -> Vector {
        let mut light = SKY * PI;
        for at in 0..Self::BEAMS {
            let beam = self.beam(at, point, [0.5, 0.5]);
            light = light + beam.light * beam.along.dot(Vector::UP).max(0.0);
        }
        light
    }
}
