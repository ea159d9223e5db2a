//! A class at once: a roster of groups, a port and a bench for each, and a table of what came of it.

use std::{net::SocketAddr, path::Path};

use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use super::{CheckArgs, Ground, PROGRESS, files, hosts, line, output, place, sentence, status, summary};
use crate::{
    check::{
        Check,
        bench::{Observer, Progress, Recording},
        class::{self, Group},
        judge::{judge, judge_step},
        record::Step,
    },
    cli::{common::asked_to_end, failure::wrong_usage},
    config::Config,
    model::Diagnostic,
};

/// Reads the roster; what is wrong is told with its line.
pub(super) fn roster(file: &Path) -> anyhow::Result<Vec<Group>> {
    class::read(file).map_err(|problems| {
        let listed = problems.iter().map(|(line, what)| format!("{}:{line}: {what}", file.display()));
        let message = listed.collect::<Vec<_>>().join("\n");
        wrong_usage((message, "the first line names the columns: group, and port, says, hears where wanted"))
    })
}

/// Checks all groups at once, and writes the table.
pub(super) async fn run(
    args: &CheckArgs,
    config: &Config,
    groups: Vec<Group>,
    csv: &Path,
    (seed, steps): (u64, Vec<Step>),
) -> anyhow::Result<u8> {
    let (tell, mut told) = mpsc::channel::<(usize, Step)>(PROGRESS);
    let mut started = Vec::new();
    let mut refused: Vec<(String, Diagnostic)> = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        // A broker for each group: students agree on their topics with nobody but their partner.
        let ground = super::prepare(config, args.lan).await?;
        let mut record = ground.record(seed ^ u64::from(group.port) << 32, steps.clone());
        record.group = Some(group.name.clone());
        record.given = group.given();
        let tell = tell.clone();
        let observer: Observer = Box::new(move |progress| {
            if let Progress::Ended(step) = progress {
                // What is dropped here is a line on the way: the table is made from the records.
                let _ = tell.try_send((index, step));
            }
        });
        let another = "give the group another port in the roster";
        match Check::start(ground.setup(group.port, another, args.wifi_hook.clone(), record), observer) {
            Ok(check) => started.push((check, ground)),
            Err(why) => refused.push((group.name.clone(), why)),
        }
    }
    drop(tell);
    all_have_ports(refused)?;
    let (mut checks, mut recordings, mut grounds) = (JoinSet::new(), Vec::<Recording>::new(), Vec::new());
    let mut printed = Ok(());
    for (group, (check, ground)) in groups.iter().zip(started) {
        printed = printed.and_then(|()| opened(args, group, check.address(), &ground));
        recordings.push(check.recording());
        grounds.push(ground);
        checks.spawn(check.run());
    }
    let mut ended = std::pin::pin!(asked_to_end());
    loop {
        tokio::select! {
            biased;
            Some((index, step)) = told.recv() => {
                printed = printed.and_then(|()| tell_step(args, &recordings, index, step));
            }
            done = checks.join_next() => if done.is_none() { break },
            () = &mut ended => break,
        }
    }
    while let Ok((index, step)) = told.try_recv() {
        printed = printed.and_then(|()| tell_step(args, &recordings, index, step));
    }
    checks.shutdown().await;
    for ground in grounds {
        ground.stop().await;
    }
    let mut judged = Vec::new();
    for (group, recording) in groups.iter().zip(&recordings) {
        let record = recording.record();
        let verdicts = judge(&record);
        let mut last = summary(&record, &verdicts);
        last["group"] = json!(group.name);
        let last = if args.json {
            last.to_string()
        } else {
            format!("{}: {}", group.name, super::closing(&record, &verdicts))
        };
        printed = printed.and_then(|()| output::line(last));
        judged.push((group, verdicts));
    }
    let mut table = Vec::new();
    class::table(&steps, judged.iter().map(|(group, verdicts)| (*group, verdicts.as_slice())), &mut table)?;
    if recordings.iter().all(|recording| recording.record().is_of_nobody()) {
        note!("no light came, so there is nothing to keep");
    } else {
        files::write_whole(csv, &table)?;
    }
    printed?;
    Ok(judged.iter().map(|(_, verdicts)| status(verdicts)).max().unwrap_or_default())
}

/// Better known before the class begins than from the group that waits for ever.
fn all_have_ports(refused: Vec<(String, Diagnostic)>) -> anyhow::Result<()> {
    let help = refused.iter().find_map(|(_, why)| why.help.clone());
    let listed: Vec<_> = refused.iter().map(|(group, why)| format!("{group}: {why}")).collect();
    match (listed.is_empty(), help) {
        (true, _) => Ok(()),
        (false, Some(help)) => Err(Diagnostic::new(listed.join("\n"), help).into()),
        (false, None) => Err(Diagnostic::from(listed.join("\n")).into()),
    }
}

fn opened(args: &CheckArgs, group: &Group, address: SocketAddr, ground: &Ground) -> anyhow::Result<()> {
    let login = ground.login.as_ref();
    let hosts = hosts(ground.lan);
    if args.json {
        let address = address.to_string();
        let user = login.map(|login| &login.user);
        return output::line(json!({
            "ms": 0, "kind": "broker", "group": group.name, "address": address, "hosts": hosts, "user": user,
        }));
    }
    let login = login
        .filter(|_| ground.made_up)
        .map(|login| format!(", user {}, password {}", login.user, login.password));
    let place = place(&hosts, address.port());
    output::line(format!("{}: {place}{}", group.name, login.unwrap_or_default()))
}

fn tell_step(args: &CheckArgs, recordings: &[Recording], index: usize, step: Step) -> anyhow::Result<()> {
    let Some(record) = recordings.get(index).map(Recording::record) else { return Ok(()) };
    if !record.steps.contains(&step) {
        return Ok(());
    }
    let verdict = judge_step(&record, step);
    let group = record.group.as_deref().unwrap_or_default();
    if args.json {
        let mut line = line(&record, &verdict);
        line["group"] = json!(group);
        return output::line(line);
    }
    output::line(format!("{group}: {}", sentence(&verdict)))
}
