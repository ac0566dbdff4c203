package stage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/controller/pki"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// patience is how long a stage waits for anything before it fails the test.
const patience = 60 * time.Second

// dial makes a client, or keeps the one it has while the controller is where it was.
func (s *set) dial() (clientv1connect.ClientClient, error) {
	config, err := controller.ReadConfig(s.controllerDir())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil && s.endpoint == config.ClientEndpoint {
		return s.client, nil
	}
	tls, err := pki.Client(s.controllerDir())
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second}
	s.endpoint = config.ClientEndpoint
	s.client = clientv1connect.NewClientClient(&http.Client{Transport: transport}, "https://"+s.endpoint, connect.WithReadMaxBytes(64<<20))
	return s.client, nil
}

// try calls until the controller has answered: it may just be dead. What the controller refuses ends the test. A call
// may be made twice when the first answer was lost.
func try[Q, A any](s *Stage, what string, call func(clientv1connect.ClientClient, context.Context, *connect.Request[Q]) (*connect.Response[A], error), req *Q) *A {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(s.Context(), 15*time.Second)
		client, err := s.dial()
		if err == nil {
			var resp *connect.Response[A]
			if resp, err = call(client, ctx, connect.NewRequest(req)); err == nil {
				cancel()
				return resp.Msg
			}
		}
		cancel()
		if !Away(err) || time.Now().After(deadline) || s.Context().Err() != nil {
			s.Fatalf("cannot %s: %v", what, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// Away says whether an error is that of a controller that is dying, dead or coming back.
func Away(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodeUnavailable, connect.CodeCanceled, connect.CodeDeadlineExceeded, connect.CodeUnknown:
		return true
	case connect.CodeInternal:
		return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	return false
}

// AddModel adds one.
func (s *Stage) AddModel(name string) {
	s.Helper()
	resp := try(s, "add model "+name, clientv1connect.ClientClient.AddModel, &clientv1.AddModelRequest{Name: name})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uuids[name] = resp.GetModel().GetUuid()
}

// UUID of a model.
func (s *set) UUID(model string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uuids[model]
}

// Upload packs a charm's directory and brings it to the controller.
func (s *Stage) Upload(dir string) *clientv1.UploadCharmResponse {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		resp, err := s.upload(dir)
		switch {
		case err == nil:
			for _, d := range resp.GetDiagnostics() {
				if d.GetSeverity() == "error" {
					s.Fatalf("cannot use charm %s: %v", dir, d)
				}
			}
			return resp
		case !Away(err) || time.Now().After(deadline):
			s.Fatalf("cannot upload %s: %v", dir, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (s *Stage) upload(dir string) (*clientv1.UploadCharmResponse, error) {
	ctx, cancel := context.WithTimeout(s.Context(), 30*time.Second)
	defer cancel()
	client, err := s.dial()
	if err != nil {
		return nil, err
	}
	stream := client.UploadCharm(ctx)
	err = stream.Send(&clientv1.UploadCharmRequest{Model: Model})
	if err == nil {
		_, err = charm.Pack(dir, chunks(func(data []byte) error { return stream.Send(&clientv1.UploadCharmRequest{Data: data}) }), charm.Limits{})
	}
	if err != nil && !errors.Is(err, io.EOF) { // io.EOF: the answer says why
		return nil, err
	}
	resp, err := stream.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return resp.Msg, nil
}

// chunks sends each write as one message.
type chunks func([]byte) error

func (c chunks) Write(data []byte) (int, error) {
	if err := c(append([]byte(nil), data...)); err != nil {
		return 0, err
	}
	return len(data), nil
}

// Deploy uploads a charm and makes an application of it.
func (s *Stage) Deploy(dir string, req *clientv1.DeployRequest) []string {
	s.Helper()
	up := s.Upload(dir)
	if req.Model == "" {
		req.Model = Model
	}
	req.CharmDigest, req.CharmPath, req.Runtime = up.GetDigest(), dir, up.GetRuntime()
	return try(s, "deploy "+dir, clientv1connect.ClientClient.Deploy, req).GetUnits()
}

// Refresh gives an application another charm.
func (s *Stage) Refresh(app, dir string) {
	s.Helper()
	try(s, "refresh "+app, clientv1connect.ClientClient.Refresh,
		&clientv1.RefreshRequest{Model: Model, Application: app, CharmDigest: s.Upload(dir).GetDigest(), CharmPath: dir})
}

// Config sets options.
func (s *Stage) Config(app string, options map[string]string) int64 {
	s.Helper()
	return try(s, "configure "+app, clientv1connect.ClientClient.SetConfig,
		&clientv1.SetConfigRequest{Model: Model, Application: app, Set: options}).GetRevision()
}

// Integrate relates two endpoints.
func (s *Stage) Integrate(a, b string) {
	s.Helper()
	try(s, "integrate "+a+" "+b, clientv1connect.ClientClient.Integrate, &clientv1.IntegrateRequest{Model: Model, Endpoints: []string{a, b}})
}

// Unrelate ends that.
func (s *Stage) Unrelate(a, b string) {
	s.Helper()
	try(s, "remove relation "+a+" "+b, clientv1connect.ClientClient.RemoveRelation, &clientv1.RemoveRelationRequest{Model: Model, Endpoints: []string{a, b}})
}

// Scale sets the number of units.
func (s *Stage) Scale(app string, units uint32) {
	s.Helper()
	try(s, "scale "+app, clientv1connect.ClientClient.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: Model, Application: app, Scale: units})
}

// Queue queues an action and returns its operation.
func (s *Stage) Queue(action, params string, units ...string) string {
	s.Helper()
	return try(s, "run "+action, clientv1connect.ClientClient.Run,
		&clientv1.RunRequest{Model: Model, Units: units, Action: action, Params: params}).GetOperation().GetId()
}

// Exec queues a command line and returns its operation.
func (s *Stage) Exec(command []string, units ...string) string {
	s.Helper()
	return try(s, "exec "+strings.Join(command, " "), clientv1connect.ClientClient.Run,
		&clientv1.RunRequest{Model: Model, Units: units, Command: command}).GetOperation().GetId()
}

// Finished waits for an operation's tasks.
func (s *Stage) Finished(operation string) []*controllerv1.Task {
	s.Helper()
	deadline := time.Now().Add(patience)
	for {
		resp := try(s, "wait for operation "+operation, clientv1connect.ClientClient.WaitOperation,
			&clientv1.WaitOperationRequest{Model: Model, Operation: operation, TimeoutMs: 10_000})
		if resp.GetFinished() {
			return resp.GetTasks()
		}
		if time.Now().After(deadline) {
			s.Fatalf("operation %s is not finished: %v", operation, resp.GetTasks())
		}
	}
}

// Journal is what the controller was told of a unit's events, oldest first. It is best effort: an agent that dies takes
// its last entries along.
func (s *Stage) Journal(unit string) []*controllerv1.JournalEntry {
	s.Helper()
	return try(s, "read the journal of "+unit, clientv1connect.ClientClient.Journal, &clientv1.JournalRequest{Model: Model, Unit: unit}).GetEntries()
}
