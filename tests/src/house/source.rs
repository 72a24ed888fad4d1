//! One source file: its product code, without tests, comments and the content of literals.

use std::path::Path;

use super::{files, top};

/// A file of the product.
pub(super) struct Source {
    /// Its path from the top of the repository.
    pub(super) path: String,
    /// The path of its module within its crate: `["orders", "list"]`, empty for the root.
    pub(super) module: Vec<String>,
    /// Its text, with comments, the content of literals and test code replaced by blanks.
    pub(super) code: String,
    /// How many lines it has.
    pub(super) lines: usize,
    /// How many of them are not test code.
    pub(super) product_lines: usize,
}

impl Source {
    /// All product files of a crate, without those that are compiled for tests only.
    pub(super) fn of_crate(name: &str) -> Vec<Self> {
        let src = top().join("crates").join(name).join("src");
        let mut sources: Vec<Self> =
            files(&src, "rs").iter().map(|path| Self::read(path, &src)).collect();
        let tests: Vec<Vec<String>> = sources.iter().flat_map(Self::test_modules).collect();
        sources.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
        for source in &mut sources {
            source.leave_out_tests();
        }
        sources
    }

    fn read(path: &Path, src: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let inner = path.strip_prefix(src).unwrap().with_extension("");
        let mut module: Vec<String> =
            inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
            module.pop();
        }
        let path = path.strip_prefix(top()).unwrap().display().to_string();
        let lines = text.lines().count();
        Self { path, module, code: blanked(&text), lines, product_lines: lines }
    }

    /// The modules in files of their own that this one declares for tests only.
    fn test_modules(&self) -> Vec<Vec<String>> {
        let declared = self.test_items().filter_map(|(start, end)| {
            let item = self.code.get(start..end)?.strip_suffix(';')?;
            let (_, name) = item.rsplit_once("mod ")?;
            Some([&self.module[..], &[name.trim().to_owned()]].concat())
        });
        declared.collect()
    }

    /// Where items for tests begin, at their attribute, and end.
    fn test_items(&self) -> impl Iterator<Item = (usize, usize)> {
        self.code.match_indices("#[cfg(test)]").map(|(start, attribute)| {
            let rest = &self.code[start + attribute.len()..];
            let opened = rest.find(['{', ';']).unwrap_or(rest.len() - 1);
            let length = match rest.as_bytes()[opened] {
                b'{' => opened + block(&rest[opened..]),
                _ => opened + 1,
            };
            (start, start + attribute.len() + length)
        })
    }

    fn leave_out_tests(&mut self) {
        let items: Vec<(usize, usize)> = self.test_items().collect();
        let mut last_end = 0;
        for (start, end) in items {
            // One within another is gone already.
            if start < last_end {
                continue;
            }
            last_end = end;
            let item = &self.code[start..end];
            self.product_lines -= item.lines().count();
            let blank: String =
                item.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
            self.code.replace_range(start..end, &blank);
        }
    }

    /// The words of its code, with where each begins.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = self.code.char_indices().scan(false, move |was_part, (at, c)| {
            let starts = is_part(c) && !*was_part;
            *was_part = is_part(c);
            Some(starts.then_some(at))
        });
        starts.flatten().map(move |at| {
            let rest = &self.code[at..];
            (at, &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())])
        })
    }
}

/// The length of a block, from its opening brace to the closing one.
pub(super) fn block(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// A text with its comments and the content of its literals replaced by blanks: as long as before, with
/// the same lines.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = foreign(rest, code.chars().last());
        let (foreign, after) = rest.split_at(length.max(c.len_utf8()));
        if length == 0 {
            code.push_str(foreign);
        } else {
            // As many bytes as before, so that places stay what they are.
            for c in foreign.chars() {
                let blank = if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) };
                code.push_str(&blank);
            }
        }
        rest = after;
    }
    code
}

/// The length of the comment or literal that a text begins with; 0 if it begins with code.
fn foreign(text: &str, before: Option<char>) -> usize {
    let is_in_word = before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let to_end_of = |end: &str, from: usize| {
        text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        to_end_of("*/", 2)
    } else if text.starts_with('"') {
        quoted(text, '"')
    } else if !is_in_word && text.starts_with("r#\"") {
        to_end_of("\"#", 3)
    } else if !is_in_word && text.starts_with("r\"") {
        to_end_of("\"", 2)
    } else if text.starts_with("'\\") || text.starts_with('\'') && text.chars().nth(2) == Some('\'')
    {
        quoted(text, '\'')
    } else {
        0
    }
}

/// The length of a literal between quotes, with escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if !is_escaped && c == quote {
            return at + c.len_utf8();
        }
        is_escaped = !is_escaped && c == '\\';
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_nothing_moves() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* {\n */ b", "a     \n    b"),
            (r#"f("}\"") + 1"#, "f(     ) + 1"),
            ("r#\"{\"# + x", "       + x"),
            ("'{' '\\'' &'a str", "         &'a str"),
            ("\"é\" x", "     x"),
        ] {
            assert_eq!(blanked(text), code, "{text}");
        }
    }

    #[test]
    fn test_code_does_not_count() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let mut source = Source {
            path: String::new(),
            module: Vec::new(),
            code: text.to_owned(),
            lines: 6,
            product_lines: 6,
        };
        source.leave_out_tests();
        assert_eq!(source.product_lines, 2);
        assert_eq!(source.code.split_whitespace().collect::<String>(), "fna(){}fnc(){}");
        assert_eq!(source.code.len(), text.len());
    }
}
