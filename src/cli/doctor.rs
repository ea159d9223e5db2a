//! `twinlight doctor`: why a broker cannot be used.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{failure, output};
use crate::{
    cli::{
        common::{Common, asked_to_end, runtime},
        exit::{FAILED, WELL},
    },
    doctor::{Finding, Progress, Target, Verdict, examine, prepare},
    model::Diagnostic,
};

#[derive(Clone, Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object a line instead of sentences: one for each step, and one for all of them
    #[arg(long)]
    json: bool,
}

/// Each step has a beginning and an end.
const PROGRESS_QUEUE: usize = 16;

pub(super) fn run(common: &Common, args: &DoctorArgs) -> anyhow::Result<u8> {
    let config = common.load()?;
    for warning in &config.warnings {
        failure::warn(warning);
    }
    runtime()?.block_on(async {
        let (target, broker) = prepare(&config).await?;
        if !args.json {
            let whose = if broker.is_some() { " (the one in this program, started for this)" } else { "" };
            output::line(format_args!("the broker at {}{whose}", target.address()))?;
        }
        let findings = tokio::select! {
            findings = told(&target, args.json) => findings?,
            () = asked_to_end() => anyhow::bail!("ended before all steps were done"),
        };
        if let Some(broker) = broker {
            broker.stop().await;
        }
        let last = if args.json { closing_line(&findings).to_string() } else { closing(&findings) };
        output::line(last)?;
        Ok(if findings.iter().any(|finding| finding.verdict.is_failure()) { FAILED } else { WELL })
    })
}

/// Examines, and tells of each step once it is done.
async fn told(target: &Target, json: bool) -> anyhow::Result<Vec<Finding>> {
    let (sender, mut progress) = mpsc::channel(PROGRESS_QUEUE);
    // Owns its end: where nothing can be told any more, the examination must not wait for it.
    let telling = async move {
        while let Some(progress) = progress.recv().await {
            if let Progress::StepEnded(finding) = progress {
                output::line(if json { line(&finding).to_string() } else { sentence(&finding) })?;
            }
        }
        anyhow::Ok(())
    };
    let examining = async {
        let findings = examine(target, &sender).await;
        drop(sender);
        findings
    };
    let (findings, told) = tokio::join!(examining, telling);
    told.map(|()| findings)
}

fn sentence(finding: &Finding) -> String {
    let Finding { step, verdict, took } = finding;
    let ms = took.as_secs_f64() * 1_000.0;
    let text = match verdict {
        Verdict::Well(seen) => seen.clone(),
        Verdict::Skipped(why) => format!("not tried: {why}"),
        Verdict::Doubtful(Diagnostic { message, help }) | Verdict::Failed(Diagnostic { message, help }) => {
            let help = help.iter().map(|help| format!("\n{:32}what to do: {help}", ""));
            format!("{message}{}", help.collect::<String>())
        }
    };
    format!("{:8}  {step:9}  {ms:8.1} ms  {text}", verdict.word())
}

fn line(finding: &Finding) -> Value {
    let Finding { step, verdict, took } = finding;
    let ms = milliseconds(*took);
    let mut line = json!({"kind": "step", "step": step.word(), "verdict": verdict.word(), "ms": ms});
    match verdict {
        Verdict::Well(text) | Verdict::Skipped(text) => line["text"] = json!(text),
        Verdict::Doubtful(Diagnostic { message, help }) | Verdict::Failed(Diagnostic { message, help }) => {
            line["cause"] = json!(message);
            line["remedy"] = json!(help);
        }
    }
    line
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

fn words(findings: &[Finding], wanted: impl Fn(&Verdict) -> bool) -> Vec<&'static str> {
    findings.iter().filter(|finding| wanted(&finding.verdict)).map(|finding| finding.step.word()).collect()
}

fn closing_line(findings: &[Finding]) -> Value {
    let failed = words(findings, Verdict::is_failure);
    let doubtful = words(findings, |verdict| matches!(verdict, Verdict::Doubtful(_)));
    let ms = milliseconds(findings.iter().map(|finding| finding.took).sum());
    json!({"kind": "examination", "well": failed.is_empty(), "failed": failed, "doubtful": doubtful, "ms": ms})
}

fn closing(findings: &[Finding]) -> String {
    let failed = words(findings, Verdict::is_failure);
    let doubtful = words(findings, |verdict| matches!(verdict, Verdict::Doubtful(_)));
    match (&failed[..], &doubtful[..]) {
        ([], []) => "lights can work with this broker".to_owned(),
        ([], doubtful) => {
            format!("lights can work with this broker, with reservations: {}", doubtful.join(", "))
        }
        (failed, _) => {
            format!("lights cannot work properly with this broker: {}", failed.join(", "))
        }
    }
}
