//! No circles between the files of one room.
//!
//! A room is a top-level module of `src`, its nodes are its files, and its arrows are the paths in them that begin
//! with `crate::`, `super::` or `self::`. The rules:
//!
//! 1. An arrow goes to the file that defines what the path names. A name that `foo.rs` merely re-exports or imports
//!    is followed to its definition, so `super::X` cannot hide an arrow to a sibling.
//! 2. `foo.rs` is the front page of `foo/`: it introduces its own files, so its paths down into them are no arrows.
//! 3. It may own what they share: their paths up to types, traits and constants that it defines are arrows like any
//!    other. A function is no such thing: what `foo.rs` calls must not call back into `foo.rs`, so a function that
//!    several files share stands in a file of its own.
//! 4. Tests are left out: they may use everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Source;

/// Every circle, and every call up into a front page, as a line for people.
pub(crate) fn found(sources: &[Source]) -> Vec<String> {
    let files: Vec<File> = sources.iter().filter(|source| !source.is_test()).map(File::new).collect();
    let house = House { files: files.iter().map(|file| (file.module.clone(), file)).collect() };
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in &files {
        let targets = file.paths.iter().filter_map(|path| house.definition(path, 0));
        for (target, item) in targets.filter(|(target, _)| house.is_arrow(file, target)) {
            arrows.entry(&file.path).or_default().insert(&target.path);
            let is_function = item.is_some_and(|item| item.starts_with(|c: char| c.is_lowercase()));
            if is_function && file.is_below(target) {
                let item = item.unwrap_or_default();
                wrong.push(format!("{} calls `{item}` of its front page {}", file.path, target.path));
            }
        }
    }
    wrong.extend(arrows.keys().filter_map(|start| shortest_circle(start, &arrows)));
    wrong
}

/// The shortest way from a file back to itself; told once, by the first of its files in the alphabet.
fn shortest_circle(start: &str, arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Option<String> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in arrows.get(way[way.len() - 1]).into_iter().flatten() {
            if *next == start {
                let is_first = way.iter().all(|file| *file >= start);
                return is_first.then(|| format!("a circle: {} → {start}", way.join(" → ")));
            }
            if seen.insert(*next) {
                ways.push_back([&way[..], &[*next]].concat());
            }
        }
    }
    None
}

/// A path as the modules and items that it names, from the crate's root.
type Path = Vec<String>;

struct File {
    path: String,
    module: Path,
    /// What it names of this crate.
    paths: BTreeSet<Path>,
    /// What its `use` lines make known in it, by the name that it has here.
    imports: BTreeMap<String, Path>,
}

impl File {
    fn new(source: &Source) -> File {
        let inner = source.path.trim_start_matches("src/").trim_end_matches(".rs");
        let module: Path = inner.split('/').map(str::to_owned).collect();
        let mut paths = BTreeSet::new();
        for (at, _) in source.code.match_indices("::") {
            let start = source.code[..at].rfind(|c| !is_name(c)).map_or(0, |before| before + 1);
            let is_first = !source.code[..start].ends_with("::");
            if is_first && matches!(&source.code[start..at], "crate" | "super" | "self") {
                let named = names(&source.code[start..]);
                paths.extend(named.iter().filter_map(|(path, _)| absolute(&module, path)));
            }
        }
        let mut imports = BTreeMap::new();
        for (path, name) in source.code.split("use ").skip(1).flat_map(names) {
            let is_below = source.code.contains(&format!("mod {};", path[0]));
            let below = is_below.then(|| [&module[..], &path[..]].concat());
            imports.extend(absolute(&module, &path).or(below).map(|path| (name, path)));
        }
        File { path: source.path.clone(), module, paths, imports }
    }

    fn is_below(&self, other: &File) -> bool {
        self.module.len() > other.module.len() && self.module.starts_with(&other.module)
    }
}

struct House<'f> {
    files: BTreeMap<Path, &'f File>,
}

impl<'f> House<'f> {
    /// The file that defines what a path names, and the item's name unless the path names the file itself.
    fn definition<'p>(&self, path: &'p [String], depth: usize) -> Option<(&'f File, Option<&'p str>)> {
        let length = (1..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let file = self.files[&path[..length]];
        let Some(item) = path.get(length) else { return Some((file, None)) };
        match file.imports.get(item) {
            Some(imported) if depth < 8 => {
                let whole: Path = imported.iter().chain(&path[length + 1..]).cloned().collect();
                let (file, found) = self.definition(&whole, depth + 1)?;
                Some((file, found.map(|_| item.as_str())))
            }
            Some(_) | None => Some((file, Some(item))),
        }
    }

    fn is_arrow(&self, from: &File, to: &File) -> bool {
        from.module[0] == to.module[0] && from.module != to.module && !to.is_below(from)
    }
}

fn names(text: &str) -> Vec<(Path, String)> {
    let mut named = Vec::new();
    tree(text, &[], &mut named);
    named.retain(|(path, _)| !path.is_empty());
    named
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `a::{b, c::D as E}` names `a::b`, known here as `b`, and `a::c::D`, known here as `E`.
fn tree(text: &str, prefix: &[String], named: &mut Vec<(Path, String)>) {
    let mut path = prefix.to_vec();
    let mut rest = text.trim_start();
    loop {
        let (name, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        if !name.is_empty() && (name != "self" || path.is_empty()) {
            path.push(name.to_owned());
        }
        if let Some(list) = after.strip_prefix('{').filter(|_| name.is_empty()) {
            return entries(list).into_iter().for_each(|entry| tree(entry, &path, named));
        }
        let Some(deeper) = after.strip_prefix("::") else {
            let renamed =
                after.strip_prefix(" as ").map(|name| name.split(|c| !is_name(c)).collect::<Vec<_>>()[0]);
            let name = renamed.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
            return named.push((path, name));
        };
        rest = deeper;
    }
}

/// What commas separate, up to the brace that closes the list.
fn entries(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut entries) = (0, 0, Vec::new());
    for (at, sign) in list.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => {
                entries.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                entries.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

/// A path from the crate's root; none when it begins elsewhere.
fn absolute(module: &[String], path: &[String]) -> Option<Path> {
    let (first, _) = path.split_first()?;
    let supers = path.iter().take_while(|name| *name == "super").count();
    let (base, rest) = match first.as_str() {
        "crate" => (&module[..0], &path[1..]),
        "self" => (module, &path[1..]),
        "super" => (&module[..module.len().checked_sub(supers)?], &path[supers..]),
        _ => return None,
    };
    Some([base, rest].concat()).filter(|path| !path.is_empty())
}
