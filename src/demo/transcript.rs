//! One readable line for each thing that happens, in English and Spanish.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::Value;

use crate::language::Lang;
use crate::policy::Policy;
use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

pub struct Transcript {
    lang: Lang,
    zone: Tz,
    /// Of the column of SLA names.
    sla_width: usize,
    counts: BTreeMap<String, u64>,
    last_day: NaiveDate,
}

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

fn colour(kind: &str) -> Style {
    let of = |colour: AnsiColor| colour.on_default();
    match kind {
        "sla.reminder" => of(AnsiColor::Yellow),
        "sla.breached" => of(AnsiColor::Red).bold(),
        "sla.escalated" => of(AnsiColor::Magenta),
        "sla.met" => of(AnsiColor::Green),
        "sla.met_late" => of(AnsiColor::Yellow).bold(),
        "sla.retracted" => of(AnsiColor::Cyan).bold(),
        "sla.paused" | "sla.resumed" | "sla.deadline_moved" => of(AnsiColor::Blue),
        _ => DIM,
    }
}

impl Transcript {
    pub const fn lang(&self) -> Lang {
        self.lang
    }

    pub fn new(lang: Lang, policy: &Policy) -> Self {
        let longest = policy.families.iter().map(|family| family.name.chars().count()).max().unwrap_or(0);
        Transcript {
            lang,
            zone: policy.versions[0].timezone,
            sla_width: longest + 2,
            counts: BTreeMap::new(),
            last_day: NaiveDate::MIN,
        }
    }

    fn say<'a>(&self, en: &'a str, es: &'a str) -> &'a str {
        self.lang.say(en, es)
    }

    pub fn header(&self, out: &mut dyn Write, policy: &Policy, seed: u64, address: Option<&str>) -> io::Result<()> {
        let version = &policy.versions[0];
        let between = self.lang.and(&version.between);
        writeln!(out, "{BOLD}{}{BOLD:#} · {between} · {}", version.name, version.timezone)?;
        for sla in &version.slas {
            let targets: Vec<&str> = sla.targets.iter().map(|target| target.label.as_str()).collect();
            let promise = sla.promise.as_deref().unwrap_or_default();
            let width = self.sla_width;
            writeln!(out, "  {BOLD}{:<width$}{BOLD:#}{promise}", sla.name)?;
            writeln!(out, "  {:<width$}{DIM}{}{DIM:#}", "", targets.join(" | "))?;
        }
        let crm = self.say("a synthetic CRM, seed", "un CRM sintético, semilla");
        write!(out, "{DIM}{crm} {seed}")?;
        if let Some(address) = address {
            write!(out, " · {} {address}/v1/clocks", self.say("meanwhile try curl", "mientras tanto, pruebe curl"))?;
        }
        writeln!(out, "{DIM:#}")
    }

    /// The time of day, with a line between the days.
    fn moment(&mut self, out: &mut dyn Write, instant: Timestamp) -> io::Result<String> {
        let local = instant.to_utc().with_timezone(&self.zone);
        if local.date_naive() != self.last_day {
            self.last_day = local.date_naive();
            writeln!(out, "{DIM}── {} ──{DIM:#}", self.lang.date(self.last_day))?;
        }
        Ok(local.format("%H:%M").to_string())
    }

    /// No more of the date than the day that is being told leaves open.
    fn short(&self, text: &Value) -> String {
        match text.as_str().and_then(|text| Timestamp::parse(text).ok()) {
            Some(instant) => self.lang.moment_near(instant, self.zone, self.last_day),
            None => "-".to_owned(),
        }
    }

    /// What a CRM's event says, discretely.
    pub fn fact(&mut self, out: &mut dyn Write, now: Timestamp, event: &Value, late: bool) -> io::Result<()> {
        let time = self.moment(out, now)?;
        let data = &event["data"];
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let what = match event["type"].as_str().unwrap_or_default() {
            "lead.created" => {
                format!("{} {}", self.say("new lead from", "nuevo lead de"), text(&data["attributes"]["source"]))
            }
            "lead.assigned" => format!("{} {}", self.say("assigned to", "asignado a"), text(&data["owner"])),
            "lead.status_changed" => format!("{} {}", self.say("status", "estado"), text(&data["to"])),
            "lead.activity" if data["by"] == "automation" => {
                format!("{} {}", text(&data["kind"]), self.say("by automation", "automático"))
            }
            "lead.activity" => format!("{} {}", text(&data["kind"]), self.say("by a person", "de una persona")),
            "lead.updated" => {
                format!("{} {}", self.say("score", "puntuación"), text(&data["attributes"]["score"]))
            }
            "lead.deleted" => self.say("deleted", "eliminado").to_owned(),
            "lead.merged" => format!("{} {}", self.say("merged into", "fusionado con"), text(&data["into"])),
            "opportunity.created" => {
                let (value, currency) = (text(&data["value"]), text(&data["currency"]));
                format!("{} {value} {currency}", self.say("opportunity of", "oportunidad de"))
            }
            other => other.to_owned(),
        };
        let late = if late {
            format!("  ({} {})", self.say("heard of it late, it was", "se supo tarde, fue"), self.short(&event["time"]))
        } else {
            String::new()
        };
        writeln!(out, "{DIM}{time}  {}  · {what}{late}{DIM:#}", text(&data["lead_id"]))
    }

    pub fn notice(&mut self, out: &mut dyn Write, notice: &Value) -> io::Result<()> {
        let kind = notice["type"].as_str().unwrap_or_default();
        *self.counts.entry(kind.to_owned()).or_default() += 1;
        let data = &notice["data"];
        let as_of = data["as_of"]["watermark"].as_str().and_then(|text| Timestamp::parse(text).ok());
        let time = self.moment(out, as_of.unwrap_or(Timestamp(0)))?;
        let text = |key: &str| data[key].as_str().unwrap_or("-").to_owned();
        let due = || match data["due_at"].as_str() {
            Some(_) => format!("{} {}", self.say("due", "vence"), self.short(&data["due_at"])),
            None => format!("{} {}", span(&data["remaining_seconds"]), self.say("left", "restantes")),
        };
        let says = match kind {
            "sla.reminder" => format!("{}, {}", text("at"), due()),
            "sla.breached" if data["found_late"] == true => {
                format!(
                    "{} {}, {}",
                    self.say("was due", "vencía"),
                    self.short(&data["due_at"]),
                    self.say("found late", "hallado tarde")
                )
            }
            "sla.breached" => format!("{} {}", self.say("was due", "vencía"), self.short(&data["due_at"])),
            "sla.escalated" => {
                let whom: Vec<&str> =
                    data["notify"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                let action = data["action"].as_str().map(|action| format!(" [{action}]")).unwrap_or_default();
                format!("{} {} → {}{action}", self.say("step", "paso"), data["step"], whom.join(", "))
            }
            "sla.met" => format!("{} {}", self.say("after", "tras"), span(&data["open_seconds"])),
            "sla.met_late" => format!(
                "{} {}, {} {}",
                self.say("after", "tras"),
                span(&data["open_seconds"]),
                self.say("was due", "vencía"),
                self.short(&data["due_at"])
            ),
            "sla.cancelled" => text("reason"),
            "sla.retracted" => {
                let taken_back = text("retracts_type");
                let (kind, why) = (taken_back.rsplit('.').next().unwrap_or_default(), text("reason").replace('_', " "));
                format!("{} {kind}: {why}", self.say("takes back", "retira"))
            }
            "watch.ping_pong" => {
                let owners: Vec<&str> =
                    data["owners"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                owners.join(" → ")
            }
            "watch.mass_disposition" => {
                let since = self.say("since", "desde");
                format!("{} {} {since} {}", data["leads"], text("disposition"), self.short(&data["from"]))
            }
            _ => due(),
        };
        let style = colour(kind);
        let name = kind.rsplit('.').next().unwrap_or_default();
        let width = self.sla_width;
        let (lead, sla, owner) = (text("lead_id"), text("sla"), text("owner"));
        writeln!(out, "{time}  {lead}  {style}{name:<15}{style:#}{sla:<width$}{owner:<8} {says}")
    }

    pub fn footer(
        &self,
        out: &mut dyn Write,
        told: u64,
        passed_over: u64,
        late: u64,
        duplicates: u64,
        same: bool,
    ) -> io::Result<()> {
        writeln!(
            out,
            "\n{BOLD}{told} {}{BOLD:#}",
            self.say("notices, each told once", "avisos, cada uno una sola vez")
        )?;
        for (kind, count) in &self.counts {
            let style = colour(kind);
            writeln!(out, "  {style}{:<18}{style:#}{count:>5}", kind)?;
        }
        let (over, late_words, twice) = match self.lang {
            Lang::En => ("reminders passed over", "facts heard of late", "deliveries repeated, silently dropped"),
            Lang::Es => {
                ("recordatorios omitidos", "hechos sabidos tarde", "entregas repetidas, descartadas en silencio")
            }
        };
        writeln!(out, "  {passed_over} {over} · {late} {late_words} · {duplicates} {twice}")?;
        let checked = if same {
            self.say("a replay of the log told the same notices", "una repetición del registro dio los mismos avisos")
        } else {
            self.say("a replay of the log told OTHER notices", "una repetición del registro dio OTROS avisos")
        };
        writeln!(out, "  {checked}\n")
    }

    pub fn farewell(&self, out: &mut dyn Write) -> io::Result<()> {
        let next = self.say(
            "next: plazo run --policy deploy/policy/en   ·   plazo --help",
            "siga con: plazo run --policy deploy/policy/es   ·   plazo --help",
        );
        writeln!(out, "\n{DIM}{next}{DIM:#}")
    }
}

/// Never in days: of open time nobody could tell which.
fn span(seconds: &Value) -> String {
    let ms = (seconds.as_f64().unwrap_or(0.0) * 1_000.0) as i64;
    match (ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS, ms % MINUTE_MS / SECOND_MS) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, _) => format!("{minutes}m"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}
