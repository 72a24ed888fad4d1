//! The console's style sheets, icon and scripts. They are built in, or read from a directory at each
//! request. A built-in file has an address that changes with its content, so that browsers cache it
//! for good.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::layout;
use crate::http::problem::{Code, Problem};

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The built-in files: name, media type, content.
const FILES: [(&str, &str, &str); 13] = [
    ("console.css", STYLE, include_str!("../../assets/console.css")),
    ("calendar.css", STYLE, include_str!("../../assets/calendar.css")),
    ("icon.svg", IMAGE, include_str!("../../assets/icon.svg")),
    ("console.js", SCRIPT, include_str!("../../assets/console.js")),
    ("zone.js", SCRIPT, include_str!("../../assets/zone.js")),
    ("orders.js", SCRIPT, include_str!("../../assets/orders.js")),
    ("drag.js", SCRIPT, include_str!("../../assets/drag.js")),
    ("free.js", SCRIPT, include_str!("../../assets/free.js")),
    ("hours.js", SCRIPT, include_str!("../../assets/hours.js")),
    ("month.js", SCRIPT, include_str!("../../assets/month.js")),
    ("idiomorph.js", SCRIPT, include_str!("../../assets/idiomorph.js")),
    ("live.js", SCRIPT, include_str!("../../assets/live.js")),
    ("notice.js", SCRIPT, include_str!("../../assets/notice.js")),
];

/// The directory to read the files from. Unset for the built-in ones.
static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();

/// Makes this process read the files from a directory. Only the first call counts.
pub(crate) fn read_assets_from(directory: PathBuf) {
    log::info!("the console's styles and scripts are read from {}", directory.display());
    DIRECTORY.get_or_init(|| directory);
}

/// The part of a file's address that identifies the content of all files.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut all = Sha256::new();
        for (_, _, content) in FILES {
            all.update(content.as_bytes());
        }
        let mut text = String::new();
        for byte in all.finalize().iter().take(8) {
            // Writing to a String does not fail.
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        text
    });
    if DIRECTORY.get().is_some() { "directory" } else { &VERSION }
}

/// `GET /console/assets/{version}/{file}`
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Code::NotFound, "This file does not exist.");
    // Only these names: a path never leaves the directory.
    let name = request.match_info().get("file").unwrap_or_default();
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    let (name, media, built_in) = *found.ok_or_else(not_found)?;
    let content = match DIRECTORY.get() {
        None => built_in.to_owned(),
        Some(directory) => std::fs::read_to_string(directory.join(name)).map_err(|error| {
            log::warn!("{}: {error}", directory.join(name).display());
            not_found()
        })?,
    };
    // A page of another version of the program may request its own files. Those are not cached.
    let is_current = request.match_info().get("version") == Some(version());
    let is_constant = is_current && DIRECTORY.get().is_none();
    let caching = if is_constant { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(media);
    Ok(layout::compressed(&request, &mut response, content))
}
