//! Settings from a file over others, and flags over those.

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// What `file` says over `base`, and of each table in it, such as a loop's settings under `[fit]`,
/// field by field: a file that only sets the learning rate keeps the rest. A table of another
/// `kind` takes the place of the base's.
///
/// # Errors
/// A field that is not known, or of another kind.
pub fn over<T: Serialize + DeserializeOwned>(base: &T, file: Table) -> Result<T> {
    let mut settings = Table::try_from(base)?;
    for (name, value) in file {
        match (settings.get_mut(&name), value) {
            // What is of another kind shares no field.
            (Some(Value::Table(base)), Value::Table(file))
                if file.get("kind").is_none_or(|kind| base.get("kind") == Some(kind)) =>
            {
                base.extend(file);
            }
            (_, value) => drop(settings.insert(name, value)),
        }
    }
    Ok(settings.try_into()?)
}

/// Sets what a flag says, if it is given.
pub fn set<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        rate: f64,
        name: Option<String>,
        fit: Inner,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        epochs: u32,
        seed: u32,
    }

    #[test]
    fn a_file_changes_what_it_names() -> Result<()> {
        let base = Outer { rate: 0.5, name: None, fit: Inner { epochs: 3, seed: 1 } };
        let changed = over(&base, "name = \"a\"\n[fit]\nepochs = 9\n".parse()?)?;
        let expected =
            Outer { rate: 0.5, name: Some("a".into()), fit: Inner { epochs: 9, seed: 1 } };
        assert_eq!(changed, expected);
        let table = |text: &str| text.parse::<Table>();
        let rates = table("[rate]\nkind = \"a\"\nx = 1\n")?;
        let same = over(&rates, table("rate = { kind = \"a\", y = 2 }")?)?;
        assert_eq!(same, table("[rate]\nkind = \"a\"\nx = 1\ny = 2\n")?);
        let other = over(&rates, table("rate = { kind = \"b\", y = 2 }")?)?;
        assert_eq!(other, table("[rate]\nkind = \"b\"\ny = 2\n")?);
        let wrong = over(&base, "[fit]\nepoch = 9\n".parse()?).map_err(|e| e.to_string());
        assert!(wrong.is_err_and(|text| text.contains("unknown field `epoch`")));
        let mut rate = 0.5;
        set(&mut rate, None);
        set(&mut rate, Some(0.25));
        assert_eq!(rate, 0.25);
        Ok(())
    }
}
