//! The report of all leads over HTTP: the same as `plazo report`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::problem::Problem;
use super::queries::named;
use super::{Api, parameters};
use crate::engine::{RecordError, Rules};
use crate::language::Lang;
use crate::report::{self, Collector, Events, Form, Holder, MOST_BREACHES, Period, Step};
use crate::time::Timestamp;
use crate::view::{ReadFault, SeeLeads, Unavailable, Whole};

/// Breaches of an SLA that are told one by one at most.
const MAX_BREACHES: usize = 1_000;
/// Groupings that every report has.
const ALWAYS: [&str; 5] = ["sla", "team", "owner", "target", "month"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    by: Option<String>,
    period: Option<String>,
    holder: Option<String>,
    breaches: Option<usize>,
    form: Option<String>,
    lang: Option<String>,
    engine: Option<String>,
}

struct Asked {
    by: Vec<String>,
    period: Period,
    holder: Holder,
    breaches: usize,
    form: Form,
    lang: Lang,
    /// Where links lead. Without one, relative: to the engine by whatever name it was reached.
    engine: String,
}

impl Asked {
    fn of(parameters: Parameters, headers: &HeaderMap) -> Result<Self, Problem> {
        let wrong = |name: &str, expected: &str, found: &str| {
            Problem::bad_request(format!("{name}: expected {expected}, found {found:?}"))
        };
        let mut period = match &parameters.period {
            Some(text) => text.parse().map_err(|fault| Problem::bad_request(format!("period: {fault}")))?,
            None => Period::default(),
        };
        let mut by = Vec::new();
        for name in parameters.by.iter().flat_map(|names| names.split(',')).map(str::trim) {
            match name {
                "week" if period.only.is_none() => period.step = Step::Week,
                name if name == "week" || name.is_empty() || ALWAYS.contains(&name) => {}
                attribute => by.push(attribute.to_owned()),
            }
        }
        let holder = match parameters.holder.as_deref() {
            None | Some("end") => Holder::End,
            Some("due") => Holder::Due,
            Some(other) => return Err(wrong("holder", "end or due", other)),
        };
        let accept = named(headers, header::ACCEPT).unwrap_or_default();
        let form = match parameters.form.as_deref() {
            Some("json") => Form::Json,
            Some("text") => Form::Text,
            Some("csv") => Form::Csv,
            Some("html") => Form::Html,
            Some(other) => return Err(wrong("form", "json, text, csv or html", other)),
            None => match accept.split([',', ';']).next().unwrap_or_default().trim() {
                "text/plain" => Form::Text,
                "text/csv" => Form::Csv,
                "text/html" => Form::Html,
                _ => Form::Json,
            },
        };
        let lang = match &parameters.lang {
            Some(tag) => Lang::of_tag(tag).ok_or_else(|| wrong("lang", "en or es", tag))?,
            None => named(headers, header::ACCEPT_LANGUAGE).and_then(Lang::accepted).unwrap_or_default(),
        };
        let breaches = parameters.breaches.unwrap_or(MOST_BREACHES);
        if breaches > MAX_BREACHES {
            return Err(wrong("breaches", &format!("at most {MAX_BREACHES}"), &breaches.to_string()));
        }
        let engine = parameters.engine.unwrap_or_default();
        // Anything else might run in the page of whoever follows the link.
        if !engine.is_empty() && !["http://", "https://"].iter().any(|scheme| engine.starts_with(scheme)) {
            return Err(wrong("engine", "an address such as https://plazo.example", &engine));
        }
        Ok(Asked { by, period, holder, breaches, form, lang, engine })
    }

    fn collector<'r>(&self, rules: &'r Rules, as_of: Timestamp) -> Collector<'r> {
        let collector = Collector::new(rules, as_of, &self.by, self.holder).over(self.period).telling(self.breaches);
        let collector = collector.linking(Some(self.engine.clone()));
        if self.form == Form::Html { collector.explaining(self.lang) } else { collector }
    }
}

struct Counting<'r> {
    asked: Asked,
    rules: &'r Rules,
    collector: Option<Collector<'r>>,
    events: Events,
}

fn unreadable(error: RecordError) -> ReadFault {
    ReadFault::Store(error.to_string())
}

impl SeeLeads for Counting<'_> {
    fn begin(&mut self, whole: Whole) {
        self.collector = Some(self.asked.collector(self.rules, whole.as_of));
        self.events = Events { accepted: whole.accepted, duplicate: None, rejected: Some(whole.rejected) };
    }

    fn see(&mut self, record: &[u8], as_of: Timestamp) -> Result<(), ReadFault> {
        match &mut self.collector {
            Some(collector) => collector.add_as_of(record, as_of).map_err(unreadable),
            None => Ok(()),
        }
    }
}

pub async fn report(State(api): State<Arc<Api>>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let asked = Asked::of(parameters(&uri)?, &headers)?;
    let (form, lang) = (asked.form, asked.lang);
    let stopping = |_| Problem::from(Unavailable::Stopping);
    let alone = api.reports.clone().acquire_owned().await.map_err(stopping)?;
    let body = api
        .ask(move |shell| {
            let _alone = alone;
            let rules = Rules::new(shell.policy());
            let mut counting = Counting { asked, rules: &rules, collector: None, events: Events::default() };
            shell.visit(&mut counting)?;
            let Counting { collector, events, .. } = counting;
            let collector = collector.ok_or_else(|| ReadFault::NotYet("nothing can be seen yet".to_owned()))?;
            let report = collector.finish(events).map_err(unreadable)?;
            let mut body = Vec::new();
            report::write(&report, form, lang, &mut body).map_err(|error| ReadFault::Store(error.to_string()))?;
            Ok(body)
        })
        .await?;
    let kind = match form {
        Form::Json => "application/json",
        Form::Text => "text/plain; charset=utf-8",
        Form::Csv => "text/csv; charset=utf-8",
        Form::Html => "text/html; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_LANGUAGE, lang.code()),
        (header::VARY, "Accept, Accept-Language"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::OK, headers, body).into_response())
}
