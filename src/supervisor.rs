//! Who has started the process and watches over it, such as systemd: what it is told in the words of sd_notify(3), by
//! datagrams of lines to the socket that `NOTIFY_SOCKET` names, and how often it wants to hear that we are well.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Where it listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Its patience in microseconds, and the process that it is about, if not any.
const PATIENCE: &str = "WATCHDOG_USEC";
const PROCESS: &str = "WATCHDOG_PID";

/// The variables that are meant for the daemon and its successors, and for no other process that it starts.
pub const VARIABLES: [&str; 3] = [SOCKET, PATIENCE, PROCESS];

/// What must not be handed on to a successor: it is another process.
pub const OF_ONE_PROCESS: &str = PROCESS;

/// Between two tries to tell something where the queue is full.
const TRY_EVERY: Duration = Duration::from_millis(5);

/// What it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'w> {
    /// We answer, or answer by another configuration.
    Ready,
    /// Another configuration is being read.
    Reloading,
    /// We end.
    Stopping,
    /// What is shown to operators, in one line.
    Status(&'w str),
    /// Another process is the one to watch over.
    MainProcess(u32),
    /// We are well.
    Alive,
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Ready => f.write_str("READY=1"),
            // It has to be younger than the order to reload; the time says so.
            Word::Reloading => write!(f, "RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()),
            Word::Stopping => f.write_str("STOPPING=1"),
            Word::Status(line) => write!(f, "STATUS={}", line.replace('\n', " ")),
            Word::MainProcess(process) => write!(f, "MAINPID={process}"),
            Word::Alive => f.write_str("WATCHDOG=1"),
        }
    }
}

fn monotonic_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

/// Whoever watches over us.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    patience: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names, if it names one. It can be spoken to from now on, whatever rights are given up.
    ///
    /// # Errors
    /// When nobody listens where it says.
    pub fn of_environment() -> io::Result<Option<Supervisor>> {
        let Some(path) = env::var_os(SOCKET) else { return Ok(None) };
        Supervisor::at(&path, patience()).map(Some)
    }

    /// The one at a socket: a path, or `@` and a name that is in no folder.
    fn at(path: &OsStr, patience: Option<Duration>) -> io::Result<Supervisor> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("{SOCKET} is {}: {error}", path.to_string_lossy()))
        };
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(path),
        };
        let socket = UnixDatagram::unbound().map_err(named)?;
        socket.connect_addr(&address.map_err(named)?).map_err(named)?;
        socket.set_nonblocking(true).map_err(named)?;
        Ok(Supervisor { socket, patience })
    }

    /// After how long a silence it takes us for dead, if it does so.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Tells all of this at once. Does not wait.
    ///
    /// # Errors
    /// When it listens no more, or has too much to read; none of this was told then.
    pub fn tell(&self, words: &[Word<'_>]) -> io::Result<()> {
        let text: String = words.iter().map(|word| format!("{word}\n")).collect();
        self.socket.send(text.as_bytes()).map(drop)
    }

    /// The same, and waits for so long until there is room.
    ///
    /// # Errors
    /// As [`Supervisor::tell`].
    pub fn tell_within(&self, words: &[Word<'_>], limit: Duration) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            match self.tell(words) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                    sleep(TRY_EVERY);
                }
                told => return told,
            }
        }
    }
}

/// As the environment says, if it is about this process.
fn patience() -> Option<Duration> {
    let is_ours = env::var(PROCESS).map_or(true, |id| id == process::id().to_string());
    let micros = env::var(PATIENCE).ok()?.parse().ok()?;
    (is_ours && micros > 0).then_some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(listener: &UnixDatagram) -> String {
        listener.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout above zero");
        let mut octets = [0; 4096];
        let read = listener.recv(&mut octets).expect("it is told");
        String::from_utf8_lossy(&octets[..read]).into_owned()
    }

    #[test]
    fn it_is_told_at_a_path_and_at_a_name_that_is_in_no_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let name = format!("cadence-dns-test-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let listeners = [
            (UnixDatagram::bind(&path).expect("our folder"), path.into_os_string()),
            (UnixDatagram::bind_addr(&address).expect("our name"), format!("@{name}").into()),
        ];
        for (listener, path) in listeners {
            let supervisor = Supervisor::at(&path, None).expect("it listens");
            let words = [Word::MainProcess(7), Word::Ready, Word::Status("a\nb"), Word::Alive];
            supervisor.tell(&words).expect("it listens");
            assert_eq!(heard(&listener), "MAINPID=7\nREADY=1\nSTATUS=a b\nWATCHDOG=1\n");
            supervisor.tell(&[Word::Reloading]).expect("it listens");
            let told = heard(&listener);
            let time = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("with the time");
            assert!(time.trim_end().parse::<u64>().is_ok_and(|time| time > 0), "{told}");
        }
    }

    /// Whoever watches over us may hang itself: that is no reason to hang.
    #[test]
    fn one_that_does_not_read_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let _silent = UnixDatagram::bind(&path).expect("our folder");
        let supervisor = Supervisor::at(path.as_os_str(), None).expect("it listens");
        let refused = (0..100_000).find_map(|_| supervisor.tell(&[Word::Alive]).err());
        assert_eq!(refused.expect("a queue has an end").kind(), io::ErrorKind::WouldBlock);
        let late = supervisor.tell_within(&[Word::Alive], TRY_EVERY * 3).expect_err("nobody reads");
        assert_eq!(late.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn one_that_is_not_there_is_told_by_its_name() {
        let error = Supervisor::at(OsStr::new("/no/such/socket"), None).expect_err("nobody listens");
        assert!(error.to_string().contains("NOTIFY_SOCKET is /no/such/socket"), "{error}");
    }
}
