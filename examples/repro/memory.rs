//! What memory this process takes.

/// A line of Linux's account of this process, in KiB, where there is one: `VmRSS:` is what is resident, `VmHWM:` the most that was.
pub fn resident(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|l| l.strip_prefix(line))?
        .trim()
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()
}
