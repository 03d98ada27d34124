package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gravitational/trace"
	"golang.org/x/crypto/ssh"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/types"
)

// What the answers carry, spelt as they are sent.
type (
	begun struct {
		TOTP     bool            `json:"totp_challenge"`
		WebAuthn json.RawMessage `json:"webauthn_challenge"`
		SSO      json.RawMessage `json:"sso_challenge"`
	}
	signers struct {
		Domain string   `json:"domain_name"`
		SSH    [][]byte `json:"checking_keys"`
		TLS    [][]byte `json:"tls_certs"`
	}
	signedIn struct {
		User    string    `json:"username"`
		SSH     []byte    `json:"cert"`
		TLS     []byte    `json:"tls_cert"`
		Signers []signers `json:"host_signers"`
	}
)

// web makes one HTTP call as tsh does: a new connection, no ALPN, Go's own headers.
func web(ctx context.Context, s *stage, method, path string, body, into any) error {
	transport := &http.Transport{
		DisableKeepAlives: true,
		// Present and empty: HTTP/2 stays off, and no protocol is offered.
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSClientConfig: &tls.Config{},
	}
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return trace.Wrap(err)
		}
		reader = bytes.NewReader(encoded)
	}
	asked, err := http.NewRequestWithContext(ctx, method, "https://"+s.proxyAddress+path, reader)
	if err != nil {
		return trace.Wrap(err)
	}
	if body != nil {
		asked.Header.Set("Content-Type", "application/json")
	}
	answer, err := (&http.Client{Transport: transport}).Do(asked)
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return trace.Wrap(err)
	}
	if answer.ProtoMajor != 1 {
		return trace.Errorf("answered in %s", answer.Proto)
	}
	for header, value := range map[string]string{
		"Content-Type":           "application/json",
		"Cache-Control":          "no-cache, no-store, must-revalidate",
		"X-Content-Type-Options": "nosniff",
		"X-Frame-Options":        "SAMEORIGIN",
	} {
		if got := answer.Header.Get(header); !strings.HasPrefix(got, value) {
			return trace.Errorf("%s is %q, not %q", header, got, value)
		}
	}
	// As the original's clients read errors: class by status, message from the body.
	if answer.StatusCode != http.StatusOK {
		return trace.ReadError(answer.StatusCode, text)
	}
	return trace.Wrap(json.Unmarshal(text, into))
}

// alpnTest is tsh's question whether a load balancer is in the way.
func alpnTest(ctx context.Context, s *stage) error {
	needed := client.IsALPNConnUpgradeRequired(ctx, s.proxyAddress, false)
	return must(needed == s.upgrade, "an upgrade is taken for needed: %t", needed)
}

// login signs in as `tsh login --out=FILE` does, step by step.
func login(ctx context.Context, s *stage) error {
	sshPublic, sshPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return trace.Wrap(err)
	}
	// An identity file carries one key for both certificates.
	line, err := ssh.NewPublicKey(sshPublic)
	if err != nil {
		return trace.Wrap(err)
	}
	authorized := ssh.MarshalAuthorizedKey(line)
	encoded, err := x509.MarshalPKIXPublicKey(sshPublic)
	if err != nil {
		return trace.Wrap(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
	begin := func(password string) func(context.Context, *stage) error {
		return func(ctx context.Context, s *stage) error {
			var answer begun
			asked := map[string]any{"user": s.user, "pass": password, "passwordless": false}
			if err := web(ctx, s, "POST", "/webapi/mfa/login/begin", asked, &answer); err != nil {
				return err
			}
			return must(answer.TOTP && string(answer.WebAuthn) == "null" && string(answer.SSO) == "null", "answered %+v", answer)
		}
	}
	finish := func(code string, sshKey, tlsKey []byte, into *signedIn) func(context.Context, *stage) error {
		return func(ctx context.Context, s *stage) error {
			asked := map[string]any{
				"user": s.user, "password": s.password, "webauthn_challenge_response": nil, "totp_code": code,
				"ssh_pub_key": sshKey, "tls_pub_key": tlsKey, "ttl": (12 * time.Hour).Nanoseconds(),
				"RouteToCluster": "", "KubernetesCluster": "",
			}
			return web(ctx, s, "POST", "/webapi/mfa/login/finish", asked, into)
		}
	}
	var answer, nothing signedIn
	steps := []call{
		{"GET /webapi/ping", fine, discover("/webapi/ping")},
		{"ALPN test", fine, alpnTest},
		{"GET /webapi/find", fine, discover("/webapi/find")},
		{"POST /webapi/mfa/login/begin, wrong password", "AccessDenied", begin("not the password")},
		{"POST /webapi/mfa/login/begin", fine, begin(s.password)},
		{"POST /webapi/mfa/login/finish, wrong code", "AccessDenied", finish("000000", authorized, public, &nothing)},
		{"POST /webapi/mfa/login/finish, no keys", "BadParameter", finish(s.code, nil, nil, &nothing)},
		{"POST /webapi/mfa/login/finish", fine, finish(s.code, authorized, public, &answer)},
		{"the certificates", fine, func(context.Context, *stage) error { return certified(s, &answer) }},
	}
	for _, step := range steps {
		if err := s.attempt(ctx, "login", step); err != nil {
			return err
		}
	}
	if s.wrong > 0 || s.file == "" {
		return nil
	}
	private, err := x509.MarshalPKCS8PrivateKey(sshPrivate)
	if err != nil {
		return trace.Wrap(err)
	}
	identity := &identityfile.IdentityFile{
		PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		Certs:      identityfile.Certs{SSH: answer.SSH, TLS: answer.TLS},
	}
	for _, signer := range answer.Signers {
		identity.CACerts.TLS = append(identity.CACerts.TLS, signer.TLS...)
		for _, key := range signer.SSH {
			known := "@cert-authority " + signer.Domain + ",*." + signer.Domain + " " + strings.TrimSpace(string(key)) + " type=host\n"
			identity.CACerts.SSH = append(identity.CACerts.SSH, []byte(known))
		}
	}
	if err := identityfile.Write(identity, s.file); err != nil {
		return trace.Wrap(err)
	}
	// `--out` goes on with the authorities, twice.
	s.identity = s.file
	return withTctl(ctx, s, func() error {
		for range 2 {
			if err := s.attempt(ctx, "login", call{"Trust.GetCertAuthorities", fine, hostAuthorities}); err != nil {
				return err
			}
		}
		return nil
	})
}

func discover(path string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		var answer struct {
			Cluster string `json:"cluster_name"`
			Version string `json:"server_version"`
			Oldest  string `json:"min_client_version"`
			Proxy   struct {
				Routing bool `json:"tls_routing_enabled"`
				SSH     struct {
					Public string `json:"public_addr"`
				} `json:"ssh"`
			} `json:"proxy"`
		}
		if err := web(ctx, s, "GET", path, nil, &answer); err != nil {
			return err
		}
		return must(answer.Cluster == s.cluster && answer.Version == "18.0.0" && answer.Oldest != "" &&
			answer.Proxy.Routing && answer.Proxy.SSH.Public != "", "answered %+v", answer)
	}
}

// certified checks that both certificates are the user's, and signed by whom the answer names.
func certified(s *stage, answer *signedIn) error {
	if err := must(answer.User == s.user && len(answer.Signers) == 1, "signed in %q by %d", answer.User, len(answer.Signers)); err != nil {
		return err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(answer.SSH)
	if err != nil {
		return trace.Wrap(err)
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok || certificate.KeyId != s.user {
		return trace.Errorf("the SSH certificate is %v", key)
	}
	pair, _ := pem.Decode(answer.TLS)
	if pair == nil {
		return trace.Errorf("the TLS certificate is no PEM")
	}
	parsed, err := x509.ParseCertificate(pair.Bytes)
	if err != nil {
		return trace.Wrap(err)
	}
	return must(parsed.Subject.CommonName == s.user, "the TLS certificate is of %q", parsed.Subject.CommonName)
}

func hostAuthorities(ctx context.Context, s *stage) error {
	found, err := s.clt.GetCertAuthorities(ctx, types.HostCA, false)
	if err != nil {
		return trace.Wrap(err)
	}
	return must(len(found) == 1 && found[0].GetClusterName() == s.cluster, "found %d authorities", len(found))
}

// fresh makes a key pair as tsh does for each of its certificates.
func fresh() (sshKey, tlsKey []byte, err error) {
	first, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, trace.Wrap(err)
	}
	line, err := ssh.NewPublicKey(first)
	if err != nil {
		return nil, nil, trace.Wrap(err)
	}
	second, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, trace.Wrap(err)
	}
	encoded, err := x509.MarshalPKIXPublicKey(second.Public())
	if err != nil {
		return nil, nil, trace.Wrap(err)
	}
	return ssh.MarshalAuthorizedKey(line), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded}), nil
}
