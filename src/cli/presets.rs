//! `twinlight presets`: the configurations that come with the program.

use clap::Args;

use super::output;
use crate::{
    cli::{exit::WELL, failure::wrong_usage},
    config::nearest::nearest,
    model::Diagnostic,
    presets::{PRESETS, find},
};

#[derive(Clone, Debug, Args)]
pub(super) struct PresetsArgs {
    /// Print this configuration, so that you can save and change it
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn run(args: &PresetsArgs) -> anyhow::Result<u8> {
    match &args.name {
        Some(name) => {
            let preset = find(name).ok_or_else(|| wrong_usage(unknown(name)))?;
            output::lines(preset.text)?;
        }
        None => {
            for preset in PRESETS {
                let needs = match preset.needs {
                    [] => String::new(),
                    needs => format!(" [export {}]", needs.join(", ")),
                };
                output::line(format_args!("{:<20} {}: {}{needs}", preset.name, preset.title, preset.about))?;
            }
            output::line("\n\"twinlight --preset NAME\" opens one, \"twinlight presets NAME\" prints it.")?;
        }
    }
    Ok(WELL)
}

/// What to say of a name that no preset has.
pub(super) fn unknown(name: &str) -> Diagnostic {
    let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
    let near = nearest(name, &names).map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    let help = format!("{near}The presets are {}", names.join(", "));
    Diagnostic::new(format!("there is no preset {name:?}"), help)
}
