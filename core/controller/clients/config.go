package clients

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// trustKey is an application's setting that no charm declares.
const trustKey = "trust"

// GetConfig lists every option of an application's charm with its value.
func (s *Service) GetConfig(_ context.Context, req *connect.Request[clientv1.GetConfigRequest]) (*connect.Response[clientv1.GetConfigResponse], error) {
	app, ch, err := s.described(req.Msg.GetModel(), req.Msg.GetApplication())
	if err != nil {
		return nil, err
	}
	resp := &clientv1.GetConfigResponse{Application: app.GetName(), Charm: app.GetCharmName(), Trust: app.GetTrust()}
	for _, name := range slices.Sorted(maps.Keys(ch.Config)) {
		o := ch.Config[name]
		out := &clientv1.ConfigOption{Name: name, Type: string(o.Type), Description: o.Description, DefaultValue: toValue(o.Default), Source: "unset"}
		switch set := app.GetConfig()[name]; {
		case set != nil:
			out.Value, out.Source = set, "user"
		case out.GetDefaultValue() != nil:
			out.Value, out.Source = out.GetDefaultValue(), "default"
		}
		resp.Options = append(resp.Options, out)
	}
	return connect.NewResponse(resp), nil
}

// SetConfig changes options of an application: all of the change or, with every
// reason named, nothing. A change that changes nothing writes nothing and
// answers revision 0.
func (s *Service) SetConfig(ctx context.Context, req *connect.Request[clientv1.SetConfigRequest]) (*connect.Response[clientv1.SetConfigResponse], error) {
	in := req.Msg
	revision, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		app, err := application(m, in.GetApplication())
		if err != nil {
			return err
		}
		ch, err := s.charmOf(app.Value)
		if err != nil {
			return err
		}
		next := proto.CloneOf(app.Value)
		if err := changeConfig(next, ch, in); err != nil {
			return err
		}
		if !sameValues(next.GetConfig(), app.Value.GetConfig()) {
			next.ConfigRevision++
		}
		if next.GetTrust() != app.Value.GetTrust() {
			next.SpecRevision++
		}
		if !proto.Equal(next, app.Value) {
			e.app(m, next)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.SetConfigResponse{Revision: revision}), nil
}

// changeConfig applies what a request sets and resets to the record.
func changeConfig(app *controllerv1.Application, ch *charm.Charm, in *clientv1.SetConfigRequest) error {
	var bad problems
	texts := maps.Clone(in.GetSet())
	_, declared := ch.Config[trustKey]
	if text, ok := texts[trustKey]; ok && !declared {
		delete(texts, trustKey)
		trust, err := strconv.ParseBool(text)
		if err != nil {
			bad.addf("cannot configure %q: option %q has value %q; want true or false", app.GetName(), trustKey, text)
		}
		bad.add(setTrust(app, ch, trust))
	}
	file := in.GetYamlFile()
	if file == "" {
		file = "config"
	}
	values, err := givenConfig(ch.Config, app.GetName(), texts, in.GetYaml(), file)
	bad.add(err)
	if app.Config == nil {
		app.Config = map[string]*hookv1.ConfigValue{}
	}
	for name, v := range values {
		if stored := toValue(v); stored != nil {
			app.Config[name] = stored
		} else {
			delete(app.Config, name)
		}
	}
	for _, name := range in.GetReset_() {
		_, known := ch.Config[name]
		_, set := in.GetSet()[name]
		switch {
		case name == trustKey && !declared:
			bad.add(setTrust(app, ch, false))
		case !known:
			bad.addf("cannot reset option %q of %q: there is no such option; allowed: %s", name, app.GetName(), names(ch.Config, "none"))
		case set:
			bad.addf("cannot configure %q: option %q is both set and reset", app.GetName(), name)
		default:
			delete(app.Config, name)
		}
	}
	return bad.err()
}

func sameValues(a, b map[string]*hookv1.ConfigValue) bool {
	return maps.EqualFunc(a, b, func(x, y *hookv1.ConfigValue) bool { return proto.Equal(x, y) })
}

// Trust gives or takes away the permissions that the charm declares, or those that are named.
func (s *Service) Trust(ctx context.Context, req *connect.Request[clientv1.TrustRequest]) (*connect.Response[clientv1.TrustResponse], error) {
	in, resp := req.Msg, &clientv1.TrustResponse{}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		app, err := application(m, in.GetApplication())
		if err != nil {
			return err
		}
		ch, err := s.charmOf(app.Value)
		if err != nil {
			return err
		}
		next := proto.CloneOf(app.Value)
		switch {
		case len(in.GetGrants()) == 0:
			err = setTrust(next, ch, in.GetTrust())
		case in.GetTrust():
			err = addGrants(next, in.GetGrants())
		default:
			err = removeGrants(next, in.GetGrants())
			settleTrust(next, ch)
		}
		if err != nil {
			return err
		}
		resp.Granted = next.GetGrants()
		if !proto.Equal(next, app.Value) {
			next.SpecRevision++
			e.app(m, next)
		}
		return nil
	})
	return connect.NewResponse(resp), err
}

// Expose opens or closes the application's ports to the outside.
func (s *Service) Expose(ctx context.Context, req *connect.Request[clientv1.ExposeRequest]) (*connect.Response[clientv1.ExposeResponse], error) {
	err := s.change(ctx, req.Msg.GetModel(), req.Msg.GetApplication(), func(app *controllerv1.Application) { app.Exposed = req.Msg.GetExposed() })
	return connect.NewResponse(&clientv1.ExposeResponse{}), err
}

// change writes an application's record if set changes it.
func (s *Service) change(ctx context.Context, modelName, name string, set func(*controllerv1.Application)) error {
	_, err := s.writeModel(ctx, modelName, func(e *edit, m *snapshot.Model) error {
		app, err := application(m, name)
		if err != nil {
			return err
		}
		next := proto.CloneOf(app.Value)
		set(next)
		if !proto.Equal(next, app.Value) {
			next.SpecRevision++
			e.app(m, next)
		}
		return nil
	})
	return err
}
