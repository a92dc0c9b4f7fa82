//! `cadence-dns api-token`: a token for the API over TCP, and its line for the access file.

use data_encoding::BASE64URL_NOPAD;

use super::failure::Failure;
use super::output::{complain, print_as_it_is};
use crate::control::{Scope, hash_of_token};

/// As many random octets make a token that nobody guesses.
const TOKEN_OCTETS: usize = 32;

/// `cadence-dns api-token`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Whose it is; the history tells of every command under this name
    #[arg(value_parser = name)]
    name: String,
    /// What it may do: read, operate or admin
    #[arg(long, default_value_t = Scope::Read)]
    scope: Scope,
}

/// The token goes to stdout, and is shown this once; its line to stderr.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut octets = [0; TOKEN_OCTETS];
    getrandom::fill(&mut octets)
        .map_err(|error| Failure::Failed(format!("the system gives no random numbers: {error}")))?;
    let token = BASE64URL_NOPAD.encode(&octets);
    let Arguments { name, scope } = arguments;
    complain(&format!("# a line for [api] access_file:\n{name} {scope} token {}", hash_of_token(&token)));
    print_as_it_is(&format!("{token}\n"));
    Ok(())
}

/// A word of the access file.
fn name(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.len() <= 64 && text.bytes().all(|octet| octet.is_ascii_graphic());
    if is_word && !text.starts_with('#') {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 printable ASCII characters, no spaces".into())
    }
}
