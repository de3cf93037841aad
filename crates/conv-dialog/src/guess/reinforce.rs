//! What the agents' own words earn: games that begin with the script and go on by themselves.

use super::agents::{ABot, QBot, Scale};
use super::batch::Told;
use super::play::Dialogs;
use super::scene::{FEATURES, Scene};
use crate::Result;
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

/// Games that were played, and what each round earned.
pub(super) struct Played {
    pub games: Vec<Told>,
    /// By game and round: how much nearer Q-Bot's picture of the scene came with the answer, in
    /// mean squared distance.
    pub rewards: Vec<Vec<f32>>,
}

/// Plays on from the first `given` rounds of the script; what both then say is drawn.
pub(super) fn play_on(
    (questioner, answerer, scale): (&QBot, &ABot, &Scale),
    script: &[Told],
    given: usize,
    rngs: &mut [ChaCha8Rng],
    device: &Device,
) -> Result<Played> {
    let captions: Vec<Vec<u32>> = script.iter().map(|game| game.caption.clone()).collect();
    let features: Vec<f32> = script.iter().flat_map(|game| Scene::features(&game.scene)).collect();
    let features = Tensor::from_vec(features, (script.len(), FEATURES), device)?;
    let mut dialogs = Dialogs::new(questioner, answerer, &captions, device)?;
    let mut games = script.to_vec();
    let rounds = script.first().map_or(0, |game| game.rounds.len());
    for round in 0..rounds {
        if round < given {
            let said = script.iter().map(|game| game.rounds[round].clone());
            let (questions, answers): (Vec<_>, Vec<_>) = said.unzip();
            dialogs.given(&questions, &answers)?;
        } else {
            let questions = dialogs.ask(rngs, 0, |_, _| false)?;
            let answers = dialogs.answer(&questions, &features, Some(rngs))?;
            for ((game, question), answer) in games.iter_mut().zip(questions).zip(answers) {
                game.rounds[round] = (question, answer);
            }
        }
    }
    let truth = scale.ordered(&features)?.to_vec2::<f32>()?;
    let imagined = dialogs.imagined()?;
    let rewards = imagined.iter().zip(&truth).map(|(imagined, truth)| {
        let distance = |imagined: &Vec<f32>| {
            let squares = imagined.iter().zip(truth).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f32>() / FEATURES as f32
        };
        let distances: Vec<f32> = imagined.iter().map(distance).collect();
        distances.windows(2).map(|pair| pair[0] - pair[1]).collect()
    });
    Ok(Played { games, rewards: rewards.collect() })
}

/// Each reward less the mean of its round over the games, over the deviation of all that is left:
/// what a round's words count in the policy's gradient. The rounds of the script count 1, as
/// supervised ones do.
pub(super) fn advantages(rewards: &[Vec<f32>], given: usize) -> Vec<Vec<f32>> {
    let rounds = rewards.first().map_or(0, Vec::len);
    let mut left = vec![vec![1.0; rounds]; rewards.len()];
    let (mut squares, mut count) = (0.0, 0);
    for round in given..rounds {
        let mean = rewards.iter().map(|game| game[round]).sum::<f32>() / rewards.len() as f32;
        for (left, game) in left.iter_mut().zip(rewards) {
            left[round] = game[round] - mean;
            squares += left[round] * left[round];
            count += 1;
        }
    }
    let deviation = (squares / count.max(1) as f32).sqrt().max(1e-6);
    for value in left.iter_mut().flat_map(|game| &mut game[given.min(rounds)..]) {
        *value /= deviation;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::advantages;

    #[test]
    fn advantages_are_of_each_round_and_the_script_counts_one() {
        let found = advantages(&[vec![9.0, 1.0, 4.0], vec![7.0, 3.0, 4.0]], 1).concat();
        let value = 2f32.sqrt();
        for (found, expected) in found.iter().zip([1.0, -value, 0.0, 1.0, value, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
        assert_eq!(advantages(&[vec![2.0], vec![4.0]], 1), [vec![1.0], vec![1.0]]);
    }
}
