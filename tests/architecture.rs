//! The arrows of `src/lib.rs`, checked: a module may use what is drawn above it, no files of one room form a circle,
//! and the core is pure. And the house is built of what `deny.toml` allows.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/supply_chain.rs"]
mod supply_chain;

use std::fs;
use std::path::{Path, PathBuf};

use supply_chain::Rules;

/// From the bottom up; modules on one line never use each other. `○` marks the core.
const LAYERS: &[(&str, &[&str])] = &[
    ("○", &["model"]),
    ("○", &["zone", "health"]),
    ("○", &["policy"]),
    ("○", &["answer"]),
    ("○", &["controller"]),
    ("○", &["config"]),
    ("○", &["api"]),
    ("○", &["simulator", "recording"]),
    ("○", &["scenario", "replay"]),
    ("○", &["dashboard"]),
    (" ", &["supervisor"]),
    (" ", &["telemetry", "programs", "trust"]),
    (" ", &["errand"]),
    (" ", &["probe", "dns", "control", "cluster", "store", "recorder", "gate", "hook", "notify"]),
    (" ", &["rights"]),
    (" ", &["handover"]),
    (" ", &["daemon"]),
    (" ", &["cli"]),
];

/// What a pure module never says: it is told the time, and it touches nothing outside.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::env",
    "std::net::Udp",
    "std::net::Tcp",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "println!",
    "tracing",
];

/// Crates that only some modules may know.
const FENCED: &[(&str, &[&str])] = &[
    ("hickory_proto", &["zone", "answer", "dns", "probe"]),
    ("hickory_server", &["cli"]),
    ("reqwest", &["cluster", "control", "errand"]),
    ("tokio_postgres", &["gate"]),
    ("ring::hmac", &["errand"]),
    ("minijinja", &["notify"]),
    ("axum", &["control"]),
    ("askama", &["dashboard"]),
    ("clap", &["cli"]),
    ("ratatui", &["cli"]),
    ("pulldown_cmark", &["cli"]),
    ("flate2", &["cli"]),
    ("libc", &["dns", "probe", "rights"]),
    ("prost", &["probe"]),
    ("h2::", &["probe"]),
    ("nix::", &["probe", "control", "dns", "rights"]),
    ("landlock::", &["rights"]),
    ("seccompiler", &["rights"]),
    ("xdp::", &["dns"]),
    ("if_addrs", &["dns"]),
    // The crate `notify`; a room of ours has the same name.
    ("RecommendedWatcher", &["daemon"]),
];

#[test]
fn every_arrow_points_up() {
    let wrong: Vec<String> = sources().iter().flat_map(arrows_the_wrong_way).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let wrong: Vec<String> =
        sources().iter().filter(|source| source.is_pure()).flat_map(impurities).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn some_crates_stay_behind_their_fence() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (crate_name, allowed) in FENCED {
            if source.says(crate_name) && !allowed.contains(&source.module.as_str()) {
                wrong.push(format!("{}: `{}` must not know {crate_name}", source.path, source.module));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a measurement demands it: many datagrams with one system call, rings instead of the kernel's UDP, memory that the
/// allocator would keep.
const UNSAFE_ROOMS: &[&str] =
    &["src/dns/batch.rs", "src/dns/crowd.rs", "src/dns/xdp/kernel.rs", "src/dns/xdp/rings.rs"];

#[test]
fn unsafe_code_stays_in_its_rooms() {
    let rooms = sources().into_iter().filter(|source| source.says("unsafe {")).map(|source| source.path);
    let rooms: Vec<String> = rooms.filter(|path| !UNSAFE_ROOMS.contains(&path.as_str())).collect();
    assert!(rooms.is_empty(), "{rooms:?}");
}

#[test]
fn every_module_has_its_place_in_the_drawing() {
    for source in sources() {
        assert!(layer(&source.module).is_some(), "{}: `{}` is in no layer", source.path, source.module);
    }
}

#[test]
fn a_wrong_arrow_would_be_found() {
    let found = |module: &str, code: &str| {
        let source = Source { path: "x.rs".into(), module: module.into(), code: without_comments(code) };
        arrows_the_wrong_way(&source).len() + if source.is_pure() { impurities(&source).len() } else { 0 }
    };
    assert_eq!(found("health", "use crate::model::Name;"), 0);
    assert_eq!(found("health", "use crate::policy::decide;"), 1);
    assert_eq!(found("health", "use crate::{model::Name, zone::Zone};"), 1);
    assert_eq!(found("zone", "use crate::health::Health;"), 1);
    assert_eq!(found("probe", "fn f() { crate::dns::bind() }"), 1);
    assert_eq!(found("policy", "let now = Instant::now();"), 1);
    assert_eq!(found("policy", "// crate::dns and Instant::now() in words are no arrow"), 0);
}

#[test]
fn no_room_has_a_circle() {
    let wrong = circles::found(&sources());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_would_be_found() {
    let check = |files: &[(&str, &str)], wrong: &[&str]| {
        let source = |(path, code): &(&str, &str)| Source {
            path: format!("src/{path}.rs"),
            module: "room".into(),
            code: without_comments(code),
        };
        let sources: Vec<Source> = files.iter().map(source).collect();
        assert_eq!(circles::found(&sources), wrong, "{files:?}");
    };
    let circle = ["a circle: src/room/a.rs → src/room/b.rs → src/room/a.rs"];
    let room = ("room", "mod a;\nmod b;\npub struct Shared;\npub fn both() { a::f(); b::g(); }");
    // One way is no circle; what the room's front page owns may be used by all.
    let a = ("room/a", "use super::b::{self, g};\nuse super::Shared;");
    check(&[room, a, ("room/b", "use super::Shared;\nuse crate::other::a;")], &[]);
    // Both ways are one, however they are written.
    check(&[room, a, ("room/b", "use super::a::f;")], &circle);
    check(&[room, a, ("room/b", "use crate::{model::Name, room::a::{X as Y}};")], &circle);
    check(&[room, a, ("room/b", "fn g() { super::a::f() }")], &circle);
    check(&[room, a, ("room/b", "// super::a::f in words is none")], &[]);
    // A re-export of the front page does not hide one.
    let room_with_export = ("room", "mod a;\nmod b;\npub use a::Thing;\nuse crate::room::a::Other as Short;");
    check(&[room_with_export, a, ("room/b", "use super::Thing;")], &circle);
    check(&[room_with_export, a, ("room/b", "use crate::room::Short;")], &circle);
    // Nor does a front page in the middle: what it defines may use other files.
    let inner = ("room/a", "mod x;\nuse super::b::g;\npub struct Inner;");
    let around = ["a circle: src/room/a.rs → src/room/b.rs → src/room/a/x.rs → src/room/a.rs"];
    check(&[room, inner, ("room/a/x", "use super::Inner;"), ("room/b", "use super::a::x::Y;")], &around);
    // A function of the front page that its files call back is one, too.
    let called = ["src/room/a.rs calls `both` of its front page src/room.rs"];
    check(&[room, ("room/a", "use super::both;"), ("room/b", "")], &called);
    // Tests may use everything.
    check(&[room, a, ("room/b/tests", "use super::super::a::f;"), ("room/b", "")], &[]);
    check(&[room, a, ("room/b", "fn g() {}\n#[cfg(test)]\nmod tests {\nuse super::super::a::f;\n}")], &[]);
}

#[test]
fn nothing_is_banned_and_all_comes_from_crates_io() {
    let rules = Rules::read();
    for lock in ["Cargo.lock", "tests/fuzz/Cargo.lock"] {
        let wrong = rules.wrong_packages(&supply_chain::read(lock));
        assert!(wrong.is_empty(), "{lock}: {}", wrong.join("\n"));
    }
}

#[test]
fn every_licence_is_allowed() {
    let (rules, licences) = (Rules::read(), supply_chain::licences());
    assert!(licences.len() > 100, "cargo names {} packages only", licences.len());
    let is_wrong = |licence: &Option<String>| licence.as_ref().is_none_or(|licence| !rules.allows(licence));
    let wrong: Vec<_> = licences.iter().filter(|(_, licence)| is_wrong(licence)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_wrong_package_or_licence_would_be_found() {
    let rules = Rules::read();
    let lock = "[[package]]\nname = \"openssl-sys\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                [[package]]\nname = \"x\"\nsource = \"git+https://example.com/x\"\n[[package]]\nname = \"ours\"\n";
    let found = ["openssl-sys is banned", "x comes from git+https://example.com/x"];
    assert_eq!(rules.wrong_packages(lock), found);
    for allowed in [
        "MIT",
        "MIT/GPL-3.0-only",
        "GPL-3.0-only OR MIT",
        "(MIT OR GPL-3.0-only) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR MIT",
    ] {
        assert!(rules.allows(allowed), "{allowed}");
    }
    for wrong in [
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "MIT AND (GPL-3.0-only OR AGPL-3.0-only)",
        "Apache-2.0 WITH LLVM-exception",
        "MIT ISC",
        "(MIT",
        "",
    ] {
        assert!(!rules.allows(wrong), "{wrong}");
    }
}

/// One file, with the module of `src` that it belongs to; comments and inline tests are left out.
struct Source {
    path: String,
    module: String,
    code: String,
}

impl Source {
    fn is_pure(&self) -> bool {
        layer(&self.module).is_some_and(|layer| LAYERS[layer].0 == "○")
    }

    fn is_test(&self) -> bool {
        self.path.split(['/', '.']).any(|part| part == "tests")
    }

    /// Whether the code contains this as a word or path of its own.
    fn says(&self, word: &str) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(at, _)| !self.code[..at].ends_with(is_part))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 20, "the sources lie elsewhere now");
    let source = |file: PathBuf| {
        let path = file.strip_prefix(root).expect("below the root").display().to_string();
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default().to_owned();
        let code = without_comments(&fs::read_to_string(&file).expect("a source can be read"));
        Source { path, module, code }
    };
    let files = files.into_iter().map(source);
    files.filter(|source| !["lib", "main"].contains(&source.module.as_str())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Inline tests may do what the core may not; they stand at the end of a file or in files of their own.
fn without_comments(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, modules)| modules.contains(&module))
}

fn arrows_the_wrong_way(source: &Source) -> Vec<String> {
    let own = layer(&source.module);
    let wrong = |used: &&str| layer(used) >= own && *used != source.module;
    let modules = LAYERS.iter().flat_map(|(_, modules)| *modules).copied();
    let used = modules.filter(|module| uses(&source.code, module));
    used.filter(wrong)
        .map(|used| format!("{}: `{}` must not use `{used}`", source.path, source.module))
        .collect()
}

/// `crate::module`, or `module` inside `crate::{…}`.
fn uses(code: &str, module: &str) -> bool {
    let starts_with_module = |rest: &str| {
        rest.strip_prefix(module)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    code.match_indices("crate::").any(|(at, path)| {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = &list[..list.find(';').unwrap_or(list.len())];
                list.split([',', '{']).any(|item| starts_with_module(item.trim_start()))
            }
            None => starts_with_module(rest),
        }
    })
}

fn impurities(source: &Source) -> Vec<String> {
    let said = IMPURE.iter().filter(|word| source.says(word));
    said.map(|word| format!("{}: `{}` is pure: no `{word}`", source.path, source.module)).collect()
}
