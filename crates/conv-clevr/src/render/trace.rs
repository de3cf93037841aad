//! Rays through a scene: what light comes along them.

use super::light::{Lights, SKY};
use super::numbers::Numbers;
use super::solid::{Hit, Ray, Solid};
use super::surface::Surface;
use super::vector::Vector;
use std::f32::consts::PI;

/// How often a ray is thrown back at most.
const BOUNCES: u32 = 3;

/// How much a mirror's ray strays, as the tangent of an angle.
const STRAY: f32 = 0.07;

/// The share of all that a point sees from which on a solid counts as near.
const LEAST: f32 = 0.004;

/// Solids on a ground, and their lights.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub solids: Vec<(Solid, Surface)>,
    pub lights: Lights,
}

/// What a ray meets: the solid's number, or none for the ground.
struct Met {
    what: Option<usize>,
    hit: Hit,
}

impl World {
    /// The number of the solid that is seen along a ray.
    pub fn solid(&self, ray: &Ray) -> Option<usize> {
        self.met(ray, None)?.what
    }

    fn met(&self, ray: &Ray, left: Option<usize>) -> Option<Met> {
        let distance = -ray.from.0[2] / ray.along.0[2];
        let ground = || Met { what: None, hit: Hit { distance, normal: Vector::UP } };
        let mut met = (distance > 0.0).then(ground);
        for (at, (solid, _)) in self.solids.iter().enumerate().filter(|(at, _)| Some(*at) != left) {
            let far = met.as_ref().map_or(f32::INFINITY, |met| met.hit.distance);
            if let Some(hit) = solid.hit(ray, far) {
                met = Some(Met { what: Some(at), hit });
            }
        }
        met
    }

    /// The light that comes along a ray of length 1 against its direction.
    pub fn light(&self, ray: &Ray, numbers: &mut Numbers) -> Vector {
        let (mut ray, mut left) = (*ray, None);
        let mut sum = Vector::default();
        let mut share = Vector::all(1.0);
        for bounce in 0..=BOUNCES {
            let Some(Met { what, hit }) = self.met(&ray, left) else { return sum + share * SKY };
            let point = ray.at(hit.distance);
            let surface = what.map_or_else(Surface::ground, |at| self.solids[at].1);
            sum = sum + share * self.shaded(point, hit.normal, -ray.along, what, &surface, numbers);
            if surface.mirrored == Vector::default() {
                return sum;
            }
            // What is thrown back for the last time comes from a grey ground, more or less.
            share = share * surface.mirrored;
            if bounce == BOUNCES {
                return sum + share * SKY;
            }
            let straight = ray.along.reflected(hit.normal);
            let ([u, v], [across, along]) = (numbers.pair(), straight.frame());
            let radius = STRAY * u.sqrt();
            let angle = 2.0 * PI * v;
            let strayed =
                straight + across * (radius * angle.cos()) + along * (radius * angle.sin());
            let along = if strayed.dot(hit.normal) > 0.0 { strayed } else { straight };
            (ray, left) = (Ray { from: point, along: along.unit() }, what);
        }
        sum
    }

    /// What a point sends towards the eye of light that came straight from lamps, sun, sky and
    /// ground.
    fn shaded(
        &self,
        point: Vector,
        normal: Vector,
        to_eye: Vector,
        what: Option<usize>,
        surface: &Surface,
        numbers: &mut Numbers,
    ) -> Vector {
        let scattered = surface.scattered * PI.recip();
        let mut sum = scattered * self.around(point, normal, what);
        for at in 0..Lights::BEAMS {
            let beam = self.lights.beam(at, point, numbers.pair());
            let facing = beam.along.dot(normal);
            if facing <= 0.0 || self.is_shaded(point, beam.to, what) {
                continue;
            }
            let mut share = scattered * facing;
            if what.is_some() {
                share = share + surface.highlight(normal, &beam, to_eye);
            }
            sum = sum + share * beam.light;
        }
        sum
    }

    fn is_shaded(&self, from: Vector, to: Vector, left: Option<usize>) -> bool {
        let ray = Ray { from, along: to };
        let mut others = self.solids.iter().enumerate().filter(|(at, _)| Some(*at) != left);
        others.any(|(_, (solid, _))| solid.hit(&ray, 1.0).is_some())
    }

    /// The light at a point from all sides: of the sky, of the ground, and of the solids near, each
    /// as if it were a ball. No ray is spent on it, so that it is without noise.
    fn around(&self, point: Vector, normal: Vector, what: Option<usize>) -> Vector {
        let up = normal.0[2];
        let [x, y, height] = point.0;
        let mut hidden = 0.0;
        let mut bounced = Vector::default();
        for (at, (solid, surface)) in self.solids.iter().enumerate() {
            let to = solid.centre - point;
            let square = to.dot(to).max(1e-3);
            let facing = to.dot(normal).max(0.0) / square.sqrt();
            let share = (facing * solid.half * solid.half / square).min(1.0);
            if Some(at) == what || share < LEAST {
                continue;
            }
            hidden += share;
            bounced = bounced + (surface.scattered + surface.mirrored) * (0.5 * share);
        }
        let free = (1.0 - hidden).max(0.2);
        let above = SKY * (PI * 0.5 * (1.0 + up) * free);
        if up > 0.999 && hidden == 0.0 {
            return above;
        }
        // Below a solid its own shadow lies on the ground.
        let half = what.map_or(1.0, |at| self.solids[at].0.half);
        let lit = 1.0 - (-up).max(0.0) * (half / (half + height));
        let ground = self.lights.on_ground(Vector([x, y, 0.0])) * Surface::ground().scattered;
        above + ground * (bounced + Vector::all(0.5 * (1.0 - up) * lit * free))
    }
}
