//! What queries are counted by: the type that was asked for and the code of the reply, both from closed sets.

use super::reply::Code;
use crate::model::RecordType;

/// The type that was asked for. Types that are rare here are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Service bindings of HTTP.
    Https,
    /// Service bindings.
    Svcb,
    /// Name servers.
    Ns,
    /// The start of authority.
    Soa,
    /// Mail exchanges.
    Mx,
    /// Texts.
    Txt,
    /// An alias.
    Cname,
    /// A pointer.
    Ptr,
    /// Services.
    Srv,
    /// A delegation's signer.
    Ds,
    /// Any type.
    Any,
    /// A whole zone, or its changes.
    Transfer,
    /// Another type.
    Other,
    /// No question.
    None,
}

/// The code of a reply (RFC 1035, RFC 6672, RFC 6891, RFC 7873).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyCode {
    /// NOERROR
    NoError,
    /// FORMERR
    FormErr,
    /// NXDOMAIN
    NxDomain,
    /// NOTIMP
    NotImp,
    /// REFUSED
    Refused,
    /// YXDOMAIN
    YxDomain,
    /// BADVERS
    BadVers,
    /// BADCOOKIE
    BadCookie,
}

/// What a reply is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyKind {
    /// What was asked for.
    pub qtype: QueryType,
    /// What was said.
    pub code: ReplyCode,
}

impl QueryType {
    /// All of them, each at its number.
    pub const ALL: [QueryType; 16] = [
        QueryType::A,
        QueryType::Aaaa,
        QueryType::Https,
        QueryType::Svcb,
        QueryType::Ns,
        QueryType::Soa,
        QueryType::Mx,
        QueryType::Txt,
        QueryType::Cname,
        QueryType::Ptr,
        QueryType::Srv,
        QueryType::Ds,
        QueryType::Any,
        QueryType::Transfer,
        QueryType::Other,
        QueryType::None,
    ];

    pub(super) fn of(rtype: RecordType) -> QueryType {
        match rtype {
            RecordType::A => QueryType::A,
            RecordType::AAAA => QueryType::Aaaa,
            RecordType::HTTPS => QueryType::Https,
            RecordType::SVCB => QueryType::Svcb,
            RecordType::NS => QueryType::Ns,
            RecordType::SOA => QueryType::Soa,
            RecordType::MX => QueryType::Mx,
            RecordType::TXT => QueryType::Txt,
            RecordType::CNAME => QueryType::Cname,
            RecordType::PTR => QueryType::Ptr,
            RecordType::SRV => QueryType::Srv,
            RecordType::DS => QueryType::Ds,
            RecordType::ANY => QueryType::Any,
            RecordType::AXFR | RecordType::IXFR => QueryType::Transfer,
            _ => QueryType::Other,
        }
    }

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            QueryType::A => "A",
            QueryType::Aaaa => "AAAA",
            QueryType::Https => "HTTPS",
            QueryType::Svcb => "SVCB",
            QueryType::Ns => "NS",
            QueryType::Soa => "SOA",
            QueryType::Mx => "MX",
            QueryType::Txt => "TXT",
            QueryType::Cname => "CNAME",
            QueryType::Ptr => "PTR",
            QueryType::Srv => "SRV",
            QueryType::Ds => "DS",
            QueryType::Any => "ANY",
            QueryType::Transfer => "transfer",
            QueryType::Other => "other",
            QueryType::None => "none",
        }
    }
}

impl ReplyCode {
    /// All of them, each at its number.
    pub const ALL: [ReplyCode; 8] = [
        ReplyCode::NoError,
        ReplyCode::FormErr,
        ReplyCode::NxDomain,
        ReplyCode::NotImp,
        ReplyCode::Refused,
        ReplyCode::YxDomain,
        ReplyCode::BadVers,
        ReplyCode::BadCookie,
    ];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            ReplyCode::NoError => "NOERROR",
            ReplyCode::FormErr => "FORMERR",
            ReplyCode::NxDomain => "NXDOMAIN",
            ReplyCode::NotImp => "NOTIMP",
            ReplyCode::Refused => "REFUSED",
            ReplyCode::YxDomain => "YXDOMAIN",
            ReplyCode::BadVers => "BADVERS",
            ReplyCode::BadCookie => "BADCOOKIE",
        }
    }
}

impl From<Code> for ReplyCode {
    fn from(code: Code) -> ReplyCode {
        match code {
            Code::NoError => ReplyCode::NoError,
            Code::FormErr => ReplyCode::FormErr,
            Code::NxDomain => ReplyCode::NxDomain,
            Code::NotImp => ReplyCode::NotImp,
            Code::Refused => ReplyCode::Refused,
            Code::YxDomain => ReplyCode::YxDomain,
            Code::BadVers => ReplyCode::BadVers,
            Code::BadCookie => ReplyCode::BadCookie,
        }
    }
}

impl ReplyKind {
    /// How many there are.
    pub const COUNT: usize = QueryType::ALL.len() * ReplyCode::ALL.len();

    /// Its place among all of them, below [`ReplyKind::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.qtype as usize * ReplyCode::ALL.len() + self.code as usize
    }

    /// All of them, each at its [`index`](ReplyKind::index).
    pub fn all() -> impl Iterator<Item = ReplyKind> {
        let with_code = |qtype| ReplyCode::ALL.into_iter().map(move |code| ReplyKind { qtype, code });
        QueryType::ALL.into_iter().flat_map(with_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_its_index() {
        let indices: Vec<usize> = ReplyKind::all().map(ReplyKind::index).collect();
        assert_eq!(indices, (0..ReplyKind::COUNT).collect::<Vec<_>>());
    }

    #[test]
    fn labels_are_mnemonics_and_none_stands_for_two() {
        for qtype in QueryType::ALL {
            let label = qtype.label();
            let known = RecordType::from_mnemonic(label.as_bytes()).map(QueryType::of);
            let is_word = label.chars().all(|letter| letter.is_ascii_lowercase());
            assert!(is_word || known == Some(qtype) || label == "ANY" || label == "DS", "{label}");
        }
    }
}
