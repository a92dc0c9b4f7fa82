//! What cookies are signed with, and the file that servers share it by.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use zeroize::Zeroizing;

use crate::model::{Place, Problem};

/// 128 secret bits: the key of server cookies (RFC 9018 section 4.4).
pub type Secret = [u8; 16];

/// A forged cookie costs a hash for each; changing one needs three at most: the old, the new, and one by accident.
const SECRETS_MAX: usize = 4;

/// The secrets that cookies are made and checked with: the first signs, each is believed. A clone is the same ones, also
/// after they were replaced.
#[derive(Clone)]
pub struct CookieSecrets(Arc<ArcSwap<Secrets>>);

/// Secrets at one moment; overwritten when they are let go.
#[derive(PartialEq, Eq)]
pub(super) struct Secrets {
    octets: Zeroizing<[Secret; SECRETS_MAX]>,
    count: usize,
}

impl CookieSecrets {
    /// One alone.
    #[must_use]
    pub fn new(secret: Secret) -> CookieSecrets {
        Secrets::of([&secret]).into()
    }

    /// Reads a file: a secret on each line, as 32 hexadecimal digits; `#` begins a comment.
    ///
    /// To change the secret of several servers: first add the new one below the old one everywhere, then move it to
    /// the first line, and an hour later remove the old one.
    ///
    /// # Errors
    /// The first line that is no secret; the secrets themselves are never shown.
    pub fn parse(file: &str, text: &str) -> Result<CookieSecrets, Problem> {
        let mut secrets = Secrets::of([]);
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if !line.is_empty() {
                let place = Place { file: file.into(), line: number, column: 1 };
                let secret = secret(line).map_err(|found| Problem::error(Some(place), found, HELP))?;
                if !secrets.push(&secret) {
                    let found = format!("{file} has more than {SECRETS_MAX} secrets");
                    return Err(Problem::error(None, found, "remove old ones"));
                }
            }
        }
        if secrets.count == 0 {
            return Err(Problem::error(None, format!("{file} has no secret in it"), HELP));
        }
        Ok(secrets.into())
    }

    /// Signs with a new secret from now on, and goes on to believe the one that signed before: cookies that it made are
    /// good until they are too old (RFC 9018 section 5). Those before it are forgotten.
    pub fn roll(&self, secret: Secret) {
        let before = self.0.load();
        self.0.store(Arc::new(Secrets::of([&secret, before.first()])));
    }

    /// Goes on with other ones. Returns whether they are others indeed.
    pub fn replace(&self, others: &CookieSecrets) -> bool {
        let others = others.0.load_full();
        let are_others = **self.0.load() != *others;
        if are_others {
            self.0.store(others);
        }
        are_others
    }

    /// As [`CookieSecrets::parse`] reads them; overwritten when it is dropped. For another process that goes on with them.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let secrets = self.load();
        // With room from the start nothing is copied when it grows.
        let mut text = Zeroizing::new(String::with_capacity(SECRETS_MAX * (2 * size_of::<Secret>() + 1)));
        for secret in secrets.all() {
            for octet in secret {
                text.push(char::from_digit(u32::from(octet >> 4), 16).expect("four bits"));
                text.push(char::from_digit(u32::from(octet & 15), 16).expect("four bits"));
            }
            text.push('\n');
        }
        text
    }

    /// Those of now.
    pub(super) fn load(&self) -> Guard<Arc<Secrets>> {
        self.0.load()
    }
}

impl From<Secrets> for CookieSecrets {
    fn from(secrets: Secrets) -> CookieSecrets {
        CookieSecrets(Arc::new(ArcSwap::from_pointee(secrets)))
    }
}

impl Secrets {
    fn of<const N: usize>(secrets: [&Secret; N]) -> Secrets {
        let mut all = Secrets { octets: Zeroizing::default(), count: 0 };
        for secret in secrets {
            all.push(secret);
        }
        all
    }

    /// Adds one, if there is room.
    fn push(&mut self, secret: &Secret) -> bool {
        let Some(place) = self.octets.get_mut(self.count) else { return false };
        *place = *secret;
        self.count += 1;
        true
    }

    /// The one that signs.
    pub(super) fn first(&self) -> &Secret {
        &self.octets[0]
    }

    /// Those that are believed, the one that signs first.
    pub(super) fn all(&self) -> &[Secret] {
        &self.octets[..self.count]
    }
}

const HELP: &str = "32 hexadecimal digits on a line, as `openssl rand -hex 16` prints them";

fn secret(line: &str) -> Result<Zeroizing<Secret>, String> {
    let mut secret = Zeroizing::new(Secret::default());
    if line.len() != 2 * secret.len() || !line.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err(format!("a line of {} characters is no secret", line.chars().count()));
    }
    for (octet, digits) in secret.iter_mut().zip(line.as_bytes().chunks_exact(2)) {
        let digits = digits.iter().map(|digit| char::from(*digit).to_digit(16).unwrap_or_default());
        *octet = digits.fold(0, |octet, digit| octet << 4 | digit as u8);
    }
    Ok(secret)
}

/// Only how many there are: logs are read by others.
impl fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cookie secrets", self.load().count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let told = match CookieSecrets::parse("x", text) {
            Ok(secrets) => {
                let shown = |secret: &Secret| format!("{:02x}{:02x}", secret[0], secret[15]);
                secrets.load().all().iter().map(shown).collect()
            }
            Err(problem) => {
                let line =
                    problem.place.as_ref().map(|place| format!("{}: ", place.line)).unwrap_or_default();
                vec![format!("{line}{}", problem.found)]
            }
        };
        assert_eq!(told.join(" "), expected, "{text}");
    }

    #[test]
    fn a_file_has_a_secret_on_each_line() {
        const A: &str = "0a0102030405060708090a0b0c0d0e0f";
        const B: &str = "FFEEDDCCBBAA99887766554433221100";
        check(A, "0a0f");
        check(&format!("# ours\n\n{B}\r\n  {A} # the old one\n"), "ff00 0a0f");
        check("", "x has no secret in it");
        check("# nothing\n", "x has no secret in it");
        check(&format!("{A}\n{A}0\n"), "2: a line of 33 characters is no secret");
        check(&format!("{}g", &A[1..]), "1: a line of 32 characters is no secret");
        check("ä\n", "1: a line of 1 characters is no secret");
        check(&format!("{A}\n{A}\n{A}\n{A}\n"), "0a0f 0a0f 0a0f 0a0f");
        check(&format!("{A}\n{A}\n{A}\n{A}\n{A}\n"), "x has more than 4 secrets");
    }

    #[test]
    fn what_another_process_is_told_are_the_same_secrets() {
        let secrets = CookieSecrets::new([0x0a; 16]);
        secrets.roll([0xf1; 16]);
        assert_eq!(*secrets.to_text(), format!("{}\n{}\n", "f1".repeat(16), "0a".repeat(16)));
        let told = CookieSecrets::parse("x", &secrets.to_text()).expect("they are secrets");
        assert!(!secrets.replace(&told), "they are the same");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secrets = CookieSecrets::new([0xab; 16]);
        assert_eq!(format!("{secrets:?}"), "1 cookie secrets");
        let problem = CookieSecrets::parse("x", "abcabc").expect_err("too short");
        assert!(!problem.to_string().contains("abc"), "{problem}");
    }
}
