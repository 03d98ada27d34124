package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"strings"
	"time"

	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/client/webclient"
	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/profile"
	"github.com/gravitational/teleport/api/types"
)

func ping(ctx context.Context, w *world, _ []string) error {
	answer, err := w.client.Ping(ctx)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(answer)
}

func find(ctx context.Context, w *world, _ []string) error {
	if len(w.addresses) == 0 {
		return trace.BadParameter("no -addr")
	}
	config := webclient.Config{Context: ctx, ProxyAddr: w.addresses[0], Insecure: w.insecure}
	found, err := webclient.Find(&config)
	if err != nil {
		return trace.Wrap(err)
	}
	pinged, err := webclient.Ping(&config)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(map[string]any{"find": found, "ping": pinged})
}

func readIdentity(_ context.Context, w *world, arguments []string) error {
	path, err := one(arguments, "file")
	if err != nil {
		return err
	}
	identity, err := identityfile.ReadFile(path)
	if err != nil {
		return trace.Wrap(err)
	}
	if _, err := identity.TLSConfig(); err != nil {
		return trace.Wrap(err)
	}
	if _, err := identity.SSHClientConfig(); err != nil {
		return trace.Wrap(err)
	}
	certificate, err := describeTLS(identity.Certs.TLS)
	if err != nil {
		return err
	}
	signature, err := describeSSH(identity.Certs.SSH)
	if err != nil {
		return err
	}
	return w.say(map[string]any{
		"tls": certificate, "ssh": signature,
		"tls_authorities": len(identity.CACerts.TLS), "ssh_authorities": len(identity.CACerts.SSH),
	})
}

func readProfile(_ context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("profile", flag.ContinueOnError)
	name := flags.String("name", "", "name of the profile; empty: the current one")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	directory, err := one(flags.Args(), "directory")
	if err != nil {
		return err
	}
	read, err := profile.FromDir(directory, *name)
	if err != nil {
		return trace.Wrap(err)
	}
	if _, err := read.TLSConfig(); err != nil {
		return trace.Wrap(err)
	}
	if _, err := read.SSHClientConfig(); err != nil {
		return trace.Wrap(err)
	}
	return w.say(map[string]any{
		"name": read.Name(), "user": read.Username, "cluster": read.SiteName, "proxy": read.WebProxyAddr,
		"tls_routing": read.TLSRoutingEnabled,
	})
}

func certs(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("certs", flag.ContinueOnError)
	user := flags.String("user", "", "whose certificates; empty: the caller's")
	ttl := flags.Duration("ttl", time.Hour, "for how long")
	out := flags.String("out", "", "identity file to write")
	var with, without, roles list
	flags.Var(&with, "requests", "identifiers of approved requests")
	flags.Var(&without, "drop", "identifiers of requests to drop, or *")
	flags.Var(&roles, "roles", "impersonate with exactly these roles")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *user == "" {
		caller, err := w.client.GetCurrentUser(ctx)
		if err != nil {
			return trace.Wrap(err)
		}
		*user = caller.GetName()
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return trace.Wrap(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return trace.Wrap(err)
	}
	line, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		return trace.Wrap(err)
	}
	wanted := proto.UserCertsRequest{
		Username:           *user,
		Expires:            time.Now().UTC().Add(*ttl),
		AccessRequests:     with,
		DropAccessRequests: without,
		RoleRequests:       roles,
		UseRoleRequests:    len(roles) > 0,
	}
	wanted.SSHPublicKey = ssh.MarshalAuthorizedKey(line)
	wanted.TLSPublicKey = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	answer, err := w.client.GenerateUserCerts(ctx, wanted)
	if err != nil {
		return trace.Wrap(err)
	}
	certificate, err := describeTLS(answer.TLS)
	if err != nil {
		return err
	}
	signature, err := describeSSH(answer.SSH)
	if err != nil {
		return err
	}
	if *out != "" {
		if err := writeIdentity(ctx, w, private, answer, *out); err != nil {
			return err
		}
	}
	return w.say(map[string]any{
		"user": *user, "tls": certificate, "ssh": signature,
		"tls_authorities": len(answer.TLSCACerts), "ssh_authorities": len(answer.SSHCACerts),
	})
}

// writeIdentity makes an identity file of what was issued, as the published library writes it.
func writeIdentity(ctx context.Context, w *world, private *ecdsa.PrivateKey, answer *proto.Certs, path string) error {
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return trace.Wrap(err)
	}
	found, err := w.client.GetCertAuthorities(ctx, types.HostCA, false)
	if err != nil {
		return trace.Wrap(err)
	}
	identity := &identityfile.IdentityFile{
		PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		Certs:      identityfile.Certs{SSH: answer.SSH, TLS: answer.TLS},
	}
	for _, authority := range found {
		for _, pair := range authority.GetTrustedTLSKeyPairs() {
			identity.CACerts.TLS = append(identity.CACerts.TLS, pair.Cert)
		}
		for _, pair := range authority.GetTrustedSSHKeyPairs() {
			line := "@cert-authority " + authority.GetClusterName() + ",*." + authority.GetClusterName() + " " +
				strings.TrimSpace(string(pair.PublicKey)) + " type=host\n"
			identity.CACerts.SSH = append(identity.CACerts.SSH, []byte(line))
		}
	}
	return trace.Wrap(identityfile.Write(identity, path))
}

func describeTLS(encoded []byte) (map[string]any, error) {
	block, _ := pem.Decode(encoded)
	if block == nil {
		return nil, trace.BadParameter("the TLS certificate is not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	return map[string]any{
		"subject":    certificate.Subject.String(),
		"user":       certificate.Subject.CommonName,
		"roles":      certificate.Subject.Organization,
		"logins":     certificate.Subject.Locality,
		"dns":        certificate.DNSNames,
		"not_before": certificate.NotBefore,
		"not_after":  certificate.NotAfter,
	}, nil
}

func describeSSH(encoded []byte) (map[string]any, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey(encoded)
	if err != nil {
		return nil, trace.Wrap(err)
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, trace.BadParameter("the SSH certificate is a plain key")
	}
	return map[string]any{
		"key_id":           certificate.KeyId,
		"principals":       certificate.ValidPrincipals,
		"valid_after":      time.Unix(int64(certificate.ValidAfter), 0).UTC(),  //nolint:gosec // a date
		"valid_before":     time.Unix(int64(certificate.ValidBefore), 0).UTC(), //nolint:gosec // a date
		"extensions":       certificate.Extensions,
		"critical_options": certificate.CriticalOptions,
	}, nil
}

func authorities(ctx context.Context, w *world, arguments []string) error {
	kind, err := one(arguments, "type")
	if err != nil {
		return err
	}
	found, err := w.client.GetCertAuthorities(ctx, types.CertAuthType(kind), false)
	if err != nil {
		return trace.Wrap(err)
	}
	for _, authority := range found {
		if err := w.say(authority); err != nil {
			return err
		}
	}
	return nil
}
