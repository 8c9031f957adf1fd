use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use stackup_tests::{print_skipped, within};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Limits the browsers: each uses a core while it starts.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// Chromium without updates, sync or network discovery.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Polls a condition for a second, and calls back with whether it became true.
const POLL_SCRIPT: &str = "
    const [condition, done] = arguments;
    const end = performance.now() + 1000;
    const is = new Function('return (' + condition + ')');
    (function look() {
        let seen = false;
        try { seen = Boolean(is()); } catch { /* Not yet. */ }
        if (seen || performance.now() > end) done(seen);
        else setTimeout(look, 10);
    })();
";

/// A Chromium with one page.
pub(super) struct Browser {
    pub(super) client: Client,
    driver: Pid,
    browser: Option<Pid>,
    _profile: TempDir,
    _permit: SemaphorePermit<'static>,
}

impl Browser {
    /// `None`, with a message, if Chromium or its driver is not installed.
    pub(super) async fn start() -> Option<Self> {
        let permit = BROWSERS.acquire().await.expect("the semaphore stays open");
        let mut driver = match driver() {
            Ok(driver) => driver,
            Err(error) => {
                print_skipped(&format!(
                    "no `chromedriver` ({error}); install `chromium` and `chromium-driver`"
                ));
                return None;
            }
        };
        let pid = Pid::from_child(&driver);
        let out = driver.stdout.take().expect("stdout is piped");
        let port = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            let port = lines.find_map(|line| port(&line));
            // Drain its output, or it blocks.
            std::thread::spawn(move || lines.for_each(drop));
            std::thread::spawn(move || driver.wait());
            port
        });
        let port = within("chromedriver", port).await.expect("a thread");
        let port = port.expect("chromedriver prints its port");
        let profile = tempfile::Builder::new()
            .prefix("stackup-browser-")
            .tempdir();
        let profile = profile.expect("a temporary directory");
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        flags.push("--window-size=1280,900".to_owned());
        // The sites' certificates are of CAs that nobody else knows.
        let wanted =
            json!({ "acceptInsecureCerts": true, "goog:chromeOptions": { "args": flags } });
        let wanted: Capabilities = serde_json::from_value(wanted).expect("capabilities");
        let address = format!("http://127.0.0.1:{port}");
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&address)
            .await;
        let client = match connected {
            Ok(client) => client,
            Err(error) => {
                let _ = kill_process_group(pid, Signal::KILL);
                panic!("chromedriver runs, but Chromium does not start: {error}");
            }
        };
        let capability = client
            .capabilities()
            .and_then(|has| has.get("goog:processID"));
        let browser = capability.and_then(Value::as_i64);
        let browser = browser.and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        Some(Self {
            client,
            driver: pid,
            browser,
            _profile: profile,
            _permit: permit,
        })
    }

    /// Opens an address and waits until it is loaded.
    pub(super) async fn open(&self, address: &str) {
        let opened = within("a page", self.client.goto(address)).await;
        opened.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Waits until a JavaScript expression is true in the page, across page loads too.
    pub(super) async fn wait_until(&self, condition: &str) {
        let waited = tokio::time::timeout(stackup_tests::DEADLINE, async {
            loop {
                let look = self
                    .client
                    .execute_async(POLL_SCRIPT, vec![condition.into()]);
                match look.await {
                    Ok(Value::Bool(true)) => return,
                    // A page load aborts the script: ask again.
                    Ok(_) | Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        if waited.await.is_err() {
            let page = self.client.source().await.unwrap_or_default();
            panic!("this never became true: {condition}\nthe page:\n{page}");
        }
    }

    /// The value of a JavaScript expression in the page.
    pub(super) async fn value(&self, expression: impl AsRef<str>) -> Value {
        let expression = expression.as_ref();
        let script = format!("return ({expression})");
        let value = within("a value", self.client.execute(&script, Vec::new())).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs statements in the page.
    pub(super) async fn run(&self, script: &str) {
        let ran = within("a script", self.client.execute(script, Vec::new())).await;
        ran.unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    /// Presses keys together: the last one while the others are down.
    pub(super) async fn press(&self, keys: &[char]) {
        let down = keys.iter().map(|key| KeyAction::Down { value: *key });
        let up = keys.iter().rev().map(|key| KeyAction::Up { value: *key });
        let mut actions = KeyActions::new("keys".to_owned());
        for action in down.chain(up) {
            actions = actions.then(action);
        }
        let pressed = within("keys", self.client.perform_actions(actions)).await;
        pressed.expect("keys can be pressed");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Errors mean that they have exited already.
        if let Some(browser) = self.browser {
            let _ = kill_process(browser, Signal::KILL);
        }
        let _ = kill_process_group(self.driver, Signal::KILL);
    }
}

fn driver() -> std::io::Result<std::process::Child> {
    Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// The port in `ChromeDriver was started successfully on port 1234.`
fn port(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("started successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}
