package interop

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/gravitational/teleport/api/identityfile"
	"github.com/gravitational/teleport/api/utils/keys"
)

// The moment at which all these credentials are valid.
var noon = time.Date(2025, 8, 27, 12, 0, 0, 0, time.UTC)

var identities = []string{"identity", "identity-rsa", "identity-ed25519"}

// credentials finds what `cargo run -p client --example credentials` has written.
func credentials(t *testing.T, name string) string {
	t.Helper()
	directory := os.Getenv("COUNTERSIGN_CREDENTIALS")
	if directory == "" {
		t.Skip("COUNTERSIGN_CREDENTIALS does not name a directory: run `cargo xtask test`")
	}
	return filepath.Join(directory, name)
}

func content(t *testing.T, name string) []byte {
	t.Helper()
	bytes, err := os.ReadFile(credentials(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func certificate(t *testing.T, encoded []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(encoded)
	if block == nil {
		t.Fatal("no PEM block")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func pool(t *testing.T, encoded []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(encoded) {
		t.Fatal("no certificates")
	}
	return pool
}

func sshCertificate(t *testing.T, line []byte) *ssh.Certificate {
	t.Helper()
	key, comment, options, rest, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		t.Fatal(err)
	}
	if comment != "" || len(options) != 0 || len(rest) != 0 {
		t.Errorf("more than a key: %q %q %q", comment, options, rest)
	}
	return key.(*ssh.Certificate)
}

func TestIdentityFilesAreWrittenByteForByte(t *testing.T) {
	for _, name := range identities {
		read, err := identityfile.ReadFile(credentials(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		again, err := identityfile.Encode(read)
		if err != nil {
			t.Fatal(name, err)
		}
		if !bytes.Equal(again, content(t, name)) {
			t.Errorf("%s: their writer writes\n%s\nours wrote\n%s", name, again, content(t, name))
		}
	}
}

func TestIdentityFilesConfigureClients(t *testing.T) {
	host := sshCertificate(t, content(t, "host-cert.pub"))
	for _, name := range identities {
		read, err := identityfile.ReadFile(credentials(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		tlsConfig, err := read.TLSConfig()
		if err != nil {
			t.Fatal(name, err)
		}
		shown := certificate(t, content(t, "host.crt"))
		for _, dns := range []string{"demo", "proxy.example.com", "teleport.cluster.local", "127.0.0.1", "::1"} {
			options := x509.VerifyOptions{
				Roots: tlsConfig.RootCAs, DNSName: dns, CurrentTime: noon,
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			}
			if _, err := shown.Verify(options); err != nil {
				t.Error(name, dns, err)
			}
		}
		sshConfig, err := read.SSHClientConfig()
		if err != nil {
			t.Fatal(name, err)
		}
		if sshConfig.User != "root" {
			t.Errorf("%s: logs in as %q", name, sshConfig.User)
		}
		for dialled, believed := range map[string]bool{
			"proxy.example.com:3023": true, "demo:3023": true, "localhost:3023": true, "evil.example.com:3023": false,
		} {
			err := sshConfig.HostKeyCallback(dialled, &net.TCPAddr{}, host)
			if (err == nil) != believed {
				t.Errorf("%s: %s: %v", name, dialled, err)
			}
		}
	}
}

func TestUserCertificatesSayWhatTheyShould(t *testing.T) {
	roots := pool(t, content(t, "user-ca.crt"))
	for _, name := range identities {
		read, err := identityfile.ReadFile(credentials(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		bob := certificate(t, read.Certs.TLS)
		options := x509.VerifyOptions{
			Roots: roots, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if _, err := bob.Verify(options); err != nil {
			t.Error(name, err)
		}
		traits := `{"logins":null,"teams":["\u003ccore\u003e \u0026 friends","ß"]}`
		own := func(oid ...int) asn1.ObjectIdentifier { return append(asn1.ObjectIdentifier{1, 3, 9999}, oid...) }
		cluster := "teleport.example.com"
		// Their encoder puts the same facts into the same bytes.
		wanted, err := asn1.Marshal(pkix.Name{
			Locality:      []string{"root", "ubuntu", "-teleport-internal-join"},
			StreetAddress: []string{cluster},
			PostalCode:    []string{traits},
			Organization:  []string{"devops", "elevated-access"},
			CommonName:    "bob@example.com",
			ExtraNames: []pkix.AttributeTypeAndValue{
				{Type: own(1, 7), Value: cluster},
				{Type: own(2, 7), Value: "5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44." + cluster},
				{Type: own(1, 20), Value: "local"},
				{Type: own(1, 15), Value: "none"},
			},
		}.ToRDNSequence())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(wanted, bob.RawSubject) {
			t.Errorf("%s: the subject is\n%x\nnot\n%x", name, bob.RawSubject, wanted)
		}
		var told map[string][]string
		if err := json.Unmarshal([]byte(bob.Subject.PostalCode[0]), &told); err != nil {
			t.Error(name, err)
		}
		// Their JSON encoder writes the traits as ours does.
		if again, _ := json.Marshal(told); string(again) != traits {
			t.Errorf("%s: traits %s", name, again)
		}
		if !bob.NotBefore.Equal(noon.Add(-time.Minute)) || !bob.NotAfter.Equal(noon.Add(12*time.Hour)) {
			t.Errorf("%s: valid from %v to %v", name, bob.NotBefore, bob.NotAfter)
		}
		if len(bob.SubjectKeyId) != 0 || len(bob.AuthorityKeyId) == 0 || !bob.BasicConstraintsValid || bob.IsCA {
			t.Errorf("%s: wrong extensions", name)
		}
	}
}

func TestSSHCertificatesSayWhatTheyShould(t *testing.T) {
	authority, _, _, _, err := ssh.ParseAuthorizedKey(content(t, "user-ca.pub"))
	if err != nil {
		t.Fatal(err)
	}
	checker := ssh.CertChecker{
		IsUserAuthority: func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), authority.Marshal()) },
		Clock:           func() time.Time { return noon },
	}
	lines := map[string][]byte{"ssh": content(t, "ssh-cert.pub")}
	for _, name := range identities {
		read, err := identityfile.ReadFile(credentials(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		lines[name] = read.Certs.SSH
	}
	for name, line := range lines {
		bob := sshCertificate(t, line)
		if !bytes.Equal(ssh.MarshalAuthorizedKey(bob), append(bytes.TrimSpace(line), '\n')) {
			t.Errorf("%s: their encoder writes it differently", name)
		}
		for principal, good := range map[string]bool{
			"root": true, "ubuntu": true, "-teleport-internal-join": true, "admin": false,
		} {
			if err := checker.CheckCert(principal, bob); (err == nil) != good {
				t.Errorf("%s: %s: %v", name, principal, err)
			}
		}
		if bob.KeyId != "bob@example.com" || bob.Serial != 0 || len(bob.CriticalOptions) != 0 {
			t.Errorf("%s: %q %d %v", name, bob.KeyId, bob.Serial, bob.CriticalOptions)
		}
		wanted := map[string]string{
			"impersonator":              "5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44.teleport.example.com",
			"permit-port-forwarding":    "",
			"permit-pty":                "",
			"private-key-policy":        "none",
			"teleport-roles":            `{"roles":["devops","elevated-access"]}`,
			"teleport-route-to-cluster": "teleport.example.com",
			"teleport-traits":           `{"logins":null,"teams":["\u003ccore\u003e \u0026 friends","ß"]}`,
		}
		if !reflect.DeepEqual(bob.Extensions, wanted) {
			t.Errorf("%s: extensions %v", name, bob.Extensions)
		}
	}
}

func TestKeysBelongToTheirCertificates(t *testing.T) {
	if _, err := keys.LoadX509KeyPair(credentials(t, "tls.crt"), credentials(t, "tls.key")); err != nil {
		t.Error(err)
	}
	if _, err := keys.LoadX509KeyPair(credentials(t, "host.crt"), credentials(t, "host.key")); err != nil {
		t.Error(err)
	}
	signer, err := ssh.ParsePrivateKey(content(t, "ssh"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ssh.NewCertSigner(sshCertificate(t, content(t, "ssh-cert.pub")), signer); err != nil {
		t.Error(err)
	}
	if _, err := keys.ParsePrivateKey(content(t, "ssh")); err != nil {
		t.Error(err)
	}
}

func TestHostCertificatesSayWhatTheyShould(t *testing.T) {
	host := sshCertificate(t, content(t, "host-cert.pub"))
	if host.CertType != ssh.HostCert || host.ValidBefore != ssh.CertTimeInfinity || host.KeyId != "" {
		t.Errorf("type %d, until %d, key id %q", host.CertType, host.ValidBefore, host.KeyId)
	}
	wanted := map[string]string{"x-teleport-authority": "teleport.example.com", "x-teleport-role": "Proxy"}
	if !reflect.DeepEqual(host.Extensions, wanted) {
		t.Errorf("extensions %v", host.Extensions)
	}
	tls := certificate(t, content(t, "host.crt"))
	subject, err := asn1.Marshal(pkix.Name{
		StreetAddress: []string{""},
		PostalCode:    []string{"null"},
		Organization:  []string{"Proxy"},
		CommonName:    "5f2c4c6e-6a1f-4f0b-9d5a-3d8a2f1b7c44.teleport.example.com",
		ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{1, 3, 9999, 1, 7}, Value: "teleport.example.com"},
		},
	}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(subject, tls.RawSubject) {
		t.Errorf("the subject is\n%x\nnot\n%x", tls.RawSubject, subject)
	}
}

func TestAuthoritiesAndPins(t *testing.T) {
	authority := certificate(t, content(t, "tls.cas"))
	serial := authority.SerialNumber.String()
	cluster := "teleport.example.com"
	name, err := asn1.Marshal(pkix.Name{
		Organization: []string{cluster}, CommonName: cluster, SerialNumber: serial,
	}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(name, authority.RawSubject) || !bytes.Equal(name, authority.RawIssuer) {
		t.Errorf("subject %v, issuer %v", authority.Subject, authority.Issuer)
	}
	usage := x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if !authority.IsCA || authority.KeyUsage != usage {
		t.Errorf("usage %b", authority.KeyUsage)
	}
	sum := sha256.Sum256(authority.RawSubjectPublicKeyInfo)
	pins := strings.Fields(string(content(t, "pins")))
	if !slices.Equal(pins, []string{"sha256:" + hex.EncodeToString(sum[:])}) {
		t.Errorf("pins %v", pins)
	}
}

func TestTheProxysOwnCertificateCanBeTrusted(t *testing.T) {
	web := certificate(t, content(t, "web.crt"))
	for _, dns := range []string{"demo", "localhost", "localhost.local", "127.0.0.1", "::1"} {
		options := x509.VerifyOptions{
			Roots: pool(t, content(t, "web.crt")), DNSName: dns, CurrentTime: noon,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		if _, err := web.Verify(options); err != nil {
			t.Error(dns, err)
		}
	}
}
