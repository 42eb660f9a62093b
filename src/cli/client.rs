//! Asking a running engine over HTTP.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use super::{ENVIRONMENT, FAULT, USAGE};
use crate::config::{Secret, Settings};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// From one instance to the one that has it, and on while shards move.
const MAX_HOPS: usize = 4;

/// Where the engine is, and the token it asks for
#[derive(Args, Clone, Debug, Default)]
pub struct EngineArgs {
    /// The settings of the engine, which tell its address and token [default: plazo.toml where it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The engine's address, such as http://127.0.0.1:8080 [default: as its settings say]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// A file with the bearer token [default: the first token of the settings]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Why there is no answer: what is told, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    pub message: String,
    pub code: u8,
}

impl NoAnswer {
    pub fn tell(&self) -> ExitCode {
        eprintln!("plazo: {}", self.message);
        ExitCode::from(self.code)
    }
}

pub struct Client {
    agent: Agent,
    url: String,
    token: Option<Secret>,
}

impl Client {
    /// # Errors
    /// Settings or a token file that cannot be read.
    pub fn new(args: &EngineArgs) -> Result<Self, NoAnswer> {
        let wrong = |message: String| NoAnswer { message, code: USAGE };
        let mut token = match &args.token_file {
            None => None,
            Some(file) => {
                let text =
                    std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
                Some(Secret::new(text.trim()))
            }
        };
        let url = match &args.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let settings = Settings::load(args.config.as_deref()).map_err(|faults| wrong(faults.to_string()))?;
                token = token.or_else(|| settings.http.tokens.first().cloned());
                settings.http.url()
            }
        };
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        let agent = config.max_redirects(0).max_redirects_will_error(false).build().into();
        Ok(Client { agent, url, token })
    }

    /// Asks, and asks again where an instance says that another one has the answer. The instances of one engine have one set of
    /// tokens.
    ///
    /// # Errors
    /// Nobody answers, or the answer is a refusal.
    pub fn get(&self, path: &str) -> Result<Value, NoAnswer> {
        self.get_as(path, &[]).map(|text| serde_json::from_str(&text).unwrap_or_default())
    }

    /// The answer as it came, in the form and language that the headers ask for.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn get_as(&self, path: &str, headers: &[(&str, &str)]) -> Result<String, NoAnswer> {
        let mut url = format!("{}{path}", self.url);
        for _ in 0..MAX_HOPS {
            let mut request = self.agent.get(&url);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if let Some(token) = &self.token {
                request = request.header("Authorization", format!("Bearer {}", token.expose()));
            }
            let answer = request.call();
            let location = answer.as_ref().ok().filter(|answer| answer.status().is_redirection());
            let location = location.and_then(|answer| answer.headers().get("Location")?.to_str().ok());
            match location {
                Some(location) => url = location.to_owned(),
                None => return self.read(answer),
            }
        }
        let message = format!("{url} sends on to yet another instance: the shards are moving, ask again");
        Err(NoAnswer { message, code: ENVIRONMENT })
    }

    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, NoAnswer> {
        let mut request = self.agent.post(format!("{}{path}", self.url)).header("Content-Type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {}", token.expose()));
        }
        self.read(request.send(body.to_string())).map(|text| serde_json::from_str(&text).unwrap_or_default())
    }

    fn read(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<String, NoAnswer> {
        let lost = |error: ureq::Error| NoAnswer {
            message: format!("no engine answers at {}: {error}; is `plazo run` running?", self.url),
            code: ENVIRONMENT,
        };
        let mut response = answer.map_err(lost)?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string().map_err(lost)?;
        if status.is_success() {
            return Ok(text);
        }
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = value["detail"].as_str().unwrap_or("it gave no reason");
        let code = match status.as_u16() {
            401 | 403 => USAGE,
            400..=499 => FAULT,
            _ => ENVIRONMENT,
        };
        Err(NoAnswer { message: format!("{} answers {status}: {detail}", self.url), code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_answers_the_environment_is_at_fault() {
        let args = EngineArgs { url: Some("http://127.0.0.1:1".to_owned()), ..EngineArgs::default() };
        let client = Client::new(&args).expect("a client");
        let refused = client.get("/livez").expect_err("nobody listens on port 1");
        assert_eq!(refused.code, ENVIRONMENT);
        assert!(refused.message.contains("plazo run"), "{}", refused.message);
    }
}
