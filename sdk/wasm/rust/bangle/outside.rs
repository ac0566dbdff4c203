use crate::host::{self, Import};
use crate::json::{self, Json, Writer};
use crate::{Context, Map, Result};

/// HttpRequest is a request to an origin that the charm declares under `permissions` and the user granted.
#[derive(Debug, Clone, Default)]
pub struct HttpRequest {
    /// "" is GET.
    pub method: String,
    pub url: String,
    pub headers: Map,
    pub body: String,
    /// 0 = the host's limit
    pub timeout_ms: i64,
}

/// HttpResponse is its answer; every status is one.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    pub status: i64,
    /// Several values of one name are joined with ", ".
    pub headers: Map,
    /// As UTF-8.
    pub body: String,
}

/// KubeRequest is a request to the API of the cluster that the unit is in.
#[derive(Debug, Clone, Default)]
pub struct KubeRequest {
    /// "" is GET.
    pub method: String,
    /// "/api/v1/namespaces/web/pods"
    pub path: String,
    pub query: String,
    /// JSON
    pub body: String,
    /// "" is JSON, of PATCH a merge patch.
    pub content_type: String,
}

/// PackageState is what there is of a package of the unit's machine.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageState {
    pub installed: bool,
    pub version: String,
    /// By this call.
    pub changed: bool,
}

/// ServiceState is how a service of the machine is, in systemd's words.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceState {
    pub active: String,
    pub enabled: String,
}

/// MachineService is one systemd unit of the unit's machine. Those of containers are `Container`'s.
#[derive(Clone)]
pub struct MachineService<'a> {
    ctx: &'a Context,
    pub name: String,
}

/// An answer's body, whichever way it came.
fn body(v: &Json) -> String {
    let packed = v.get("body_base64");
    if packed.exists() {
        json::base64(packed.str())
    } else {
        v.get("body").text()
    }
}

/// What was not granted is an error of class DENIED, what the unit's place does not have one of class UNSUPPORTED.
impl Context {
    /// Makes one HTTP request.
    pub fn http(&self, r: &HttpRequest) -> Result<HttpResponse> {
        let mut w = Writer::object();
        w.member("method", &r.method);
        w.member("url", &r.url);
        w.map("headers", &r.headers);
        w.member("body", &r.body);
        w.int("timeout_ms", r.timeout_ms);
        let v = self.call(&host::HTTP, w)?;
        let headers = v.get("headers").members().iter().map(|(name, value)| (name.clone(), value.text())).collect();
        Ok(HttpResponse { status: v.get("status").int(), headers, body: body(&v) })
    }

    /// Makes one request to the Kubernetes API and returns status and body.
    pub fn kube(&self, r: &KubeRequest) -> Result<(i64, String)> {
        let mut w = Writer::object();
        w.member("method", &r.method);
        w.member("path", &r.path);
        w.member("query", &r.query);
        w.member("body", &r.body);
        w.member("content_type", &r.content_type);
        let v = self.call(&host::KUBE, w)?;
        Ok((v.get("status").int(), body(&v)))
    }

    /// Installs a package unless it is there.
    pub fn ensure_package(&self, name: &str) -> Result<PackageState> {
        self.package_call(&host::PACKAGE_ENSURE, name)
    }

    /// Removes a package if it is there.
    pub fn remove_package(&self, name: &str) -> Result<PackageState> {
        self.package_call(&host::PACKAGE_REMOVE, name)
    }

    /// Looks at a package.
    pub fn package(&self, name: &str) -> Result<PackageState> {
        self.package_call(&host::PACKAGE_INFO, name)
    }

    fn package_call(&self, import: &Import, name: &str) -> Result<PackageState> {
        let mut w = Writer::object();
        w.member("name", name);
        let v = self.call(import, w)?;
        Ok(PackageState { installed: v.get("installed").bool(), version: v.get("version").text(), changed: v.get("changed").bool() })
    }

    /// A service of the machine; without a suffix it is a .service.
    pub fn machine_service(&self, name: &str) -> MachineService<'_> {
        MachineService { ctx: self, name: name.to_string() }
    }
}

impl MachineService<'_> {
    pub fn start(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_START)
    }

    pub fn stop(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_STOP)
    }

    pub fn restart(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_RESTART)
    }

    pub fn reload(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_RELOAD)
    }

    /// Has it start with the machine.
    pub fn enable(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_ENABLE)
    }

    pub fn disable(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_DISABLE)
    }

    /// Looks at it.
    pub fn status(&self) -> Result<ServiceState> {
        self.call(&host::SERVICE_STATUS)
    }

    fn call(&self, import: &Import) -> Result<ServiceState> {
        let mut w = Writer::object();
        w.member("name", &self.name);
        let v = self.ctx.call(import, w)?;
        Ok(ServiceState { active: v.get("active").text(), enabled: v.get("enabled").text() })
    }
}
