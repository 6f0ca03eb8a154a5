//! This process, as the kernel sees it. Source: proc_pid_status(5), proc_pid_fd(5).

/// What the process takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Process {
    /// Memory that is in RAM, bytes.
    pub(super) resident: i64,
    /// Threads.
    pub(super) threads: i64,
    /// Open files and sockets.
    pub(super) files: i64,
}

/// Looks now; what the system does not tell is 0.
pub(super) fn look() -> Process {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<i64>().ok()
    };
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    Process {
        resident: number("VmRSS:").unwrap_or(0) * 1024,
        threads: number("Threads:").unwrap_or(0),
        // The one that looks is open too.
        files: i64::try_from(files.saturating_sub(1)).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_itself() {
        let before = look();
        assert!(before.resident > 1 << 20 && before.threads >= 1 && before.files >= 3);
        let open: Vec<_> = (0..50)
            .map(|_| std::fs::File::open("/proc/self/status").unwrap())
            .collect();
        assert!(look().files > before.files);
        drop(open);
    }
}
