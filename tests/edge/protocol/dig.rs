//! Queries in words much like those of dig, so that a line of the table can be tried by hand elsewhere.

use cadence_dns::model::Name;

/// The octets that some words mean. `NAME TYPE` comes first, or `-` for no question; then, in any order:
///
/// - `rd`, `aa`, `tc`, `ra`, `z`, `ad`, `cd`, `qr`: a flag of the header; `opcode=N`; `class=N`
/// - `edns=VERSION`, `size=OCTETS`, `do`, `ednsflags=HEX`, `option=CODE:HEX`: the OPT, which each of them adds
/// - `questions=N`, `answers=N`, `additional=N`: a count, true or not
/// - `more=HEX`: octets at the end; `cut=N`: so many of them taken away
pub(crate) fn query(words: &str, id: u16) -> Vec<u8> {
    let mut words = words.split(' ');
    let question = match words.next() {
        None | Some("-") => None,
        Some(name) => Some((name, words.next().expect("a type behind the name"))),
    };
    let mut query = Query::asking(question);
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        query.say(key, value);
    }
    query.octets(id)
}

/// A query in parts.
struct Query {
    flags: u16,
    /// Of questions, answers, authorities and additional records.
    counts: [u16; 4],
    name: Vec<u8>,
    rtype: u16,
    class: u16,
    opt: Option<Opt>,
    more: Vec<u8>,
    cut: usize,
}

/// An OPT record in parts.
struct Opt {
    size: u16,
    version: u8,
    flags: u16,
    options: Vec<u8>,
}

/// The flags of a header that say something besides QR, in its order.
pub(crate) const FLAGS: [(&str, u16); 7] = [
    ("aa", 0x0400),
    ("tc", 0x0200),
    ("rd", 0x0100),
    ("ra", 0x0080),
    ("z", 0x0040),
    ("ad", 0x0020),
    ("cd", 0x0010),
];

impl Query {
    fn asking(question: Option<(&str, &str)>) -> Query {
        let name = question.map(|(name, _)| name.parse::<Name>().expect("a good name").wire().to_vec());
        let counts = [u16::from(name.is_some()), 0, 0, 0];
        let (name, rtype) = (name.unwrap_or_default(), question.map_or(0, |(_, rtype)| type_number(rtype)));
        Query { flags: 0, counts, name, rtype, class: 1, opt: None, more: Vec::new(), cut: 0 }
    }

    fn say(&mut self, key: &str, value: &str) {
        let number = || value.parse::<u16>().unwrap_or_else(|_| panic!("{key}={value}: no number"));
        if let Some((_, flag)) = FLAGS.iter().find(|(name, _)| *name == key) {
            self.flags |= flag;
            return;
        }
        match key {
            "qr" => self.flags |= 0x8000,
            "opcode" => self.flags |= number() << 11,
            "class" => self.class = number(),
            "questions" => self.counts[0] = number(),
            "answers" => self.counts[1] = number(),
            "additional" => self.counts[3] = number(),
            "more" => self.more = octets(value),
            "cut" => self.cut = number().into(),
            _ => self.opt().say(key, value),
        }
    }

    fn opt(&mut self) -> &mut Opt {
        self.counts[3] = self.counts[3].max(1);
        self.opt.get_or_insert(Opt { size: 1232, version: 0, flags: 0, options: Vec::new() })
    }

    fn octets(self, id: u16) -> Vec<u8> {
        let Query { flags, counts: [questions, answers, authorities, additional], name, opt, .. } = self;
        let header = [id, flags, questions, answers, authorities, additional];
        let mut octets: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
        if !name.is_empty() {
            octets.extend(name);
            octets.extend([self.rtype, self.class].into_iter().flat_map(u16::to_be_bytes));
        }
        octets.extend(opt.map(Opt::octets).unwrap_or_default());
        octets.extend(self.more);
        octets.truncate(octets.len() - self.cut);
        octets
    }
}

impl Opt {
    fn say(&mut self, key: &str, value: &str) {
        match key {
            "edns" => self.version = value.parse().expect("a version"),
            "size" => self.size = value.parse().expect("a number of octets"),
            "do" => self.flags |= 0x8000,
            "ednsflags" => self.flags |= u16::from_str_radix(value, 16).expect("flags in hex"),
            "option" => {
                let (code, data) = value.split_once(':').expect("CODE:HEX");
                let (code, data) = (code.parse::<u16>().expect("a code"), octets(data));
                self.options.extend(code.to_be_bytes());
                self.options.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
                self.options.extend(data);
            }
            other => panic!("{other:?} is no word of a query"),
        }
    }

    fn octets(self) -> Vec<u8> {
        let Opt { size, version, flags, options } = self;
        let [size_high, size_low] = size.to_be_bytes();
        let [flags_high, flags_low] = flags.to_be_bytes();
        let mut octets = vec![0, 0, 41, size_high, size_low, 0, version, flags_high, flags_low];
        octets.extend(u16::try_from(options.len()).expect("few options").to_be_bytes());
        octets.extend(options);
        octets
    }
}

fn type_number(word: &str) -> u16 {
    const TYPES: [(&str, u16); 11] = [
        ("A", 1),
        ("NS", 2),
        ("SOA", 6),
        ("NULL", 10),
        ("TXT", 16),
        ("OPT", 41),
        ("TKEY", 249),
        ("TSIG", 250),
        ("IXFR", 251),
        ("AXFR", 252),
        ("ANY", 255),
    ];
    let known = TYPES.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    known.unwrap_or_else(|| {
        let number = word.strip_prefix("TYPE").and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{word:?} is no type"))
    })
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).expect("hex digits")).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
