//! Partners of other people's lights: a virtual light beside a small client that plays a student's own.

use std::time::Duration;

use test_support::{
    Mosquitto,
    partner::{LAB, Partner, Talk},
};
use tokio::{
    sync::broadcast::{Receiver, error::TryRecvError},
    task::{block_in_place, spawn_blocking},
    time::timeout,
};
use traffic_light::{Aspect, Foreign, Name, foreign::Words};
use twinlight::{
    config::Config,
    model::{LightId, LightKind},
    world::{
        Command, Event, EventKind, World, WorldOptions,
        event::{Cause, Severity},
    },
};

use crate::FORK;

/// Far longer than anything here takes on a machine at rest.
const SOON: Duration = Duration::from_secs(60);
const FOREIGN: &str = r#"
[[foreign]]
light = "lab/b"
says = "cars/x"
hears = "cars/y"
words = { red = "RED", amber = ["YELLOW", "AMBER"], green = "GREEN" }
"#;

struct TestWorld {
    world: World,
    events: Receiver<Event>,
    seen: Vec<Event>,
    port: u16,
}

fn light(name: &str) -> LightId {
    LightId::new(Name::new("lab").unwrap(), Name::new(name).unwrap())
}

impl TestWorld {
    async fn start(text: &str) -> TestWorld {
        TestWorld::start_as(text, WorldOptions::default()).await
    }

    async fn start_as(text: &str, options: WorldOptions) -> TestWorld {
        let config = Config::from_toml(text, "lab.toml", &|_| None).unwrap();
        let (world, events) = World::start(config, options).await.unwrap();
        let mut lab = TestWorld { world, events, seen: Vec::new(), port: 0 };
        // What it says when its session comes up has reached the broker: a partner that comes now is told once.
        let a = light("a");
        let is_heard = |kind: &EventKind| matches!(kind, EventKind::PresenceChanged { light, online: true, .. } if *light == a);
        lab.wait("what a says first", is_heard).await;
        let started = lab.seen.iter().find_map(|event| match &event.kind {
            EventKind::BrokerStarted { address, .. } => address.rsplit(':').next()?.parse().ok(),
            _ => None,
        });
        lab.port = started.expect("the broker's port");
        lab
    }

    async fn embedded(foreign: &str) -> TestWorld {
        TestWorld::start(&format!("[broker]\nkind = \"embedded\"\nport = 0\n{LAB}{foreign}")).await
    }

    async fn wait(&mut self, what: &str, wanted: impl Fn(&EventKind) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.events.recv().await.unwrap();
                self.seen.push(event.clone());
                if wanted(&event.kind) {
                    return event;
                }
            }
        };
        timeout(SOON, found).await.unwrap_or_else(|_| panic!("{what} did not come"))
    }

    async fn wait_shows(&mut self, name: &str, aspect: Aspect) -> Event {
        let id = light(name);
        let shows = |kind: &EventKind| matches!(kind, EventKind::AspectChanged { light, aspect: shown } if *light == id && *shown == aspect);
        self.wait(&format!("{name} in {aspect}"), shows).await
    }

    async fn wait_notice(&mut self, text: &str) -> Event {
        self.wait(text, |kind| matches!(kind, EventKind::Noticed { text: told, .. } if told.contains(text)))
            .await
    }

    /// Waits until b is lost and a flashes, in whichever order that is told; returns the notice.
    async fn wait_lost(&mut self) -> Event {
        const LOST: &str = "the foreign light lab/b is lost";
        let from = self.seen.len();
        self.wait_shows("a", Aspect::FlashingAmber).await;
        let is_notice =
            |event: &&Event| matches!(&event.kind, EventKind::Noticed { text, .. } if text.contains(LOST));
        match self.seen[from..].iter().find(is_notice).cloned() {
            Some(notice) => notice,
            None => self.wait_notice(LOST).await,
        }
    }

    /// Takes what has happened meanwhile.
    fn drain(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.seen.push(event),
                Err(TryRecvError::Lagged(_)) => panic!("the test is too slow"),
                Err(_) => return,
            }
        }
    }

    fn conflicts(&self) -> Vec<&EventKind> {
        let conflicts = self.seen.iter().map(|event| &event.kind);
        conflicts.filter(|kind| matches!(kind, EventKind::ConflictBegan { .. })).collect()
    }

    fn greens(&self, name: &str) -> usize {
        let id = light(name);
        let greens = self.seen.iter().filter(|event| matches!(&event.kind, EventKind::AspectChanged { light, aspect: Aspect::Green } if *light == id));
        greens.count()
    }

    async fn stop(self) {
        self.world.stop().await;
    }
}

/// Runs the partner's part, which blocks, while the world goes on.
async fn with_partner<T: Send + 'static>(
    talk: &Talk,
    play: impl FnOnce(&mut Partner) -> T + Send + 'static,
) -> (T, Vec<String>) {
    let talk = talk.clone();
    let played = spawn_blocking(move || {
        let mut partner = talk.connect("student");
        let result = play(&mut partner);
        (result, std::mem::take(&mut partner.heard))
    });
    timeout(SOON * 3, played).await.expect("the partner hangs").unwrap()
}

/// It was told each change, and nothing twice.
#[track_caller]
fn assert_told_each_change_once(heard: &[String], words: &[String; 3]) {
    let [red, amber, green] = words;
    for pair in heard.windows(2) {
        let next = if pair[0] == *red {
            green
        } else if pair[0] == *green {
            amber
        } else {
            red
        };
        assert_eq!(pair[1], *next, "{heard:?}");
    }
    assert!(heard.iter().filter(|told| *told == green).count() >= 2, "{heard:?}");
}

async fn alternates(mut lab: TestWorld, talk: Talk, lasts: Duration) {
    let play = move |partner: &mut Partner| {
        partner.alternate(lasts, Duration::from_millis(200), Duration::from_millis(700))
    };
    let (greens, heard) = with_partner(&talk, play).await;
    lab.drain();
    assert!(lab.conflicts().is_empty(), "{:?} {heard:?}", lab.conflicts());
    assert!(greens >= 2 && lab.greens("a") >= 2, "b {greens}, a {}: {heard:?}", lab.greens("a"));
    assert_told_each_change_once(&heard, &talk.words);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_light_and_its_partner_alternate_on_the_embedded_broker() {
    let lab = TestWorld::embedded(FOREIGN).await;
    let talk = Talk::new(lab.port);
    alternates(lab, talk, Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_that_speaks_json_and_its_partner_alternate_on_a_mosquitto() {
    let mosquitto = {
        let _fork = FORK.lock().await;
        Mosquitto::start("allow_anonymous true", &[])
    };
    let broker = format!("[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {}\n", mosquitto.port);
    let lab = TestWorld::start(&format!("{broker}{LAB}{FOREIGN}json = \"/state\"\n")).await;
    let mut talk = Talk::new(mosquitto.port);
    talk.words = ["RED", "YELLOW", "GREEN"].map(|word| format!("{{\"state\":\"{word}\"}}"));
    alternates(lab, talk, Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_light_and_its_partner_alternate_within_an_account_like_adafruits() {
    let text = include_str!("../../config/adafruit-emulated.toml")
        .replace("[broker]", "[links]\nwifi_join_ms = 50\n[broker]\nport = 0")
        .replace("name = \"demo\"", "name = \"lab\"");
    let foreign = FOREIGN.replace("cars/", "class/feeds/cars-");
    let lab = TestWorld::start(&format!("{text}{foreign}")).await;
    let mut talk = Talk::new(lab.port);
    talk.login = Some(("class".to_owned(), "any-key".to_owned()));
    (talk.says, talk.hears) = ("class/feeds/cars-x".to_owned(), "class/feeds/cars-y".to_owned());
    let mut lab = lab;
    let play = |partner: &mut Partner| {
        partner.alternate(Duration::from_secs(90), Duration::from_millis(500), Duration::from_secs(4))
    };
    let (greens, heard) = with_partner(&talk, play).await;
    lab.drain();
    assert!(lab.conflicts().is_empty(), "{:?} {heard:?}", lab.conflicts());
    let throttled = lab.seen.iter().filter(|event| matches!(&event.kind, EventKind::Noticed { severity: Severity::Warning, text, .. } if text.contains("reject") || text.contains("ban")));
    assert_eq!(throttled.count(), 0);
    assert!(greens >= 2 && lab.greens("a") >= 2, "b {greens}, a {}: {heard:?}", lab.greens("a"));
    assert_told_each_change_once(&heard, &talk.words);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_in_any_case_count_an_early_amber_is_caution_and_what_is_no_word_is_told_once() {
    let mut lab = TestWorld::embedded(FOREIGN).await;
    let talk = Talk::new(lab.port);
    let partner = with_partner(&talk, |partner| {
        partner.say("b'RED'");
        partner.say("b'RED'");
        // A beginner's light that knows nothing yet: the other goes.
        partner.say("amber\r\n");
        partner.wait_for("GREEN");
        partner.wait_for("RED");
        // Its own green stops the other, and so does the amber after it.
        partner.say("green\0");
        assert_eq!(partner.next_within(Duration::from_secs(2)), None);
        partner.say("Yellow");
        assert_eq!(partner.next_within(Duration::from_secs(2)), None);
        partner.say("red");
        partner.wait_for("GREEN");
    });
    partner.await;
    lab.drain();
    assert!(lab.conflicts().is_empty(), "{:?}", lab.conflicts());
    let ignored: Vec<_> = lab
        .seen
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::MessageIgnored { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert!(
        matches!(&ignored[..], [one] if one.contains("lab/b said \"b\\'RED\\'\" on cars/x")),
        "{ignored:?}"
    );
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_that_has_gone_is_missed_at_once_and_a_silent_one_in_time_and_its_last_red_lets_nobody_go() {
    let mut lab = TestWorld::embedded(&format!("{FOREIGN}lost_after_s = 3\n")).await;
    let talk = Talk::new(lab.port);
    // It dies red, its session closed.
    with_partner(&talk, |partner| {
        partner.say_until("RED", "GREEN");
        partner.say_until("RED", "RED");
        partner.next_within(Duration::from_millis(500));
    })
    .await;
    let gone = lab.wait_lost().await;
    let greens = lab.greens("a");
    let mut connected = talk.connect("again");
    // Until the other goes: it would be lost again while the other waits.
    block_in_place(|| connected.say_until("RED", "GREEN"));
    let heard = lab.wait_notice("the foreign light lab/b is heard again").await;
    assert!(heard.at > gone.at);
    lab.wait_shows("a", Aspect::Green).await;
    assert_eq!(lab.greens("a"), greens + 1, "it went on an old red");
    // It falls silent, and its session stays.
    let lost = lab.wait_lost().await;
    assert!(lost.at >= heard.at + Duration::from_millis(2_900), "{:?} after {:?}", lost.at, heard.at);
    drop(connected);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribes_anew_is_told_again() {
    let lab = TestWorld::embedded(FOREIGN).await;
    let talk = Talk::new(lab.port);
    with_partner(&talk, |partner| {
        // Told because it has subscribed, without having said anything.
        partner.wait_for("RED");
        assert_eq!(partner.next_within(Duration::from_secs(2)), None, "once is enough");
        partner.subscribe_again();
        partner.wait_for("RED");
        assert_eq!(partner.next_within(Duration::from_secs(2)), None, "once is enough");
    })
    .await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_names_what_the_foreign_light_had_been_told() {
    let mut lab = TestWorld::embedded(FOREIGN).await;
    let talk = Talk::new(lab.port);
    let play = spawn_blocking(move || {
        let mut partner = talk.connect("student");
        partner.say("RED");
        partner.wait_for("GREEN");
        // Long enough after: no round trip lasts so long.
        assert_eq!(partner.next_within(Duration::from_millis(400)), None);
        partner.say("GREEN");
        partner.wait_for("RED");
        partner.say("RED");
        partner
    });
    let began = lab.wait("a conflict", |kind| matches!(kind, EventKind::ConflictBegan { .. })).await;
    let EventKind::ConflictBegan { cause, lights, .. } = began.kind else { panic!() };
    assert_eq!((cause, lights), (Some(Cause::DidNotReact), vec![light("a"), light("b")]));
    drop(play.await.unwrap());
    lab.world.commands().send(Command::ClearFaults).await.unwrap();
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_port_to_a_mosquitto_a_light_is_told_as_soon_as_it_subscribes_and_missed_as_soon_as_it_is_gone()
 {
    let mosquitto = {
        let _fork = FORK.lock().await;
        Mosquitto::start("allow_anonymous true", &[])
    };
    let port = test_support::free_port();
    let broker = format!("[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {}\n", mosquitto.port);
    let junction = LAB.replace("[links]", &format!("[links]\nboard_port = {port}"));
    // Silence alone would miss it an hour later.
    let mut lab = TestWorld::start(&format!("{broker}{junction}{FOREIGN}lost_after_s = 3600\n")).await;
    with_partner(&Talk::new(port), |partner| {
        partner.wait_for("RED");
        assert_eq!(partner.next_within(Duration::from_secs(2)), None, "once is enough");
        partner.subscribe_again();
        partner.wait_for("RED");
        partner.say_until("RED", "GREEN");
    })
    .await;
    // It closed its connection.
    lab.wait_lost().await;
    lab.stop().await;
}

fn cars() -> Box<Foreign> {
    let words = [(Aspect::Red, "RED"), (Aspect::Amber, "YELLOW"), (Aspect::Green, "GREEN")];
    Box::new(Foreign::new("cars/x", "cars/y", Words::new(&words).unwrap()).unwrap())
}

async fn set_foreign(lab: &TestWorld, foreign: Option<Box<Foreign>>) {
    lab.world.commands().send(Command::SetForeign { light: light("b"), foreign }).await.unwrap();
}

fn kind_of(wanted: LightKind) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::LightAdded { light: of, kind, .. } if *of == light("b") && *kind == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_that_runs_here_gives_its_place_to_somebody_elses_and_takes_it_back_while_the_world_runs() {
    let mut lab = TestWorld::embedded("").await;
    lab.wait_shows("b", Aspect::Green).await;
    set_foreign(&lab, Some(cars())).await;
    lab.wait("b as a foreign light", kind_of(LightKind::Foreign)).await;
    lab.wait(
        "its topics",
        |kind| matches!(kind, EventKind::ForeignMapped { foreign, .. } if *foreign == cars()),
    )
    .await;
    let talk = Talk::new(lab.port);
    let play = |partner: &mut Partner| {
        partner.alternate(Duration::from_secs(20), Duration::from_millis(200), Duration::from_millis(700))
    };
    let (greens, heard) = with_partner(&talk, play).await;
    lab.drain();
    assert!(lab.conflicts().is_empty(), "{:?} {heard:?}", lab.conflicts());
    assert!(greens >= 2, "{heard:?}");
    assert_told_each_change_once(&heard, &talk.words);
    set_foreign(&lab, None).await;
    lab.wait("b as a virtual light", kind_of(LightKind::Virtual)).await;
    lab.wait_shows("b", Aspect::Green).await;
    lab.wait_shows("a", Aspect::Green).await;
    assert!(lab.conflicts().is_empty(), "{:?}", lab.conflicts());
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_mosquitto_a_new_foreign_light_gets_its_port_and_is_missed_when_its_connection_there_ends() {
    let mosquitto = {
        let _fork = FORK.lock().await;
        Mosquitto::start("allow_anonymous true", &[])
    };
    let port = test_support::free_port();
    let broker = format!("[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {}\n", mosquitto.port);
    let junction = LAB.replace("[links]", &format!("[links]\nboard_port = {port}"));
    let mut lab = TestWorld::start(&format!("{broker}{junction}")).await;
    set_foreign(&lab, Some(cars())).await;
    lab.wait_notice(&format!("port {port} leads lab/b to the broker")).await;
    lab.wait("b as a foreign light", kind_of(LightKind::Foreign)).await;
    with_partner(&Talk::new(port), |partner| {
        partner.wait_for("RED");
        partner.say_until("RED", "GREEN");
        // Its last word is through before its port tells that it has gone.
        partner.next_within(Duration::from_millis(500));
    })
    .await;
    lab.wait_lost().await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_become_a_foreign_light_is_refused_with_the_reason() {
    let mut lab = TestWorld::embedded("lights = [\"a\", \"b\", \"c\"]\n").await;
    set_foreign(&lab, Some(cars())).await;
    lab.wait_notice("a foreign light has one partner, and lab has more lights than two").await;
    let unknown = LightId::new(Name::new("lab").unwrap(), Name::new("x").unwrap());
    let command = Command::SetForeign { light: unknown, foreign: Some(cars()) };
    lab.world.commands().send(command).await.unwrap();
    lab.wait_notice("the configuration has no light lab/x").await;
    set_foreign(&lab, None).await;
    lab.stop().await;

    let mut lab = TestWorld::embedded("").await;
    let folder = tempfile::tempdir().unwrap();
    let file = Some(folder.path().join("run.jsonl"));
    lab.world.commands().send(Command::StartRecording { file }).await.unwrap();
    set_foreign(&lab, Some(cars())).await;
    lab.wait_notice("end the recording first").await;
    lab.wait_shows("b", Aspect::Green).await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_lists_what_others_say_with_who_says_it_and_what_that_one_hears_and_ends_when_nobody_looks()
{
    let text = format!("[broker]\nkind = \"embedded\"\nport = 0\n{LAB}");
    let mut lab =
        TestWorld::start_as(&text, WorldOptions { detailed: true, ..WorldOptions::default() }).await;
    let survey = |filter: Option<&str>| Command::Survey { filter: filter.map(str::to_owned) };
    lab.world.commands().send(survey(Some("#"))).await.unwrap();
    lab.wait("the survey", |kind| matches!(kind, EventKind::Surveyed(survey) if survey.listens)).await;
    let partner = spawn_blocking({
        let talk = Talk::new(lab.port);
        move || {
            let partner = talk.connect("esp32-ann");
            partner.say("RED");
            partner.say("GREEN");
            partner
        }
    });
    let partner = partner.await.unwrap();
    let heard = lab.wait("both words", |kind| matches!(kind, EventKind::Surveyed(survey) if survey.topics.iter().any(|topic| topic.messages == 2))).await;
    let EventKind::Surveyed(heard) = heard.kind else { panic!() };
    let [topic] = &heard.topics[..] else { panic!("the lights' own topics are left out: {heard:?}") };
    assert_eq!(
        (&*topic.topic, &*topic.last, topic.client.as_deref()),
        ("cars/x", "GREEN", Some("esp32-ann"))
    );
    assert_eq!(topic.filters, ["cars/y"]);
    assert_eq!(topic.forms.iter().map(|form| &**form).collect::<Vec<_>>(), ["RED", "GREEN"]);
    lab.world.commands().send(survey(None)).await.unwrap();
    // Commands are performed in their order: once this one is, the other was.
    lab.world.commands().send(Command::RebootLight { light: light("a") }).await.unwrap();
    lab.wait_shows("a", Aspect::Dark).await;
    partner.say("RED");
    lab.wait_shows("a", Aspect::Green).await;
    let last = lab.seen.iter().rev().find_map(|event| match &event.kind {
        EventKind::Surveyed(survey) => Some(survey.clone()),
        _ => None,
    });
    assert_eq!(last.unwrap().topics[0].messages, 2);
    lab.stop().await;
}
