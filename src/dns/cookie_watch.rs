//! The secrets of cookies while the server runs: those of a file are read again when it changes, one of our own is
//! replaced by another every day (RFC 7873 section 7.1 asks for less than 26 hours).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use zeroize::Zeroizing;

use super::random::random;
use crate::answer::CookieSecrets;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a secret of our own signs.
const ROLL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Far more than four secrets and what is said about them.
const FILE_MAX_OCTETS: usize = 64 * 1024;

/// Where other secrets come from.
enum Source {
    /// A file, and the problem with it that was logged last.
    File(PathBuf, Option<String>),
    /// Chance, when it is time.
    Chance(Instant),
}

/// Replaces secrets that are in use.
pub(super) struct CookieWatch {
    secrets: CookieSecrets,
    source: Source,
}

/// Reads a file with secrets; what was read is overwritten when it is dropped.
///
/// # Errors
/// When it cannot be read, is no text, or is far too long.
pub fn read_secret_file(file: &Path) -> io::Result<Zeroizing<String>> {
    // With room from the start nothing is copied when the text grows.
    let mut text = Zeroizing::new(String::with_capacity(FILE_MAX_OCTETS + 1));
    File::open(file)?.take(FILE_MAX_OCTETS as u64 + 1).read_to_string(&mut text)?;
    if text.len() > FILE_MAX_OCTETS {
        return Err(io::Error::other(format!("it has more than {FILE_MAX_OCTETS} octets")));
    }
    Ok(text)
}

impl CookieWatch {
    /// Secrets that were read from this file, or one of our own.
    pub(super) fn new(secrets: CookieSecrets, file: Option<PathBuf>, now: Instant) -> CookieWatch {
        let source = file.map_or(Source::Chance(now + ROLL_EVERY), |file| Source::File(file, None));
        CookieWatch { secrets, source }
    }

    /// Looks at the file every few seconds, and when the thread is unparked, or waits until it is time; until `stop`.
    pub(super) fn watch(&mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            thread::park_timeout(match &self.source {
                Source::File(..) => LOOK_EVERY,
                Source::Chance(due) => due.saturating_duration_since(Instant::now()),
            });
            self.look(Instant::now());
        }
    }

    /// Takes other secrets, if there are any.
    fn look(&mut self, now: Instant) {
        let CookieWatch { secrets, source } = self;
        match source {
            Source::Chance(due) if now < *due => {}
            Source::Chance(due) => {
                if let Ok(secret) = random() {
                    secrets.roll(secret);
                    info!(
                        event = "cookies.rolled",
                        "cookies are made with a new secret; those of the old one are good"
                    );
                }
                *due = now + ROLL_EVERY;
            }
            Source::File(file, told) => match read(file) {
                Ok(others) => {
                    *told = None;
                    if secrets.replace(&others) {
                        info!(
                            event = "cookies.changed",
                            "cookies are made with the new secrets of {}",
                            file.display()
                        );
                    }
                }
                Err(problem) if told.as_ref() == Some(&problem) => {}
                Err(problem) => {
                    warn!(event = "cookies.kept", "the old secrets of the cookies stay: {problem}");
                    *told = Some(problem);
                }
            },
        }
    }
}

fn read(file: &Path) -> Result<CookieSecrets, String> {
    let shown = file.display().to_string();
    let text = read_secret_file(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    CookieSecrets::parse(&shown, &text).map_err(|problem| format!("{}; {}", problem.found, problem.help))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_changes_is_taken_up_and_one_that_is_broken_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secrets");
        let secrets = CookieSecrets::new([1; 16]);
        let mut watch = CookieWatch::new(secrets.clone(), Some(file.clone()), Instant::now());
        let mut look = |text: Option<&str>| {
            match text {
                Some(text) => fs::write(&file, text).expect("our folder"),
                None => fs::remove_file(&file).expect("our folder"),
            }
            watch.look(Instant::now());
            let Source::File(_, told) = &watch.source else { panic!("it is a file") };
            told.clone()
        };
        let is = |octet: u8| !secrets.replace(&CookieSecrets::new([octet; 16]));
        assert_eq!(look(Some(&"02".repeat(16))), None);
        assert!(is(2));
        let told = look(Some("half a sec")).expect("it is told");
        assert!(told.starts_with("a line of 10 characters is no secret; 32 hexadecimal digits"), "{told}");
        assert!(look(None).expect("it is told").starts_with("cannot read "));
        assert!(is(2), "the old one stays");
        assert_eq!(look(Some(&"03".repeat(16))), None);
        assert!(is(3));
        assert!(
            look(Some(&"#".repeat(FILE_MAX_OCTETS + 1)))
                .expect("it is told")
                .contains("more than 65536 octets")
        );
    }

    #[test]
    fn a_secret_of_our_own_signs_for_a_day() {
        let (secrets, begin) = (CookieSecrets::new([1; 16]), Instant::now());
        let mut watch = CookieWatch::new(secrets.clone(), None, begin);
        let mut is_another = |after: Duration| {
            watch.look(begin + after);
            secrets.replace(&CookieSecrets::new([1; 16]))
        };
        assert!(!is_another(Duration::from_secs(24 * 3600 - 1)));
        assert!(is_another(Duration::from_secs(24 * 3600)));
        assert!(!is_another(Duration::from_secs(24 * 3600 + 1)));
        assert!(is_another(Duration::from_secs(48 * 3600)));
    }
}
