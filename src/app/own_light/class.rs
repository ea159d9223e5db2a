//! A class: a check for each group, who of them needs help, and the table of what came of it.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
    time::SystemTime,
};

use super::job::{CheckJob, CheckSpec, Stage};
use crate::{
    app::background::{spawn, unwritten, write_new},
    check::{
        class::{self, Group},
        record::Step,
        report::FOLDER,
        verdict::{Cause, Outcome, Verdict},
    },
    model::{private_file, unix_seconds},
    world::Waker,
};

/// What the table is called where it could not be written.
const WHAT: &str = "The table";

/// How much a group needs its teacher, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A step has failed, or the check could not begin.
    Failed,
    /// No light has come, or not all could be judged.
    Waits,
    Runs,
    Passed,
}

#[derive(Debug)]
pub struct GroupRow {
    pub group: Group,
    pub job: CheckJob,
    /// Another check begins as soon as the port is free.
    pub again: bool,
}

impl GroupRow {
    /// The first step that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&Verdict> {
        let ended = |verdict: &&Verdict| self.job.verdict(verdict.step).is_some();
        self.job.verdicts().iter().filter(ended).find(|verdict| verdict.outcome == Outcome::Fail)
    }

    #[must_use]
    pub fn need(&self) -> Need {
        if self.again {
            return Need::Waits;
        }
        match (self.first_failure().map(|verdict| verdict.cause), &self.job.stage) {
            (_, Stage::Failed(_)) => Need::Failed,
            (Some(Some(Cause::NeverCame)), _) => Need::Waits,
            (Some(_), _) => Need::Failed,
            (None, Stage::Working) if self.job.verdict(Step::Connects).is_none() => Need::Waits,
            (None, Stage::Working) => Need::Runs,
            (None, _) if self.job.counts().2 > 0 => Need::Waits,
            (None, _) => Need::Passed,
        }
    }
}

/// A table that was to be written: where it is, or why it is not.
type SavedTable = Result<PathBuf, String>;

/// The groups at their ports. Dropping it ends all checks.
#[derive(Debug)]
pub struct ClassCheck {
    /// In the order of the roster.
    pub rows: Vec<GroupRow>,
    /// Where the table was written last, or why it was not.
    pub saved: Option<SavedTable>,
    /// What all checks have in common.
    spec: CheckSpec,
    began_s: u32,
    /// The table of this state is kept with the reports.
    kept: bool,
    writers: (Sender<SavedTable>, Receiver<SavedTable>),
}

impl ClassCheck {
    /// Begins a check for each group, with what `spec` says for all.
    ///
    /// # Errors
    /// A sentence for the user when the system has no threads for them.
    pub fn begin(groups: Vec<Group>, spec: CheckSpec, wake: &Waker) -> Result<ClassCheck, String> {
        let begin = |group: Group| {
            let job = CheckJob::begin(spec_of(&spec, &group), wake.clone())?;
            Ok(GroupRow { group, job, again: false })
        };
        let rows = groups.into_iter().map(begin).collect::<Result<Vec<_>, String>>()?;
        let began_s = unix_seconds(SystemTime::now());
        Ok(ClassCheck { rows, saved: None, spec, began_s, kept: false, writers: channel() })
    }

    /// Ends the check of the group at `place`.
    pub fn cancel(&mut self, place: usize) {
        if let Some(row) = self.rows.get_mut(place) {
            row.again = false;
            row.job.cancel();
        }
    }

    pub fn cancel_all(&mut self) {
        for place in 0..self.rows.len() {
            self.cancel(place);
        }
    }

    /// Checks the group at `place` again, as soon as its port is free.
    pub fn again(&mut self, place: usize) {
        if let Some(row) = self.rows.get_mut(place) {
            row.job.cancel();
            row.again = true;
        }
    }

    /// Takes in what the checks have to tell, and begins those that wait for their port.
    ///
    /// # Errors
    /// A sentence for the user when a check cannot begin.
    pub fn drain(&mut self, wake: &Waker) -> Result<(), String> {
        let mut begun = Ok(());
        for row in &mut self.rows {
            row.job.drain();
            if row.again && row.job.is_over() {
                row.again = false;
                self.kept = false;
                match CheckJob::begin(spec_of(&self.spec, &row.group), wake.clone()) {
                    Ok(job) => row.job = job,
                    Err(text) => begun = Err(text),
                }
            }
        }
        while let Ok(saved) = self.writers.1.try_recv() {
            self.saved = Some(saved);
        }
        if !self.kept && self.is_over() {
            self.kept = true;
            if let Some(folder) = &self.spec.state_folder {
                let file = folder.join(FOLDER).join(format!("class-{}.csv", self.began_s));
                self.write(file, wake, |file, text| {
                    private_file::write(file, text).map_err(|error| unwritten(WHAT, file, &error))
                });
            }
        }
        begun
    }

    /// Whether no check goes on.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rows.iter().all(|row| row.job.is_over() && !row.again)
    }

    /// The places of the rows, those who need help first.
    #[must_use]
    pub fn by_need(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.sort_by_key(|place| self.rows.get(*place).map(GroupRow::need));
        places
    }

    /// How many groups are in each state.
    #[must_use]
    pub fn count(&self, need: Need) -> usize {
        self.rows.iter().filter(|row| row.need() == need).count()
    }

    /// Writes the table as it stands into `file`, which must not exist.
    pub fn save_table(&self, file: PathBuf, wake: &Waker) {
        self.write(file, wake, |file, text| write_new(WHAT, file, text));
    }

    /// Writes beside the window.
    fn write(&self, file: PathBuf, wake: &Waker, write: fn(&Path, &str) -> Result<(), String>) {
        let table = self.table();
        let (done, wake) = (self.writers.0.clone(), wake.clone());
        let target = file.clone();
        let work = move || {
            // A window that has closed needs no result.
            let _ = done.send(table.and_then(|text| write(&target, &text)).map(|()| target));
            wake();
        };
        if let Err(error) = spawn(Box::new(work)) {
            let _ = self.writers.0.send(Err(unwritten(WHAT, &file, &error)));
        }
    }

    fn table(&self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let rows = self.rows.iter().map(|row| (&row.group, row.job.verdicts()));
        class::table(&Step::ALL, rows, &mut bytes).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }
}

fn spec_of(all: &CheckSpec, group: &Group) -> CheckSpec {
    CheckSpec { port: group.port, group: Some(group.clone()), ..all.clone() }
}
