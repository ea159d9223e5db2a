//! `twinlight scenario`: plays a scenario, and says of everything that it expects whether it held.

mod live;
mod simulated;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{failure, json, output, report};
use crate::{
    cli::{
        common::{Common, runtime, shown},
        exit::{CHECK_FAILED, WELL},
        failure::wrong_usage,
    },
    config::nearest::nearest,
    scenario::{
        Lesson, Outcome, Scenario, Stage, lessons,
        report::{Report, verdict_json},
        series::{Series, seeds_told},
    },
};

#[derive(Clone, Debug, Args)]
pub(super) struct ScenarioArgs {
    /// A scenario file, or the name of a built-in lesson
    #[arg(value_name = "FILE", required_unless_present = "list")]
    scenario: Option<PathBuf>,
    /// List the built-in lessons
    #[arg(long)]
    list: bool,
    /// Play with this seed; without it, with the seeds that the file asks for
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Play with this many seeds, one after the other
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    seeds: Option<u32>,
    /// Make the lights of all junctions follow this rule, whatever the file says: lease or react
    #[arg(long, value_name = "RULE", value_parser = rule)]
    rule: Option<traffic_light::Rule>,
    /// Play in real time, with real links
    #[arg(long, conflicts_with_all = ["simulated", "seeds"])]
    live: bool,
    /// Play in a simulated world, as fast as this computer can
    #[arg(long)]
    simulated: bool,
    /// Print one JSON object a line instead of sentences
    #[arg(long)]
    json: bool,
    /// Write the result to this file, as JSON
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
    /// Write the result to this file, as a web page with a timeline
    #[arg(long, value_name = "F.html")]
    html: Option<PathBuf>,
}

fn rule(text: &str) -> Result<traffic_light::Rule, String> {
    match text {
        "lease" => Ok(traffic_light::Rule::Lease),
        "react" => Ok(traffic_light::Rule::React),
        _ => Err("give lease or react".to_owned()),
    }
}

/// What is to be played, and how.
struct Plan<'a> {
    scenario: Scenario,
    /// The file, or the name of the lesson.
    source: String,
    stage: Stage,
    first_seed: u64,
    seeds: u32,
    args: &'a ScenarioArgs,
}

pub(super) fn run(common: &Common, args: &ScenarioArgs) -> anyhow::Result<u8> {
    if args.list {
        return list(args.json);
    }
    let plan = Plan::new(common, args)?;
    for (option, file) in [("--report", &args.report), ("--html", &args.html)] {
        report::check_place(option, file.as_deref())?;
    }
    report::check_apart([("--report", args.report.as_deref()), ("--html", args.html.as_deref())])?;
    for warning in &plan.scenario.config.warnings {
        failure::warn(warning);
    }
    if !args.json {
        output::line(plan.heading())?;
    }
    let series = match plan.stage {
        Stage::Simulated => simulated::play(&plan)?,
        Stage::Live => runtime()?.block_on(live::play(&plan, common.state_folder()))?,
    };
    plan.tell(&series)?;
    let again = plan.again(&series);
    let told = Report {
        scenario: &plan.scenario,
        source: &plan.source,
        stage: plan.stage,
        series: &series,
        again: &again,
    };
    if let Some(file) = &args.report {
        report::write(file, &told.json()?)?;
    }
    if let Some(file) = &args.html {
        report::write_whole(file, told.html().as_bytes())?;
    }
    Ok(if series.held() { WELL } else { CHECK_FAILED })
}

fn list(as_json: bool) -> anyhow::Result<u8> {
    let longest = lessons().iter().map(|lesson| lesson.name.len()).max().unwrap_or_default();
    for lesson in lessons() {
        let title = lesson.scenario().title;
        if as_json {
            output::line(json!({"kind": "lesson", "name": lesson.name, "title": title}))?;
        } else {
            output::line(format_args!("{:longest$}  {title}", lesson.name))?;
        }
    }
    Ok(WELL)
}

impl Plan<'_> {
    fn new<'a>(common: &Common, args: &'a ScenarioArgs) -> anyhow::Result<Plan<'a>> {
        if common.config.is_some() {
            let message = "a scenario file is a configuration already";
            return Err(wrong_usage((message, "name it without --config")));
        }
        let wanted = args.scenario.as_deref().unwrap_or(Path::new(""));
        let (mut scenario, source) = find(wanted)?;
        if let Some(rule) = args.rule {
            scenario.config.set_rule(rule);
        }
        let stage = match (args.live, args.simulated) {
            (true, _) => Stage::Live,
            (false, true) => Stage::Simulated,
            (false, false) => scenario.stage,
        };
        match (stage, scenario.why_not_simulated()) {
            (Stage::Simulated, Some(why)) => {
                return Err(wrong_usage(format!("--simulated: it cannot be simulated: {why}")));
            }
            (Stage::Live, _) if args.seeds.is_some() => {
                let message = "--seeds: a live scenario is played once, in real time";
                return Err(wrong_usage((message, "leave it out")));
            }
            _ => {}
        }
        let seeds = match (stage, args.seeds, args.seed) {
            (Stage::Live, ..) | (_, None, Some(_)) => 1,
            (_, Some(seeds), _) => seeds,
            (_, None, None) => scenario.seeds,
        };
        let first_seed = args.seed.or(scenario.config.seed).unwrap_or(1);
        Ok(Plan { scenario, source, stage, first_seed, seeds, args })
    }

    /// The seeds, in their order.
    fn seeds(&self) -> impl Iterator<Item = u64> {
        (0..u64::from(self.seeds)).map(|nth| self.first_seed.wrapping_add(nth))
    }

    fn heading(&self) -> String {
        let seeds = match self.stage {
            Stage::Simulated => seeds_told(&self.seeds().map(Some).collect::<Vec<_>>()),
            Stage::Live => "in real time".to_owned(),
        };
        let Scenario { title, length, .. } = &self.scenario;
        format!("{title}: {} s, {}, {seeds}", length.as_secs_f64(), self.stage)
    }

    /// One line for each verdict, and the end.
    fn tell(&self, series: &Series) -> anyhow::Result<()> {
        let verdicts = series.verdicts();
        if self.args.json {
            let ms = json::milliseconds(series.reached());
            for verdict in &verdicts {
                let mut line = verdict_json(verdict);
                line["ms"] = json!(ms);
                line["kind"] = json!("verdict");
                output::line(line)?;
            }
            let mut line = json::summary(series.reached(), &series.summary())?;
            line["held"] = json!(series.held());
            line["seeds"] = json!(series.seeds().iter().flatten().collect::<Vec<_>>());
            output::line(line)?;
        } else {
            for verdict in &verdicts {
                let outcome = match verdict.outcome {
                    Outcome::Held => "held",
                    // It has to be seen among many that held.
                    Outcome::Failed => "FAILED",
                    Outcome::NotJudged => "NOT JUDGED",
                };
                output::line(format_args!("{outcome:10}  {}: {}", verdict.expectation, verdict.evidence))?;
            }
            let failed = verdicts.iter().filter(|verdict| !verdict.held()).count();
            match failed {
                0 => output::line(format_args!("all {} held", verdicts.len()))?,
                _ => output::line(format_args!(
                    "{failed} of {} did not hold\nhelp: to see it again, run {}",
                    verdicts.len(),
                    self.again(series)
                ))?,
            }
        }
        Ok(())
    }

    /// The command that plays the run again that tells most.
    fn again(&self, series: &Series) -> String {
        let mut command = format!("twinlight scenario {}", quoted(&self.source));
        match self.stage {
            Stage::Simulated => {
                let seed = series.shown().and_then(|shown| shown.seed).unwrap_or(self.first_seed);
                command += &format!(" --seed {seed}");
                if self.args.simulated {
                    command += " --simulated";
                }
            }
            Stage::Live => {
                if let Some(seed) = self.args.seed {
                    command += &format!(" --seed {seed}");
                }
                if self.args.live {
                    command += " --live";
                }
            }
        }
        match self.args.rule {
            Some(traffic_light::Rule::Lease) => command += " --rule lease",
            Some(traffic_light::Rule::React) => command += " --rule react",
            None => {}
        }
        command
    }
}

/// A file, or a lesson where there is no such file.
fn find(wanted: &Path) -> anyhow::Result<(Scenario, String)> {
    let name = wanted.to_str().unwrap_or_default();
    if !wanted.exists()
        && let Some(lesson) = Lesson::named(name)
    {
        return Ok((lesson.scenario(), lesson.name.to_owned()));
    }
    let is_name = !name.is_empty() && !name.contains(['.', '/', '\\']);
    if is_name && !wanted.exists() {
        let names: Vec<_> = lessons().iter().map(|lesson| lesson.name).collect();
        let near = nearest(name, &names).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        let help = format!("{near}\"twinlight scenario --list\" lists the lessons");
        return Err(wrong_usage((format!("there is no file {name:?} and no lesson of that name"), help)));
    }
    Ok((Scenario::load(wanted)?, shown(wanted).to_string()))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./\\:".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
