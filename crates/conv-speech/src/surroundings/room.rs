//! Simulated rooms, by the image-source method (Allen and Berkley 1979, "Image method for
//! efficiently simulating small-room acoustics").

use rand::Rng;
use std::f64::consts::PI;

/// Metres a second.
const SPEED_OF_SOUND: f64 = 343.0;

/// A room of six flat walls, all of one material, with one who speaks and a microphone in it.
/// Lengths are in metres, from one corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Room {
    /// Length, width and height.
    pub size: [f64; 3],
    /// Seconds after which a sound is softer by 60 dB, as Eyring (1930) has it for the walls'
    /// absorption.
    pub reverberation: f64,
    /// Who speaks.
    pub source: [f64; 3],
    /// The microphone.
    pub microphone: [f64; 3],
}

impl Room {
    /// One as people live and work in, of 3 to 8 by 3 to 6 by 2.5 to 3.5 m and 0.2 to 0.6 s, all
    /// drawn uniformly; both stand at least half a metre from the walls.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let mut within = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        let size = [within(3.0, 8.0), within(3.0, 6.0), within(2.5, 3.5)];
        let reverberation = within(0.2, 0.6);
        let [source, microphone] = [0, 1].map(|_| size.map(|length| within(0.5, length - 0.5)));
        Self { size, reverberation, source, microphone }
    }

    /// What the microphone hears of a click, until it is softer by 60 dB: each image of the source
    /// in the walls as a click of its own, 1 / 4πd as loud at d metres and by each wall less, at
    /// the sample nearest to its time. A high pass at 20 Hz takes away what clicks of one sign add
    /// up to, as in the paper.
    pub fn response(&self, rate: u32) -> Vec<f32> {
        let rate = f64::from(rate);
        let reach = self.reverberation.clamp(0.0, 2.0) * SPEED_OF_SOUND;
        let direct = self.distance();
        let longest = reach.max(direct);
        let mut response = vec![0f64; (longest / SPEED_OF_SOUND * rate) as usize + 2];
        let loss = self.reflection();
        let axes = [0, 1, 2].map(|axis| self.images(axis, longest));
        for &(x, by_x) in &axes[0] {
            for &(y, by_y) in &axes[1] {
                let flat = x + y;
                if flat > longest * longest {
                    continue;
                }
                for &(z, by_z) in &axes[2] {
                    let distance = (flat + z).sqrt();
                    if distance > longest {
                        continue;
                    }
                    // Nearer than a centimetre is as a centimetre.
                    let loudness = loss.powi(by_x + by_y + by_z) / (4.0 * PI * distance.max(0.01));
                    let place = (distance / SPEED_OF_SOUND * rate).round() as usize;
                    response[place] += loudness;
                }
            }
        }
        let kept = 1.0 - 2.0 * PI * 20.0 / rate;
        let (mut before, mut passed) = (0.0, 0.0);
        let high = response.into_iter().map(|value| {
            passed = kept * passed + value - before;
            before = value;
            passed as f32
        });
        high.collect()
    }

    /// From the source to the microphone.
    fn distance(&self) -> f64 {
        let apart = self.source.iter().zip(self.microphone).map(|(a, b)| (a - b).powi(2));
        apart.sum::<f64>().sqrt()
    }

    /// What a wall leaves of a sound's pressure.
    fn reflection(&self) -> f64 {
        let [x, y, z] = self.size;
        let volume = x * y * z;
        let walls = 2.0 * (x * y + y * z + z * x);
        (-0.161 * volume / (walls * self.reverberation.max(1e-3))).exp().sqrt()
    }

    /// Along an axis the squares of the distances from the microphone to the source's images, and
    /// how many walls each is behind.
    fn images(&self, axis: usize, longest: f64) -> Vec<(f64, i32)> {
        let [length, source, microphone] =
            [self.size[axis].max(0.1), self.source[axis], self.microphone[axis]];
        let most = (longest / (2.0 * length)).ceil() as i32 + 1;
        let image = |number: i32, is_turned: i32| {
            let place = f64::from(1 - 2 * is_turned) * source + 2.0 * f64::from(number) * length;
            ((place - microphone).powi(2), (number - is_turned).abs() + number.abs())
        };
        (-most..=most).flat_map(|number| [image(number, 0), image(number, 1)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conv_nn::rng::seeded;

    const ROOM: Room = Room {
        size: [6.0, 5.0, 3.0],
        reverberation: 0.4,
        source: [1.0, 2.0, 1.5],
        microphone: [4.0, 3.0, 1.2],
    };

    #[test]
    fn the_first_sounds_are_the_direct_one_and_those_of_one_wall() {
        let rate = 48_000;
        let response = ROOM.response(rate);
        let place = |distance: f64| (distance / SPEED_OF_SOUND * f64::from(rate)).round() as usize;
        let apart = |source: [f64; 3]| Room { source, ..ROOM }.distance();
        let direct = place(apart(ROOM.source));
        assert!(response[..direct].iter().all(|value| *value == 0.0));
        let loudest = 1.0 / (4.0 * PI * apart(ROOM.source));
        assert!((f64::from(response[direct]) - loudest).abs() < 1e-6);
        // The source as each wall mirrors it.
        for axis in 0..3 {
            for wall in [0.0, ROOM.size[axis]] {
                let mut source = ROOM.source;
                source[axis] = 2.0 * wall - source[axis];
                let expected = ROOM.reflection() / (4.0 * PI * apart(source));
                // Others may come at the same time, and the high pass takes a little.
                let found = f64::from(response[place(apart(source))]);
                assert!(found > 0.9 * expected, "{axis} {wall}: {found} {expected}");
            }
        }
    }

    #[test]
    fn who_speaks_and_the_microphone_may_change_places() {
        let turned = Room { source: ROOM.microphone, microphone: ROOM.source, ..ROOM };
        let [one, other] = [ROOM, turned].map(|room| room.response(16_000));
        let apart = one.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(one.len() == other.len() && apart < 1e-3, "{apart}");
    }

    /// The energy that is yet to come falls by 20 dB in a third of the time (Schroeder 1965).
    #[test]
    fn it_dies_away_in_the_time_that_was_asked_for() {
        for number in 0..8 {
            let room = Room::draw(&mut seeded(1, &format!("room {number}")));
            let response = room.response(8000);
            let mut rest: f64 = response.iter().map(|&value| f64::from(value).powi(2)).sum();
            let all = rest;
            let mut at = [0, 0];
            for (place, &value) in response.iter().enumerate() {
                rest -= f64::from(value).powi(2);
                for (at, share) in at.iter_mut().zip([10f64.powf(-0.5), 10f64.powf(-2.5)]) {
                    if rest > share * all {
                        *at = place;
                    }
                }
            }
            let found = 3.0 * (at[1] - at[0]) as f64 / 8000.0;
            let share = found / room.reverberation;
            assert!((0.7..1.5).contains(&share), "{room:?}: {found} s");
        }
    }
}
