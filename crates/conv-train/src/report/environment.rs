//! Where, when and with what a run was made.

use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// What one needs to know to make a run again, or to believe its speed.
#[derive(Debug, Clone, Serialize)]
pub struct Environment {
    /// The version of Convoke.
    pub version: String,
    /// The source's commit, where the program knows it.
    pub commit: Option<String>,
    /// The processor's name, or its architecture.
    pub processor: String,
    /// Threads of the pool.
    pub threads: usize,
    /// The operating system.
    pub system: String,
    /// When, in UTC.
    pub date: String,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Environment {
    /// This machine, now, for a run that took `seconds`.
    pub fn collect(seconds: f64) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: None,
            processor: field_of("/proc/cpuinfo", "model name", ':')
                .unwrap_or_else(|| std::env::consts::ARCH.into()),
            threads: rayon::current_num_threads(),
            system: field_of("/etc/os-release", "PRETTY_NAME", '=')
                .map_or_else(|| std::env::consts::OS.into(), |name| name.trim_matches('"').into()),
            date: utc(SystemTime::now()),
            seconds,
        }
    }

    pub(super) fn rows(&self) -> Vec<(String, String)> {
        let mut rows = vec![("version", self.version.clone())];
        rows.extend(self.commit.clone().map(|commit| ("commit", commit)));
        rows.extend([
            ("processor", self.processor.clone()),
            ("threads", self.threads.to_string()),
            ("system", self.system.clone()),
            ("date", self.date.clone()),
            ("duration", duration(self.seconds)),
        ]);
        rows.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}

/// The value of the first line `name … = value` of a file of such lines; `None` where there is no
/// such file.
fn field_of(path: &str, name: &str, separator: char) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(separator));
    let (_, value) = fields.find(|(field, _)| field.trim() == name)?;
    Some(value.trim().into())
}

fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `2026-11-24 08:15 UTC`. The day count is turned into a date by Howard Hinnant's
/// `civil_from_days`.
fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let hour = seconds / 3600 % 24;
    let minute = seconds / 60 % 60;
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_right_around_leap_days() {
        let date = |seconds| utc(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_400 - 60), "2000-02-28 23:59 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_798_761_599), "2026-12-31 23:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00 UTC");
    }

    #[test]
    fn this_machine_has_a_name_for_everything() {
        let rows = Environment::collect(3_725.0).rows();
        assert!(rows.iter().all(|(_, value)| !value.is_empty()), "{rows:?}");
        assert_eq!(rows.last().map(|(_, value)| value.as_str()), Some("1 h 2 min"));
    }
}
