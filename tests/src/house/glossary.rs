//! Words that the code no longer uses, because the field has better ones.

use std::collections::BTreeSet;

use super::source::Source;

/// Types, and the word that replaces each.
const TYPES: &[(&str, &str)] = &[
    ("Board", "KeyCache"),
    ("Claim", "Lease"),
    ("Courier", "delivery store"),
    ("Crowd", "nothing: it is deleted"),
    ("Draft", "OrderForm"),
    ("Ear", "subscriber"),
    ("Gate", "AuthPolicy"),
    ("Heard", "subscriber"),
    ("Hold", "lock state"),
    ("KeptAnswer", "StoredResponse"),
    ("Lane", "WorkQueue"),
    ("Latecomers", "late arrivals"),
    ("Latest", "SequenceWatch"),
    ("Link", "WriterConnection"),
    ("Mistaken", "nothing: it is deleted"),
    ("Pace", "connection state"),
    ("Pass", "Credential"),
    ("Patient", "TimedStream"),
    ("Readings", "MetricsSnapshot"),
    ("Render", "idempotency store"),
    ("Repeat", "Replay"),
    ("Retry", "IdempotentRequest"),
    ("Said", "flash message"),
    ("Scene", "CalendarModel"),
    ("Shell", "Layout"),
    ("Tester", "test delivery"),
    ("Told", "form result"),
    ("Trail", "RequestContext"),
    ("Trial", "test delivery"),
    ("Turn", "delivery run"),
    ("Walk", "scan"),
    ("Way", "Direction"),
    ("Witness", "version token"),
];

/// Parts of names, and what replaces them.
const PARTS: &[(&str, &str)] = &[
    ("answers", "idempotency store"),
    ("awake", "nothing: it is deleted"),
    ("bury", "neutralize"),
    ("courier", "delivery store"),
    ("figures", "reports"),
    ("former", "previous"),
    ("hopeful", "nothing: it is deleted"),
    ("lane", "queue"),
    ("linger", "nothing: it is deleted"),
    ("meter", "metrics"),
    ("notes", "periodic flush"),
    ("passage", "TCP proxy"),
    ("patience", "timeout"),
    ("presume", "nothing: it is deleted"),
    ("presumed", "nothing: it is deleted"),
    ("retries", "idempotency"),
    ("sabotage", "mutants"),
    ("storm", "randomized workload"),
    ("stretch", "interval"),
    ("sums", "checksum"),
    ("verdict", "result"),
    ("views", "response"),
    ("witness", "version token"),
];

/// Functions, and what replaces them.
const FUNCTIONS: &[(&str, &str)] = &[
    ("admit", "authorize"),
    ("ask", "run_blocking"),
    ("give_back", "return"),
    ("give_up", "cancel"),
    ("judge", "validate"),
    ("look_at_keys", "refresh_keys"),
    ("note", "record"),
    ("of", "from_…"),
    ("rest", "release"),
    ("settle", "flush"),
    ("spread", "broadcast"),
    ("take_in", "apply"),
    ("tell", "notify"),
    ("write_down", "flush"),
];

/// The old words that a crate still uses, one line each.
pub(super) fn violations(of_crate: &str, sources: &[Source]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in sources {
        let mut was_fn = false;
        let modules = source.module.last().map(|module| (module.as_str(), false));
        let words = source.words().map(|(_, word)| {
            let is_function = std::mem::replace(&mut was_fn, word == "fn");
            (word, is_function)
        });
        let words: Vec<(&str, bool)> = words.chain(modules).collect();
        for (word, is_function) in words {
            if let Some((old, new)) = old_word(word, is_function) {
                found.insert(format!("word: {of_crate}: {old} is {new} now"));
            }
        }
    }
    // In core a point in time is a `Timestamp`, so that nobody mistakes it for the standard library's.
    let has_instant = |source: &Source| source.words().any(|(_, word)| word == "Instant");
    if of_crate == "orders-core" && sources.iter().any(has_instant) {
        found.insert(format!("word: {of_crate}: Instant is Timestamp now"));
    }
    found
}

/// Names of libraries, which are not ours to choose.
const FOREIGN: &[&str] = &["set_zero_linger"];

fn old_word(word: &str, is_function: bool) -> Option<&'static (&'static str, &'static str)> {
    if FOREIGN.contains(&word) {
        return None;
    }
    let function = FUNCTIONS.iter().find(|(old, _)| is_function && word == *old);
    let kind = || TYPES.iter().find(|(old, _)| word == *old);
    let lower = word.to_ascii_lowercase();
    let part = || PARTS.iter().find(|(old, _)| lower.split('_').any(|part| part == *old));
    function.or_else(kind).or_else(part)
}
