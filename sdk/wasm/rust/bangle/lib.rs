//! The guest library for charms written in Rust and run as WASM; ../README.md shows a whole charm. It needs std and nothing else.
//!
//! A handler reads what came with the event and writes into a buffer; what it wrote is applied in one transaction when it
//! returned `Ok`, and dropped when it returned an error or panicked. The error's first line is shown in status. Memory is
//! scratch: the next event finds it as it was at the start, so what must last belongs into `set_state`.

mod changeset;
mod container;
mod context;
mod event;
mod host;
pub mod json;
mod outside;
mod relation;
mod secret;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;

pub use container::{command, Container, ExecOptions, ExecResult, Layer, PushOptions, Service};
pub use context::{Context, Goal, Resource, Storage};
pub use event::Event;
pub use host::HostFn;
pub use outside::{HttpRequest, HttpResponse, KubeRequest, MachineService, PackageState, ServiceState};
pub use relation::Relation;
pub use secret::{Secret, SecretInfo, SecretSpec};

use std::collections::BTreeMap;

/// Texts by name.
pub type Map = BTreeMap<String, String>;

/// Statuses that a charm may set.
pub const ACTIVE: &str = "active";
pub const BLOCKED: &str = "blocked";
pub const MAINTENANCE: &str = "maintenance";
pub const WAITING: &str = "waiting";

/// Error is why a hook fails, or what the host answered instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// NOT_FOUND, DENIED, INVALID, UNAVAILABLE, …; empty when the charm itself failed.
    pub class: String,
    pub message: String,
}

pub type Result<T = ()> = std::result::Result<T, Error>;

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<&str> for Error {
    fn from(message: &str) -> Error {
        Error { class: String::new(), message: message.to_string() }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error { class: String::new(), message }
    }
}

/// Handler handles one event.
pub type Handler = fn(&Context) -> Result;

/// Charm is a set of handlers.
#[derive(Default)]
pub struct Charm {
    hooks: Vec<(String, Handler)>,
    actions: Vec<(String, Handler)>,
    other: Option<Handler>,
}

impl Charm {
    /// A charm that handles nothing.
    pub fn new() -> Charm {
        Charm::default()
    }

    /// Handles the hook of that name. A second handler of the same hook runs after the first, unless that failed.
    pub fn on(mut self, hook: &str, handler: Handler) -> Charm {
        self.hooks.push((hook.to_string(), handler));
        self
    }

    /// Handles an action. An error fails the action with its text, not the unit.
    pub fn on_action(mut self, name: &str, handler: Handler) -> Charm {
        self.actions.push((name.to_string(), handler));
        self
    }

    /// Handles every hook that has no handler of its own. Without it such hooks succeed without doing anything.
    pub fn on_other(mut self, handler: Handler) -> Charm {
        self.other = Some(handler);
        self
    }

    fn handlers(&self, event: &Event) -> Vec<Handler> {
        let action = event.kind == "action";
        let list = if action { &self.actions } else { &self.hooks };
        let mut found: Vec<Handler> = list.iter().filter(|(name, _)| *name == event.name).map(|(_, h)| *h).collect();
        if found.is_empty() && !action {
            found.extend(self.other);
        }
        found
    }

    /// Runs one event: the input is the ABI's `{"event": …, "view": …}`, the output a changeset, None when the charm has no
    /// handler for it. Natively host answers the calls; in a WASM guest the imports do, and it is None.
    pub fn dispatch(&self, input: &str, host: Option<Box<HostFn>>) -> Result<Option<String>> {
        let input = json::parse(input).map_err(|e| format!("cannot read the event: {}", e))?;
        let ctx = Context::new(input, host);
        let handlers = self.handlers(ctx.event());
        if handlers.is_empty() {
            return Ok(None);
        }
        for handle in handlers {
            if let Err(error) = handle(&ctx) {
                if ctx.event().kind != "action" {
                    return Err(error);
                }
                ctx.fail(&error.message);
                break;
            }
        }
        Ok(Some(ctx.changeset()))
    }
}

/// charm! names the function that makes the charm which this module exports: `bangle::charm!(charm);`.
#[macro_export]
macro_rules! charm {
    ($make:ident) => {
        #[cfg(target_arch = "wasm32")]
        mod bangle_exports {
            #[no_mangle]
            pub extern "C" fn charm_abi_1() {}
            #[no_mangle]
            pub extern "C" fn charm_warm() {
                $crate::exports::warm()
            }
            #[no_mangle]
            pub extern "C" fn charm_alloc(n: usize) -> *mut u8 {
                $crate::exports::alloc(n)
            }
            #[no_mangle]
            pub extern "C" fn charm_dispatch(at: *mut u8, n: usize) -> u64 {
                $crate::exports::dispatch(super::$make(), at, n)
            }
            #[no_mangle]
            pub extern "C" fn charm_last_error() -> u64 {
                $crate::exports::last_error()
            }
        }
    };
}

/// What `charm!` exports; not for charms.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod exports {
    use crate::{host, Charm};
    use std::cell::RefCell;

    thread_local! {
        static FAILED: RefCell<String> = RefCell::new(String::new());
    }

    /// Says a panic's text on standard error, which is where the host looks for a charm's last words.
    pub fn warm() {
        std::panic::set_hook(Box::new(|info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(|s| s.to_string()).or_else(|| payload.downcast_ref::<String>().cloned());
            let place = info.location().map(|l| format!("\nat {}", l)).unwrap_or_default();
            host::say(&format!("panic: {}{}\n", text.unwrap_or_default().replace('\n', " "), place));
        }));
    }

    /// Memory for the input; dispatch takes it back.
    pub fn alloc(n: usize) -> *mut u8 {
        Box::into_raw(vec![0u8; n].into_boxed_slice()) as *mut u8
    }

    pub fn dispatch(charm: Charm, at: *mut u8, n: usize) -> u64 {
        // SAFETY: the host gives back what alloc made, with the length that it asked for.
        let input = unsafe { Box::from_raw(std::slice::from_raw_parts_mut(at, n) as *mut [u8]) };
        match charm.dispatch(&String::from_utf8_lossy(&input), None) {
            Err(error) => {
                FAILED.with(|f| *f.borrow_mut() = error.message);
                0
            }
            Ok(None) => packed("", 0),
            Ok(Some(output)) => packed(Box::leak(output.into_boxed_str()), usize::MAX), // until the host resets the memory
        }
    }

    pub fn last_error() -> u64 {
        packed(Box::leak(FAILED.with(|f| f.borrow().clone()).into_boxed_str()), usize::MAX)
    }

    fn packed(text: &'static str, most: usize) -> u64 {
        (text.as_ptr() as u64) << 32 | text.len().min(most) as u64
    }
}
