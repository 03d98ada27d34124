package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	gogoproto "github.com/gogo/protobuf/proto"
	yaml "gopkg.in/yaml.v2"

	"github.com/gravitational/teleport/api/types"
)

// resource is one of those that `cargo run -p wire --example resources` writes.
type resource struct {
	What    string `json:"what"`
	Message string `json:"message"`
	Bytes   []byte `json:"bytes"`
	JSON    string `json:"json"`
	YAML    string `json:"yaml"`
}

type checked interface{ CheckAndSetDefaults() error }

// kinds are the resources that the published client prints by its own types.
var kinds = map[string]func() gogoproto.Message{
	"types.RoleV6":                    func() gogoproto.Message { return &types.RoleV6{} },
	"types.UserV2":                    func() gogoproto.Message { return &types.UserV2{} },
	"types.ProvisionTokenV2":          func() gogoproto.Message { return &types.ProvisionTokenV2{} },
	"types.LockV2":                    func() gogoproto.Message { return &types.LockV2{} },
	"types.ServerV2":                  func() gogoproto.Message { return &types.ServerV2{} },
	"types.GithubConnectorV3":         func() gogoproto.Message { return &types.GithubConnectorV3{} },
	"types.OIDCConnectorV3":           func() gogoproto.Message { return &types.OIDCConnectorV3{} },
	"types.SAMLConnectorV2":           func() gogoproto.Message { return &types.SAMLConnectorV2{} },
	"types.CertAuthorityV2":           func() gogoproto.Message { return &types.CertAuthorityV2{} },
	"types.TrustedClusterV2":          func() gogoproto.Message { return &types.TrustedClusterV2{} },
	"types.RemoteClusterV3":           func() gogoproto.Message { return &types.RemoteClusterV3{} },
	"types.AuthPreferenceV2":          func() gogoproto.Message { return &types.AuthPreferenceV2{} },
	"types.ClusterNetworkingConfigV2": func() gogoproto.Message { return &types.ClusterNetworkingConfigV2{} },
	"types.SessionRecordingConfigV2":  func() gogoproto.Message { return &types.SessionRecordingConfigV2{} },
	"types.UIConfigV1":                func() gogoproto.Message { return &types.UIConfigV1{} },
	"types.AccessRequestV3":           func() gogoproto.Message { return &types.AccessRequestV3{} },
	"types.PluginDataV3":              func() gogoproto.Message { return &types.PluginDataV3{} },
	"types.UserTokenV3":               func() gogoproto.Message { return &types.UserTokenV3{} },
}

func printed(t *testing.T, value any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// asYAML is what tctl does with the JSON of a resource.
func asYAML(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// bare is a line without its place: neither indentation nor the comma after it.
func bare(line string) string { return strings.TrimSuffix(strings.TrimSpace(line), ",") }

// difference lists the lines that one text has and the other lacks.
func difference(ours, theirs string) string {
	count := map[string]int{}
	for _, line := range strings.Split(ours, "\n") {
		count[bare(line)]++
	}
	for _, line := range strings.Split(theirs, "\n") {
		count[bare(line)]--
	}
	var out strings.Builder
	for _, text := range []string{ours, theirs} {
		for _, line := range strings.Split(text, "\n") {
			line = bare(line)
			if count[line] > 0 {
				out.WriteString("\n  ours:   " + line)
			} else if count[line] < 0 {
				out.WriteString("\n  theirs: " + line)
			}
			count[line] = 0
		}
	}
	return out.String()
}

// allowed are lines of a printed resource that differ on purpose or by the client's age, with the reason in
// testdata/printed.txt.
func allowed(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("testdata/printed.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			lines[line] = true
		}
	}
	return lines
}

func TestResourcesArePrintedAsTheirTypesPrintThem(t *testing.T) {
	path := os.Getenv("COUNTERSIGN_RESOURCES")
	if path == "" {
		t.Skip("COUNTERSIGN_RESOURCES does not name a file: run `cargo xtask test`")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var resources []resource
	if err := json.Unmarshal(text, &resources); err != nil {
		t.Fatal(err)
	}
	known := allowed(t)
	compared := 0
	for _, ours := range resources {
		if got := asYAML(t, ours.JSON); got != ours.YAML {
			t.Errorf("%s, %s: YAML%s", ours.Message, ours.What, difference(ours.YAML, got))
		}
		make, ok := kinds[ours.Message]
		if !ok {
			continue
		}
		message := make()
		if err := gogoproto.Unmarshal(ours.Bytes, message); err != nil {
			t.Errorf("%s, %s: %v", ours.Message, ours.What, err)
			continue
		}
		if strings.HasPrefix(ours.What, "filled in") {
			if err := message.(checked).CheckAndSetDefaults(); err != nil {
				t.Errorf("%s, %s: %v", ours.Message, ours.What, err)
				continue
			}
		}
		theirs := printed(t, message)
		compared++
		if theirs == ours.JSON {
			continue
		}
		what, _, _ := strings.Cut(ours.What, " ")
		unexpected := ""
		for _, line := range strings.Split(difference(ours.JSON, theirs), "\n  ")[1:] {
			if line = strings.Join(strings.Fields(line), " "); !known[ours.Message+" "+what+" "+line] {
				unexpected += "\n" + ours.Message + " " + what + " " + line
			}
		}
		if unexpected != "" {
			t.Errorf("%s, %s:%s", ours.Message, ours.What, unexpected)
		} else if difference(ours.JSON, theirs) == "" {
			t.Errorf("%s, %s: another order\n%s\n%s", ours.Message, ours.What, ours.JSON, theirs)
		}
	}
	if compared < len(kinds)*2 {
		t.Errorf("only %d resources were compared", compared)
	}
}
