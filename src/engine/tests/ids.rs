//! Ids of notices outlive the build that gave them: who has seen a notice knows it again (SEMANTICS §7).

use super::*;
use crate::engine::NoticeId;
use crate::engine::notice::Statement;

const STATEMENT: Statement<'_> = Statement {
    lead_id: "L1",
    sla: "disposition",
    start: Timestamp(1_772_445_600_000),
    ordinal: 0,
    kind: NoticeKind::Reminder,
    step: 77,
    count: 0,
};

#[test]
fn a_statement_has_the_id_that_every_build_before_gave_it() {
    let of_no_clock = Statement { lead_id: "", sla: "", ..STATEMENT };
    let ids = [STATEMENT.id(), STATEMENT.id().retraction(), of_no_clock.id()].map(|id| id.to_string());
    assert_eq!(
        ids,
        [
            "d98d578b-a386-8ec0-ac40-83f7f86f6506",
            "0b7f71bf-78ff-89ea-b238-c56525b5c124",
            "be5e2490-01a6-8e07-a0e1-5f8c2c51ce38",
        ]
    );
}

#[test]
fn whatever_differs_in_a_statement_makes_another_id_and_each_is_a_uuid_of_version_8() {
    let others = [
        STATEMENT,
        Statement { lead_id: "L2", ..STATEMENT },
        Statement { lead_id: "L1d", sla: "isposition", ..STATEMENT },
        Statement { start: STATEMENT.start.plus_ms(1), ..STATEMENT },
        Statement { ordinal: 1, ..STATEMENT },
        Statement { kind: NoticeKind::Breached, ..STATEMENT },
        Statement { step: 78, ..STATEMENT },
        Statement { count: 1, ..STATEMENT },
    ];
    let mut ids: Vec<NoticeId> = others.iter().flat_map(|other| [other.id(), other.id().retraction()]).collect();
    for text in ids.iter().map(NoticeId::to_string) {
        assert!(text[14..].starts_with('8') && text[19..].starts_with(['8', '9', 'a', 'b']), "{text}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2 * others.len());
}
