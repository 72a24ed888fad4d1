//! Texts made of the bytes that a fuzzer hands out. Bytes alone hardly ever spell anything that is
//! accepted, or nearly so; what is composed of fragments, or of a specimen with some of it changed,
//! often does.

/// What is tried for some bytes: themselves, fragments, and a changed specimen.
pub(crate) fn texts(bytes: &[u8], specimens: &[&str], fragments: &[&str]) -> [Vec<u8>; 3] {
    [bytes.to_vec(), composed(bytes, fragments), changed(bytes, specimens, fragments)]
}

fn pick<'a>(byte: u8, among: &[&'a str]) -> &'a [u8] {
    among[usize::from(byte) % among.len()].as_bytes()
}

/// A fragment for each byte.
fn composed(bytes: &[u8], fragments: &[&str]) -> Vec<u8> {
    bytes.iter().take(40).flat_map(|byte| pick(*byte, fragments)).copied().collect()
}

/// The first byte chooses a specimen; then each three say what is done to it, where, and with what.
fn changed(bytes: &[u8], specimens: &[&str], fragments: &[&str]) -> Vec<u8> {
    let Some((first, edits)) = bytes.split_first() else { return Vec::new() };
    let mut text = pick(*first, specimens).to_vec();
    for edit in edits.chunks_exact(3).take(4) {
        let &[what, place, with] = edit else { continue };
        let place = usize::from(place) * (text.len() + 1) / 256;
        let end = (place + 1).min(text.len());
        let with_end = (place + usize::from(with)).min(text.len());
        match what % 6 {
            0 => drop(text.splice(place..end, [with])),
            1 => drop(text.splice(place..place, pick(with, fragments).iter().copied())),
            2 => drop(text.splice(place..end, pick(with, fragments).iter().copied())),
            3 => drop(text.drain(place..with_end)),
            4 => {
                let copy = text[place..with_end].to_vec();
                drop(text.splice(place..place, copy));
            }
            _ => text.truncate(place),
        }
    }
    text
}
