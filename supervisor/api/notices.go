package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bangle-dev/bangle/supervisor/notice"
)

func getNotices(s *Server, r *http.Request) response {
	c, refused := noticeCaller(r)
	if refused != nil {
		return refused
	}
	f, refused := noticeFilter(r, c)
	if refused != nil {
		return refused
	}
	if asked := list(r, "types"); len(asked) > 0 && len(f.Types) == 0 {
		return ok([]notice.Notice{})
	}
	text := r.URL.Query().Get("timeout")
	if text == "" {
		return ok(s.cfg.Notices.List(f))
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return badRequest(fmt.Errorf("invalid timeout %q (write it as in \"4s\")", text))
	}
	ctx, cancel := context.WithTimeout(r.Context(), d)
	defer cancel()
	return ok(s.cfg.Notices.Wait(s.closing(ctx), f))
}

// closing returns a context that ends when the server closes, or with ctx.
func (s *Server) closing(ctx context.Context) context.Context {
	out, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-s.cfg.Closing:
		case <-ctx.Done():
		}
	}()
	return out
}

// noticeCaller refuses callers that have no uid: notices belong to users.
func noticeCaller(r *http.Request) (caller, response) {
	c := who(r)
	if c.uid == nil {
		return c, fail(http.StatusForbidden, "", "cannot determine UID of request, so cannot use notices")
	}
	return c, nil
}

func noticeFilter(r *http.Request, c caller) (notice.Filter, response) {
	q := r.URL.Query()
	f := notice.Filter{UserID: c.uid, Keys: list(r, "keys")}
	for _, t := range list(r, "types") {
		if slices.Contains([]string{notice.Custom, notice.ChangeUpdate, notice.Warning}, t) {
			f.Types = append(f.Types, t)
		}
	}
	uid, users := q.Get("user-id"), q.Get("users")
	byUser, byUsers := q.Has("user-id"), q.Has("users") // what is given and empty is a mistake, not nothing
	if (byUser || byUsers) && !c.admin() {
		return f, fail(http.StatusForbidden, "", "only admins may use the \"user-id\" and \"users\" filters")
	}
	if byUser && byUsers {
		return f, badRequest(errors.New("cannot use both \"users\" and \"user-id\""))
	}
	if byUser {
		n, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return f, badRequest(fmt.Errorf("invalid \"user-id\" filter %q", uid))
		}
		id := uint32(n)
		f.UserID = &id
	}
	if byUsers {
		if users != "all" {
			return f, badRequest(errors.New("invalid \"users\" filter: must be \"all\""))
		}
		f.AllUsers = true
	}
	if after := q.Get("after"); after != "" {
		at, err := time.Parse(time.RFC3339, after)
		if err != nil {
			return f, badRequest(fmt.Errorf("invalid \"after\" timestamp %q (write it as RFC 3339)", after))
		}
		f.After = at
	}
	return f, nil
}

func postNotices(s *Server, r *http.Request) response {
	var q struct {
		Action      string            `json:"action"`
		Type        string            `json:"type"`
		Key         string            `json:"key"`
		RepeatAfter string            `json:"repeat-after"`
		Data        map[string]string `json:"data"`
	}
	if err := decode(r, &q); err != nil {
		return badRequest(err)
	}
	if q.Action != "add" {
		return badRequest(fmt.Errorf("invalid action %q (allowed: add)", q.Action))
	}
	if q.Type != notice.Custom {
		return badRequest(fmt.Errorf("invalid type %q (can only add \"custom\" notices)", q.Type))
	}
	c, refused := noticeCaller(r)
	if refused != nil {
		return refused
	}
	o := notice.Occurrence{UserID: c.uid, Type: q.Type, Key: q.Key, Data: q.Data}
	if q.RepeatAfter != "" {
		d, err := time.ParseDuration(q.RepeatAfter)
		if err != nil {
			return badRequest(fmt.Errorf("invalid \"repeat-after\" %q (write it as in \"1h\")", q.RepeatAfter))
		}
		o.RepeatAfter = d
	}
	if err := notice.ValidateCustom(o); err != nil {
		return badRequest(err)
	}
	return ok(map[string]string{"id": s.cfg.Notices.Add(o)})
}

func getNotice(s *Server, r *http.Request) response {
	c, refused := noticeCaller(r)
	if refused != nil {
		return refused
	}
	id := r.PathValue("id")
	n, found := s.cfg.Notices.Get(id)
	if !found {
		return fail(http.StatusNotFound, "", fmt.Sprintf("cannot find notice with ID %q", id))
	}
	if n.UserID != nil && *n.UserID != *c.uid && !c.admin() {
		return fail(http.StatusForbidden, "", "not allowed to access notice with ID "+strconv.Quote(id))
	}
	return ok(n)
}
