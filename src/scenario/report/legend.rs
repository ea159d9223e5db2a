//! What the looks of the timeline mean.

use std::fmt::Write as _;

/// What each look means, as small pictures with words.
pub(super) fn legend() -> String {
    let mut html = String::from("<ul class=\"legend\">");
    let swatch = |inner: &str| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"26\" height=\"20\" aria-hidden=\"true\">{inner}</svg>"
        )
    };
    let bar = |class: &str, height: u32| {
        let top = 20 - height;
        format!("<rect class=\"{class}\" x=\"0\" y=\"{top}\" width=\"26\" height=\"{height}\"/>")
    };
    let letter = |class: &str, base: u32, letter: &str| {
        format!(
            "<text class=\"letter on-{class}\" x=\"13\" y=\"{base}\" text-anchor=\"middle\">{letter}</text>"
        )
    };
    let line = |class: &str| format!("<line class=\"{class}\" x1=\"0\" y1=\"12\" x2=\"26\" y2=\"12\"/>");
    for (picture, words) in [
        (bar("red", 13) + &letter("red", 18, "R"), "red"),
        (bar("red", 20) + &bar("amber", 10), "red-amber"),
        (bar("green", 20) + &letter("green", 14, "G"), "green"),
        (bar("amber", 20) + &bar("amber-lines", 20) + &letter("amber", 14, "A"), "amber"),
        (bar("flashing", 16) + &letter("flashing", 16, "F"), "flashing amber"),
        (bar("dark", 3), "dark"),
        (line("link-up"), "has a session"),
        (line("link-down"), "has no session"),
        (
            "<rect class=\"conflict\" x=\"2\" y=\"2\" width=\"22\" height=\"16\" rx=\"3\"/>\
             <circle class=\"conflict-mark\" cx=\"13\" cy=\"10\" r=\"7\"/>\
             <text class=\"conflict-sign\" x=\"13\" y=\"14\" text-anchor=\"middle\">!</text>"
                .to_owned(),
            "conflict",
        ),
        (
            "<rect class=\"unsafe\" x=\"2\" y=\"2\" width=\"22\" height=\"16\" rx=\"3\"/>\
             <circle class=\"conflict-mark\" cx=\"13\" cy=\"10\" r=\"7\"/>\
             <text class=\"conflict-sign\" x=\"13\" y=\"14\" text-anchor=\"middle\">!</text>"
                .to_owned(),
            "flashing against a go",
        ),
    ] {
        let _ = write!(html, "<li>{} {words}</li>", swatch(&picture));
    }
    html + "</ul>\n"
}
