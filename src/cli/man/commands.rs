//! The pages of the commands.

use clap::Command;
use clap_mangen::Man;

use super::Page;

/// What every exit code means; the same as the help says.
const EXIT_STATUS: &str = r#".SH "EXIT STATUS"
.TP
\fB0\fR
success
.TP
\fB1\fR
it was tried and went wrong; \fBcheck\fR, \fBzone check\fR: the file has mistakes; \fBprobe\fR: a probe did not pass;
\fBsimulate\fR: the story did not come true
.TP
\fB2\fR
wrong usage
.TP
\fB3\fR
the daemon cannot be reached; \fBstatus\fR shows the saved state then
.TP
\fB4\fR
refused by a safety rule, a gate or \fB\-\-if\-epoch\fR
.PP
\fBstatus \-\-check\fR has those of monitoring plugins: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"#;

const FILES: &str = r#".SH FILES
.TP
\fI/etc/cadence\-dns/cadence\-dns.toml\fR
the configuration
.TP
\fI/var/lib/cadence\-dns\fR
the saved state, the history and the recorded probes
.TP
\fI/run/cadence\-dns/control.sock\fR
the control socket; who may write to it may give orders
"#;

/// A page for each command that is not hidden.
pub(super) fn pages(mut command: Command) -> Vec<Page> {
    command.build();
    let names: Vec<String> = named(&command, "cadence-dns");
    let mut pages = Vec::new();
    collect(&command, "cadence-dns", &names, &mut pages);
    pages
}

/// The names of all pages.
fn named(command: &Command, name: &str) -> Vec<String> {
    let below = shown(command).flat_map(|below| named(below, &format!("{name}-{}", below.get_name())));
    [name.to_owned()].into_iter().chain(below).collect()
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn collect(command: &Command, name: &str, names: &[String], pages: &mut Vec<Page>) {
    let spaced = name.replacen("cadence-dns-", "cadence-dns ", 1);
    // The page is called with hyphens, and what is typed has spaces.
    let typed = match spaced.split_once(' ') {
        Some((program, rest)) => format!("{program} {}", rest.replace('-', " ")),
        None => spaced,
    };
    let of_page = command.clone().name(name.to_owned()).bin_name(typed).display_name(name.to_owned());
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(of_page)
        .title(name.to_uppercase())
        .section("1")
        .source(format!("cadence-dns {version}"))
        .manual("cadence-dns");
    pages.push(Page { file: format!("{name}.1"), text: text(&man, name, names) });
    for below in shown(command) {
        collect(below, &format!("{name}-{}", below.get_name()), names, pages);
    }
}

fn text(man: &Man, name: &str, names: &[String]) -> String {
    let mut roff = Vec::new();
    man.render(&mut roff).expect("a vector takes everything");
    let mut text = String::from_utf8_lossy(&roff).into_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(EXIT_STATUS);
    if name == "cadence-dns" {
        text.push_str(FILES);
    }
    text.push_str(".SH \"SEE ALSO\"\n");
    let parent = name
        .rsplit_once('-')
        .map(|(parent, _)| parent)
        .filter(|parent| names.iter().any(|known| known == parent));
    let below = names.iter().filter(|known| {
        known.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| !rest.is_empty())
    });
    let mut others: Vec<String> = parent.map(|parent| reference(parent, 1)).into_iter().collect();
    others.extend(below.map(|below| reference(below, 1)));
    others.extend([reference("cadence-dns.toml", 5), reference("cadence-dns", 7)]);
    text + &others.join(",\n") + "\n"
}

fn reference(name: &str, section: u8) -> String {
    format!("\\fB{}\\fR({section})", name.replace('-', "\\-"))
}
