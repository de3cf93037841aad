//! Cubes and cylinders with rounded edges, and spheres: where a ray meets them.

use super::vector::Vector;
use crate::Shape;

/// The radius of a cube's rounded edges, as a share of half its side.
const CUBE: f32 = 0.16;

/// The radius of a cylinder's rounded rims, as a share of its own.
const RIM: f32 = 0.04;

/// Steps along a ray towards a rounded edge; a ray that has not arrived then passes by.
const STEPS: usize = 40;

/// How near a rounded edge is taken for met, as a share of half the side.
const NEAR: f32 = 5e-4;

/// Where a ray begins, and its direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ray {
    pub from: Vector,
    pub along: Vector,
}

impl Ray {
    pub fn at(&self, distance: f32) -> Vector {
        self.from + self.along * distance
    }
}

/// What a ray meets first of a solid: how far, in lengths of its direction, and the normal there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub distance: f32,
    pub normal: Vector,
}

/// A convex solid: none of its own rays that leaves it meets it again.
#[derive(Debug, Clone)]
pub(super) struct Solid {
    shape: Shape,
    pub half: f32,
    pub centre: Vector,
    cosine: f32,
    sine: f32,
    /// Squared radius of a ball around it.
    ball: f32,
}

impl Solid {
    /// `half` is half the side or the radius, `turn` in radians about the vertical.
    pub fn new(shape: Shape, half: f32, centre: Vector, turn: f32) -> Self {
        let (sine, cosine) = if shape == Shape::Cube { turn.sin_cos() } else { (0.0, 1.0) };
        let ball = match shape {
            Shape::Sphere => 1.0,
            Shape::Cylinder => 2.0,
            Shape::Cube => 3.0,
        };
        Self { shape, half, centre, cosine, sine, ball: ball * half * half }
    }

    /// The ray's first point on the solid, before `far`.
    pub fn hit(&self, ray: &Ray, far: f32) -> Option<Hit> {
        // Past the ball around the solid: behind the ray's begin, or too far off its line.
        let to = self.centre - ray.from;
        let (along, square, far_off) =
            (to.dot(ray.along), ray.along.dot(ray.along), to.dot(to) - self.ball);
        if far_off > 0.0 && (along < 0.0 || far_off * square > along * along) {
            return None;
        }
        let local = Ray {
            from: self.turned(-to) * self.half.recip(),
            along: self.turned(ray.along) * self.half.recip(),
        };
        let (distance, normal) = match self.shape {
            Shape::Sphere => sphere(&local)?,
            Shape::Cube => rounded(&local, slab_cube(&local)?, CUBE, cube)?,
            Shape::Cylinder => rounded(&local, slab_cylinder(&local)?, RIM, cylinder)?,
        };
        (distance < far).then(|| Hit { distance, normal: self.turned_back(normal) })
    }

    fn turned(&self, Vector([x, y, z]): Vector) -> Vector {
        Vector([self.cosine * x + self.sine * y, self.cosine * y - self.sine * x, z])
    }

    fn turned_back(&self, Vector([x, y, z]): Vector) -> Vector {
        Vector([self.cosine * x - self.sine * y, self.cosine * y + self.sine * x, z])
    }
}

/// A sphere of radius 1.
fn sphere(ray: &Ray) -> Option<(f32, Vector)> {
    let square = ray.along.dot(ray.along);
    let half = ray.from.dot(ray.along) / square;
    let root = half * half - (ray.from.dot(ray.from) - 1.0) / square;
    let distance = -half - if root > 0.0 { root.sqrt() } else { return None };
    (distance > 0.0).then(|| (distance, ray.at(distance)))
}

/// Where a ray enters and leaves what lies between two planes at -1 and 1.
fn between(from: f32, along: f32) -> (f32, f32) {
    let a = (-1.0 - from) / along;
    let b = (1.0 - from) / along;
    (a.min(b), a.max(b))
}

/// Where a ray enters and leaves the cube of half side 1 with sharp edges.
fn slab_cube(ray: &Ray) -> Option<(f32, f32)> {
    let (mut enter, mut leave) = (f32::NEG_INFINITY, f32::INFINITY);
    for axis in 0..3 {
        let (first, last) = between(ray.from.0[axis], ray.along.0[axis]);
        (enter, leave) = (enter.max(first), leave.min(last));
    }
    (enter < leave && leave > 0.0).then_some((enter, leave))
}

/// The same of the cylinder of radius 1 and half height 1.
fn slab_cylinder(ray: &Ray) -> Option<(f32, f32)> {
    let (Vector([x, y, z]), Vector([dx, dy, dz])) = (ray.from, ray.along);
    let (first, last) = between(z, dz);
    let square = (dx * dx + dy * dy).max(1e-12);
    let half = (x * dx + y * dy) / square;
    let root = half * half - (x * x + y * y - 1.0) / square;
    let root = if root > 0.0 { root.sqrt() } else { return None };
    let enter = first.max(-half - root);
    let leave = last.min(-half + root);
    (enter < leave && leave > 0.0).then_some((enter, leave))
}

/// How far a point is beyond the core of a cube, whose hull is [`CUBE`] thick, along each axis;
/// negative within.
fn cube(Vector(point): Vector) -> (Vector, Vector) {
    (Vector(point.map(|value| value.abs() - (1.0 - CUBE))), Vector(point.map(f32::signum)))
}

/// The same of a cylinder: outwards and upwards; the direction's parts are to be multiplied with
/// it.
fn cylinder(Vector([x, y, z]): Vector) -> (Vector, Vector) {
    let radius = x.hypot(y).max(1e-6);
    let beyond = radius - (1.0 - RIM);
    // Along x and y together, so that the length of the positive part is that of (beyond, up).
    let up = z.abs() - (1.0 - RIM);
    (Vector([beyond, f32::NEG_INFINITY, up]), Vector([x / radius, y / radius, z.signum()]))
}

/// Marches from the sharp hull to the rounded one. `beyond` gives how far a point is beyond the
/// core, and which way is out.
fn rounded(
    ray: &Ray,
    (enter, leave): (f32, f32),
    round: f32,
    beyond: impl Fn(Vector) -> (Vector, Vector),
) -> Option<(f32, Vector)> {
    let speed = ray.along.length().recip();
    let mut distance = enter.max(0.0);
    for _ in 0..STEPS {
        let (Vector(over), Vector(out)) = beyond(ray.at(distance));
        let outside = Vector(over.map(|value| value.max(0.0)));
        let gap = outside.length() - round;
        if gap < NEAR {
            let [first, second, third] = outside.0;
            let normal = if over[1] == f32::NEG_INFINITY {
                Vector([first * out[0], first * out[1], third * out[2]])
            } else {
                Vector([first * out[0], second * out[1], third * out[2]])
            };
            return Some((distance, normal.unit()));
        }
        distance += gap * speed;
        if distance > leave {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    /// Whether a point lies in a solid, written plainly: in the core, or within the rounding's
    /// radius of it.
    fn is_inside(solid: &Solid, point: Vector) -> bool {
        let [x, y, z] = (solid.turned(point - solid.centre) * solid.half.recip()).0.map(f32::abs);
        let beyond = |value: f32, round: f32| (value - (1.0 - round)).max(0.0);
        match solid.shape {
            Shape::Sphere => x * x + y * y + z * z <= 1.0,
            Shape::Cube => {
                [x, y, z].map(|v| beyond(v, CUBE).powi(2)).iter().sum::<f32>() <= CUBE * CUBE
            }
            Shape::Cylinder => beyond(x.hypot(y), RIM).hypot(beyond(z, RIM)) <= RIM,
        }
    }

    #[test]
    fn a_ray_meets_what_small_steps_meet() {
        let mut rng = conv_nn::rng::seeded(1, "rays");
        for shape in Shape::ALL {
            let solid = Solid::new(*shape, 0.7, Vector([0.4, -0.2, 0.7]), 0.6);
            let (mut met, mut passed) = (0, 0);
            for _ in 0..600 {
                let mut place = |most: f32| Vector([0; 3].map(|_| rng.random_range(-most..most)));
                let from = solid.centre + place(1.0).unit() * 4.0;
                let ray = Ray { from, along: (solid.centre + place(1.0) - from).unit() };
                let step = 1e-3;
                let first =
                    (0..8000).map(|at| at as f32 * step).find(|at| is_inside(&solid, ray.at(*at)));
                match (solid.hit(&ray, f32::INFINITY), first) {
                    (Some(hit), Some(first)) => {
                        assert!(
                            (hit.distance - first).abs() < 3e-2,
                            "{shape}: {} {first}",
                            hit.distance
                        );
                        assert!(hit.normal.dot(ray.along) < 1e-3, "{shape}: seen from behind");
                        assert!((hit.normal.length() - 1.0).abs() < 1e-4);
                        assert!(solid.hit(&ray, hit.distance - 0.01).is_none());
                        // A step back along the normal is outside, a step against it inside.
                        let point = ray.at(hit.distance);
                        assert!(!is_inside(&solid, point + hit.normal * 5e-3));
                        assert!(is_inside(&solid, point - hit.normal * 5e-3));
                        met += 1;
                    }
                    (None, None) => passed += 1,
                    // Steps may jump over what a ray only touches.
                    (hit, _) => {
                        let point =
                            ray.at(hit.map_or(first.unwrap_or_default(), |hit| hit.distance));
                        assert!(
                            !is_inside(&solid, point + ray.along * 0.05),
                            "{shape}: {hit:?} {first:?}"
                        );
                    }
                }
            }
            assert!(met > 150 && passed > 20, "{shape}: {met} met, {passed} passed");
        }
    }

    #[test]
    fn what_lies_behind_is_not_met() {
        let solid = Solid::new(Shape::Cube, 0.35, Vector::default(), 0.0);
        let ray = Ray { from: Vector([0.0, 0.0, 2.0]), along: Vector::UP };
        assert!(solid.hit(&ray, f32::INFINITY).is_none());
    }
}
