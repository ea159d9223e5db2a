//! A configuration with a foreign light in it, written to a file, on a thread of its own.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{self, Receiver, TryRecvError},
};

use crate::{
    app::{background::spawn, brokers::variables::Variables},
    config::{Config, ForeignLight, Source, edit, with_random_digits},
    model::{Diagnostic, LightId, private_file},
    world::Waker,
};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) enum Saved {
    Written(PathBuf),
    /// There is such a file already, which nobody has agreed to replace.
    Exists(PathBuf),
    Failed(Diagnostic),
}

/// What is to be written.
pub(super) struct SaveRequest {
    pub(super) source: Source,
    pub(super) config: std::sync::Arc<Config>,
    pub(super) file: PathBuf,
    /// Whether a file of that name may be replaced.
    pub(super) replace: bool,
    /// What was typed for variables that the configuration names.
    pub(super) typed: Variables,
}

#[derive(Debug)]
pub(super) struct Saving(Receiver<Saved>);

impl Saving {
    /// `wake` is called once it is done.
    pub(super) fn begin(request: SaveRequest, wake: Waker) -> Result<Saving, Diagnostic> {
        let (tell, told) = mpsc::channel();
        let work = move || {
            // Nobody has to know where the window has gone.
            let _ = tell.send(save(&request));
            wake();
        };
        spawn(Box::new(work))
            .map_err(|error| Diagnostic::new(error.to_string(), "end other programs and try again"))?;
        Ok(Saving(told))
    }

    /// What came of it, once.
    pub(super) fn done(&self) -> Option<Saved> {
        match self.0.try_recv() {
            Ok(saved) => Some(saved),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Saved::Failed("the file was not written".into())),
        }
    }
}

fn save(request: &SaveRequest) -> Saved {
    try_save(request).unwrap_or_else(Saved::Failed)
}

fn try_save(SaveRequest { source, config, file, replace, typed }: &SaveRequest) -> Result<Saved, Diagnostic> {
    let random = with_random_digits();
    let env = |name: &str| typed.typed(name).or_else(|| random(name));
    let text = edit::with_foreign_lights(&source.read()?, &foreign_lights(config), &env)?;
    let unwritten = |error: io::Error| {
        let message = format!("{} cannot be written: {error}", file.display());
        Diagnostic::new(message, "choose a folder that exists and that you may write to")
    };
    let file = std::path::absolute(file).map_err(unwritten)?;
    let written =
        if *replace { private_file::write(&file, &text) } else { private_file::write_new(&file, &text) };
    match written {
        Ok(()) => Ok(Saved::Written(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Saved::Exists(file)),
        Err(error) => Err(unwritten(error)),
    }
}

fn foreign_lights(config: &Config) -> Vec<ForeignLight> {
    let all = config.junctions.iter().flat_map(|junction| {
        junction.foreign_lights().map(|(name, foreign)| ForeignLight {
            light: LightId::new(junction.name().clone(), name.clone()),
            foreign: foreign.clone(),
        })
    });
    all.collect()
}
