package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/descriptorpb"
)

// Number of the option that marks messages whose content we carry unread.
const opaqueOption = 52003

func load(t *testing.T) (ours, theirs *Contract) {
	t.Helper()
	path := os.Getenv("COUNTERSIGN_DESCRIPTORS")
	if path == "" {
		t.Skip("COUNTERSIGN_DESCRIPTORS does not name a descriptor set: run `cargo xtask test`")
	}
	encoded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if ours, err = Ours(encoded); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range ours.Messages {
		if !isOwn(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if theirs, err = Theirs(names); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// isOwn tells our own packages, and Google's, from those of the contract.
func isOwn(name string) bool {
	return strings.HasPrefix(name, "countersign.") || strings.HasPrefix(name, "google.")
}

// list reads a checked-in list: one entry a line, # starts a remark.
func list(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// settle fails for what was found and is not listed, and for what is listed and was not found.
func settle(t *testing.T, found []string, path string) {
	t.Helper()
	listed := list(t, path)
	slices.Sort(found)
	for _, line := range found {
		if !slices.Contains(listed, line) {
			t.Errorf("not in %s: %s", path, line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(found, line) {
			t.Errorf("no longer so, take it out of %s: %s", path, line)
		}
	}
}

// The other side has everything of ours, the same in number, name, type, cardinality and oneof.
// What we have and they do not is in a list with reasons.
func TestOursIsTheirs(t *testing.T) {
	ours, theirs := load(t)
	var gone []string
	for name, m := range ours.Messages {
		if isOwn(name) {
			continue
		}
		other, ok := theirs.Messages[name]
		if !ok {
			gone = append(gone, "message "+name)
			continue
		}
		for _, field := range m.GetField() {
			i := slices.IndexFunc(other.GetField(), func(f *descriptorpb.FieldDescriptorProto) bool {
				return f.GetNumber() == field.GetNumber()
			})
			if i < 0 {
				gone = append(gone, fmt.Sprintf("field %s.%s %d", name, field.GetName(), field.GetNumber()))
				continue
			}
			mine, yours := describe(m, field), describe(other, other.GetField()[i])
			if mine != yours {
				t.Errorf("%s: ours is %q, theirs %q", name, mine, yours)
			}
		}
	}
	for name, e := range ours.Enums {
		if isOwn(name) {
			continue
		}
		other, ok := theirs.Enums[name]
		if !ok {
			gone = append(gone, "enum "+name)
			continue
		}
		values := map[string]int32{}
		for _, v := range other.GetValue() {
			values[v.GetName()] = v.GetNumber()
		}
		for _, v := range e.GetValue() {
			number, ok := values[v.GetName()]
			if !ok {
				gone = append(gone, fmt.Sprintf("value %s.%s %d", name, v.GetName(), v.GetNumber()))
			} else if number != v.GetNumber() {
				t.Errorf("%s.%s: ours is %d, theirs %d", name, v.GetName(), v.GetNumber(), number)
			}
		}
	}
	for name, s := range ours.Services {
		if isOwn(name) {
			continue
		}
		other, ok := theirs.Services[name]
		if !ok {
			gone = append(gone, "service "+name)
			continue
		}
		methods := map[string]string{}
		for _, m := range other.GetMethod() {
			methods[m.GetName()] = call(m)
		}
		for _, m := range s.GetMethod() {
			yours, ok := methods[m.GetName()]
			if !ok {
				gone = append(gone, fmt.Sprintf("method %s.%s", name, m.GetName()))
			} else if mine := call(m); mine != yours {
				t.Errorf("%s.%s: ours is %q, theirs %q", name, m.GetName(), mine, yours)
			}
		}
	}
	settle(t, gone, "testdata/gone.txt")
}

// What they have and we lack, within the messages, enumerations and services we carry. The list
// may only shrink.
func TestWhatWeLack(t *testing.T) {
	ours, theirs := load(t)
	var lacking []string
	for name, m := range ours.Messages {
		other, ok := theirs.Messages[name]
		if !ok || isOwn(name) || m.GetOptions().GetMapEntry() {
			continue
		}
		if isOpaque(m) {
			lacking = append(lacking, "content "+name)
			continue
		}
		for _, field := range other.GetField() {
			has := slices.ContainsFunc(m.GetField(), func(f *descriptorpb.FieldDescriptorProto) bool {
				return f.GetNumber() == field.GetNumber()
			})
			if !has {
				lacking = append(lacking, fmt.Sprintf("field %s.%s %d", name, field.GetName(), field.GetNumber()))
			}
		}
	}
	for name, e := range ours.Enums {
		other, ok := theirs.Enums[name]
		if !ok || isOwn(name) {
			continue
		}
		for _, value := range other.GetValue() {
			has := slices.ContainsFunc(e.GetValue(), func(v *descriptorpb.EnumValueDescriptorProto) bool {
				return v.GetName() == value.GetName()
			})
			if !has {
				lacking = append(lacking, fmt.Sprintf("value %s.%s %d", name, value.GetName(), value.GetNumber()))
			}
		}
	}
	for name, s := range ours.Services {
		other, ok := theirs.Services[name]
		if !ok || isOwn(name) {
			continue
		}
		for _, method := range other.GetMethod() {
			has := slices.ContainsFunc(s.GetMethod(), func(m *descriptorpb.MethodDescriptorProto) bool {
				return m.GetName() == method.GetName()
			})
			if !has {
				lacking = append(lacking, fmt.Sprintf("method %s.%s", name, method.GetName()))
			}
		}
	}
	settle(t, lacking, "testdata/lacking.txt")
}

// describe says all about a field that the wire and generated code depend on.
func describe(m *descriptorpb.DescriptorProto, f *descriptorpb.FieldDescriptorProto) string {
	text := fmt.Sprintf("%d %s %s %s", f.GetNumber(), f.GetName(), f.GetLabel(), f.GetType())
	if f.TypeName != nil {
		text += " " + f.GetTypeName()
	}
	if f.GetProto3Optional() {
		text += " optional"
	} else if f.OneofIndex != nil {
		text += " oneof " + m.GetOneofDecl()[f.GetOneofIndex()].GetName()
	}
	return text
}

func call(m *descriptorpb.MethodDescriptorProto) string {
	return fmt.Sprintf("%s %t -> %s %t", m.GetInputType(), m.GetClientStreaming(), m.GetOutputType(), m.GetServerStreaming())
}

// isOpaque looks for our option among those that this program has no descriptor of.
func isOpaque(m *descriptorpb.DescriptorProto) bool {
	return option(m.GetOptions().ProtoReflect().GetUnknown(), opaqueOption) != nil
}
