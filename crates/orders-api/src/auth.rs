//! Who asks, and whether they may: what happens to each request between its route and its handler.

mod credentials;
mod open;
mod origin;

use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::timeout;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use orders_core::{Actor, Role, SecretHash};
use orders_db::{KeyTable, StoreError};
use tokio::sync::oneshot;

use crate::access::Access;
use crate::app::App;
use crate::limits;
use crate::problem::{Code, Problem};

pub(crate) use credentials::{MadeKey, hash_of, make_key};
pub(crate) use origin::Origin;

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
}

/// Who made a request: the identity of its key, which stays when the key is rotated.
pub(crate) fn actor(request: &HttpRequest) -> Actor {
    let extensions = request.extensions();
    let caller = extensions.get::<Caller>();
    caller.map_or_else(|| Actor::new("anonymous"), |caller| caller.actor.clone())
}

/// Lets a request in, or says why not.
pub(crate) async fn admit(request: &HttpRequest, access: Access) -> Result<(), Problem> {
    let Some(needed) = access.role() else { return Ok(()) };
    let app = request.app_data::<Data<App>>();
    let app = app.ok_or_else(|| Problem::unexpected("the router has no app"))?;
    let given = credentials::given(request)?;
    match identify(request, app, given.as_deref()).await? {
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
            limits::take_one(request, Some(&caller.actor))?;
            request.extensions_mut().insert(caller);
            Ok(())
        }
    }
}

/// Who asks, by the key that was given; `None` while no key is needed.
async fn identify(
    request: &HttpRequest,
    app: &App,
    given: Option<&str>,
) -> Result<Option<Caller>, Problem> {
    let mut table = app.keys();
    let is_open = |table: &KeyTable| app.gate.may_be_open && !table.required;
    let Some(given) = given else {
        if is_open(&table) {
            return Ok(None);
        }
        limits::take_one(request, None)?;
        return Err(unauthenticated(None));
    };
    if app.gate.own_key.is_some_and(|own| credentials::is_same(own, hash_of(given))) {
        return Ok(Some(Caller { actor: Actor::new("environment"), role: Role::Admin }));
    }
    let mut caller = credentials::find(&table, given);
    if caller.is_none() {
        // Whoever tries keys is slowed down, and so is the looking for them.
        limits::take_one(request, None)?;
    }
    // A key that is not known may have been made a moment ago, by another process.
    if caller.is_none() || table.age() > MOST_AGE {
        table = look_again(app).await?;
        caller = credentials::find(&table, given);
    }
    match caller {
        Some(caller) => Ok(Some(caller)),
        None if is_open(&table) => Ok(None),
        None => Err(unauthenticated(Some("invalid_token"))),
    }
}

/// The keys as they are now. Refuses where the database does not say: whether a key is good is not
/// guessed.
async fn look_again(app: &App) -> Result<Arc<KeyTable>, Problem> {
    let (sender, receiver) = oneshot::channel();
    app.look_at_keys(sender);
    if let Ok(Ok(looked)) = timeout(PATIENCE, receiver).await {
        return looked.map(|()| app.keys()).map_err(Problem::from);
    }
    Err(StoreError::Unavailable("the keys were not looked at in time".to_owned()).into())
}

/// `why`: an error code of RFC 6750 where a key was given.
fn unauthenticated(why: Option<&str>) -> Problem {
    let (detail, more) = match why {
        Some(why) => {
            ("The key is not known, has expired, or was revoked.", format!(", error=\"{why}\""))
        }
        None => ("Send a key, as X-API-Key or as Authorization: Bearer.", String::new()),
    };
    let challenge = format!("Bearer realm=\"orders\"{more}");
    Problem::new(Code::Unauthenticated, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Forbidden, detail)
}
