package stage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// Await follows the model's status until cond says "" and returns that status. What cond says last is the failure.
func (s *Stage) Await(cond func(*clientv1.StatusResponse) string) *clientv1.StatusResponse {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	last := &clientv1.StatusResponse{}
	why := "there was no status at all"
	for ctx.Err() == nil {
		client, err := s.dial()
		if err != nil {
			s.Fatalf("%v", err)
		}
		stream, err := client.WatchStatus(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: Model}))
		if err == nil {
			for stream.Receive() {
				last = stream.Msg()
				if why = cond(last); why == "" {
					_ = stream.Close() // ended with the context
					return last
				}
			}
			_ = stream.Close() // it ended itself
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond): // the controller is coming back
		}
	}
	s.Fatalf("waited %s in vain: %s\n%s", patience, why, Table(last))
	return nil
}

// App finds an application in a status, an empty one if it is not there.
func App(status *clientv1.StatusResponse, name string) *clientv1.ApplicationStatusInfo {
	for _, app := range status.GetApplications() {
		if app.GetName() == name {
			return app
		}
	}
	return &clientv1.ApplicationStatusInfo{}
}

// Active is a condition: the application has that many units and all are active, with a message if one is given.
func Active(app string, units int, message string) func(*clientv1.StatusResponse) string {
	return func(status *clientv1.StatusResponse) string {
		list := App(status, app).GetUnits()
		if len(list) != units {
			return fmt.Sprintf("%s has %d units, want %d", app, len(list), units)
		}
		for _, u := range list {
			w := u.GetWorkload()
			if u.GetFailed() != nil || w.GetCurrent() != "active" || message != "" && w.GetMessage() != message {
				return fmt.Sprintf("%s is %s %q (%s), want active %q", u.GetName(), w.GetCurrent(), w.GetMessage(), u.GetFailed(), message)
			}
		}
		return ""
	}
}

// All is the first of several conditions that does not hold.
func All(conds ...func(*clientv1.StatusResponse) string) func(*clientv1.StatusResponse) string {
	return func(status *clientv1.StatusResponse) string {
		for _, cond := range conds {
			if why := cond(status); why != "" {
				return why
			}
		}
		return ""
	}
}

// Table is a status for the eyes of whoever looks into a failure.
func Table(status *clientv1.StatusResponse) string {
	var b strings.Builder
	for _, app := range status.GetApplications() {
		fmt.Fprintf(&b, "%s %s %s\n", app.GetName(), app.GetLife(), app.GetStatus())
		for _, u := range app.GetUnits() {
			fmt.Fprintf(&b, "  %s life=%s leader=%v workload=%s agent=%s failed=%s\n", u.GetName(), u.GetLife(), u.GetLeader(), u.GetWorkload(), u.GetAgent(), u.GetFailed())
		}
	}
	for _, r := range status.GetRelations() {
		fmt.Fprintf(&b, "relation %d %s %s\n", r.GetId(), r.GetKey(), r.GetLife())
	}
	return b.String()
}
