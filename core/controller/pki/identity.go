package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"regexp"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Role is what a certificate's holder is to the controller.
type Role string

// The roles.
const (
	RoleAdmin  Role = "admin"
	RoleAgent  Role = "agent"
	RoleServer Role = "server"
)

const scheme = "bangle"

// Identity is who a certificate names.
type Identity struct {
	Role Role
	// Name is the agent's id or the person's name.
	Name string
	// Incarnation tells an agent's lives apart; empty for others.
	Incarnation string
}

// IdentityOf reads who a certificate names. It does not verify the chain: that
// is TLS's work. A certificate that is not one of ours is class Denied.
func IdentityOf(cert *x509.Certificate) (Identity, error) {
	id := Identity{Name: cert.Subject.CommonName}
	if len(cert.Subject.OrganizationalUnit) == 1 {
		id.Role = Role(cert.Subject.OrganizationalUnit[0])
	}
	switch id.Role {
	case RoleAdmin, RoleServer:
		return id, nil
	case RoleAgent:
		if len(cert.URIs) == 1 && cert.URIs[0].Scheme == scheme && cert.URIs[0].Host == string(RoleAgent) && cert.URIs[0].Path == "/"+id.Name {
			id.Incarnation = cert.URIs[0].Query().Get("incarnation")
			return id, nil
		}
	}
	return Identity{}, errs.E(errs.Denied, "cannot tell who calls: certificate %q names neither an admin nor an agent", id.Name)
}

// Agent signs a request (PKCS#10, DER) for the agent of that id and
// incarnation. What the request itself says of its holder is ignored: only its
// key and the proof that the holder has it count. It returns the chain, leaf
// first, DER.
func (ca *CA) Agent(csr []byte, id, incarnation string) ([]byte, error) {
	public, err := requestKey(csr)
	if err != nil {
		return nil, err
	}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`).MatchString(id) {
		return nil, errs.E(errs.Invalid, "cannot certify agent %q: an id is up to 128 letters, digits, '.', '_' and '-'", id)
	}
	template, err := blank(roleName(RoleAgent, id), ca.now(), AgentLife)
	if err != nil {
		return nil, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.URIs = []*url.URL{{
		Scheme: scheme, Host: string(RoleAgent), Path: "/" + id,
		RawQuery: url.Values{"incarnation": {incarnation}}.Encode(),
	}}
	der, err := ca.sign(template, public)
	if err != nil {
		return nil, err
	}
	return append(der, ca.cert.Raw...), nil
}

// requestKey checks a certificate request's signature and gives its key.
func requestKey(csr []byte) (any, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot read certificate request: %w", err)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, errs.E(errs.Denied, "cannot accept certificate request: its signature does not match its key: %w", err)
	}
	return req.PublicKey, nil
}

func roleName(role Role, name string) pkix.Name {
	return pkix.Name{CommonName: name, OrganizationalUnit: []string{string(role)}}
}
