//! Secrets stay where they are: in no log line, however talkative, in no status, in nothing that is printed for debugging.

use cadence_dns::dns::client::lookup;
use cadence_dns::zone::RecordType;
use rustix::process::Signal;

use crate::kit::place::{Place, text_of};
use crate::kit::query::PATIENCE;
use crate::kit::steered::NAME;

const COOKIES: &str = "5ec0e75ec0e75ec0e75ec0e75ec0e75e";
const NEXT_COOKIES: &str = "0dd5ec0e70dd5ec0e70dd5ec0e70dd5e";
const TOKEN: &str = "t0ken-of-the-probe";

/// A configuration with a secret of each kind, and what must not be seen of them.
fn place_with_secrets() -> (Place, Vec<String>) {
    let place = Place::new();
    let key = rcgen::KeyPair::generate().expect("randomness");
    let params = rcgen::CertificateParams::new(vec!["ns1.example.com".into()]).expect("a name");
    place.write("tls.pem", &params.self_signed(&key).expect("it signs itself").pem());
    place.write("key.pem", &key.serialize_pem());
    place.write("cookies", COOKIES);
    let tables = "[dns.cookies]\nsecret_file = \"cookies\"\n\
                  [dns.tls]\ncertificate = \"tls.pem\"\nkey = \"key.pem\"\nlisten = [\"127.0.0.1:0\"]\n[control]";
    place.replace("[control]", tables);
    let listen = place.listen;
    let probe = format!(
        "url = \"http://{}:{}/\"\nheaders = {{ Authorization = \"Bearer {TOKEN}\" }}",
        listen.ip(),
        listen.port()
    );
    place.replace("tcp = 9", &probe);
    place.replace("192.0.2.10", &listen.ip().to_string());
    let key = key.serialize_pem();
    let lines = key.lines().filter(|line| !line.starts_with("---")).map(str::to_owned);
    let octets = |hex: &str| -> Vec<String> {
        let pairs = hex.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned());
        let octets = pairs.map(|pair| u8::from_str_radix(&pair, 16).expect("hexadecimal"));
        let shown = octets.take(6).map(|octet| octet.to_string()).collect::<Vec<_>>().join(", ");
        vec![hex.to_owned(), shown] // as text, and as Rust prints octets
    };
    let cookies = octets(COOKIES).into_iter().chain(octets(NEXT_COOKIES));
    (place, lines.chain(cookies).chain([TOKEN.to_owned()]).collect())
}

#[track_caller]
fn check_hidden(what: &str, text: &str, secrets: &[String]) {
    assert!(!text.is_empty(), "{what} is empty");
    for secret in secrets {
        assert!(!text.contains(secret), "{what} shows {secret}:\n{text}");
    }
}

#[tokio::test]
async fn no_log_line_and_no_status_shows_a_secret() {
    let (place, secrets) = place_with_secrets();
    let mut command = place.program("run");
    command.env("CADENCE_DNS_LOG", "trace");
    let daemon = place.started_by(command);
    lookup(place.listen, &NAME.parse().expect("a name"), RecordType::SOA, PATIENCE).await.expect("a reply");
    // The probe is sent, and what it gets from a name server is no HTTP.
    daemon.wait_for_line("check.changed", PATIENCE);
    place.write("cookies", &format!("{NEXT_COOKIES}\n{COOKIES}"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("cookies.changed", PATIENCE);
    place.write("cookies", &format!("{COOKIES}{COOKIES}"));
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("cookies.kept", PATIENCE);
    place.write("key.pem", &secrets[0]);
    daemon.signal(Signal::HUP);
    daemon.wait_for_line("certificate.kept", PATIENCE);
    check_hidden("the log", &daemon.log(), &secrets);
    check_hidden("the status", &text_of(&place.status().output.stdout), &secrets);
    check_hidden("the status as JSON", &place.status_json().to_string(), &secrets);
}

#[test]
fn nothing_that_is_printed_for_debugging_shows_a_secret() {
    let (place, secrets) = place_with_secrets();
    let ready =
        cadence_dns::daemon::load(&place.config()).unwrap_or_else(|problems| panic!("{}", problems[0]));
    check_hidden("the settings", &format!("{:?}", ready.config), &secrets);
    check_hidden("the secrets", &format!("{:?}", ready.secrets), &secrets);
    assert!(format!("{:?}", ready.config).contains("Sensitive"), "the header is there");
    // Wrong in every way: what is refused is not shown either.
    place.write("cookies", &format!("{COOKIES}00"));
    place.write("key.pem", &secrets[0]);
    place.replace(&format!("Bearer {TOKEN}"), &format!("Bearer {TOKEN}\\u0007"));
    let ended = place.ended(place.program("check"));
    ended.assert_code(1);
    let complaint = text_of(&ended.output.stderr);
    check_hidden("a refusal", &complaint, &secrets);
    assert!(complaint.contains("the value of the header \"Authorization\" cannot be sent"), "{complaint}");
}
