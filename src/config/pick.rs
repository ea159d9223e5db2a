//! Which lights of a configuration this process runs, where the command line says so: the lights of
//! one junction may be spread over several processes and computers.

use std::{fmt, str::FromStr};

use traffic_light::Name;

use super::Config;
use crate::model::LightId;

/// The most lights that an error message lists.
const MOST_LISTED: usize = 16;

/// Names lights of a configuration: `a` those of every junction, `demo/a` that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    junction: Option<Name>,
    light: Name,
}

/// A pick that fits no light of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchLight {
    pick: Pick,
    known: Vec<LightId>,
}

impl Pick {
    fn fits(&self, light: &LightId) -> bool {
        self.light == light.light && self.junction.as_ref().is_none_or(|junction| *junction == light.junction)
    }
}

impl FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Pick, String> {
        let (junction, light) = match text.split_once('/') {
            Some((junction, light)) => (Some(junction), light),
            None => (None, text),
        };
        let name = |text: &str| {
            Name::new(text)
                .map_err(|error| format!("{error}. Write a light as a, or as demo/a with its junction"))
        };
        Ok(Pick { junction: junction.map(name).transpose()?, light: name(light)? })
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.junction {
            Some(junction) => write!(f, "{junction}/{}", self.light),
            None => self.light.fmt(f),
        }
    }
}

impl fmt::Display for NoSuchLight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has no light {}", self.pick)
    }
}

impl NoSuchLight {
    #[must_use]
    pub(crate) fn help(&self) -> String {
        let mut listed: Vec<_> = self.known.iter().take(MOST_LISTED).map(ToString::to_string).collect();
        if self.known.len() > MOST_LISTED {
            listed.push("…".to_owned());
        }
        format!("choose from {}, or name the right file with --config", listed.join(", "))
    }
}

impl std::error::Error for NoSuchLight {}

impl Config {
    /// Lets this process run the lights that `picks` name and no others, whatever the file's `run`
    /// says. Planned faults on lights that then run elsewhere are left to the process that runs them.
    ///
    /// # Errors
    /// When a pick fits no light; nothing is changed then.
    pub(crate) fn run_only(&mut self, picks: &[Pick]) -> Result<(), NoSuchLight> {
        if let Some(pick) = picks.iter().find(|pick| !self.lights().any(|light| pick.fits(&light))) {
            return Err(NoSuchLight { pick: pick.clone(), known: self.lights().collect() });
        }
        for junction in &mut self.junctions {
            let picked = junction.light_ids().filter(|light| picks.iter().any(|pick| pick.fits(light)));
            let picked = picked.map(|light| light.light).collect();
            junction.run_only(picked);
        }
        let mut faults = std::mem::take(&mut self.faults);
        faults.retain(|fault| {
            fault.light().is_none_or(|light| {
                self.junction(&light.junction).is_some_and(|junction| junction.runs(&light.light))
            })
        });
        self.faults = faults;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "[links]\nboard_port = 18830\n\
                       [[junction]]\nname = \"x\"\nlights = [\"a\", \"b\", \"c\"]\nrun = [\"a\", \"b\"]\n\
                       [[junction]]\nname = \"y\"\nlights = [\"a\", \"d\"]\n\
                       [[fault]]\nat_s = 1\nwhat = \"reboot\"\nlight = \"x/a\"\n\
                       [[fault]]\nat_s = 2\nwhat = \"reboot\"\nlight = \"x/b\"\n";

    fn picked(picks: &[&str]) -> Result<Config, String> {
        let mut config = Config::from_toml(TWO, "test.toml", &|_| None).unwrap();
        let picks = picks.iter().map(|text| text.parse()).collect::<Result<Vec<Pick>, _>>()?;
        config.run_only(&picks).map_err(|error| format!("{error}\n{}", error.help()))?;
        Ok(config)
    }

    fn runs(config: &Config) -> Vec<String> {
        let all = config.junctions.iter().flat_map(|junction| {
            junction.light_ids().filter(|light| junction.runs(&light.light)).collect::<Vec<_>>()
        });
        all.map(|light| light.to_string()).collect()
    }

    #[test]
    fn a_name_picks_the_light_in_every_junction_and_a_full_name_that_one() {
        assert_eq!(runs(&picked(&["a"]).unwrap()), ["x/a", "y/a"]);
        assert_eq!(runs(&picked(&["y/a", "b"]).unwrap()), ["x/b", "y/a"]);
        assert_eq!(runs(&picked(&["x/c"]).unwrap()), ["x/c"], "the file leaves it to a board");
    }

    #[test]
    fn an_unknown_light_is_refused_with_the_names_that_there_are() {
        let error = picked(&["x/d"]).unwrap_err();
        assert!(error.contains("x/d") && error.contains("x/a, x/b, x/c, y/a, y/d"), "{error}");
        assert!(picked(&["X"]).unwrap_err().contains("demo/a"));
        assert!(picked(&["x/a/b"]).is_err());
    }

    #[test]
    fn faults_go_with_their_light_and_ports_of_boards_stay_as_the_file_numbers_them() {
        let config = picked(&["x/b"]).unwrap();
        let struck: Vec<_> =
            config.faults.iter().filter_map(|fault| fault.light()).map(ToString::to_string).collect();
        assert_eq!(struck, ["x/b"]);
        let ports: Vec<_> = config.board_ports().map(|(light, port)| (light.to_string(), port)).collect();
        assert_eq!(ports, [("x/c".to_owned(), 18_830)], "x/a runs in another process, which is no board");
        assert_eq!(picked(&["x/c"]).unwrap().board_ports().count(), 0);
    }
}
