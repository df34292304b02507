//! What may be an id, and who may bring one; what may be data.

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::destroy::Destroyed;
use redstart_core::sessions::set::Saved;
use redstart_core::sessions::{SessionData, SessionsStats};
use redstart_core::value::{Form, Tag};

use crate::support::{OPTIONS, Rig, TTL_MS, digest, ready, write};

#[test]
fn ids_are_drawn_and_never_kept() {
    let at = Rig::new(OPTIONS);
    let (one, two) = (at.create("{}"), at.create("{}"));
    assert!(one.len() == 32 && two.len() == 32 && one != two);
    let shown = format!("{:?}", at.scan(10));
    assert!(!shown.contains(&one) && !shown.contains(&two));
}

#[test]
fn only_who_adopts_may_bring_an_id() {
    let at = Rig::new(OPTIONS);
    assert!(!at.set("made-up", "data"));
    assert_eq!(at.stats(), SessionsStats::default());
    assert_eq!(at.adopt("made-up", "data"), Ok(Saved::Stored(1)));
    assert_eq!(at.get("made-up").as_deref(), Some("data"));
    assert!(at.set("made-up", "more data"));
    at.pass(TTL_MS);
    assert_eq!(at.adopt("made-up", "again"), Ok(Saved::Stored(3)));
    assert_eq!(at.get("made-up").as_deref(), Some("again"));
}

#[test]
fn text_that_is_no_id_is_unknown_and_cannot_be_adopted() {
    let at = Rig::new(OPTIONS);
    let too_long = "x".repeat(257);
    for id in ["", "naïve", "tab\t", "nul\0", "../../etc/passwd\n", &too_long] {
        assert_eq!(at.get(id), None);
        assert!(!at.set(id, "data") && !at.touch(id) && !at.destroy(id) && at.regenerate(id).is_none());
        assert_eq!(at.adopt(id, "data").unwrap_err().code(), "ERR_INVALID_ARG");
    }
    let longest = "x".repeat(256);
    for id in ["__proto__", "a b", "s%3Aabc.d+e/f==", &longest] {
        assert!(matches!(at.adopt(id, id), Ok(Saved::Stored(_))));
        assert_eq!(at.get(id).as_deref(), Some(id));
    }
}

#[test]
fn a_handle_ends_its_session_and_opens_none() {
    let at = Rig::new(OPTIONS);
    let id = at.create("{}");
    let handle = digest(&id).handle();
    assert_eq!((at.get(&handle), at.touch(&handle), at.destroy(&handle)), (None, false, false));
    let destroy = |handle: &str| ready(at.sessions.destroy_handle(handle));
    assert_eq!(
        (destroy(&id), destroy(""), destroy(&handle.to_uppercase())),
        (Ok(Destroyed::Unknown), Ok(Destroyed::Unknown), Ok(Destroyed::Unknown))
    );
    assert_eq!((destroy(&handle), destroy(&handle)), (Ok(Destroyed::Ended), Ok(Destroyed::Unknown)));
    assert_eq!((at.get(&id), at.budget.used()), (None, 0));
}

#[test]
fn data_keeps_its_form() {
    let at = Rig::new(OPTIONS);
    let wide = SessionData { form: Form::TwoByteText, bytes: &[0x3d, 0xd8, 0x00, 0xde] };
    let id = ready(at.sessions.create(SessionWrite { data: wide, ..write("") })).unwrap();
    let tag = |id: &str, buffer: &mut Vec<u8>| at.sessions.get(id, buffer).unwrap().unwrap().tag;
    let mut buffer = Vec::new();
    assert_eq!(tag(&id, &mut buffer), Tag::new(Form::TwoByteText, 0));
    assert_eq!(buffer, wide.bytes);
    assert!(at.set(&id, "narrow"));
    assert_eq!(tag(&id, &mut buffer), Tag::new(Form::OneByteText, 0));
    assert_eq!(buffer, b"narrow");
    let number = SessionData { form: Form::Number, bytes: &[0; 8] };
    let refused = at.save(&id, SessionWrite { data: number, ..write("") });
    assert_eq!(refused.unwrap_err().code(), "ERR_INVALID_ARG");
    assert_eq!(at.get(&id).as_deref(), Some("narrow"));
}
