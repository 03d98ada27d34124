// Package interop compares our wire contract with the published Go client of Teleport, and
// holds the program that plays that client against our servers (cmd/peer).
package interop

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	gogoproto "github.com/gogo/protobuf/proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	// The client and every package of messages that ours have a counterpart in.
	_ "github.com/gravitational/teleport/api/client"
	_ "github.com/gravitational/teleport/api/client/proto"
	_ "github.com/gravitational/teleport/api/gen/proto/go/attestation/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/accesslist/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/accessmonitoringrules/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/auditlog/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/autoupdate/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/clusterconfig/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/crownjewel/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/dbobject/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/discoveryconfig/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/header/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/healthcheckconfig/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/identitycenter/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/kubewaitingcontainer/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/machineid/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/mfa/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/notifications/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/presence/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/provisioning/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/secreports/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/trait/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/transport/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/trust/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/userloginstate/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/userprovisioning/v2"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/users/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/usertasks/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/teleport/workloadidentity/v1"
	_ "github.com/gravitational/teleport/api/gen/proto/go/userpreferences/v1"
)

// Contract is every named thing of a set of descriptor files.
type Contract struct {
	Messages map[string]*descriptorpb.DescriptorProto
	Enums    map[string]*descriptorpb.EnumDescriptorProto
	Services map[string]*descriptorpb.ServiceDescriptorProto
	// Packages that any of the files belongs to.
	Packages map[string]bool
}

// NewContract returns an empty contract.
func NewContract() *Contract {
	return &Contract{
		Messages: map[string]*descriptorpb.DescriptorProto{},
		Enums:    map[string]*descriptorpb.EnumDescriptorProto{},
		Services: map[string]*descriptorpb.ServiceDescriptorProto{},
		Packages: map[string]bool{},
	}
}

// Add takes everything in file in.
func (c *Contract) Add(file *descriptorpb.FileDescriptorProto) {
	c.Packages[file.GetPackage()] = true
	for _, m := range file.GetMessageType() {
		c.addMessage(file.GetPackage(), m)
	}
	for _, e := range file.GetEnumType() {
		c.Enums[file.GetPackage()+"."+e.GetName()] = e
	}
	for _, s := range file.GetService() {
		c.Services[file.GetPackage()+"."+s.GetName()] = s
	}
}

func (c *Contract) addMessage(scope string, m *descriptorpb.DescriptorProto) {
	name := scope + "." + m.GetName()
	c.Messages[name] = m
	for _, inner := range m.GetNestedType() {
		c.addMessage(name, inner)
	}
	for _, e := range m.GetEnumType() {
		c.Enums[name+"."+e.GetName()] = e
	}
}

// Ours reads the descriptor set that our build writes.
func Ours(encoded []byte) (*Contract, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(encoded, &set); err != nil {
		return nil, fmt.Errorf("reading our descriptor set: %w", err)
	}
	contract := NewContract()
	for _, file := range set.GetFile() {
		contract.Add(file)
	}
	return contract, nil
}

// Theirs gathers what the published client registers at run time. Most packages are in the
// standard registry; the older ones are in gogo's, which has no list: their files are found
// through the messages named.
func Theirs(names []string) (*Contract, error) {
	contract := NewContract()
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		contract.Add(protodesc.ToFileDescriptorProto(file))
		return true
	})
	seen := map[string]bool{}
	for _, name := range names {
		kind := gogoproto.MessageType(name)
		if kind == nil {
			continue
		}
		message, ok := newOf(kind).(interface{ Descriptor() ([]byte, []int) })
		if !ok {
			continue
		}
		packed, _ := message.Descriptor()
		if err := contract.addPacked(packed, seen); err != nil {
			return nil, fmt.Errorf("descriptor of %s: %w", name, err)
		}
	}
	return contract, nil
}

func (c *Contract) addPacked(packed []byte, seen map[string]bool) error {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	encoded, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	file := &descriptorpb.FileDescriptorProto{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, AllowPartial: true}).Unmarshal(encoded, file); err != nil {
		return err
	}
	if seen[file.GetName()] {
		return nil
	}
	seen[file.GetName()] = true
	c.Add(file)
	for _, name := range file.GetDependency() {
		if packed := gogoproto.FileDescriptor(name); packed != nil {
			if err := c.addPacked(packed, seen); err != nil {
				return err
			}
		}
	}
	return nil
}
