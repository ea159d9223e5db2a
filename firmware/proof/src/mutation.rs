//! Names of the library's mutations, for the command line and for reports.

use traffic_light::Mutation;

/// The name of a mutation on the command line, such as `no-drift`.
#[must_use]
pub fn name(mutation: Mutation) -> String {
    let mut name = String::new();
    for letter in format!("{mutation:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Reads such a name.
///
/// # Errors
/// With all the names, when there is no such mutation.
pub fn parse(text: &str) -> Result<Mutation, String> {
    Mutation::ALL
        .into_iter()
        .find(|mutation| name(*mutation) == text)
        .ok_or_else(|| format!("there is no such mutation; there are {}", Mutation::ALL.map(name).join(", ")))
}
