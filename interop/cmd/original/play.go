package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gravitational/trace"
)

// The answers that are expected. Every other text is the class of an error.
const (
	fine = "ok"
	// Out of scope, and said so at once.
	unserved = "NotImplemented"
	// Something that this version may not have: answered or refused, in either case at once.
	either = "ok or NotImplemented"
)

// call is one call of a command.
type call struct {
	name, want string
	do         func(ctx context.Context, s *stage) error
}

// command is one command of the original with the calls it makes.
type command struct {
	name  string
	calls []call
	// Whether it changes something, or is about something that must be made first.
	named bool
}

// play plays the commands with these names, or all that need nothing.
func play(ctx context.Context, s *stage, all []command, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(one command) bool { return one.name == name }) {
			return trace.BadParameter("no command %q", name)
		}
	}
	for _, one := range all {
		if len(names) == 0 && one.named || len(names) > 0 && !slices.Contains(names, one.name) {
			continue
		}
		for _, call := range one.calls {
			if err := s.attempt(ctx, one.name, call); err != nil {
				return err
			}
		}
	}
	return nil
}

// attempt makes one call and says what came of it.
func (s *stage) attempt(ctx context.Context, command string, call call) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := call.do(limited, s)
	got, message := fine, ""
	if err != nil {
		got, message = class(err), trace.UserMessage(err)
	}
	answered := got == call.want || call.want == either && (got == fine || got == unserved)
	if !answered {
		s.wrong++
	}
	line := map[string]any{"command": command, "call": call.name, "want": call.want, "got": got, "answered": answered}
	if message != "" {
		line["message"] = message
	}
	return trace.Wrap(s.out.Encode(line))
}

// class is an error's class as the original's commands see it.
func class(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case trace.IsNotFound(err):
		return "NotFound"
	case trace.IsAlreadyExists(err):
		return "AlreadyExists"
	case trace.IsAccessDenied(err):
		return "AccessDenied"
	case trace.IsBadParameter(err):
		return "BadParameter"
	case trace.IsCompareFailed(err):
		return "CompareFailed"
	case trace.IsLimitExceeded(err):
		return "LimitExceeded"
	case trace.IsNotImplemented(err):
		return unserved
	case trace.IsConnectionProblem(err):
		return "ConnectionProblem"
	default:
		return "Unknown"
	}
}

// must turns an unexpected answer into an error.
func must(right bool, format string, arguments ...any) error {
	if right {
		return nil
	}
	return trace.Errorf(format, arguments...)
}

// soon is when things that tests make expire.
func soon() time.Time { return time.Now().UTC().Add(time.Hour) }
