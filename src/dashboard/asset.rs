//! What pages load beside themselves: embedded, and named by their content, so that a browser may keep them for ever.

use std::sync::LazyLock;

/// A file that is part of the program.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served, such as `/assets/style-0a1b2c3d.css`: another content has another path.
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// All of it.
    pub body: &'static str,
}

/// The style sheet of every page.
pub(super) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("assets/style.css")));

/// The script that keeps a page up to date.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("live", "js", "text/javascript; charset=utf-8", include_str!("assets/live.js"))
});

/// The icon in the browser's tab.
pub(super) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")));

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, body: &'static str) -> Asset {
        let path = format!("/assets/{name}-{:08x}.{extension}", crc32fast::hash(body.as_bytes()));
        Asset { path, media_type, body }
    }
}

/// The asset that is served at a path.
#[must_use]
pub fn asset(path: &str) -> Option<&'static Asset> {
    let all: [&'static Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    all.into_iter().find(|asset| asset.path == path)
}
