//! `[dns.cookies]`

use super::Context;
use crate::config::read::At;
use crate::config::settings::CookieSettings;
use crate::config::spec::CookiesSpec;

/// `[dns.cookies]`
pub(super) fn cookies(spec: Option<At<CookiesSpec>>, context: Context<'_>) -> Option<CookieSettings> {
    let CookiesSpec { enabled, secret_file } = spec.map(|spec| spec.value).unwrap_or_default();
    let default = CookieSettings::default();
    let enabled = enabled.map_or(default.enabled, |enabled| enabled.value);
    let Some(file) = secret_file else { return Some(CookieSettings { enabled, ..default }) };
    let secret_file = context.path("secret_file", &file)?;
    Some(CookieSettings { enabled, secret_file: Some(secret_file), secret_file_place: Some(file.place) })
}
