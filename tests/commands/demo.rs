//! `plazo demo` as people start it.

use std::process::Command;

use plazo::engine::NoticeKind;

fn demo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_plazo"))
        .args(["demo", "--speed", "max"])
        .args(arguments)
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let first = demo(&["--seed", "5", "--leads", "15"]);
    assert_eq!(first, demo(&["--seed", "5", "--leads", "15"]));
    assert_ne!(first, demo(&["--seed", "6", "--leads", "15"]));
}

#[test]
fn the_default_story_shows_every_kind_of_notice_and_agrees_with_a_replay() {
    let text = demo(&[]);
    // People of the story play no games.
    for kind in NoticeKind::ALL.into_iter().filter(|kind| kind.name().starts_with("sla.")) {
        assert!(text.contains(&format!("  {} ", kind.name())), "no {}", kind.name());
    }
    assert!(text.contains("a replay of the log told the same notices"), "{text}");
    assert!(text.contains("each told once") && text.contains("met %"), "{text}");
}

#[test]
fn a_pipe_gets_no_colours_and_spanish_is_spoken() {
    let text = demo(&["--lang", "es", "--leads", "15"]);
    assert!(!text.contains('\u{1b}'), "an escape sequence");
    assert!(text.contains("nuevo lead de") && text.contains("vence "), "{text}");
    assert!(text.contains("una repetición del registro dio los mismos avisos"), "{text}");
}
