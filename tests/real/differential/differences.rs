//! What counts as the same answer, and where we differ on purpose.

use std::collections::BTreeSet;

use cadence_dns::zone::RecordType;

use super::corpus::{CLASS_IN, Edns, Query};
use super::reply::{RESPONSE, Reply, TRUNCATED};

/// A query and its three answers.
pub(crate) struct Case<'a> {
    pub(crate) query: &'a Query,
    pub(crate) ours: &'a Reply,
    pub(crate) nsd: &'a Reply,
    pub(crate) knot: &'a Reply,
}

/// A reason, and the answers that it holds for.
pub(crate) type Difference = (&'static str, fn(&Case<'_>) -> bool);

/// Why an answer of ours may be neither NSD's nor Knot's, and where: only in answers that are right in all other
/// respects. One that no answer needs any more is a failure too.
pub(crate) const DIFFERENCES: &[Difference] = &[
    ("ANY: one set stands for all (RFC 8482), which one is ours to choose", any),
    ("SVCB, HTTPS: what helps with any target stands beside (RFC 9460 section 4.1); they are older", service),
    ("class ANY: no class of ours, refused; they answer without or with authority", class_any),
    ("an asterisk below a cut is no glue: it is not ours to say what it stands for", wildcard_glue),
    ("transfers: there are none, refused", transfer),
    (
        "EDNS version: NSD copies CD and drops DO, Knot obeys options of a version that it does not know",
        version,
    ),
    (
        "renamed beyond the space: it may have no end, so the client goes on from the last name (no TC)",
        renaming,
    ),
];

/// The same, but too rare to be met in every run.
pub(crate) const RARE_DIFFERENCES: &[Difference] =
    &[("within some octets of the limit: which names are pointed at, and what is added, decides", space)];

const ANY: RecordType = RecordType(255);
const CLASS_ANY: u16 = 255;
const TRANSFERS: [RecordType; 2] = [RecordType(251), RecordType(252)];
const REFUSED: u16 = 5;
const BADVERS: u16 = 16;
const DNSSEC_OK: u16 = 0x8000;

/// What pointers to more names may save, or one set of addresses takes.
const CLOSE_OCTETS: usize = 64;

/// Code, flags, question, answer, additional and what EDNS says; authority unless one has it beside an answer.
/// Where both say TC, what else they say is thrown away.
pub(crate) fn equal(ours: &Reply, theirs: &Reply) -> bool {
    same_head(ours, theirs)
        && (ours.has(TRUNCATED)
            || ours.answer == theirs.answer
                && (same_rest(ours, theirs) || same_rest(ours, &without_zone_servers(theirs))))
}

fn same_head(ours: &Reply, theirs: &Reply) -> bool {
    let heads = [ours, theirs].map(|reply| (reply.code, reply.flags, &reply.question, &reply.opt));
    heads[0] == heads[1]
}

/// Knot and NSD may leave out the SOA at the end of a chain, for want of space; we may not.
fn same_rest(ours: &Reply, theirs: &Reply) -> bool {
    let without = theirs.authority.is_empty() && !theirs.answer.is_empty();
    ours.additional == theirs.additional && (ours.authority == theirs.authority || without)
}

/// NSD shows the name servers of the zone, and their addresses, beside every answer.
fn without_zone_servers(reply: &Reply) -> Reply {
    if reply.answer.is_empty() {
        return reply.clone();
    }
    let (servers, authority) =
        reply.authority.iter().cloned().partition::<BTreeSet<_>, _>(|r| r.contains(" NS "));
    let server_names = servers.iter().filter_map(|record| record.split(' ').next_back());
    let server_names: Vec<&str> = server_names.collect();
    let additional =
        reply.additional.iter().filter(|record| !server_names.iter().any(|name| record.starts_with(name)));
    Reply { authority, additional: additional.cloned().collect(), ..reply.clone() }
}

/// Not a record, and no flag but RD.
fn is_bare(case: &Case<'_>, code: u16) -> bool {
    let Reply { answer, authority, additional, .. } = case.ours;
    case.ours.code == code
        && case.ours.flags == RESPONSE | case.query.recursion_desired()
        && [answer, authority, additional].into_iter().all(|section| section.is_empty())
        && case.ours.opt.is_some() == case.query.edns.is_some()
}

fn any(case: &Case<'_>) -> bool {
    let like = |theirs: &Reply| {
        case.ours.code == theirs.code
            && case.ours.flags == theirs.flags & !TRUNCATED
            && case.ours.opt == theirs.opt
            && case.ours.answer.is_empty() == theirs.answer.is_empty()
    };
    let renaming = case.ours.answer.iter().any(|record| record.contains(" DNAME "));
    let types: BTreeSet<_> = case.ours.answer.iter().filter_map(|record| record.split(' ').nth(3)).collect();
    case.query.rtype == ANY && (like(case.nsd) || like(case.knot)) && (types.len() <= 1 || renaming)
}

fn service(case: &Case<'_>) -> bool {
    let without = Reply { additional: case.knot.additional.clone(), ..case.ours.clone() };
    let Reply { answer, additional, .. } = case.ours;
    let helps =
        |record: &String| [" A ", " AAAA ", " SVCB ", " HTTPS "].iter().any(|word| record.contains(word));
    [RecordType::SVCB, RecordType::HTTPS].contains(&case.query.rtype)
        && equal(&without, case.knot)
        && case.knot.additional.difference(additional).all(|record| answer.contains(record))
        && additional.iter().all(helps)
}

fn class_any(case: &Case<'_>) -> bool {
    case.query.class == CLASS_ANY && is_bare(case, REFUSED)
}

fn wildcard_glue(case: &Case<'_>) -> bool {
    let with = Reply { additional: case.nsd.additional.clone(), ..case.ours.clone() };
    let is_from_asterisk = |record: &String| record.starts_with("any.sub.rich.test. 300 CLASS1 A ");
    case.ours.additional.is_empty() && equal(&with, case.nsd) && with.additional.iter().all(is_from_asterisk)
}

fn transfer(case: &Case<'_>) -> bool {
    TRANSFERS.contains(&case.query.rtype) && case.query.class == CLASS_IN && is_bare(case, REFUSED)
}

fn version(case: &Case<'_>) -> bool {
    let opt_says = |version, flags| {
        case.ours
            .opt
            .as_ref()
            .is_some_and(|opt| (opt.version, opt.flags, opt.options.len()) == (version, flags, 0))
    };
    let asked = |edns: &Edns| edns.version > 0 && opt_says(0, if edns.dnssec_ok { DNSSEC_OK } else { 0 });
    case.query.edns.as_ref().is_some_and(asked) && is_bare(case, BADVERS)
}

fn space(case: &Case<'_>) -> bool {
    let limit = case.query.edns.as_ref().map_or(512, |edns| usize::from(edns.octets.clamp(512, 1232)));
    let close = |theirs: &Reply| {
        let cut = Reply { flags: theirs.flags | TRUNCATED, ..theirs.clone() };
        let shorter = Reply { additional: case.ours.additional.clone(), ..theirs.clone() };
        let fewer = case.ours.additional.is_subset(&theirs.additional);
        case.ours.octets.max(theirs.octets) + CLOSE_OCTETS > limit
            && (case.ours.has(TRUNCATED) && same_head(case.ours, &cut)
                || equal(case.ours, &shorter)
                    && (fewer || theirs.additional.is_subset(&case.ours.additional)))
    };
    close(case.nsd) || close(case.knot)
}

fn renaming(case: &Case<'_>) -> bool {
    let is_renaming = |record: &String| record.contains(" DNAME ") || record.contains(" CNAME ");
    let Reply { answer, authority, additional, .. } = case.ours;
    let ends = authority.is_empty() && additional.is_empty() && answer.iter().all(is_renaming);
    let cut = |theirs: &Reply| {
        let said = Reply { code: 0, flags: theirs.flags & !TRUNCATED, ..theirs.clone() };
        theirs.has(TRUNCATED) && same_head(case.ours, &said)
    };
    ends && answer.iter().any(|record| record.contains(" DNAME ")) && (cut(case.nsd) || cut(case.knot))
}
