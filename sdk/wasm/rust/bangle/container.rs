use crate::host;
use crate::json::{self, Json, Writer};
use crate::{Context, Error, Map, Result};

/// Container is one container of the charm: its supervisor, reached by the host.
#[derive(Clone)]
pub struct Container<'a> {
    pub(crate) ctx: &'a Context,
    pub name: String,
}

/// Layer is what `add_layer` adds: services by name.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    pub summary: String,
    pub services: Vec<(String, Service)>,
}

/// Service is one service of a layer. It replaces one of the same name.
#[derive(Debug, Clone, Default)]
pub struct Service {
    pub summary: String,
    /// See `command`.
    pub command: String,
    /// Not started by `replan`.
    pub disabled: bool,
    pub environment: Map,
    /// restart (the default), shutdown, success-shutdown, ignore
    pub on_failure: String,
    /// "5s"
    pub kill_delay: String,
}

/// PushOptions change how a file is written.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    pub make_dirs: bool,
    /// "0644"
    pub permissions: String,
    pub user: String,
    pub group: String,
}

/// ExecOptions change how a command is run.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    pub environment: Map,
    pub working_dir: String,
    pub stdin: String,
    /// 0 = the host's limit
    pub timeout_ms: i64,
}

/// ExecResult is what a command left. A code that is not 0 is no error.
#[derive(Debug, Clone)]
pub struct ExecResult {
    pub exit_code: i64,
    pub stdout: String,
    pub stderr: String,
}

impl Layer {
    /// The layer as JSON, which is YAML.
    fn text(&self) -> String {
        let mut w = Writer::object();
        w.member("summary", &self.summary);
        w.name("services");
        w.open('{');
        for (name, s) in &self.services {
            w.name(name);
            w.open('{');
            w.member("override", "replace");
            w.member("summary", &s.summary);
            w.member("command", &s.command);
            w.member("startup", if s.disabled { "" } else { "enabled" });
            w.map("environment", &s.environment);
            w.member("on-failure", &s.on_failure);
            w.member("kill-delay", &s.kill_delay);
            w.close('}');
        }
        w.close('}');
        w.close('}');
        w.text
    }
}

/// Joins words into a service's command, quoting those that need it.
pub fn command<S: AsRef<str>>(words: &[S]) -> String {
    let plain = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_/.:=,".contains(&c));
    let quoted = words.iter().map(|w| w.as_ref()).map(|w| if plain(w) { w.to_string() } else { json::quote(w) });
    quoted.collect::<Vec<_>>().join(" ")
}

impl Container<'_> {
    fn begin(&self) -> Writer {
        let mut w = Writer::object();
        w.member("container", &self.name);
        w
    }

    /// Makes one request to the supervisor's API; status and body are the answer.
    pub fn request(&self, method: &str, path: &str, query: &str, body: &str) -> Result<(i64, String)> {
        let mut w = self.begin();
        w.member("method", method);
        w.member("path", path);
        w.member("query", query);
        w.member("body", body);
        let v = self.ctx.call(&host::REQUEST, w)?;
        Ok((v.get("status").int(), v.get("body").text()))
    }

    /// Makes a request and opens the supervisor's envelope; an answer of type error is an error.
    fn api(&self, method: &str, path: &str, query: &str, body: &str) -> Result<Json> {
        let (_, text) = self.request(method, path, query, body)?;
        let v = json::parse(&text).map_err(|e| format!("cannot read the supervisor's answer to {} {}: {}", method, path, e))?;
        if v.get("type").str() == "error" {
            return Err(Error { class: "INVALID".to_string(), message: v.get("result").get("message").text() });
        }
        Ok(v)
    }

    /// Whether the supervisor answers.
    pub fn can_connect(&self) -> bool {
        self.api("GET", "/v1/system-info", "", "").is_ok()
    }

    /// Adds a layer to the plan, or merges it into the layer of that label. It starts nothing: `replan` does.
    pub fn add_layer(&self, label: &str, layer: &Layer) -> Result {
        let mut w = Writer::object();
        w.member("action", "add");
        w.bool("combine", true);
        w.member("label", label);
        w.member("format", "yaml");
        w.member("layer", &layer.text());
        w.close('}');
        self.api("POST", "/v1/layers", "", &w.text).map(drop)
    }

    /// Restarts what differs from the plan and starts what is enabled, and waits for it.
    pub fn replan(&self) -> Result {
        self.services("replan", &[])
    }

    /// Starts services and waits until they are up.
    pub fn start(&self, names: &[&str]) -> Result {
        self.services("start", names)
    }

    /// Stops services and waits until they are gone.
    pub fn stop(&self, names: &[&str]) -> Result {
        self.services("stop", names)
    }

    /// Stops and starts services.
    pub fn restart(&self, names: &[&str]) -> Result {
        self.services("restart", names)
    }

    fn services(&self, action: &str, names: &[&str]) -> Result {
        let mut w = Writer::object();
        w.member("action", action);
        w.list("services", names);
        w.close('}');
        let answer = self.api("POST", "/v1/services", "", &w.text)?;
        self.wait(answer.get("change").str())
    }

    /// Waits for a change; one that failed is an error with the supervisor's words.
    fn wait(&self, change: &str) -> Result {
        let answer = self.api("GET", &format!("/v1/changes/{}/wait", change), "timeout=60s", "")?;
        let mut text = answer.get("result").get("err").text();
        if text.is_empty() {
            return Ok(());
        }
        if let Some((head, rest)) = text.split_once(":\n- ") {
            if !head.contains('\n') {
                text = rest.to_string(); // the heading says nothing, and the first line is what status shows
            }
        }
        for task in answer.get("result").get("tasks").elements() {
            task.get("log").elements().iter().for_each(|line| text = format!("{}\n{}", text, line.text()));
        }
        Err(Error { class: "INVALID".to_string(), message: text })
    }

    /// Whether a service runs.
    pub fn running(&self, service: &str) -> Result<bool> {
        let answer = self.api("GET", "/v1/services", &format!("names={}", service), "")?;
        let found = answer.get("result").elements().iter().any(|s| s.get("name").str() == service && s.get("current").str() == "active");
        Ok(found)
    }

    /// Sends a signal, "SIGHUP", to running services.
    pub fn signal(&self, signal: &str, names: &[&str]) -> Result {
        let mut w = Writer::object();
        w.member("signal", signal);
        w.list("services", names);
        w.close('}');
        self.api("POST", "/v1/signals", "", &w.text).map(drop)
    }

    /// Writes a file whole; a reader sees the old one or the new one.
    pub fn push(&self, path: &str, content: &str, o: &PushOptions) -> Result {
        let mut w = self.begin();
        w.member("path", path);
        w.member("content", content);
        w.bool("make_dirs", o.make_dirs);
        w.member("permissions", &o.permissions);
        w.member("user", &o.user);
        w.member("group", &o.group);
        self.ctx.call(&host::PUSH, w).map(drop)
    }

    /// Reads a file whole.
    pub fn pull(&self, path: &str) -> Result<String> {
        let mut w = self.begin();
        w.member("path", path);
        let v = self.ctx.call(&host::PULL, w)?;
        let packed = v.get("content_base64");
        Ok(if packed.exists() { json::base64(packed.str()) } else { v.get("content").text() })
    }

    /// Runs a command in the container and waits for it.
    pub fn exec(&self, command: &[&str], o: &ExecOptions) -> Result<ExecResult> {
        let mut w = self.begin();
        w.list("command", command);
        w.map("environment", &o.environment);
        w.member("working_dir", &o.working_dir);
        w.member("stdin", &o.stdin);
        w.int("timeout_ms", o.timeout_ms);
        let v = self.ctx.call(&host::EXEC, w)?;
        Ok(ExecResult { exit_code: v.get("exit_code").int(), stdout: v.get("stdout").text(), stderr: v.get("stderr").text() })
    }
}
