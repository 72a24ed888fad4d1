//! The files of the pages: a style sheet, an icon and scripts, built in. All are served under a name
//! that changes with their content, so that browsers keep them for good.

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::page;
use crate::problem::{Code, Problem};

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The files: name, media type, content.
const FILES: [(&str, &str, &str); 12] = [
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
    ("live.js", SCRIPT, include_str!("../../assets/live.js")),
    ("notice.js", SCRIPT, include_str!("../../assets/notice.js")),
];

/// What stands for the content of all files in their addresses.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut all = Sha256::new();
        for (_, _, content) in FILES {
            all.update(content.as_bytes());
        }
        let mut text = String::new();
        for byte in all.finalize().iter().take(8) {
            // Writing to a text does not fail.
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        text
    });
    &VERSION
}

/// `GET /console/assets/{version}/{file}`
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = request.match_info().get("file").unwrap_or_default();
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    let (_, media, content) =
        found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such file."))?;
    // A page of an older or newer program may ask for its own files: those are not kept.
    let is_current = request.match_info().get("version") == Some(version());
    let kept = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CACHE_CONTROL, kept))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type(*media);
    Ok(page::compressed(&request, &mut answer, (*content).to_owned()))
}
