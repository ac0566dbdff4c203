package client

import "context"

// Identity says who may do what; at least one of Local, Basic and Cert is set.
type Identity struct {
	Access string         `json:"access" yaml:"access"` // admin, read, metrics or untrusted
	Local  *LocalIdentity `json:"local,omitempty" yaml:"local,omitempty"`
	Basic  *BasicIdentity `json:"basic,omitempty" yaml:"basic,omitempty"`
	Cert   *CertIdentity  `json:"cert,omitempty" yaml:"cert,omitempty"`
}

// LocalIdentity is a user of the supervisor's machine.
type LocalIdentity struct {
	UserID *uint32 `json:"user-id" yaml:"user-id"`
}

// BasicIdentity is a name and a password.
type BasicIdentity struct {
	Password string `json:"password" yaml:"password"` // its sha512-crypt hash; "*****" in answers
}

// CertIdentity is the holder of a TLS certificate.
type CertIdentity struct {
	PEM string `json:"pem" yaml:"pem"` // "*****" in answers
}

// Identities returns all identities by name.
func (c *Client) Identities(ctx context.Context) (map[string]*Identity, error) {
	out := map[string]*Identity{}
	err := c.get(ctx, "/v1/identities", nil, &out)
	return out, err
}

func (c *Client) changeIdentities(ctx context.Context, action string, ids map[string]*Identity) error {
	_, err := c.post(ctx, "/v1/identities", map[string]any{"action": action, "identities": ids}, nil)
	return err
}

// AddIdentities adds identities, none of which may exist.
func (c *Client) AddIdentities(ctx context.Context, ids map[string]*Identity) error {
	return c.changeIdentities(ctx, "add", ids)
}

// UpdateIdentities changes identities, all of which must exist.
func (c *Client) UpdateIdentities(ctx context.Context, ids map[string]*Identity) error {
	return c.changeIdentities(ctx, "update", ids)
}

// ReplaceIdentities adds or changes identities, and removes those that are nil.
func (c *Client) ReplaceIdentities(ctx context.Context, ids map[string]*Identity) error {
	return c.changeIdentities(ctx, "replace", ids)
}

// RemoveIdentities removes identities, all of which must exist.
func (c *Client) RemoveIdentities(ctx context.Context, names ...string) error {
	ids := map[string]*Identity{}
	for _, n := range names {
		ids[n] = nil
	}
	return c.changeIdentities(ctx, "remove", ids)
}
