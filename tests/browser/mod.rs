//! A real browser: headless Chromium, driven over the WebDriver protocol (W3C) by Debian's chromedriver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What is wrong with a page as it is laid out; see there.
const LOOK: &str = include_str!("look.js");

/// Pixels of one picture, and how many there are of a page at most.
const PART_HEIGHT: usize = 2_000;
const PARTS: usize = 3;

/// Ends with everything it started.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    /// Of the session.
    url: String,
    /// Its data, from nothing.
    _profile: tempfile::TempDir,
}

/// How a page is shown: a window of so many pixels, or paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Window(u32),
    /// A4 between its margins.
    Paper,
}

impl Shown {
    fn width(self) -> u32 {
        match self {
            Shown::Window(width) => width,
            Shown::Paper => 688,
        }
    }
}

/// What is seen of a page.
#[derive(Debug)]
pub struct Seen {
    /// What is wrong, in words.
    pub faults: Vec<String>,
    /// Plots that are shown.
    pub plots: u64,
    pub lang: String,
}

impl Browser {
    /// # Panics
    /// Where there is none, saying how to get it.
    pub fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}; `make browser` installs it (Debian: apt-get install chromium chromium-driver)"));
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        let Some(port) = port else {
            driver.kill().ok();
            panic!("chromedriver tells no port: is chromium-driver broken? `make browser` installs it");
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        let profile = tempfile::tempdir().expect("a folder");
        let mut browser = Browser { driver, agent, url: format!("http://127.0.0.1:{port}/session"), _profile: profile };
        let data = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            &data,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": {"args": arguments},
        }}});
        let session = browser.post("", &wanted);
        let id = session["sessionId"].as_str().unwrap_or_else(|| {
            panic!("chromium does not start: {session}; `make browser` installs it (Debian: apt-get install chromium)")
        });
        browser.url = format!("{}/{id}", browser.url);
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.url)).header("Content-Type", "application/json");
        let mut answer = request.send(body.to_string()).expect("an answer of chromedriver");
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().expect("a body");
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        answer["value"].take()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Opens a file and looks at it.
    pub fn look(&self, page: &Path, shown: Shown) -> Seen {
        let (width, is_paper) = (shown.width(), shown == Shown::Paper);
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        self.devtools("Emulation.setEmulatedMedia", &json!({"media": if is_paper { "print" } else { "screen" }}));
        let opened = self.post("/url", &json!({"url": format!("file://{}", page.display())}));
        assert!(opened.is_null(), "{opened}");
        // Paper is held closer.
        let smallest = if is_paper { 10 } else { 12 };
        let seen = self.post("/execute/sync", &json!({"script": LOOK, "args": [smallest]}));
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .unwrap_or_else(|| panic!("{seen}"))
                .iter()
                .map(|text| text.as_str().unwrap_or("?").to_owned())
                .collect()
        };
        let mut faults = texts(&seen["faults"]);
        for entry in self.post("/se/log", &json!({"type": "browser"})).as_array().expect("a log") {
            faults.push(format!("console: {} {}", entry["level"], entry["message"]));
        }
        let (plots, lang) = (seen["plots"].as_u64(), seen["lang"].as_str());
        Seen { faults, plots: plots.expect("a number"), lang: lang.expect("a language").to_owned() }
    }

    /// The page that is open as pictures, part by part, the first few: `name-0.png` and on.
    pub fn pictures(&self, folder: &Path, name: &str) {
        let script = "return [innerWidth, document.documentElement.scrollHeight]";
        let size = self.post("/execute/sync", &json!({"script": script, "args": []}));
        let height = size[1].as_u64().expect("a height");
        for (part, top) in (0..height).step_by(PART_HEIGHT).enumerate().take(PARTS) {
            let part_height = (height - top).min(PART_HEIGHT as u64);
            let clip = json!({"x": 0, "y": top, "width": size[0], "height": part_height, "scale": 1});
            let shot = json!({"format": "png", "clip": clip, "captureBeyondViewport": true});
            let picture = self.devtools("Page.captureScreenshot", &shot);
            let bytes =
                STANDARD.decode(picture["data"].as_str().unwrap_or_else(|| panic!("{picture}"))).expect("base 64");
            std::fs::write(folder.join(format!("{name}-{part}.png")), bytes).expect("written");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session, the driver with its process; a driver that is gone has ended both.
        self.agent.delete(&self.url).call().ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}
