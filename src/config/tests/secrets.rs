//! Passwords and tokens of a configuration stay out of every message: it goes to terminals, logs and tickets.

use super::{CONTRACT, read};
use crate::model::Problem;

const SECRET: &str = "s3cr3t";

/// What is told when the probe's URL is followed by `keys`; never the secret, which must be in them.
fn told(keys: &str) -> String {
    assert!(keys.contains(SECRET), "{keys}");
    let line = "url = \"https://cadence.example.com/health\"\n";
    assert!(CONTRACT.contains(line), "the contract has such a probe");
    let keys = if keys.starts_with("url") { keys.to_owned() } else { format!("{line}{keys}") };
    let text = CONTRACT.replacen(line, &format!("{keys}\n"), 1);
    let problems = match read(&text) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems,
    };
    let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let told = told.join("\n");
    assert!(!told.contains(SECRET), "{keys}\n{told}");
    told
}

#[test]
fn a_refused_header_does_not_show_its_value() {
    let check = |keys: &str, found: &str| {
        let told = told(keys);
        assert!(told.contains(found), "{keys}\n{told}");
    };
    check(
        "headers = { Authorization = \"Bearer s3cr3t \" }",
        "the value of the header \"Authorization\" cannot",
    );
    check(
        "headers = { Authorization = \"s3cr3t\\r\\nX: y\" }",
        "the value of the header \"Authorization\" cannot",
    );
    check("headers = { Authorization = ['s3cr3t'] }", "\"Authorization\" is a list, not a string");
    check("headers = { \"A: s3cr3t\" = \"\" }", "the name of a header has a character after \"A\"");
    check("headers = { Te = \"s3cr3t\" }", "the header \"Te\" is about the connection");
    check("headers = { A = \"x\", a = \"s3cr3t\" }", "the header \"a\" is already set");
    check("headers = ['Authorization: s3cr3t']", "`headers` is a list, not a table");
    check("headers = \"Authorization: s3cr3t\"", "`headers` is a string, not a table");
    check("headers.Authorization = \"s3cr3t\u{e9}\"", "the value of the header \"Authorization\" cannot");
    check("headers.A = \"\"\"x\ns3cr3t\"\"\"", "the value of the header \"A\" cannot");
    check("headers = { A = \"s3cr3t\" }, fall = 3", "test.toml:");
    check("headers = { A = \"s3cr3t }", "test.toml:");
    check("headers = { A = s3cr3t }", "test.toml:");
}

#[test]
fn a_refused_url_does_not_show_its_password() {
    let check = |keys: &str, found: &str| {
        let told = told(keys);
        assert!(told.contains(found), "{keys}\n{told}");
    };
    check("url = \"https://me:s3cr3t@example.com/\"", "the URL contains a user name or a password");
    check("url = \"https://me:s3cr3t@example.com:x/\"", "the URL is not valid: invalid port");
    check("url = \"ftp://me:s3cr3t@example.com/\"", "the URL has the scheme `ftp`");
}

/// Who writes a password where none belongs is told so without it.
#[test]
fn a_password_of_a_database_does_not_show() {
    let check = |postgres: &str, found: &str| {
        let gate = format!("[[gate]]\nname = \"db\"\nregion = \"us-east\"\npostgres = {{ {postgres} }}\n");
        let problems = read(&format!("{CONTRACT}{gate}")).expect_err("a mistake");
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        let told = told.join("\n");
        assert!(told.contains(found) && !told.contains(SECRET), "{told}");
    };
    check("host = \"db\", user = \"me\", password = \"s3cr3t\"", "`postgres` has no key \"password\"");
    check("host = \"postgres://me:s3cr3t@db/\", user = \"me\"", "`host` is neither a name nor an address");
    check("host = \"db\", user = \"s3cr3t\", port = 0", "`port` is 0");
}
