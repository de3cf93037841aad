//! What holds of BLEU and chrF whatever the text: of equal corpora, of worse ones, of more
//! references, of damaged counts.
#![allow(clippy::unwrap_used)]

use conv_translate::metrics::{
    Bleu, BleuStatistics, Chrf, ChrfStatistics, Smoothing, Tokenization,
};
use proptest::prelude::*;

/// Few words, so that n-grams recur.
fn sentence(words: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-d]|[A-B]b", words)
}

/// Any characters at all, and those that matter to a tokenizer more often.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,30}",
        "[a-c0-9 .,&;<>\\-\\n\u{1c}\u{a0}é中]{0,30}",
        "(&quot;|<skipped>|-\n| ){0,6}",
        ".{0,20}"
    ]
}

fn bleu() -> impl Strategy<Value = Bleu> {
    (0..3usize, any::<bool>(), 0..4usize, any::<bool>()).prop_map(
        |(tokenization, lowercase, smoothing, effective_order)| Bleu {
            tokenization: Tokenization::ALL[tokenization],
            lowercase,
            smoothing: Smoothing::ALL[smoothing],
            effective_order,
        },
    )
}

fn chrf() -> impl Strategy<Value = Chrf> {
    any::<[bool; 4]>().prop_map(|[plus_plus, lowercase, whitespace, eps_smoothing]| Chrf {
        plus_plus,
        lowercase,
        whitespace,
        eps_smoothing,
    })
}

/// tok:none, smooth:none.
fn plain(hypothesis: &[String], references: &[String]) -> f64 {
    let mut statistics = BleuStatistics::new(Bleu::multi_bleu());
    statistics.add(&hypothesis.join(" "), references).unwrap();
    statistics.score().score
}

fn is_100(score: f64) -> bool {
    (score - 100.0).abs() < 1e-9
}

proptest! {
    #[test]
    fn equal_corpora_have_100(bleu in bleu(), lines in prop::collection::vec(text(), 1..6), other in text()) {
        let other = vec![other; lines.len()];
        let words: Vec<usize> = lines.iter().map(|line| bleu.tokenization.words(line).len()).collect();
        let longest = words.into_iter().max().unwrap();
        for references in [&[&lines[..]][..], &[&other, &lines]] {
            let found = bleu.corpus(&lines, references).unwrap();
            // add-k has precisions of orders that no sentence is long enough for; the effective
            // order leaves them out.
            let shortest = if bleu.effective_order || bleu.smoothing == Smoothing::AddK { 1 } else { 4 };
            if longest >= shortest {
                prop_assert!(is_100(found.score), "{}", found);
            } else {
                prop_assert_eq!(found.score, 0.0);
            }
            prop_assert_eq!((found.brevity_penalty, found.hypothesis_length), (1.0, found.reference_length));
        }
        let found = Chrf { plus_plus: true, ..Chrf::default() }.corpus(&lines, &[&lines]).unwrap().score;
        prop_assert!(is_100(found) || longest == 0 && found == 0.0);
    }

    #[test]
    fn scores_stay_in_their_bounds(bleu in bleu(), chrf in chrf(), lines in prop::collection::vec([text(), text(), text()], 0..5)) {
        let of = |at: usize| lines.iter().map(|line| line[at].clone()).collect::<Vec<_>>();
        let hypotheses = of(0);
        let one = of(1);
        let another = of(2);
        let found = bleu.corpus(&hypotheses, &[&one, &another]).unwrap();
        prop_assert!((0.0..=100.0 + 1e-9).contains(&found.score), "{}", found);
        prop_assert!((0.0..=1.0).contains(&found.brevity_penalty));
        prop_assert!(found.precisions.iter().all(|precision| (0.0..=100.0).contains(precision)));
        prop_assert!(found.score <= found.brevity_penalty * found.precisions.iter().fold(0.0, |a, b| b.max(a)) + 1e-9);
        prop_assert!(found.ratio.is_finite() && found.ratio >= 0.0);
        let found = chrf.corpus(&hypotheses, &[&one, &another]).unwrap();
        prop_assert!((0.0..=100.0 + 1e-9).contains(&found.score), "{}", found);
    }

    #[test]
    fn the_beginning_of_a_reference_loses_by_brevity_alone(reference in sentence(4..12), keep in 4usize..12) {
        let keep = keep.min(reference.len());
        let expected = 100.0 * (1.0 - reference.len() as f64 / keep as f64).exp();
        prop_assert!((plain(&reference[..keep], &[reference.join(" ")]) - expected).abs() < 1e-9);
    }

    #[test]
    fn a_wrong_word_never_helps(hypothesis in sentence(1..12), reference in sentence(1..12), at in any::<prop::sample::Index>()) {
        let references = [reference.join(" ")];
        let before = plain(&hypothesis, &references);
        let mut worse = hypothesis.clone();
        worse[at.index(hypothesis.len())] = "wrong".into();
        prop_assert!(plain(&worse, &references) <= before + 1e-9);
        // Of equal sentences it always costs something.
        prop_assert!(hypothesis.len() < 4 || plain(&worse, &[hypothesis.join(" ")]) < 100.0 - 1e-9);
    }

    #[test]
    fn another_reference_never_takes_matches_away(chrf in chrf(), lines in [text(), text(), text()]) {
        let [hypothesis, one, another] = lines;
        let bleu = Bleu::default();
        let (one, both) = ([one.clone()], [one, another]);
        let precisions = |references: &[String]| {
            let found = Bleu { smoothing: Smoothing::None, ..bleu }.sentence(&hypothesis, references);
            found.unwrap().precisions
        };
        prop_assert!(precisions(&one).iter().zip(precisions(&both)).all(|(one, both)| *one <= both));
        let score = |references: &[String]| chrf.sentence(&hypothesis, references).unwrap().score;
        prop_assert!(score(&one) <= score(&both));
    }

    #[test]
    fn neither_order_nor_parts_matter(bleu in bleu(), chrf in chrf(), lines in prop::collection::vec([text(), text()], 1..8), cut in any::<prop::sample::Index>()) {
        let count = |lines: &mut dyn Iterator<Item = &[String; 2]>| {
            let mut found = (BleuStatistics::new(bleu), ChrfStatistics::new(chrf));
            for [hypothesis, reference] in lines {
                found.0.add(hypothesis, &[reference]).unwrap();
                found.1.add(hypothesis, &[reference]).unwrap();
            }
            found
        };
        let whole = count(&mut lines.iter());
        prop_assert_eq!(count(&mut lines.iter().rev()), whole);
        let (first, second) = lines.split_at(cut.index(lines.len()));
        let mut merged = count(&mut second.iter());
        let second = count(&mut first.iter());
        merged.0.merge(&second.0).unwrap();
        merged.1.merge(&second.1).unwrap();
        prop_assert_eq!(merged, whole);
    }
}

#[test]
fn counts_of_a_damaged_file_do_not_overflow() {
    let [mut bleu, mut chrf] = [
        serde_json::to_value(BleuStatistics::new(Bleu::default())).unwrap(),
        serde_json::to_value(ChrfStatistics::new(Chrf::default())).unwrap(),
    ];
    for key in ["sentences", "lengths", "matches", "totals"] {
        let text = bleu[key].to_string().replace('0', &u64::MAX.to_string());
        bleu[key] = serde_json::from_str(&text).unwrap();
    }
    let text = chrf["orders"].to_string().replace('0', &u64::MAX.to_string());
    chrf["orders"] = serde_json::from_str(&text).unwrap();
    let mut bleu: BleuStatistics = serde_json::from_value(bleu).unwrap();
    bleu.merge(&bleu.clone()).unwrap();
    bleu.add("one more", &["one more"]).unwrap();
    assert!(is_100(bleu.score().score));
    let mut chrf: ChrfStatistics = serde_json::from_value(chrf).unwrap();
    chrf.merge(&chrf.clone()).unwrap();
    chrf.add("one more", &["one more"]).unwrap();
    assert!(is_100(chrf.score().score));

    let unknown = r#"{"tokenization":"13a","lowercase":false,"smooth":"exp"}"#;
    assert!(serde_json::from_str::<Bleu>(unknown).unwrap_err().to_string().contains("smooth"));
}
