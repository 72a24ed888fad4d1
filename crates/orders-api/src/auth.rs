//! Who asks, and whether they may: what happens to each request between its route and its handler.

mod credentials;
mod open;
mod origin;
mod session;

use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::timeout;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use orders_core::{Actor, KeyId, Role, SecretHash};
use orders_db::{KeyTable, Session, StoreError};
use tokio::sync::oneshot;

use crate::access::Access;
use crate::app::App;
use crate::limits;
use crate::problem::{Code, Problem};

pub(crate) use credentials::{MadeKey, hash_of, make_key};
pub(crate) use origin::Origin;
pub(crate) use session::{cookie, set_cookie};

/// How long keys count as they were when the database last answered. A key that is revoked during
/// an outage of the database lives no longer than this.
const MOST_AGE: Duration = Duration::from_mins(5);
/// How long a look at the keys may take before a request is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is let in, and as what.
pub(crate) struct Gate {
    /// Whether everyone is let in as long as there has never been a key.
    pub(crate) may_be_open: bool,
    /// What stands for the key from the environment, if there is one.
    pub(crate) own_key: Option<SecretHash>,
    /// Where pages that may change something come from, beside the service itself.
    pub(crate) origins: Vec<Origin>,
}

/// Whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    role: Role,
    pass: Pass,
}

/// By what somebody was let in, so that it can be asked later whether that still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pass {
    /// No key was needed.
    Open,
    /// The key from the environment.
    Own,
    /// A key, by one of its secrets.
    Key(KeyId, SecretHash),
    /// A session that was begun by one of the others.
    Session(Session, Box<Pass>),
}

impl Pass {
    /// Whether whoever was let in by it would be let in now.
    pub(crate) fn holds(&self, app: &App) -> bool {
        let table = app.keys();
        match self {
            Self::Open => app.gate.may_be_open && !table.required,
            Self::Own => true,
            Self::Key(id, hash) => {
                let entry = table.find(id);
                entry.is_some_and(|entry| credentials::is_of_use(&table, entry, *hash))
            }
            Self::Session(session, by) => {
                table.now() < session.end && !table.is_ended(session) && by.holds(app)
            }
        }
    }
}

/// By what a request was let in.
pub(crate) fn pass(request: &HttpRequest) -> Pass {
    let extensions = request.extensions();
    extensions.get::<Caller>().map_or(Pass::Open, |caller| caller.pass.clone())
}

/// Whether a request was let in by a key, so that its answer is for that caller alone.
pub(crate) fn is_by_key(request: &HttpRequest) -> bool {
    request.extensions().contains::<Caller>()
}

/// Who made a request: the identity of its key, which stays when the key is rotated.
pub(crate) fn actor(request: &HttpRequest) -> Actor {
    let extensions = request.extensions();
    let caller = extensions.get::<Caller>();
    caller.map_or_else(|| Actor::new("anonymous"), |caller| caller.actor.clone())
}

/// The role that a request has here: while no key is needed, that of an admin.
pub(crate) fn role(request: &HttpRequest) -> Role {
    request.extensions().get::<Caller>().map_or(Role::Admin, |caller| caller.role)
}

/// Refuses what the page of another site asks for.
fn check_origin(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    origin::check(request, &app.gate.origins)
}

/// Begins a session for whoever sends this key; `None` while no key is needed.
pub(crate) async fn sign_in(
    request: &HttpRequest,
    app: &App,
    key: &str,
) -> Result<Option<String>, Problem> {
    check_origin(request, app)?;
    limits::take_one(request, None)?;
    let Some(caller) = identify(request, app, Given::Key(key)).await? else { return Ok(None) };
    let now = app.keys().now();
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Problem::unexpected(error.to_string()))?;
    Ok(match caller.pass {
        Pass::Own => app.gate.own_key.and_then(|own| session::make(None, own, now, random)),
        Pass::Key(id, hash) => session::make(Some(&id), hash, now, random),
        Pass::Open | Pass::Session(..) => None,
    })
}

/// Ends the session that a request carries, so that no copy of its cookie is of use either. Does
/// nothing where there is none that holds.
pub(crate) async fn sign_out(request: &HttpRequest, app: &App) -> Result<(), Problem> {
    check_origin(request, app)?;
    let Some(given) = session::given(request) else { return Ok(()) };
    origin::check_is_told(request)?;
    let caller = match identify(request, app, Given::Session(given)).await {
        Ok(caller) => caller,
        Err(problem) if problem.code() == Code::Unauthenticated => None,
        Err(problem) => return Err(problem),
    };
    let Some(Caller { pass: Pass::Session(session, _), .. }) = caller else { return Ok(()) };
    app.ask(move |store| store.end_session(&session)).await?;
    // By when it is answered it is in force here; where that fails, it is within a second.
    drop(look_again(app).await);
    Ok(())
}

/// What a request shows of whose it is.
#[derive(Clone, Copy)]
enum Given<'a> {
    Nothing,
    Key(&'a str),
    Session(&'a str),
}

/// Lets a request in, or says why not.
pub(crate) async fn admit(request: &HttpRequest, access: Access) -> Result<(), Problem> {
    let Some(needed) = access.role() else { return Ok(()) };
    let app = request.app_data::<Data<App>>();
    let app = app.ok_or_else(|| Problem::unexpected("the router has no app"))?;
    if matches!(access, Access::Metrics(_)) && app.metrics.is_open {
        return Ok(());
    }
    let given = match (credentials::given(request), session::given(request)) {
        (Some(key), _) => Given::Key(key),
        (None, Some(session)) => Given::Session(session),
        (None, None) => Given::Nothing,
    };
    match identify(request, app, given).await? {
        None => {
            open::check(request)?;
            if matches!(access, Access::Keyed(_)) {
                return Err(forbidden(
                    "This takes a key, and there is none yet: `orders-api keys create` makes one.",
                ));
            }
            origin::check(request, &app.gate.origins)?;
            limits::take_one(request, None)
        }
        Some(caller) => {
            if !caller.role.includes(needed) {
                let role = caller.role;
                return Err(forbidden(format!(
                    "This takes a key with the role {needed}; this one has the role {role}."
                )));
            }
            origin::check(request, &app.gate.origins)?;
            if matches!(given, Given::Session(_)) {
                origin::check_is_told(request)?;
            }
            limits::take_one(request, Some(&caller.actor))?;
            request.extensions_mut().insert(caller);
            Ok(())
        }
    }
}

/// Who asks, by the key or the session that was given; `None` while no key is needed.
async fn identify(
    request: &HttpRequest,
    app: &App,
    given: Given<'_>,
) -> Result<Option<Caller>, Problem> {
    let mut table = app.keys();
    let is_open = |table: &KeyTable| app.gate.may_be_open && !table.required;
    let find = |table: &KeyTable| match given {
        Given::Nothing => None,
        Given::Key(key) => credentials::find(table, key),
        Given::Session(session) => session::find(table, &app.gate, session),
    };
    if let Given::Nothing = given {
        if is_open(&table) {
            return Ok(None);
        }
        limits::take_one(request, None)?;
        return Err(unauthenticated(false));
    }
    if let Given::Key(key) = given
        && app.gate.own_key.is_some_and(|own| credentials::is_same(own, hash_of(key)))
    {
        let actor = Actor::new("environment");
        return Ok(Some(Caller { actor, role: Role::Admin, pass: Pass::Own }));
    }
    let mut caller = find(&table);
    if caller.is_none() {
        // Whoever tries keys is slowed down, and so is the looking for them.
        limits::take_one(request, None)?;
    }
    // A key that is not known may have been made a moment ago, by another process.
    if caller.is_none() || table.age() > MOST_AGE {
        table = look_again(app).await?;
        caller = find(&table);
    }
    match caller {
        Some(caller) => Ok(Some(caller)),
        None if is_open(&table) => Ok(None),
        None => Err(unauthenticated(true)),
    }
}

/// The keys as they are now. Refuses where the database does not say: whether a key is good is not
/// guessed.
pub(crate) async fn look_again(app: &App) -> Result<Arc<KeyTable>, Problem> {
    let (sender, receiver) = oneshot::channel();
    app.refresh_keys(sender);
    if let Ok(Ok(looked)) = timeout(PATIENCE, receiver).await {
        return looked.map(|()| app.keys()).map_err(Problem::from);
    }
    Err(StoreError::Unavailable("the keys were not looked at in time".to_owned()).into())
}

/// Whoever sent a key is told by the error code of RFC 6750 that it was in vain.
fn unauthenticated(key_was_given: bool) -> Problem {
    let (detail, challenge) = if key_was_given {
        (
            "The key is not known, has expired, or was revoked.",
            "Bearer realm=\"orders\", error=\"invalid_token\"",
        )
    } else {
        ("Send a key, as X-API-Key or as Authorization: Bearer.", "Bearer realm=\"orders\"")
    };
    Problem::new(Code::Unauthenticated, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}
