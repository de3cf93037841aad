//! Damaged and lying files of word vectors, in each form.

use std::path::Path;

use conv_hub::Result;
use conv_hub::vectors::{Form, Vectors};
use proptest::prelude::*;

use super::{every_byte_flipped, every_truncation_is_an_error, read_within_bounds};

const WORD2VEC: &[u8] = b"2 2\nthe 0.5 -1\ncat 2 3.25\n";
const GLOVE: &[u8] = b"the 0.5 -1\n. . . 2 3.25\n";

fn binary() -> Vec<u8> {
    let mut file = b"2 2\n".to_vec();
    for (word, values) in [("the", [0.5f32, -1.0]), ("cat", [2.0, 3.25])] {
        file.extend_from_slice(word.as_bytes());
        file.push(b' ');
        values.iter().for_each(|value| file.extend(value.to_le_bytes()));
        file.push(b'\n');
    }
    file
}

fn read(path: &Path) -> Result<Vectors> {
    Vectors::read(path, |_| true)
}

fn error(bytes: &[u8]) -> String {
    read_within_bounds(bytes, read).unwrap_err().to_string()
}

#[test]
fn binary_cut_anywhere() {
    // The last line feed may be missing.
    let file = binary();
    every_truncation_is_an_error(&file[..file.len() - 1], read);
}

#[test]
fn text_cut_anywhere_is_an_error_or_a_shorter_last_number() {
    for length in 0..WORD2VEC.len() - 5 {
        assert!(read_within_bounds(&WORD2VEC[..length], read).is_err(), "{length}");
    }
    // Without a header nothing tells of words that are missing; a line that is cut between its
    // numbers is noticed.
    let error = error(b"the 0.5 -1\ncat 2\n");
    assert!(error.contains("line 2 has 1 numbers after its word, expected 2"), "{error}");
}

#[test]
fn one_bit_flipped_anywhere() {
    for file in [WORD2VEC, GLOVE, &binary()] {
        every_byte_flipped(file, read, |vectors| {
            assert!(vectors.values().iter().all(|value| value.is_finite()));
            assert_eq!(vectors.values().len(), vectors.len() * vectors.dimension());
        });
    }
}

#[test]
fn claims_beyond_the_file_are_refused_before_anything_is_allocated() {
    for claim in
        ["1000000000000 300", "2 1000000000000", "18446744073709551615 18446744073709551615", "3 2"]
    {
        let text = [claim.as_bytes(), b"\nthe 0.5 -1\ncat 2 3\n"].concat();
        let found = error(&text);
        assert!(found.contains("line 1 claims") || claim == "2 1000000000000", "{found}");
        let file = [claim.as_bytes(), &binary()[3..]].concat();
        let found = error(&file);
        assert!(found.contains("line 1 claims") && found.contains("as word2vec binary"), "{found}");
    }
    for claim in ["0 2", "2 0", "-1 2"] {
        let file = [claim.as_bytes(), b"\n"].concat();
        let result =
            Vectors::parse(&file[..], file.len() as u64, Some(Form::Word2VecBinary), |_| true);
        let found = result.unwrap_err().to_string();
        assert!(
            found.contains("expected the number of words and the dimension, both above zero"),
            "{found}"
        );
    }
}

#[test]
fn each_defect_is_named_with_its_place() {
    let overlong = [b"word ".as_slice(), &b"0.5 ".repeat(1 << 19)].concat();
    let not_finite = [b"1 1\nw ".as_slice(), &f32::NAN.to_le_bytes()].concat();
    let cut = [b"1 2\nw ".as_slice(), &[0, 0, 0x80, 0x3f, 0]].concat();
    let endless = [b"1 1\n\xff".as_slice(), &[b'w'; 5000]].concat();
    let cases: [(&[u8], &str); 17] = [
        (b"", "it is empty"),
        (b"\n\n", "line 1 has 0 numbers"),
        (b"\x1f\x8b\x08\x00", "cannot read"),
        (b"PK\x03\x04glove.6B.100d.txt", "it is a zip archive"),
        (b"alone\n", "line 1 has 0 numbers after its word"),
        (b"the 0.5 -1\ncat 2 3 4\n", "line 2 has 3 numbers after its word, expected 2"),
        (b"the 0.5 -1\n\ncat 2 3\n", "line 2 has 0 numbers after its word, expected 2"),
        (b"the 0.5 x1\n", "line 1: `the` has \"x1\" where a number is expected"),
        (b"the 0.5 1\ncat  1\n", "line 2: `cat` has \"\" where a number is expected"),
        (b"the 0.5 1\ncat inf 1\n", "line 2: `cat` has the number inf"),
        (b"the 0.5 1\nca\xe9t 2 3\n", "line 2 is not UTF-8 at its byte 2"),
        (b"2 1\nthe 0.5\n", "line 1 claims 2 words"),
        (b"1 1\nthe 0.5\ncat 0.5\n", "line 1 claims 1 words, and the file goes on at line 3"),
        (&overlong, "line 1 is longer than 1048576 bytes"),
        (&not_finite, "byte 4: `w` has the number NaN"),
        (&cut, "line 1 claims 1 words of 2 numbers"),
        (&endless, "word 1 at byte 4 has no end within 4096 bytes"),
    ];
    for (file, expected) in cases {
        let found = error(file);
        assert!(found.contains(expected), "{found}\nexpected: {expected}");
    }
    // A file is unpacked; what is read as a stream, and packed twice, is not.
    let found = Vectors::parse(&b"\x1f\x8b\x08\x00"[..], 4, None, |_| true).unwrap_err();
    assert!(found.to_string().contains("it is gzip-compressed"), "{found}");
}

#[test]
fn a_binary_file_that_goes_on_is_noticed() {
    let mut file = binary();
    file.extend(b"dog \0\0\0\0\0\0\0\0");
    assert!(
        error(&file).contains("claims 2 words, and the file goes on at byte 29"),
        "{}",
        error(&file)
    );
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), form in 0..4usize) {
        let form = [None, Some(Form::Word2VecBinary), Some(Form::Word2VecText), Some(Form::GloVe)][form];
        let _ = read_within_bounds(&bytes, |path| Vectors::read_as(path, form, |_| true));
    }

    #[test]
    fn any_text(text in "[0-9]{1,20} [0-9]{1,20}\n([a-z ]{0,4}( [-0-9.e]{0,4}){0,3}\n?){0,4}") {
        let _ = read_within_bounds(text.as_bytes(), read);
    }
}
