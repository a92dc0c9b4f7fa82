//! The machine, and the process of the daemon, as the kernel tells it. Never an environment.

use std::fs;
use std::path::Path;

use tokio::net::UnixStream;

/// What is read of the machine.
const FILES: [&str; 9] = [
    "/etc/os-release",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/version",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/snmp",
    "/proc/sys/net/core/rmem_max",
    "/proc/sys/net/core/wmem_max",
];

/// What is read of the process.
const OF_PROCESS: [&str; 3] = ["limits", "status", "cgroup"];

/// As much of a file, in octets.
const FILE_MAX: usize = 16 * 1024;

/// The number of the daemon's process, as the kernel says who listens.
pub(super) async fn daemon(socket: &Path) -> Option<i32> {
    let stream = UnixStream::connect(socket).await.ok()?;
    stream.peer_cred().ok()?.pid()
}

/// All of it.
pub(super) fn told(daemon: Option<i32>) -> String {
    let of_process = |process: i32| OF_PROCESS.map(|file| format!("/proc/{process}/{file}"));
    let files = FILES.map(str::to_owned).into_iter().chain(daemon.into_iter().flat_map(of_process));
    let section = |file: String| {
        let octets = fs::read(&file).unwrap_or_else(|error| error.to_string().into_bytes());
        let text = String::from_utf8_lossy(&octets[..octets.len().min(FILE_MAX)]).trim_end().to_owned();
        format!("== {file}\n{text}\n\n")
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    files.map(section).collect::<String>() + &format!("cores: {cores}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_told_without_its_environment() {
        let text = told(Some(i32::try_from(std::process::id()).expect("small")));
        assert!(text.contains("Max open files") && text.contains("MemTotal"));
        assert!(!text.contains("PATH="));
    }
}
