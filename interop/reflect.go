package interop

import "reflect"

// newOf makes a zero value of a registered message type, which is a pointer type.
func newOf(kind reflect.Type) any {
	return reflect.New(kind.Elem()).Interface()
}
