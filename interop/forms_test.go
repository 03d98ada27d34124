package interop

import (
	"encoding"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gogoproto "github.com/gogo/protobuf/proto"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/gravitational/teleport/api/types"
	"github.com/gravitational/teleport/api/types/wrappers"
)

// Number of the option that says how a field is written.
const formOption = 52001

// form is our option `countersign.form` of one field.
type form struct {
	JSON                           string
	OmitEmpty, Inline, Never, Null bool
	Kind                           string
}

// forms reads the option of every field of ours.
func forms(t *testing.T) map[string]map[int32]form {
	t.Helper()
	path := os.Getenv("COUNTERSIGN_DESCRIPTORS")
	if path == "" {
		t.Skip("COUNTERSIGN_DESCRIPTORS does not name a descriptor set: run `cargo xtask test`")
	}
	encoded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(encoded, &set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		t.Fatal(err)
	}
	description, err := files.FindDescriptorByName("countersign.Form")
	if err != nil {
		t.Fatal(err)
	}
	shape := description.(protoreflect.MessageDescriptor)
	found := map[string]map[int32]form{}
	var walk func(messages protoreflect.MessageDescriptors)
	walk = func(messages protoreflect.MessageDescriptors) {
		for i := range messages.Len() {
			message := messages.Get(i)
			walk(message.Messages())
			fields := map[int32]form{}
			for j := range message.Fields().Len() {
				field := message.Fields().Get(j)
				value := dynamicpb.NewMessage(shape)
				encoded := option(field.Options().ProtoReflect().GetUnknown(), formOption)
				if encoded == nil {
					continue
				}
				if err := proto.Unmarshal(encoded, value); err != nil {
					t.Fatal(err)
				}
				get := func(name string) protoreflect.Value {
					return value.Get(shape.Fields().ByName(protoreflect.Name(name)))
				}
				kind := shape.Fields().ByName("kind").Enum().Values().ByNumber(get("kind").Enum())
				fields[int32(field.Number())] = form{
					JSON:      get("json").String(),
					OmitEmpty: get("omit_empty").Bool(),
					Inline:    get("inline").Bool(),
					Never:     get("never").Bool(),
					Null:      !get("non_null").Bool(),
					Kind:      strings.TrimPrefix(string(kind.Name()), "FORM_KIND_"),
				}
			}
			found[string(message.FullName())] = fields
		}
	}
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		walk(file.Messages())
		return true
	})
	return found
}

var (
	moment   = reflect.TypeFor[time.Time]()
	number   = reflect.TypeFor[time.Duration]()
	span     = reflect.TypeFor[types.Duration]()
	labels   = reflect.TypeFor[types.Labels]()
	traits   = reflect.TypeFor[wrappers.Traits]()
	texts    = reflect.TypeFor[wrappers.Strings]()
	flag     = reflect.TypeFor[types.BoolOption]()
	marshals = []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()}
)

// option finds one option, by its number, among those without a descriptor here.
func option(rest []byte, wanted protowire.Number) []byte {
	for len(rest) > 0 {
		number, kind, n := protowire.ConsumeField(rest)
		if n < 0 {
			return nil
		}
		if number == wanted {
			if kind != protowire.BytesType {
				return rest[:n]
			}
			_, _, key := protowire.ConsumeTag(rest)
			value, _ := protowire.ConsumeBytes(rest[key:])
			return value
		}
		rest = rest[n:]
	}
	return nil
}

// expected is the form that the published client's type gives a field.
func expected(field reflect.StructField) form {
	name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
	want := form{JSON: name, OmitEmpty: strings.Contains(rest, "omitempty"), Kind: "PLAIN", Null: true}
	if name == "-" {
		return form{Never: true, Kind: want.Kind, Null: true}
	}
	if name == "" && (field.Anonymous || strings.Contains(rest, "inline")) {
		want.Inline = true
		want.OmitEmpty = false
	} else if name == "" {
		want.JSON = field.Name
	}
	kind := field.Type
	pointer := kind.Kind() == reflect.Pointer
	if pointer {
		kind = kind.Elem()
	}
	switch {
	case kind == moment:
		want.Kind = "MOMENT"
	case kind == number:
		want.Kind = "PLAIN"
	case kind == span:
		want.Kind = "NANOS"
	case kind == labels:
		want.Kind = "LABELS"
	case kind == traits:
		want.Kind = "TRAITS"
	case kind == texts:
		want.Kind = "STRINGS"
	case kind == flag:
		want.Kind = "BOOL_OPTION"
	default:
		element := kind
		if element.Kind() == reflect.Slice {
			element = element.Elem()
		}
		writes := func(as reflect.Type) bool { return reflect.PointerTo(element).Implements(as) }
		if element.Kind() == reflect.Int32 && slices.ContainsFunc(marshals, writes) {
			want.Kind = "ENUM_TEXT"
		}
	}
	want.Null = pointer || kind.Kind() != reflect.Struct
	return want
}

// Keys and shapes in resource files are those of the published client's types. What differs on
// purpose is in a list with reasons.
func TestForms(t *testing.T) {
	var found []string
	compared := 0
	for name, fields := range forms(t) {
		if !strings.HasPrefix(name, "types.") && !strings.HasPrefix(name, "events.") {
			continue
		}
		kind := gogoproto.MessageType(name)
		if kind == nil {
			continue
		}
		structure := kind.Elem()
		if structure.Kind() != reflect.Struct {
			continue
		}
		wrapped := []reflect.Type{}
		if oneofs, ok := newOf(kind).(interface{ XXX_OneofWrappers() []any }); ok {
			for _, w := range oneofs.XXX_OneofWrappers() {
				wrapped = append(wrapped, reflect.TypeOf(w).Elem())
			}
		}
		for _, owner := range append([]reflect.Type{structure}, wrapped...) {
			for i := range owner.NumField() {
				field := owner.Field(i)
				parts := strings.Split(field.Tag.Get("protobuf"), ",")
				if len(parts) < 2 {
					continue
				}
				n, err := strconv.ParseInt(parts[1], 10, 32)
				if err != nil {
					t.Fatal(err)
				}
				mine, ok := fields[int32(n)]
				if !ok {
					continue
				}
				compared++
				want := expected(field)
				// Whether an absent message is an empty one shows in the text of messages and
				// moments alone.
				if want.Kind != "MOMENT" {
					want.Null, mine.Null = true, true
				}
				if mine != want {
					found = append(found, fmt.Sprintf("%s.%d ours %s theirs %s", name, n, show(mine), show(want)))
				}
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d fields were compared", compared)
	}
	slices.Sort(found)
	settle(t, found, "testdata/forms.txt")
}

func show(f form) string {
	text := f.JSON
	if f.OmitEmpty {
		text += "?"
	}
	if f.Inline {
		text += "(inline)"
	}
	if f.Never {
		text += "(never)"
	}
	text += ":" + f.Kind
	if !f.Null {
		text += "!"
	}
	return text
}
