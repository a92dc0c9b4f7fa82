//! Who may do what over TCP: names with tokens or client certificates, from a file that holds no token, only their hashes.
//!
//! ```text
//! # name   scope    how
//! alice    operate  token        <SHA-256 of the token, 64 hexadecimal digits>
//! deploy   admin    certificate  deploy.example.com
//! ```
//!
//! A token is 256 random bits (`cadence-dns api-token` makes one), so its plain hash tells nothing of it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER_PERMISSIVE;
use ring::digest::{SHA256, digest};
use tracing::{info, warn};

use crate::config::SecretFile;
use crate::model::{Place, Problem};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// More entries than any team has.
const ENTRIES_MAX: usize = 1_000;

/// What one may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look.
    Read,
    /// Give orders that break no safety rule.
    Operate,
    /// Everything.
    Admin,
}

/// Everybody who is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Access(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: Arc<str>,
    scope: Scope,
    proof: Proof,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// The SHA-256 of a token.
    Token([u8; 32]),
    /// A name in a certificate: its common name, or a DNS name.
    Certificate(String),
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Operate, Scope::Admin];
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Read => "read",
            Scope::Operate => "operate",
            Scope::Admin => "admin",
        })
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(word: &str) -> Result<Scope, String> {
        let known = Scope::ALL.into_iter().find(|scope| scope.to_string() == word);
        known.ok_or_else(|| "read, operate or admin".to_owned())
    }
}

/// What the file has of a token.
#[must_use]
pub fn hash_of_token(token: &str) -> String {
    HEXLOWER_PERMISSIVE.encode(digest(&SHA256, token.as_bytes()).as_ref())
}

impl Access {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that is none of ours, with its place.
    pub(super) fn parse(shown: &str, text: &str) -> Result<Access, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.first().is_none_or(|word| word.starts_with('#')) {
                continue;
            }
            let problem = |found: String, help: &str| {
                let place = Place { file: shown.into(), line: number, column: 1 };
                Problem::error(Some(place), found, help)
            };
            let entry = entry(&words).map_err(|found| problem(found, LINE))?;
            if entries.iter().any(|other| other.name == entry.name && other.proof == entry.proof) {
                return Err(problem(format!("{} is there twice with the same", entry.name), "each once"));
            }
            if entries.len() >= ENTRIES_MAX {
                return Err(problem(
                    format!("more than {ENTRIES_MAX} entries"),
                    "a proxy in front can know more",
                ));
            }
            entries.push(entry);
        }
        Ok(Access(entries))
    }

    /// Whose token it is.
    pub(super) fn of_token(&self, token: &str) -> Option<(Arc<str>, Scope)> {
        let hash = digest(&SHA256, token.as_bytes());
        self.find(|proof| matches!(proof, Proof::Token(known) if known == hash.as_ref()))
    }

    /// Whose certificate it is, by the names in it.
    pub(super) fn of_certificate(&self, names: &[String]) -> Option<(Arc<str>, Scope)> {
        self.find(|proof| matches!(proof, Proof::Certificate(known) if names.contains(known)))
    }

    fn find(&self, is_proven: impl Fn(&Proof) -> bool) -> Option<(Arc<str>, Scope)> {
        let entry = self.0.iter().find(|entry| is_proven(&entry.proof))?;
        Some((Arc::clone(&entry.name), entry.scope))
    }
}

/// What a line must be.
const LINE: &str = "NAME read|operate|admin token SHA-256, or NAME read|operate|admin certificate DNS-NAME";

fn entry(words: &[&str]) -> Result<Entry, String> {
    let [name, scope, how, proof] = words else { return Err(format!("a line of {} words", words.len())) };
    let scope = scope.parse().map_err(|_| format!("{scope:?} is no scope"))?;
    let proof = match *how {
        "token" => {
            let hash =
                HEXLOWER_PERMISSIVE.decode(proof.as_bytes()).ok().and_then(|hash| hash.try_into().ok());
            // What stands there may be the token itself, so it is not shown.
            Proof::Token(hash.ok_or("what stands after `token` is no SHA-256 of 64 hexadecimal digits")?)
        }
        "certificate" => Proof::Certificate((*proof).to_owned()),
        other => return Err(format!("{other:?} is neither token nor certificate")),
    };
    Ok(Entry { name: (*name).into(), scope, proof })
}

/// The file, read again when it has changed; what cannot be used leaves what was known in force.
#[derive(Debug)]
pub(super) struct AccessFile {
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    text: String,
    access: Arc<Access>,
    looked: Instant,
    told: Option<String>,
}

impl AccessFile {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// When it cannot be read or used, with the place that names it or the line.
    pub(super) fn read(settings: &SecretFile) -> Result<AccessFile, Problem> {
        let (text, access) = read(&settings.file).map_err(|problem| Problem {
            place: problem.place.clone().or(Some(settings.place.clone())),
            ..problem
        })?;
        let known = Known { text, access: Arc::new(access), looked: Instant::now(), told: None };
        Ok(AccessFile { file: settings.file.clone(), known: Mutex::new(known) })
    }

    /// What it says now.
    pub(super) fn access(&self) -> Arc<Access> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.looked.elapsed() >= LOOK_EVERY {
            known.looked = Instant::now();
            known.look(&self.file);
        }
        Arc::clone(&known.access)
    }
}

impl Known {
    fn look(&mut self, file: &Path) {
        match read(file) {
            Ok((text, _)) if text == self.text => self.told = None,
            Ok((text, access)) => {
                info!(
                    event = "api.access_changed",
                    "who may do what over TCP is taken from {} anew",
                    file.display()
                );
                (self.text, self.access, self.told) = (text, Arc::new(access), None);
            }
            Err(problem) => {
                let told = problem.to_string();
                if self.told.as_ref() != Some(&told) {
                    warn!(event = "api.access_kept", "what was known before stays: {told}");
                    self.told = Some(told);
                }
            }
        }
    }
}

fn read(file: &Path) -> Result<(String, Access), Problem> {
    let shown = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| {
        let help = "a file that the user of cadence-dns can read; `cadence-dns api-token` makes lines for it";
        Problem::error(None, format!("cannot read the access file {shown}: {error}"), help)
    })?;
    let access = Access::parse(&shown, &text)?;
    Ok((text, access))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_and_a_certificate_by_a_name() {
        let text = format!(
            "# who\n\nalice operate token {}\ndeploy admin certificate deploy.example.com\n",
            hash_of_token("secret").to_uppercase()
        );
        let access = Access::parse("f", &text).expect("it is right");
        assert_eq!(access.of_token("secret"), Some(("alice".into(), Scope::Operate)));
        assert_eq!(access.of_token("Secret"), None);
        assert_eq!(access.of_token(&hash_of_token("secret")), None, "the hash is no token");
        let names = |name: &str| [name.to_owned()];
        assert_eq!(
            access.of_certificate(&names("deploy.example.com")),
            Some(("deploy".into(), Scope::Admin))
        );
        assert_eq!(access.of_certificate(&names("secret")), None);
        assert_eq!(Access::default().of_token(""), None);
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_never_with_a_token() {
        let told =
            |line: &str| Access::parse("f", &format!("\n{line}\n")).expect_err("a mistake").to_string();
        for (line, found) in [
            ("alice operate token s3cr3t", "no SHA-256 of 64"),
            ("alice operate s3cr3t", "a line of 3 words"),
            ("alice root token 00", "\"root\" is no scope"),
            ("alice read password s3cr3t", "neither token nor certificate"),
        ] {
            let told = told(line);
            assert!(told.starts_with("f:2:1: error: ") && told.contains(found), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
        let twice = format!("a read token {0}\na admin token {0}", hash_of_token("x"));
        assert!(told(&twice).contains("twice"));
    }
}
