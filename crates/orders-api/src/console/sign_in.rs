//! Sign-in with a key, and sign-out.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::form::Form;
use super::layout::{self, Layout};
use crate::http::problem::{Code, Problem};
use crate::security::{self, Security};
use crate::store_client::StoreClient;

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    layout: Layout,
    /// The page to open after sign-in.
    next: &'a str,
    refusal: Option<&'a str>,
}

/// Shows the sign-in form in place of a page that needs it.
pub(super) fn show_form(
    request: &HttpRequest,
    status: StatusCode,
    refusal: Option<(&str, &str)>,
) -> Result<HttpResponse, Problem> {
    let layout = Layout::signed_out(request, "", "Sign in");
    let here = layout.here.clone();
    let (refusal, next) = refusal.map_or((None, here.as_str()), |(why, next)| (Some(why), next));
    layout::show(request, status, &SignInPage { next: own_path(next), layout, refusal })
}

/// `GET /console/sign-in`
pub(crate) async fn sign_in_page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    show_form(&request, StatusCode::OK, None)
}

/// `POST /console/sign-in`
pub(crate) async fn sign_in(
    request: HttpRequest,
    payload: Payload,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    let form = Form::read(&request, payload).await?;
    let next = own_path(form.one("next"));
    let session = match security::sign_in(&request, form.one("key").trim()).await {
        Ok(session) => session,
        Err(problem) if problem.code() == Code::Unauthenticated => {
            return show_form(
                &request,
                StatusCode::UNPROCESSABLE_ENTITY,
                Some((problem.detail(), next)),
            );
        }
        Err(problem) => return Err(problem),
    };
    let mut answer = layout::go_to(next);
    if let Some(session) = session {
        set_cookie(&mut answer, &security, Some(&session));
    }
    Ok(answer)
}

/// `POST /console/sign-out`
pub(crate) async fn sign_out(
    request: HttpRequest,
    store: Data<StoreClient>,
    security: Data<Security>,
) -> Result<HttpResponse, Problem> {
    if let Some(session) = security::session_to_end(&request).await? {
        store.end_session(session).await?;
        // If the refresh fails, the sign-out takes effect here within a second.
        drop(store.refresh_keys().await);
    }
    let mut answer = layout::go_to("/");
    set_cookie(&mut answer, &security, None);
    Ok(answer)
}

fn set_cookie(answer: &mut HttpResponse, security: &Security, session: Option<&str>) {
    let cookie = security::set_cookie(session, security.secure_cookies);
    if let Ok(cookie) = header::HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

/// The path if it belongs to this site, else the start page. Prevents open redirects.
fn own_path(next: &str) -> &str {
    let odd = |byte: u8| byte == b'\\' || !byte.is_ascii_graphic();
    let own = next.starts_with('/') && !next.starts_with("//") && !next.bytes().any(odd);
    if own && !next.starts_with("/console/sign-") { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for own in ["/", "/?view=week&date=2022-11-01", "/console/orders/223"] {
            assert_eq!(own_path(own), own);
        }
        for odd in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\r\nx",
            "/console/sign-out",
        ] {
            assert_eq!(own_path(odd), "/", "{odd}");
        }
    }
}
