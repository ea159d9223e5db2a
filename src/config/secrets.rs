//! Covers the secrets in a configuration's text, so that its lines can be shown.
//!
//! Goes by the text and not by what was parsed: a line with an error of syntax is shown too.

/// Members whose value is a secret, or may be one: some brokers take a token for the user's name.
const SECRET: [&str; 3] = ["password", "key", "user"];

/// `text` with each byte of a secret and its quotes replaced by `*`, so that places stay. References to
/// environment variables and empty texts stay as they are.
pub(super) fn covered(text: &str) -> String {
    let mut covered = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, value)) = next_secret(rest) {
        covered.push_str(before);
        let length = length_of(value);
        let (secret, after) = value.split_at(length);
        let quoted = secret.trim_matches(['"', '\'']);
        if quoted.is_empty() || (quoted.starts_with("${") && quoted.ends_with('}')) {
            covered.push_str(secret);
        } else {
            covered.extend(secret.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }));
        }
        rest = after;
    }
    covered + rest
}

/// What stands before the next secret value, and the text from there.
fn next_secret(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    while let Some(equals) = text[from..].find('=').map(|at| from + at) {
        let name = text[..equals].trim_end_matches([' ', '\t', '"', '\'']);
        let start = name
            .rfind(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
        if SECRET.contains(&name[start..].to_lowercase().as_str()) {
            let value = text[equals + 1..].trim_start_matches([' ', '\t']);
            return Some((&text[..text.len() - value.len()], value));
        }
        from = equals + 1;
    }
    None
}

/// How long the value is that `text` begins with; up to the end of the line where it has no end.
fn length_of(text: &str) -> usize {
    for quote in ["\"\"\"", "'''"] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.find(quote).map_or(text.len(), |at| at + 2 * quote.len());
        }
    }
    let line = text.lines().next().unwrap_or_default();
    let mut letters = line.char_indices();
    match letters.next() {
        Some((_, quote @ ('"' | '\''))) => {
            let mut escaped = false;
            let end = letters.find(|(_, letter)| {
                let ends = *letter == quote && !escaped;
                escaped = quote == '"' && *letter == '\\' && !escaped;
                ends
            });
            end.map_or(line.len(), |(at, _)| at + 1)
        }
        _ => line.find([',', '}', '#']).unwrap_or(line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_covered_wherever_they_stand_and_places_stay() {
        for (text, shown) in [
            ("password = \"sesame\"\nport = 1", "password = ********\nport = 1"),
            ("key='open' # mine", "key=****** # mine"),
            ("{ user = \"me\", password = \"a\\\"b, c\" }", "{ user = ****, password = ********* }"),
            ("\"password\" = \"x", "\"password\" = **"),
            ("Password = sesame", "Password = ******"),
            ("password = \"\"\"\na\nb\"\"\"\nport = 1", "password = ***\n*\n****\nport = 1"),
            ("password = \"å\"", "password = ****"),
            ("broker.password = \"${NAME}\"", "broker.password = \"${NAME}\""),
            ("user = \"\"", "user = \"\""),
            ("key_file = \"k.pem\"\nwifi.ssid = \"x\"", "key_file = \"k.pem\"\nwifi.ssid = \"x\""),
        ] {
            assert_eq!(covered(text), shown);
            assert_eq!(covered(text).len(), text.len());
        }
    }
}
