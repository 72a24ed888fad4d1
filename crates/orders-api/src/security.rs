//! Security: who sends a request, whether they may, and how many requests they may send.

mod access;
mod authorize;
mod client_address;
mod credentials;
mod local;
mod origin;
pub(crate) mod rate_limit;
mod session;

pub(crate) use access::Access;
pub(crate) use authorize::{
    Gate, Pass, actor, admit, is_by_key, look_again, pass, role, sign_in, sign_out,
};
pub(crate) use client_address::Network;
pub(crate) use credentials::{MadeKey, hash_of, make_key};
pub(crate) use origin::Origin;
pub(crate) use session::{cookie, set_cookie};
