//! The topics on which an examination speaks, and what it says there.

use super::{load::JunctionLoad, target::Target};

/// Two topics of one junction.
pub(super) struct Place {
    pub(super) state: String,
    pub(super) status: String,
    /// Nobody else says the same here.
    pub(super) short: Vec<u8>,
    /// The same, as long as a light's longest message.
    pub(super) long: Vec<u8>,
    /// What was kept on `status` before, and is to be there again: on a light's own topic.
    pub(super) before: Vec<u8>,
}

impl Place {
    /// The topics of a light in this junction that there is not: no light listens to them.
    pub(super) fn beside_the_lights(target: &Target, junction: &str, mark: &str, longest: usize) -> Place {
        let topic = |last: &str| format!("{}/{junction}/{mark}/{last}", target.root);
        Place::new(topic("state"), topic("status"), mark, longest)
    }

    /// One feed for all examinations: an account has room for few.
    pub(super) fn feed(user: &str, mark: &str, longest: usize) -> Place {
        let feed = format!("{user}/feeds/twinlight-doctor");
        Place::new(feed.clone(), feed, mark, longest)
    }

    fn new(state: String, status: String, mark: &str, longest: usize) -> Place {
        let short = mark.as_bytes().to_vec();
        let long = padded(&short, longest, b'.');
        Place { state, status, short, long, before: Vec::new() }
    }

    /// The status of a light that does not run: where rights are given for the lights' own topics alone. It says
    /// what the light itself leaves behind when it stops. `None` where there is no light.
    pub(super) fn of_a_light(target: &Target, junction: &JunctionLoad) -> Option<Place> {
        let light = junction.lights.first()?;
        let status = format!("{}/{}/{light}/status", target.root, junction.name);
        // Space behind JSON means nothing.
        let long = padded(&junction.goodbye, junction.longest, b' ');
        Some(Place {
            state: status.clone(),
            status,
            short: junction.goodbye.clone(),
            long,
            before: Vec::new(),
        })
    }
}

fn padded(text: &[u8], length: usize, with: u8) -> Vec<u8> {
    let mut long = text.to_vec();
    long.resize(length.max(text.len()), with);
    long
}
