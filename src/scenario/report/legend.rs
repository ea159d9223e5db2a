//! What the looks of the timeline mean.

use maud::{Markup, html};

/// What each look means, as small pictures with words.
pub(super) fn legend() -> Markup {
    let bar = |class: &str, height: u32| {
        html! { rect class=(class) x="0" y=(20 - height) width="26" height=(height) {} }
    };
    let letter = |class: &str, base: u32, letter: &str| {
        html! { text class={ "letter on-" (class) } x="13" y=(base) text-anchor="middle" { (letter) } }
    };
    let line = |class: &str| html! { line class=(class) x1="0" y1="12" x2="26" y2="12" {} };
    let mark = |class: &str| {
        html! {
            rect class=(class) x="2" y="2" width="22" height="16" rx="3" {}
            circle .conflict-mark cx="13" cy="10" r="7" {}
            text .conflict-sign x="13" y="14" text-anchor="middle" { "!" }
        }
    };
    let looks = [
        (html! { (bar("red", 13)) (letter("red", 18, "R")) }, "red"),
        (html! { (bar("red", 20)) (bar("amber", 10)) }, "red-amber"),
        (html! { (bar("green", 20)) (letter("green", 14, "G")) }, "green"),
        (html! { (bar("amber", 20)) (bar("amber-lines", 20)) (letter("amber", 14, "A")) }, "amber"),
        (html! { (bar("flashing", 16)) (letter("flashing", 16, "F")) }, "flashing amber"),
        (bar("dark", 3), "dark"),
        (line("link-up"), "has a session"),
        (line("link-down"), "has no session"),
        (mark("conflict"), "conflict"),
        (mark("unsafe"), "flashing while another has green"),
    ];
    html! {
        ul .legend {
            @for (picture, words) in looks {
                li {
                    svg xmlns="http://www.w3.org/2000/svg" width="26" height="20" aria-hidden="true" { (picture) }
                    " " (words)
                }
            }
        }
    }
}
