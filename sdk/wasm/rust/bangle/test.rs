//! Runs a charm without an agent and without WASM: the model is what the test says, the host is a fake that remembers.
//!
//! ```ignore
//! let mut t = Harness::new(charm());
//! t.config("port", "8080");
//! t.hook("config-changed").unwrap();
//! assert_eq!(t.status(), ("waiting", "for the container"));
//! ```
//!
//! State, databags and the unit's status that an event wrote are there in the next event. Supervisors answer that all went
//! well; `answer` gives any call another answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::json::{self, quote, Json, Writer};
use crate::{Charm, Map, Result};

#[derive(Default)]
struct Fake {
    answers: Map,
    calls: Vec<(String, String)>,
    files: Map,
    secrets: Vec<Map>,
    leads: bool,
}

/// Harness is one unit, app/0, and what it sees.
pub struct Harness {
    charm: Charm,
    fake: Rc<RefCell<Fake>>,
    config: Map, // JSON
    state: Map,
    relations: BTreeMap<i64, (String, String)>, // endpoint, remote application
    remote: BTreeMap<(i64, String), Map>,       // by relation and owner
    local: BTreeMap<(i64, bool), Map>,          // by relation and whether it is the application's
    storage: Vec<String>,
    status: (String, String),
    output: Json,
    events: usize,
}

impl Harness {
    pub fn new(charm: Charm) -> Harness {
        Harness {
            charm,
            fake: Rc::default(),
            config: Map::new(),
            state: Map::new(),
            relations: BTreeMap::new(),
            remote: BTreeMap::new(),
            local: BTreeMap::new(),
            storage: Vec::new(),
            status: Default::default(),
            output: Json::Absent,
            events: 0,
        }
    }

    /// Sets an option; the value is JSON: `t.config("title", "\"hello\"")`.
    pub fn config(&mut self, option: &str, value: &str) {
        self.config.insert(option.to_string(), value.to_string());
    }

    pub fn leader(&mut self, leads: bool) {
        self.fake.borrow_mut().leads = leads;
    }

    /// Adds a relation.
    pub fn relation(&mut self, id: i64, endpoint: &str, remote_app: &str) {
        self.relations.insert(id, (endpoint.to_string(), remote_app.to_string()));
    }

    /// Writes to a remote databag.
    pub fn remote(&mut self, id: i64, owner: &str, key: &str, value: &str) {
        self.remote.entry((id, owner.to_string())).or_default().insert(key.to_string(), value.to_string());
    }

    pub fn storage(&mut self, name: &str, id: &str, location: &str) {
        self.storage.push(format!(r#"{{"name":{},"id":{},"kind":"filesystem","location":{}}}"#, quote(name), quote(id), quote(location)));
    }

    /// Adds another's secret and returns its URI.
    pub fn secret(&mut self, content: &[(&str, &str)]) -> String {
        let content = content.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        self.fake.borrow_mut().add_secret(content)
    }

    /// What every later call of a function gets: "charm/supervisor@1.exec", `{"ok":{"exit_code":0}}`; "" is the fake's own again.
    pub fn answer(&mut self, function: &str, answer: &str) {
        self.fake.borrow_mut().answers.insert(function.to_string(), answer.to_string());
    }

    /// Runs a hook; whether the charm handled it.
    pub fn hook(&mut self, name: &str) -> Result<bool> {
        self.event(format!(r#""kind":{0},"name":{0}"#, quote(name)))
    }

    /// Runs a hook of a relation: "relation-changed"; unit is "" for created and broken.
    pub fn relation_hook(&mut self, id: i64, kind: &str, unit: &str) -> Result<bool> {
        let (endpoint, app) = &self.relations[&id];
        let name = format!("{}-{}", endpoint, kind);
        let members = format!(
            r#""kind":{},"name":{},"relation_id":{},"endpoint":{},"remote_app":{},"remote_unit":{}"#,
            quote(kind),
            quote(&name),
            id,
            quote(endpoint),
            quote(app),
            quote(unit)
        );
        self.event(members)
    }

    /// Runs an action with parameters as JSON.
    pub fn action(&mut self, name: &str, params: &str) -> Result<bool> {
        self.event(format!(r#""kind":"action","name":{},"task_id":"1","action_params":{}"#, quote(name), params))
    }

    /// The unit's status.
    pub fn status(&self) -> (&str, &str) {
        (&self.status.0, &self.status.1)
    }

    /// The last event's changeset.
    pub fn output(&self) -> &Json {
        &self.output
    }

    /// What was pushed to a path.
    pub fn file(&self, path: &str) -> String {
        self.fake.borrow().files.get(path).cloned().unwrap_or_default()
    }

    /// One key of an own databag.
    pub fn written(&self, id: i64, app: bool, key: &str) -> &str {
        self.local.get(&(id, app)).and_then(|bag| bag.get(key)).map_or("", |v| v)
    }

    /// The requests of a function, in all events.
    pub fn requests(&self, function: &str) -> Vec<String> {
        self.fake.borrow().calls.iter().filter(|(f, _)| f == function).map(|(_, r)| r.clone()).collect()
    }

    fn event(&mut self, members: String) -> Result<bool> {
        self.events += 1;
        let input = format!(r#"{{"event":{{"id":"{}",{}}},"view":{}}}"#, self.events, members, self.view());
        let fake = self.fake.clone();
        self.output = Json::Absent;
        let output = self.charm.dispatch(&input, Some(Box::new(move |function, request| fake.borrow_mut().call(function, request))))?;
        if let Some(text) = &output {
            self.output = json::parse(text).map_err(|e| format!("the changeset is not JSON: {}", e))?;
            self.apply();
        }
        Ok(output.is_some())
    }

    fn apply(&mut self) {
        let cs = &self.output;
        if cs.get("unit_status").exists() {
            self.status = (cs.get("unit_status").get("current").text(), cs.get("unit_status").get("message").text());
        }
        self.state.extend(cs.get("state_set").map());
        for key in cs.get("state_delete").elements() {
            self.state.remove(key.str());
        }
        for bag in cs.get("bags").elements() {
            self.local.entry((bag.get("relation_id").int(), bag.get("app").bool())).or_default().extend(bag.get("set").map());
        }
    }

    fn view(&self) -> String {
        let config: Vec<String> = self.config.iter().map(|(k, v)| format!("{}:{}", quote(k), v)).collect();
        let relations: Vec<String> = self.relations.keys().map(|id| self.relation_view(*id)).collect();
        format!(
            r#"{{"model":{{"name":"test","uuid":"0"}},"unit":{{"name":"app/0","life":"alive","private_address":"10.0.0.5"}},"config":{{{}}},"charm_state":{},"relations":[{}],"storage":[{}],"leadership":{{"leader":{}}}}}"#,
            config.join(","),
            object(&self.state),
            relations.join(","),
            self.storage.join(","),
            self.fake.borrow().leads
        )
    }

    fn relation_view(&self, id: i64) -> String {
        let (endpoint, app) = &self.relations[&id];
        let none = Map::new();
        let remote = |owner: &String| object(self.remote.get(&(id, owner.clone())).unwrap_or(&none));
        let units = self.remote.keys().filter(|(of, owner)| *of == id && owner.contains('/'));
        let members: Vec<String> = units.map(|(_, unit)| format!(r#"{{"unit":{},"bag":{}}}"#, quote(unit), remote(unit))).collect();
        let local = |app: bool| object(self.local.get(&(id, app)).unwrap_or(&none));
        format!(
            r#"{{"id":{},"endpoint":{},"remote_app":{},"members":[{}],"remote_app_bag":{},"local_unit":{},"local_app":{},"local_app_readable":true}}"#,
            id,
            quote(endpoint),
            quote(app),
            members.join(","),
            remote(app),
            local(false),
            local(true)
        )
    }
}

fn object(map: &Map) -> String {
    let members: Vec<String> = map.iter().map(|(k, v)| format!("{}:{}", quote(k), quote(v))).collect();
    format!("{{{}}}", members.join(","))
}

impl Fake {
    fn add_secret(&mut self, content: Map) -> String {
        self.secrets.push(content);
        format!("secret:{:020}", self.secrets.len())
    }

    fn call(&mut self, function: &str, request: &str) -> String {
        self.calls.push((function.to_string(), request.to_string()));
        if let Some(answer) = self.answers.get(function).filter(|a| !a.is_empty()) {
            return answer.clone();
        }
        let request = json::parse(request).unwrap_or(Json::Absent);
        match function {
            "charm/supervisor@1.request" => supervisor(&request),
            "charm/supervisor@1.push" => {
                self.files.insert(request.get("path").text(), request.get("content").text());
                r#"{"ok":{}}"#.to_string()
            }
            "charm/leader@1.is_leader" => format!(r#"{{"ok":{}}}"#, self.leads),
            "charm/secret@1.add" => format!(r#"{{"ok":{{"id":"{}"}}}}"#, self.add_secret(request.get("content").map())),
            "charm/secret@1.get" => {
                let number: usize = request.get("id").str().trim_start_matches("secret:").parse().unwrap_or(0);
                match self.secrets.get(number.wrapping_sub(1)) {
                    Some(content) => format!(r#"{{"ok":{{"content":{}}}}}"#, object(content)),
                    None => r#"{"error":{"class":"NOT_FOUND","message":"there is no such secret"}}"#.to_string(),
                }
            }
            _ => String::new(),
        }
    }
}

/// The fake supervisor: everything succeeds.
fn supervisor(request: &Json) -> String {
    let (method, path) = (request.get("method").str(), request.get("path").str());
    let body = match (method, path) {
        ("POST", "/v1/services") => r#"{"type":"async","change":"1"}"#,
        ("GET", "/v1/services") => r#"{"type":"sync","result":[]}"#,
        (_, p) if p.starts_with("/v1/changes/") => r#"{"type":"sync","result":{"err":""}}"#,
        _ => r#"{"type":"sync","result":true}"#,
    };
    format!(r#"{{"ok":{{"status":200,"body":{}}}}}"#, quote(body))
}

/// Runs the events of a file of sdk/wasm/vectors and compares all that goes over the line; panics with what differs.
pub fn vectors(charm: fn() -> Charm, file: &str) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("cannot read {}: {}", file, e));
    let all = json::parse(&text).unwrap_or_else(|e| panic!("cannot read {}: {}", file, e));
    assert!(!all.elements().is_empty(), "{} has no vectors", file);
    let wrong: Vec<String> = all.elements().iter().flat_map(|v| vector(charm, v)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn vector(charm: fn() -> Charm, v: &Json) -> Vec<String> {
    let expected: Vec<Json> = v.get("calls").elements().to_vec();
    let wrong = Rc::new(RefCell::new((Vec::new(), 0usize)));
    let book = wrong.clone();
    let mut input = Writer::default();
    input.value(v.get("input"));
    let host = move |function: &str, request: &str| -> String {
        let mut book = book.borrow_mut();
        book.1 += 1;
        let want = match expected.get(book.1 - 1) {
            Some(want) => want,
            None => {
                book.0.push(format!("{} was called too many", function));
                return String::new();
            }
        };
        let got = json::parse(if request.is_empty() { "{}" } else { request }).unwrap_or(Json::Absent);
        if want.get("function").str() != function || !same(&got, want.get("request")) {
            book.0.push(format!("call {} {}, want {:?}", function, request, want));
        }
        want.get("answer").text()
    };
    let text = input.text;
    let run = std::panic::AssertUnwindSafe(move || charm().dispatch(&text, Some(Box::new(host))));
    let result = std::panic::catch_unwind(run);
    let (output, error) = match result {
        Ok(Ok(output)) => (output.map_or(Json::Absent, |o| json::parse(&o).unwrap_or(Json::Null)), String::new()),
        Ok(Err(error)) => (Json::Absent, error.message),
        Err(payload) => (Json::Absent, format!("panic: {}", payload.downcast_ref::<String>().cloned().unwrap_or_default())),
    };
    let (mut list, made) = wrong.take();
    if error.lines().next().unwrap_or("") != v.get("error").str() {
        list.push(format!("error {:?}, want {:?}", error, v.get("error").str()));
    }
    if made != v.get("calls").elements().len() {
        list.push(format!("{} calls, want {}", made, v.get("calls").elements().len()));
    }
    if !same(&output, v.get("output")) {
        list.push(format!("output {:?}, want {:?}", output, v.get("output")));
    }
    list.iter().map(|text| format!("{}: {}", v.get("name").str(), text)).collect()
}

/// Whether two values are equal, the order of members aside.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Object(x), Json::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| same(v, b.get(k))),
        (Json::List(x), Json::List(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        _ => a == b,
    }
}
