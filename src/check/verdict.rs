//! What a step came to: outcome, cause, evidence and advice.

use serde::{Deserialize, Serialize};

use super::record::Step;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    Unjudged,
}

impl Outcome {
    /// As it is written in a report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Unjudged => "unjudged",
        }
    }
}

macro_rules! causes {
    ($($cause:ident, $name:literal, $advice:literal;)*) => {
        /// Why a step failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Cause {
            $(#[serde(rename = $name)] $cause,)*
        }

        impl Cause {
            /// All of them.
            pub const ALL: &[Cause] = &[$(Cause::$cause),*];

            /// As it is written in a report.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Cause::$cause => $name,)* }
            }

            /// What the light's author should do about it.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Cause::$cause => $advice,)* }
            }
        }
    };
}

causes! {
    NeverCame, "never-came",
        "Check the Wi-Fi, the address and the port in your program, and that it is running.";
    BadLogin, "bad-login",
        "Give the user name and password of this broker to your MQTT client.";
    LoginRefused, "login-refused",
        "Look the code up in MQTT 3.1.1, section 3.2.2.3, and change what your CONNECT says.";
    NoSubscribe, "no-subscribe",
        "Set a callback and subscribe to your partner's topic right after connect().";
    WrongTopic, "wrong-topic",
        "Use the topics that were agreed on, letter by letter: a slash at the end makes another topic.";
    OneTopicForBoth, "one-topic-for-both",
        "Use two topics, one for each light: on a shared one you hear yourself and take it for your partner.";
    WordsNotUnderstood, "words-not-understood",
        "Agree on the words with your partner, and compare them without regard to case.";
    MalformedPacket, "malformed-packet",
        "Count bytes, not characters: use len(text.encode()). Send CONNECT first, and nothing but MQTT packets.";
    UnfinishedQos2, "unfinished-qos-2",
        "Publish with QoS 0 or 1: QoS 2 takes four packets, and your client does not send the third (PUBREL).";
    Qos2Refused, "qos-2-refused",
        "Publish with QoS 0 or 1: this broker ends the connection at QoS 2.";
    NeverSpeaks, "never-speaks",
        "Publish your colour when it changes, and once after you have connected.";
    WillSaysGo, "will-says-go",
        "Let the last will say red, or nothing: the broker says it in your name when you are gone.";
    NeverYields, "never-yields",
        "Act on what the callback gets, and compare bytes with bytes: msg == b\"green\", or msg.decode() == \"green\".";
    YieldsLate, "yields-late",
        "Do not sleep for seconds: call check_msg() every 100 ms and compare times instead.";
    GoesOnAmber, "goes-on-amber",
        "Amber after green is still your partner's turn: wait until it says red.";
    NeverGoes, "never-goes",
        "Use check_msg() instead of wait_msg(), so that your program goes on when nothing comes, and go in your turn.";
    NotReconnected, "not-reconnected",
        "Catch OSError around publish and check_msg, throw the old client away without disconnect(), wait, connect anew, and try again if that fails.";
    NoResubscribe, "no-resubscribe",
        "Set the callback and subscribe again after each connect(): the broker forgets a clean session.";
    MuteAfterReconnect, "mute-after-reconnect",
        "Publish your colour again after each connect(), and make sure that you publish with the new client.";
    DeafAfterReconnect, "deaf-after-reconnect",
        "Set the callback on the new client too, and read from that one with check_msg().";
    StopsByItself, "stops-by-itself",
        "Look at the board's log: an exception that nothing catches, a loop that never ends, or a call that waits for ever.";
    HangsUpByItself, "hangs-up-by-itself",
        "Look at the board's log: an exception in the loop, a watchdog that nobody feeds, or a wait for an answer that is too short.";
    NoKeepAlive, "no-keep-alive",
        "Give the client a keep-alive (keepalive=30), ping within it, and connect anew when no answer comes.";
    NoPing, "no-ping",
        "Call ping() at least once within the keep-alive, and connect anew when no answer comes.";
    KeepAliveTooLong, "keep-alive-too-long",
        "Use a keep-alive of at most 30 s, so that a dead connection is noticed in time.";
    IgnoresSilence, "ignores-silence",
        "Note when the last PINGRESP or other packet came; when none has come for one and a half keep-alives, close the socket and connect anew.";
    SharedClientId, "shared-client-id",
        "Give each light a client id of its own, for instance from machine.unique_id().";
    ObeysOldWord, "obeys-old-word",
        "Note when your partner spoke last. After some time without a word do not wait for it for ever; after connecting, wait for a fresh word before you go.";
    ReconnectStorm, "reconnect-storm",
        "Wait before you try again, and longer each time: 1 s, 2 s, 4 s, up to 30 s.";
    Floods, "floods",
        "Publish when your colour changes, not in every round of the loop.";
    GaveUpAfterRefusal, "gave-up-after-refusal",
        "Put connect() into the same try as the rest of the loop: a refusal is no reason to end.";
}

/// The verdict on a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub step: Step,
    pub outcome: Outcome,
    /// Of a failure.
    pub cause: Option<Cause>,
    /// What was seen; of a step that was not judged, why not.
    pub evidence: String,
}

impl Verdict {
    #[must_use]
    pub(super) fn pass(step: Step, evidence: impl Into<String>) -> Verdict {
        Verdict { step, outcome: Outcome::Pass, cause: None, evidence: evidence.into() }
    }

    #[must_use]
    pub(super) fn fail(step: Step, cause: Cause, evidence: impl Into<String>) -> Verdict {
        Verdict { step, outcome: Outcome::Fail, cause: Some(cause), evidence: evidence.into() }
    }

    #[must_use]
    pub(super) fn unjudged(step: Step, reason: impl Into<String>) -> Verdict {
        Verdict { step, outcome: Outcome::Unjudged, cause: None, evidence: reason.into() }
    }

    /// What to do; `None` where nothing is wrong.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        self.cause.map(Cause::advice)
    }
}
