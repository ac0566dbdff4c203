package charm

import (
	"time"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// HTTPRequest is a request to an origin that the charm declares under permissions and the user granted.
type HTTPRequest struct {
	Method  string // "" = GET
	URL     string
	Headers map[string]string
	Body    string
	Timeout time.Duration // 0 = the host's limit
}

// HTTPResponse is its answer; every status is one.
type HTTPResponse struct {
	Status  int
	Headers map[string]string // "Content-Type"; several values are joined with ", "
	Body    string            // bytes
}

// HTTP makes one request.
func (ctx *Context) HTTP(r HTTPRequest) (HTTPResponse, error) {
	var w wire.Writer
	w.Open('{')
	w.Text("method", r.Method)
	w.Text("url", r.URL)
	w.Map("headers", r.Headers)
	if utf8.ValidString(r.Body) {
		w.Text("body", r.Body)
	} else {
		w.Text("body_base64", encode64(r.Body))
	}
	w.Int("timeout_ms", r.Timeout.Milliseconds())
	w.Close('}')
	v, err := ctx.call(&httpRequest, w.Bytes())
	if err != nil {
		return HTTPResponse{}, err
	}
	return HTTPResponse{Status: int(v.Get("status").Int()), Headers: v.Get("headers").Map(), Body: body(v)}, nil
}

// body is an answer's body, whichever way it came.
func body(v wire.Value) string {
	if raw := v.Get("body_base64"); raw != nil {
		return decode64(raw.Text())
	}
	return v.Get("body").Text()
}

// KubeRequest is a request to the API of the cluster that the unit is in.
type KubeRequest struct {
	Method      string // "" = GET
	Path        string // "/api/v1/namespaces/web/pods"
	Query       string
	Body        string // JSON
	ContentType string // "" = JSON, of PATCH a merge patch
}

// Kube makes one request to the Kubernetes API; every status is an answer. Elsewhere than in a cluster it is an error of class
// UNSUPPORTED.
func (ctx *Context) Kube(r KubeRequest) (status int, answer string, err error) {
	v, err := ctx.call(&kubeRequest, object("method", r.Method, "path", r.Path, "query", r.Query, "body", r.Body, "content_type", r.ContentType))
	return int(v.Get("status").Int()), body(v), err
}

// PackageState is what there is of a package of the unit's machine.
type PackageState struct {
	Installed bool
	Version   string
	Changed   bool // by this call
}

// EnsurePackage installs a package unless it is there. Where the unit shares its machine it is an error of class UNSUPPORTED, as
// with everything about packages and machine services.
func (ctx *Context) EnsurePackage(name string) (PackageState, error) {
	return ctx.packageCall(&packageEnsure, name)
}

// RemovePackage removes a package if it is there.
func (ctx *Context) RemovePackage(name string) (PackageState, error) {
	return ctx.packageCall(&packageRemove, name)
}

// Package looks at a package.
func (ctx *Context) Package(name string) (PackageState, error) {
	return ctx.packageCall(&packageInfo, name)
}

func (ctx *Context) packageCall(fn *function, name string) (PackageState, error) {
	v, err := ctx.call(fn, object("name", name))
	return PackageState{Installed: v.Get("installed").Bool(), Version: v.Get("version").Text(), Changed: v.Get("changed").Bool()}, err
}

// MachineService is one systemd unit of the unit's machine.
type MachineService struct {
	Name string
	ctx  *Context
}

// ServiceState is how it is, in systemd's words.
type ServiceState struct{ Active, Enabled string }

// MachineService names a service of the machine; without a suffix it is a .service. Those of containers are Container's.
func (ctx *Context) MachineService(name string) *MachineService {
	return &MachineService{Name: name, ctx: ctx}
}

// Start starts it.
func (s *MachineService) Start() (ServiceState, error) { return s.call(&serviceStart) }

// Stop stops it.
func (s *MachineService) Stop() (ServiceState, error) { return s.call(&serviceStop) }

// Restart restarts it.
func (s *MachineService) Restart() (ServiceState, error) { return s.call(&serviceRestart) }

// Reload lets it read its configuration again.
func (s *MachineService) Reload() (ServiceState, error) { return s.call(&serviceReload) }

// Enable lets it start with the machine.
func (s *MachineService) Enable() (ServiceState, error) { return s.call(&serviceEnable) }

// Disable does not.
func (s *MachineService) Disable() (ServiceState, error) { return s.call(&serviceDisable) }

// Status looks at it.
func (s *MachineService) Status() (ServiceState, error) { return s.call(&serviceStatus) }

func (s *MachineService) call(fn *function) (ServiceState, error) {
	v, err := s.ctx.call(fn, object("name", s.Name))
	return ServiceState{Active: v.Get("active").Text(), Enabled: v.Get("enabled").Text()}, err
}
