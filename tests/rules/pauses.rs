//! Pauses outside office hours, bounded pauses, and what wins in one fact (SEMANTICS §4, 12.5, 12.19, 12.28, 12.32, 12.39).
//! The office is open from 9 to 18; 4 March 2026 is a holiday.

use crate::timeline::{assigned, created, one, opportunity, play, status};

fn office(within: &str) -> String {
    let keys = "calendar = \"office\"\nstart = { on = \"assigned\" }\nstop = { disposition = \"any\" }\npause = { status = [\"on_hold\"] }";
    one(keys, &format!("within = \"{within}\"\n[[sla.reminder]]\nat = \"50%\""))
}

#[test]
fn a_pause_that_begins_and_ends_in_one_night_moves_nothing() {
    play(&office("4 business hours"), |t| {
        t.at("2 16:00", assigned("ana"))
            .at("2 20:00", status("on_hold"))
            .at("3 07:00", status("working"))
            .until("4 00:00");
        t.tells(&[
            "2 16:00 started sla#1 due 3 11:00",
            "2 18:00 reminder sla#1 50% until 3 11:00",
            "2 20:00 paused sla#1 left 7200s",
            "3 07:00 resumed sla#1 due 3 11:00",
            "3 11:00 breached sla#1 by ana",
        ]);
    });
}

#[test]
fn a_pause_declared_in_the_night_costs_the_open_time_until_its_end() {
    play(&office("4 business hours"), |t| {
        t.at("2 16:00", assigned("ana"))
            .at("2 20:00", status("on_hold"))
            .at("3 10:00", status("working"))
            .until("4 00:00");
        t.tells(&[
            "2 16:00 started sla#1 due 3 11:00",
            "2 18:00 reminder sla#1 50% until 3 11:00",
            "2 20:00 paused sla#1 left 7200s",
            "3 10:00 resumed sla#1 due 3 12:00",
            "3 12:00 breached sla#1 by ana",
        ]);
    });
}

#[test]
fn a_pause_that_ends_on_a_holiday_runs_on_from_the_next_opening() {
    play(&office("4 business hours"), |t| {
        t.at("3 15:00", assigned("ana"))
            .at("3 16:00", status("on_hold"))
            .at("4 12:00", status("working"))
            .until("6 00:00");
        t.tells(&[
            "3 15:00 started sla#1 due 5 10:00",
            "3 16:00 paused sla#1 left 10800s",
            "4 12:00 resumed sla#1 due 5 12:00",
            "5 10:00 reminder sla#1 50% until 5 12:00",
            "5 12:00 breached sla#1 by ana",
        ]);
    });
}

#[test]
fn the_end_of_a_business_day_keeps_the_open_time_that_remained_too() {
    play(&office("end of business day"), |t| {
        t.at("2 10:00", assigned("ana"))
            .at("2 12:00", status("on_hold"))
            .at("2 22:00", status("working"))
            .until("3 20:00");
        t.tells(&[
            "2 10:00 started sla#1 due 2 18:00",
            "2 12:00 paused sla#1 left 21600s",
            "2 22:00 resumed sla#1 due 3 15:00",
            "3 11:00 reminder sla#1 50% until 3 15:00",
            "3 15:00 breached sla#1 by ana",
        ]);
    });
}

#[test]
fn an_elapsed_promise_stands_still_in_the_night_as_well() {
    play(
        &one(
            "start = { on = \"assigned\" }\nstop = { disposition = \"any\" }\npause = { status = [\"on_hold\"] }",
            "within = \"8 hours\"",
        ),
        |t| {
            t.at("2 16:00", assigned("ana"))
                .at("2 20:00", status("on_hold"))
                .at("3 07:00", status("working"))
                .until("4 00:00");
            t.tells(&[
                "2 16:00 started sla#1 due 3 00:00",
                "2 20:00 paused sla#1 left 14400s",
                "3 07:00 resumed sla#1 due 3 11:00",
                "3 11:00 breached sla#1 by ana",
            ]);
        },
    );
}

#[test]
fn a_clock_that_starts_paused_in_the_night_has_its_whole_allowance_at_the_resume() {
    play(&office("4 business hours"), |t| {
        t.at("2 20:00", status("on_hold"))
            .at("2 21:00", assigned("ana"))
            .at("3 10:00", status("working"))
            .until("3 15:00");
        t.tells(&[
            "2 21:00 started sla#1 left 14400s",
            "2 21:00 paused sla#1 left 14400s",
            "3 10:00 resumed sla#1 due 3 14:00",
            "3 12:00 reminder sla#1 50% until 3 14:00",
            "3 14:00 breached sla#1 by ana",
        ]);
    });
}

/// Several pauses together last four open hours at most.
fn bounded() -> String {
    office("9 business hours")
        .replace(
            "pause = { status = [\"on_hold\"] }",
            "pause = { status = [\"on_hold\"], at_most = \"4 business hours\" }",
        )
        .replace("\n[[sla.reminder]]\nat = \"50%\"", "")
}

#[test]
fn several_pauses_share_the_open_hours_of_at_most_and_nights_cost_nothing() {
    play(&bounded(), |t| {
        t.at("2 14:00", assigned("ana")).at("2 17:00", status("on_hold")).at("3 09:30", status("working"));
        t.at("3 12:00", status("on_hold")).until("3 14:31").tells(&[
            "2 14:00 started sla#1 due 3 14:00",
            "2 17:00 paused sla#1 left 21600s",
            "3 09:30 resumed sla#1 due 3 15:30",
            "3 12:00 paused sla#1 left 12600s",
            "3 14:30 resumed sla#1 due 3 18:00",
        ]);
        // Nothing of it is left: the status pauses no more, however often.
        t.at("3 15:00", status("working")).at("3 16:00", status("on_hold")).until("4 00:00");
        t.tells(&["3 18:00 breached sla#1 by ana"]);
    });
}

#[test]
fn a_pause_in_the_night_uses_nothing_of_at_most() {
    play(&bounded(), |t| {
        t.at("2 14:00", assigned("ana")).at("2 19:00", status("on_hold")).at("3 08:00", status("working"));
        t.at("3 09:00", status("on_hold")).until("3 13:01").tells(&[
            "2 14:00 started sla#1 due 3 14:00",
            "2 19:00 paused sla#1 left 18000s",
            "3 08:00 resumed sla#1 due 3 14:00",
            "3 09:00 paused sla#1 left 18000s",
            "3 13:00 resumed sla#1 due 3 18:00",
        ]);
    });
}

#[test]
fn at_most_so_many_business_days_leaves_out_a_holiday() {
    let policy = bounded().replace("at_most = \"4 business hours\"", "at_most = \"1 business days\"");
    play(&policy, |t| {
        t.at("3 09:00", assigned("ana")).at("3 10:00", status("on_hold")).until("6 00:00").tells(&[
            "3 09:00 started sla#1 due 3 18:00",
            "3 10:00 paused sla#1 left 28800s",
            "5 10:00 resumed sla#1 due 5 18:00",
            "5 18:00 breached sla#1 by ana",
        ]);
    });
}

#[test]
fn the_next_cycle_may_pause_anew() {
    play(&bounded(), |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold")).until("2 15:00");
        t.at("2 15:00", status("nurture")).at("2 16:00", status("on_hold")).until("3 12:00").tells(&[
            "2 09:00 started sla#1 due 2 18:00",
            "2 10:00 paused sla#1 left 28800s",
            "2 14:00 resumed sla#1 due 3 13:00",
            "2 15:00 met sla#1 after 7200s by ana",
            "2 16:00 started sla#2 left 32400s",
            "2 16:00 paused sla#2 left 32400s",
            "3 11:00 resumed sla#2 due 5 11:00",
        ]);
    });
}

#[test]
fn in_one_fact_a_stop_wins_over_a_start_and_a_reassignment() {
    let both = || status("qualified").with("owner", "bo");
    play(&office("4 business hours"), |t| {
        t.at("2 10:00", both()).until("4 00:00").tells(&[]);
    });
    let restarts = office("4 business hours").replace("pause =", "on_reassign = \"restart\"\npause =");
    play(&restarts, |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", both()).until("4 00:00");
        t.tells(&["2 09:00 started sla#1 due 2 13:00", "2 10:00 met sla#1 after 3600s by ana"]);
    });
}

#[test]
fn in_one_fact_a_stopping_act_wins_over_the_start_that_it_is() {
    let policy =
        one("start = { on = [\"created\", \"opportunity\"] }\nstop = { opportunity = true }", "within = \"4 hours\"");
    play(&policy, |t| {
        t.at("2 10:00", opportunity()).until("3 00:00").tells(&[]);
    });
    // One that runs is stopped by it, and none starts.
    play(&policy, |t| {
        t.at("2 10:00", created()).at("2 11:00", opportunity()).until("3 00:00");
        t.tells(&["2 10:00 started sla#1 due 2 14:00", "2 11:00 met sla#1 after 3600s by -"]);
    });
}

#[test]
fn in_one_fact_a_pause_wins_over_the_start() {
    play(&office("4 business hours"), |t| {
        t.at("2 10:00", created().with("owner", "ana").with("status", "on_hold")).until("3 00:00");
        t.tells(&["2 10:00 started sla#1 left 14400s", "2 10:00 paused sla#1 left 14400s"]);
    });
    let on_status = one(
        "calendar = \"office\"\nstart = { status = [\"on_hold\"] }\nstop = { disposition = \"any\" }\npause = { status = [\"on_hold\"] }",
        "within = \"4 business hours\"",
    );
    play(&on_status, |t| {
        t.at("2 10:00", status("on_hold")).at("2 11:00", status("working")).until("2 12:00").tells(&[
            "2 10:00 started sla#1 left 14400s",
            "2 10:00 paused sla#1 left 14400s",
            "2 11:00 resumed sla#1 due 2 15:00",
        ]);
    });
}

#[test]
fn in_one_fact_a_pause_follows_the_restart_for_the_new_owner() {
    let policy = office("4 business hours").replace("pause =", "on_reassign = \"restart\"\npause =");
    play(&policy, |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold").with("owner", "bo"));
        t.at("2 12:00", status("working")).until("2 12:30").tells(&[
            "2 09:00 started sla#1 due 2 13:00",
            "2 10:00 paused sla#1 left 14400s",
            "2 12:00 resumed sla#1 due 2 16:00",
        ]);
    });
}

#[test]
fn a_stop_while_paused_is_met_and_a_cancel_status_wins_over_a_pause() {
    let policy = office("4 business hours").replace("pause =", "cancel = { status = [\"junk\"] }\npause =");
    play(&policy, |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold")).at("3 10:00", status("junk")).tells(&[
            "2 09:00 started sla#1 due 2 13:00",
            "2 10:00 paused sla#1 left 10800s",
            "3 10:00 cancelled sla#1 status",
        ]);
    });
    play(&policy, |t| {
        t.at("2 09:00", assigned("ana")).at("2 10:00", status("on_hold")).at("20 10:00", status("qualified")).tells(&[
            "2 09:00 started sla#1 due 2 13:00",
            "2 10:00 paused sla#1 left 10800s",
            "20 10:00 met sla#1 after 3600s by ana",
        ]);
    });
}
