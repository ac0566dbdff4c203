package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// ownPair makes a certificate that signs itself and is the only one that the peer listener accepts. It is made anew
// at each start, so it never runs out.
func ownPair(dir string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "bangle store peer"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(dir, "peer.crt"), filepath.Join(dir, "peer.key")
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		return "", "", err
	}
	return certFile, keyFile, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

// quiet hands warnings and errors of etcd to our log; what it says beside is of no use to the controller's reader.
func quiet(log *slog.Logger) *zap.Logger { return zap.New(&bridge{log: log}) }

// bridge is a zap core that writes to slog.
type bridge struct {
	log *slog.Logger
}

func (b *bridge) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

func (b *bridge) With(fields []zapcore.Field) zapcore.Core {
	return &bridge{log: b.log.With(attrs(fields)...)}
}

func (b *bridge) Check(entry zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(entry.Level) {
		return ce.AddCore(entry, b)
	}
	return ce
}

func (b *bridge) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	// A member that runs alone warns of much that concerns clusters, so its warnings are for who asks for debug.
	say := b.log.Debug
	if entry.Level >= zapcore.ErrorLevel {
		say = b.log.Error
	}
	say("store: "+entry.Message, attrs(fields)...)
	return nil
}

func (b *bridge) Sync() error { return nil }

// attrs translates fields.
func attrs(fields []zapcore.Field) []any {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	out := make([]any, 0, len(enc.Fields))
	for name, value := range enc.Fields {
		out = append(out, slog.Any(name, value))
	}
	return out
}
