//! Rows of parquet and JSONL files, whole and damaged.

use std::sync::Arc;

use conv_hub::hub::{Cell, Row, Rows};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const SCHEMA: &str = "message rows {
    required binary text (UTF8);
    required int64 label;
    optional double score;
    required binary image;
    required group translation { required binary de (UTF8); }
}";

/// Three row groups of two rows each.
pub fn parquet_file() -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut file = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut file, schema, Arc::new(WriterProperties::default()))
            .unwrap();
    for group in 0..3i64 {
        let mut rows = writer.next_row_group().unwrap();
        let texts = |suffix: &str| -> Vec<ByteArray> {
            (0..2).map(|row| format!("{}{suffix}", 2 * group + row).into_bytes().into()).collect()
        };
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts(" é"), None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[2 * group, 2 * group + 1], None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[0.5], Some(&[1, 0]), None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&[vec![0xff, 0].into(), vec![].into()], None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts(" de"), None, None).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// The rows of [`parquet_file`].
pub fn check(rows: Rows) {
    let rows: Vec<Row> = rows.collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[3]["text"].as_str(), Some("3 é"));
    assert_eq!(rows[3]["label"].as_i64(), Some(3));
    assert_eq!(rows[3]["score"], Cell::Null);
    assert_eq!(rows[4]["score"].as_f64(), Some(0.5));
    assert_eq!(rows[4]["image"], Cell::Bytes(vec![0xff, 0]));
    assert_eq!(
        rows[5]["translation"],
        Cell::Map([("de".to_string(), Cell::Text("5 de".to_string()))].into())
    );
}

fn read(name: &str, bytes: &[u8]) -> conv_hub::Result<Vec<Row>> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Rows::open(&path)?.collect()
}

#[test]
fn a_parquet_file_cut_anywhere_is_an_error() {
    let file = parquet_file();
    for length in 0..file.len() {
        assert!(
            read("rows.parquet", &file[..length]).is_err(),
            "cut to {length} of {}",
            file.len()
        );
    }
}

#[test]
fn a_parquet_file_with_one_bit_flipped_anywhere_does_not_panic() {
    let file = parquet_file();
    let mut flipped = file.clone();
    for (position, &byte) in file.iter().enumerate() {
        flipped[position] ^= 1 << (position % 8);
        let _ = read("rows.parquet", &flipped);
        flipped[position] = byte;
    }
}

#[test]
fn defects_are_named_with_their_row() {
    let cases: [(&str, &[u8], &str); 5] = [
        ("rows.jsonl", b"{\"a\":1}\n{\"a\":", "row 2: EOF while parsing"),
        ("rows.jsonl", b"{\"a\":1}\n[1]\n", "row 2: invalid type: sequence"),
        ("rows.jsonl", b"{\"a\":\"\xff\"}\n", "row 1: "),
        ("rows.parquet", b"PAR1 not really PAR1", "row 0: "),
        ("rows.csv", b"a,b\n", "rows are read from .parquet and .jsonl files"),
    ];
    for (name, bytes, expected) in cases {
        let error = read(name, bytes).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(name), "{error}");
    }
    let nested = "[".repeat(1 << 20);
    assert!(read("rows.jsonl", format!("{{\"a\":{nested}").as_bytes()).is_err());
}
