//! The calls of the host. Each import is a function of its own that the linker drops when nothing calls it, so that a module
//! imports what its charm calls and nothing else.

use crate::json::{self, Json, Writer};
use crate::{Context, Error, Result};

/// HostFn answers the calls of a charm that runs natively: the function is "charm/log@1.log", request and answer are JSON.
pub type HostFn = dyn FnMut(&str, &str) -> String;

/// One import: its name, and its entry.
pub(crate) struct Import {
    pub name: &'static str,
    #[cfg(target_arch = "wasm32")]
    pub enter: unsafe extern "C" fn(*const u8, usize, *mut u8, usize) -> i32,
}

macro_rules! imports {
    ($($constant:ident = $module:literal . $name:literal, $symbol:ident;)*) => {
        $(
            #[cfg(target_arch = "wasm32")]
            #[link(wasm_import_module = $module)]
            extern "C" {
                #[link_name = $name]
                fn $symbol(request: *const u8, n: usize, out: *mut u8, cap: usize) -> i32;
            }
            #[allow(dead_code)]
            pub(crate) const $constant: Import = Import {
                name: concat!($module, ".", $name),
                #[cfg(target_arch = "wasm32")]
                enter: $symbol,
            };
        )*
    };
}

imports! {
    ANSWER_TAKE = "charm/answer@1"."take", answer_take;
    LOG = "charm/log@1"."log", log_log;
    STATUS = "charm/status@1"."set", status_set;
    ACTION_LOG = "charm/action@1"."log", action_log;
    IS_LEADER = "charm/leader@1"."is_leader", leader_is_leader;
    BAG = "charm/bag@1"."get", bag_get;
    GOAL = "charm/goal@1"."get", goal_get;
    RESOURCE = "charm/resource@1"."get", resource_get;
    SECRET_GET = "charm/secret@1"."get", secret_get;
    SECRET_INFO = "charm/secret@1"."info", secret_info;
    SECRET_ADD = "charm/secret@1"."add", secret_add;
    SECRET_SET = "charm/secret@1"."set", secret_set;
    SECRET_GRANT = "charm/secret@1"."grant", secret_grant;
    SECRET_REVOKE = "charm/secret@1"."revoke", secret_revoke;
    SECRET_REMOVE = "charm/secret@1"."remove", secret_remove;
    REQUEST = "charm/supervisor@1"."request", supervisor_request;
    EXEC = "charm/supervisor@1"."exec", supervisor_exec;
    PUSH = "charm/supervisor@1"."push", supervisor_push;
    PULL = "charm/supervisor@1"."pull", supervisor_pull;
    HTTP = "charm/http@1"."request", http_request;
    KUBE = "charm/kube@1"."request", kube_request;
    PACKAGE_ENSURE = "charm/package@1"."ensure", package_ensure;
    PACKAGE_REMOVE = "charm/package@1"."remove", package_remove;
    PACKAGE_INFO = "charm/package@1"."info", package_info;
    SERVICE_START = "charm/service@1"."start", service_start;
    SERVICE_STOP = "charm/service@1"."stop", service_stop;
    SERVICE_RESTART = "charm/service@1"."restart", service_restart;
    SERVICE_RELOAD = "charm/service@1"."reload", service_reload;
    SERVICE_ENABLE = "charm/service@1"."enable", service_enable;
    SERVICE_DISABLE = "charm/service@1"."disable", service_disable;
    SERVICE_STATUS = "charm/service@1"."status", service_status;
}

#[cfg(target_arch = "wasm32")]
fn enter(import: &Import, request: &str) -> String {
    let mut out = vec![0u8; 2048]; // an answer of ordinary size; a larger one is fetched in a second crossing
    // SAFETY: both texts lie in this module's memory, with the lengths that are given.
    let mut n = unsafe { (import.enter)(request.as_ptr(), request.len(), out.as_mut_ptr(), out.len()) };
    if n < 0 {
        out = vec![0u8; -n as usize];
        n = unsafe { (ANSWER_TAKE.enter)(std::ptr::null(), 0, out.as_mut_ptr(), out.len()) };
    }
    out.truncate(n as usize);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(not(target_arch = "wasm32"))]
fn enter(import: &Import, _: &str) -> String {
    format!(r#"{{"error":{{"class":"UNAVAILABLE","message":"cannot call {}: this charm runs without a host"}}}}"#, import.name)
}

/// One text of several that are written at once, as WASI has it.
#[cfg(target_arch = "wasm32")]
#[repr(C)]
struct Vector {
    at: *const u8,
    n: usize,
}

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn fd_write(fd: i32, vectors: *const Vector, n: usize, written: *mut usize) -> i32;
}

/// Writes to standard error.
#[cfg(target_arch = "wasm32")]
pub(crate) fn say(text: &str) {
    let mut written = 0;
    // SAFETY: one vector, that lies in this module's memory.
    unsafe { fd_write(2, &Vector { at: text.as_ptr(), n: text.len() }, 1, &mut written) };
}

impl Context {
    /// Makes a call; the value is what follows "ok".
    pub(crate) fn call(&self, import: &Import, mut request: Writer) -> Result<Json> {
        if !request.text.is_empty() {
            request.close('}');
        }
        let answer = match self.host.borrow_mut().as_mut() {
            Some(host) => host(import.name, &request.text),
            None => enter(import, &request.text),
        };
        if answer.is_empty() {
            return Ok(Json::Absent);
        }
        let v = json::parse(&answer).map_err(|e| format!("cannot read the answer of {}: {}", import.name, e))?;
        let error = v.get("error");
        if error.exists() {
            return Err(Error { class: error.get("class").text(), message: error.get("message").text() });
        }
        Ok(v.get("ok").clone())
    }
}
