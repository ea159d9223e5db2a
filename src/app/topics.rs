//! What is looked at in the topic panel, and the message that is typed there.

use std::{collections::BTreeSet, sync::Arc};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TopicsAction {
    /// Look at this topic, and follow its newest value.
    Select(Arc<str>),
    /// Look at this earlier value of the topic; `None` follows the newest.
    Pick(Option<Arc<str>>),
    /// Open or close the levels below this path.
    ToggleLevel(String),
    /// Fill a message that was heard into the form.
    CopyToForm { topic: Arc<str>, payload: Arc<str> },
}

/// The panel's texts and what goes with them.
#[derive(Debug, Default)]
pub(super) struct TopicsForm {
    /// Shows only topics that contain this.
    pub(super) filter: String,
    pub(super) publish: PublishForm,
}

#[derive(Debug)]
pub(super) struct PublishForm {
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) retain: bool,
    /// Quality of service: 0, 1 or 2.
    pub(super) qos: u8,
    /// Whether the user may publish on a broker that others use too.
    pub(super) allowed: bool,
}

impl Default for PublishForm {
    fn default() -> PublishForm {
        let (topic, payload) = (String::new(), String::new());
        PublishForm { topic, payload, retain: false, qos: 1, allowed: false }
    }
}

/// What the user has chosen; changed by [`TopicsController::perform`] alone.
#[derive(Debug, Default)]
pub(super) struct TopicBrowser {
    /// Levels that the user opened or closed, against what is usual.
    pub(super) toggled: BTreeSet<String>,
    pub(super) selected: Option<Arc<str>>,
    /// The value that is looked at; `None` follows the newest.
    pub(super) picked: Option<Arc<str>>,
}

/// Owns what is looked at and what is typed.
#[derive(Debug, Default)]
pub(super) struct TopicsController {
    pub(super) browser: TopicBrowser,
    pub(super) form: TopicsForm,
}

impl TopicsController {
    pub(super) fn perform(&mut self, action: TopicsAction) {
        let browser = &mut self.browser;
        match action {
            TopicsAction::Select(topic) => (browser.selected, browser.picked) = (Some(topic), None),
            TopicsAction::Pick(payload) => browser.picked = payload,
            TopicsAction::ToggleLevel(path) => {
                if !browser.toggled.remove(&path) {
                    browser.toggled.insert(path);
                }
            }
            TopicsAction::CopyToForm { topic, payload } => {
                (self.form.publish.topic, self.form.publish.payload) =
                    (topic.to_string(), payload.to_string());
            }
        }
    }
}
