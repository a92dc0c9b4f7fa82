//! `cadence-dns zone` as an operator sees it: exit codes, and every word on stdout and stderr.

use std::fs;

use assert_cmd::Command;
use tempfile::TempDir;

const HEAD: &str = "@ 60 SOA ns1 hostmaster 7 1h 10m 1w 1m\n@ 60 NS ns1\nns1 60 A 192.0.2.53\n";

/// A folder with `t.zone` in it.
fn folder(zone: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder for temporary files");
    fs::write(folder.path().join("t.zone"), zone).expect("space on the disk");
    folder
}

/// What the program says, and its exit code.
fn zone(folder: &TempDir, arguments: &[&str]) -> String {
    let mut program = Command::cargo_bin("cadence-dns").expect("the program was built");
    let output = program.current_dir(folder).arg("zone").args(arguments).output().expect("it starts");
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("what is said is text");
    let code = output.status.code().expect("no signal ended it");
    format!("{}--- stderr, exit code {code}\n{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_good_zone() {
    let folder = folder(HEAD);
    insta::assert_snapshot!(zone(&folder, &["check", "t", "t.zone"]), @r#"
    t.zone: right (zone: t, records: 3, serial: 7)
    --- stderr, exit code 0
    "#);
    insta::assert_snapshot!(zone(&folder, &["show", "t", "t.zone"]), @r#"
    t. 60 IN NS ns1.t.
    t. 60 IN SOA ns1.t. hostmaster.t. 7 3600 600 604800 60
    ns1.t. 60 IN A 192.0.2.53
    --- stderr, exit code 0
    "#);
}

#[test]
fn a_doubtful_zone_is_accepted_with_warnings() {
    let folder = folder(&format!("{HEAD}www 60 CNAME nowhere\n"));
    insta::assert_snapshot!(zone(&folder, &["check", "t", "t.zone"]), @r#"
    t.zone: right (zone: t, records: 4, serial: 7), 1 warning
    --- stderr, exit code 0
    t.zone:4:8: warning: the CNAME record points to nowhere.t, which does not exist
     4 | www 60 CNAME nowhere
       |        ^
       help: end the name with a dot if it lies elsewhere
    "#);
}

#[test]
fn a_bad_zone_is_rejected_with_every_mistake() {
    let folder = folder(&format!("{HEAD}www 60 CNAME ns1\nwww 60 A 192.0.2.300\nns1 60 CNAME www\n"));
    for command in ["check", "show"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(zone(&folder, &[command, "t", "t.zone"]), @r#"
            --- stderr, exit code 1
            t.zone:5:10: error: "192.0.2.300" is not an IPv4 address
             5 | www 60 A 192.0.2.300
               |          ^
               help: write it as in 192.0.2.10

            t.zone:6:8: error: a CNAME and A records at ns1.t
             6 | ns1 60 CNAME www
               |        ^
               help: an alias has no other data (RFC 2181 section 10.1)

            cadence-dns: 2 errors; nothing was changed
            "#);
        }
    }
}

#[test]
fn a_steered_name_has_no_addresses_of_its_own() {
    let folder = folder(HEAD);
    insta::assert_snapshot!(zone(&folder, &["check", "t", "t.zone", "--steered", "ns1.t"]), @r#"
    --- stderr, exit code 1
    t.zone:3:8: error: A at ns1.t, which a [[steer]] answers
     3 | ns1 60 A 192.0.2.53
       |        ^
       help: take the record out of the file: the addresses come from the regions

    cadence-dns: 1 error; nothing was changed
    "#);
}

#[test]
fn only_the_folder_of_the_zone_is_included() {
    let folder = folder(&format!("{HEAD}$INCLUDE more\n"));
    fs::write(folder.path().join("more"), "www 60 A 192.0.2.1\n").expect("space on the disk");
    insta::assert_snapshot!(zone(&folder, &["check", "t", "t.zone"]), @r#"
    t.zone: right (zone: t, records: 4, serial: 7)
    --- stderr, exit code 0
    "#);
    fs::write(folder.path().join("t.zone"), format!("{HEAD}$INCLUDE /etc/hostname\n")).expect("space");
    insta::assert_snapshot!(zone(&folder, &["check", "t", "t.zone"]), @r#"
    --- stderr, exit code 1
    t.zone:4:10: error: cannot include "/etc/hostname": it lies outside the folder of the zone file
     4 | $INCLUDE /etc/hostname
       |          ^
       help: a file in the zone's folder

    cadence-dns: 1 error; nothing was changed
    "#);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = folder(HEAD);
    insta::assert_snapshot!(zone(&folder, &["check", "t", "missing"]), @r#"
    --- stderr, exit code 1
    error: cannot read the zone file missing: No such file or directory (os error 2)
       help: name a file that exists; relative paths in the configuration start at its own folder

    cadence-dns: 1 error; nothing was changed
    "#);
    insta::assert_snapshot!(zone(&folder, &["check", "a..b", "t.zone"]), @r#"
    --- stderr, exit code 2
    error: invalid value 'a..b' for '<NAME>': an empty label (two dots in a row, or a dot at the start)

    For more information, try '--help'.
    "#);
}
