//! What the tests of the decision share.

pub(crate) mod generate;
pub(crate) mod model;
