package tool

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

func secretFlags(f *flags) {
	f.str("", "a label used to identify the secret in hooks", "label")
	f.str("", "the secret description", "description")
	f.str("", "either a duration or time when the secret should expire", "expire")
	f.str("", "the secret rotation policy", "rotate")
	f.str("application", "the owner of the secret, either the application or unit", "owner")
	f.str("", "a YAML file containing secret key values", "file")
}

// secretSpec is what the flags and the values say.
func (c *call) secretSpec(values []string) (hook.SecretSpec, error) {
	owner := c.flags.text("owner")
	if owner != "application" && owner != "unit" {
		return hook.SecretSpec{}, usage("secret owner %q not valid", owner)
	}
	s := hook.SecretSpec{Unit: owner == "unit", Label: c.flags.given("label"), Description: c.flags.given("description"),
		Expires: c.flags.given("expire"), Rotate: c.flags.given("rotate")}
	var err error
	s.Content, err = c.secretValues(values)
	return s, err
}

// secretValues reads key=value, key#base64=value and key#file=path, over those of --file.
func (c *call) secretValues(args []string) (map[string][]byte, error) {
	content := map[string][]byte{}
	if name := c.flags.text("file"); name != "" {
		data, err := c.read(name)
		if err != nil {
			return nil, err
		}
		values := map[string]any{}
		if err := yaml.Decode(name, data, &values); err != nil {
			return nil, err
		}
		for k, v := range values {
			if err := c.secretValue(content, k, scalar(v)); err != nil {
				return nil, err
			}
		}
	}
	for _, a := range args {
		k, v, found := strings.Cut(a, "=")
		if !found || k == "" {
			return nil, usage("expected \"key=value\", got %q", a)
		}
		if err := c.secretValue(content, k, v); err != nil {
			return nil, err
		}
	}
	return content, nil
}

// secretValue puts one value in, as the key's ending says.
func (c *call) secretValue(content map[string][]byte, k, v string) error {
	name, how, _ := strings.Cut(k, "#")
	switch how {
	case "":
		content[name] = []byte(v)
	case "base64":
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return usage("value of key %q is not base64: %w", name, err)
		}
		content[name] = raw
	case "file":
		data, err := c.read(v)
		if err != nil {
			return err
		}
		content[name] = data
	default:
		return usage("key %q not valid: after # comes base64 or file", k)
	}
	return nil
}

// badInput makes what the charm said wrong a failure of the arguments.
func badInput(err error) error {
	if errs.Is(err, errs.Invalid) {
		return usageError{err}
	}
	return err
}

func secretAdd(c *call) error {
	s, err := c.secretSpec(c.args)
	if err != nil {
		return err
	}
	id, err := c.hook.AddSecret(c.ctx, s)
	if err != nil {
		return badInput(err)
	}
	c.print(api.SecretURI(id))
	return nil
}

func secretSet(c *call) error {
	if len(c.args) == 0 {
		return usage("missing secret URI")
	}
	s, err := c.secretSpec(c.args[1:])
	if err != nil {
		return err
	}
	return badInput(c.hook.UpdateSecret(c.ctx, c.args[0], s))
}

func secretGetFlags(f *flags) {
	f.str("", "a label used to identify the secret in hooks", "label")
	f.flag("get the latest revision just this time", "peek")
	f.flag("get the latest revision and also get this same revision for subsequent calls", "refresh")
	f.format("yaml")
}

func secretGet(c *call) error {
	q := hook.SecretQuery{Label: c.flags.text("label"), Peek: c.flags.on("peek"), Refresh: c.flags.on("refresh")}
	key := ""
	if len(c.args) > 0 {
		q.ID = c.args[0]
	}
	if len(c.args) > 1 {
		key = c.args[1]
	}
	if err := c.none(2); err != nil {
		return err
	}
	if q.Peek && q.Refresh {
		return usage("specify one of --peek or --refresh but not both")
	}
	if err := c.onlyDocuments(); err != nil {
		return err
	}
	content, err := c.hook.ReadSecret(c.ctx, q)
	if err != nil {
		return badInput(err)
	}
	if key == "" {
		all := map[string]any{}
		for k, v := range content {
			all[k] = string(v)
		}
		c.print(all)
		return nil
	}
	name, how, _ := strings.Cut(key, "#")
	v, ok := content[name]
	switch {
	case !ok:
		return errs.E(errs.NotFound, "secret key value %q not found", name)
	case how == "base64":
		c.print(base64.StdEncoding.EncodeToString(v))
	default:
		c.print(string(v))
	}
	return nil
}

// onlyDocuments refuses formats other than yaml and json.
func (c *call) onlyDocuments() error {
	if f := c.flags.text("format"); f != "yaml" && f != "json" {
		return usage("invalid value %q for option --format: unknown format %q", f, f)
	}
	return nil
}

func secretInfoFlags(f *flags) {
	f.str("", "a label used to identify the secret", "label")
	f.format("yaml")
}

func secretInfoGet(c *call) error {
	id, label := "", c.flags.text("label")
	if len(c.args) > 0 {
		id = c.args[0]
	}
	if err := c.none(1); err != nil {
		return err
	}
	switch {
	case id == "" && label == "":
		return usage("require either a secret URI or label")
	case id != "" && label != "":
		return usage("specify either a secret URI or label but not both")
	}
	if err := c.onlyDocuments(); err != nil {
		return err
	}
	s, err := c.hook.SecretInfo(id, label)
	if err != nil {
		return badInput(err)
	}
	c.print(map[string]any{s.GetId(): secretInfo(s)})
	return nil
}

// secretInfo is what secret-info-get says of one secret.
func secretInfo(s *hookv1.SecretView) map[string]any {
	rotation := s.GetRotate()
	if rotation == "" {
		rotation = "never"
	}
	info := map[string]any{"revision": s.GetLatestRevision(), "label": s.GetLabel(), "owner": s.GetOwner(), "rotation": rotation}
	for name, text := range map[string]string{"description": s.GetDescription(), "expiry": s.GetExpires(), "rotates": s.GetNextRotate()} {
		if text != "" {
			info[name] = text
		}
	}
	var access []any
	for _, a := range s.GetAccess() {
		kind := "application"
		if strings.Contains(a.GetTarget(), "/") {
			kind = "unit"
		}
		one := map[string]any{"target": kind + "-" + strings.ReplaceAll(a.GetTarget(), "/", "-"), "role": a.GetRole()}
		if a.GetRelationId() != 0 {
			one["scope"] = "relation-" + strconv.Itoa(int(a.GetRelationId()))
		}
		access = append(access, one)
	}
	if access != nil {
		info["access"] = access
	}
	return info
}

func secretIDs(c *call) error {
	if err := c.none(0); err != nil {
		return err
	}
	c.print(c.hook.SecretIDs())
	return nil
}

func secretGrantFlags(f *flags) {
	f.str("", "the relation with which to associate the grant", "relation", "r")
	f.str("", "the unit to grant access", "unit")
}

func secretGrant(c *call) error {
	if len(c.args) == 0 {
		return usage("missing secret URI")
	}
	if err := c.none(1); err != nil {
		return err
	}
	if c.flags.text("relation") == "" {
		return usage("missing relation ID")
	}
	id, err := c.secretRelation()
	if err != nil {
		return err
	}
	return badInput(c.hook.GrantSecret(c.ctx, c.args[0], id, c.flags.text("unit")))
}

// secretRelation is the relation that --relation names, 0 for none.
func (c *call) secretRelation() (int32, error) {
	text := c.flags.text("relation")
	if text == "" {
		return 0, nil
	}
	id, err := api.ParseRelationID(text)
	if err != nil {
		return 0, usage("invalid value %q for option --relation: %w", text, err)
	}
	if c.hook.Relation(id) == nil {
		return 0, usage("invalid value %q for option --relation: relation not found", text)
	}
	return id, nil
}

func secretRevokeFlags(f *flags) {
	f.str("", "the relation for which to revoke the grant", "relation", "r")
	f.str("", "the application to revoke access", "app", "application")
	f.str("", "the unit to revoke access", "unit")
}

func secretRevoke(c *call) error {
	if len(c.args) == 0 {
		return usage("missing secret URI")
	}
	if err := c.none(1); err != nil {
		return err
	}
	app, unit := c.flags.text("app"), c.flags.text("unit")
	if c.flags.text("relation") == "" && app == "" && unit == "" {
		return usage("missing relation ID, application or unit")
	}
	if app != "" && unit != "" {
		return usage("specify only one of application or unit")
	}
	id, err := c.secretRelation()
	if err != nil {
		return err
	}
	return badInput(c.hook.RevokeSecret(c.ctx, c.args[0], id, app, unit))
}

func secretRemoveFlags(f *flags) { f.str("", "remove the specified revision", "revision") }

func secretRemove(c *call) error {
	if len(c.args) == 0 {
		return usage("missing secret URI")
	}
	if err := c.none(1); err != nil {
		return err
	}
	revision := 0
	if text := c.flags.text("revision"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return usage("invalid value %q for option --revision: want a number, 1 or more", text)
		}
		revision = n
	}
	return badInput(c.hook.RemoveSecret(c.ctx, c.args[0], int32(revision)))
}
