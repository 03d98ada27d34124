// Command peer is a client made of Teleport's published Go API, used as any program would use
// it. The end-to-end tests run it against our servers: what it can do, other people's programs
// can do.
//
//	peer -identity FILE -addr HOST:PORT[,…] COMMAND [flags]
//
// It prints one JSON object a line. An error is an object with the member "error", and the exit
// code is 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client"
)

// command is one thing the peer can do.
type command struct {
	about string
	// run gets its own arguments and, unless offline, a client.
	run     func(ctx context.Context, world *world, arguments []string) error
	offline bool
}

var commands = map[string]command{
	"ping":            {about: "who answers, and what it can do", run: ping},
	"find":            {about: "what the proxy says about itself", run: find, offline: true},
	"identity":        {about: "read an identity file", run: readIdentity, offline: true},
	"profile":         {about: "read a profile directory", run: readProfile, offline: true},
	"create-role":     {about: "create a role from a YAML or JSON file", run: createRole},
	"upsert-role":     {about: "create or replace a role from a file", run: upsertRole},
	"get-role":        {about: "one role", run: getRole},
	"list-roles":      {about: "all roles", run: listRoles},
	"delete-role":     {about: "delete a role", run: deleteRole},
	"create-user":     {about: "create a user from a YAML or JSON file", run: createUser},
	"upsert-user":     {about: "create or replace a user from a file", run: upsertUser},
	"get-user":        {about: "one user", run: getUser},
	"list-users":      {about: "all users", run: listUsers},
	"delete-user":     {about: "delete a user", run: deleteUser},
	"whoami":          {about: "the caller and the caller's roles", run: whoami},
	"request":         {about: "create an access request", run: request},
	"requests":        {about: "list access requests", run: requests},
	"review":          {about: "review an access request", run: review},
	"set-state":       {about: "decide an access request without a review", run: setState},
	"delete-request":  {about: "delete an access request", run: deleteRequest},
	"capabilities":    {about: "what the caller may ask for", run: capabilities},
	"watch":           {about: "changes as they happen", run: watch},
	"plugindata":      {about: "read or write a plugin's notes", run: pluginData},
	"certs":           {about: "ask for certificates", run: certs},
	"authorities":     {about: "the certificate authorities of a type", run: authorities},
	"errors":          {about: "provoke errors and check their classes", run: provoke},
	"plugin-sequence": {about: "play the Mattermost plugin, without Mattermost", run: pluginSequence},
}

// world is what commands work with.
type world struct {
	client *client.Client
	out    *json.Encoder
	// Addresses as given.
	addresses []string
	insecure  bool
}

// say prints one object.
func (w *world) say(object any) error {
	return trace.Wrap(w.out.Encode(object))
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"error": describe(err)})
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	identity := flags.String("identity", "", "identity `file`")
	profileDir := flags.String("profile-dir", "", "profile `directory` instead of an identity file")
	profileName := flags.String("profile", "", "`name` of the profile; empty: the current one")
	addresses := flags.String("addr", "", "addresses of auth or proxy, with commas between")
	insecure := flags.Bool("insecure", false, "do not verify the proxy's web certificate")
	timeout := flags.Duration("timeout", time.Minute, "how long all of it may take")
	dial := flags.Duration("dial-timeout", 15*time.Second, "how long connecting may take")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "peer [flags] COMMAND [flags]")
		flags.PrintDefaults()
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(flags.Output(), "  %-16s %s\n", name, commands[name].about)
		}
	}
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	chosen, ok := commands[flags.Arg(0)]
	if !ok {
		return trace.BadParameter("no command %q", flags.Arg(0))
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	w := &world{out: json.NewEncoder(os.Stdout), insecure: *insecure}
	if *addresses != "" {
		w.addresses = strings.Split(*addresses, ",")
	}
	if !chosen.offline {
		var credentials client.Credentials
		switch {
		case *identity != "":
			credentials = client.LoadIdentityFile(*identity)
		case *profileDir != "":
			credentials = client.LoadProfile(*profileDir, *profileName)
		default:
			return trace.BadParameter("neither -identity nor -profile-dir is given")
		}
		connection, err := client.New(ctx, client.Config{
			Addrs:                    w.addresses,
			Credentials:              []client.Credentials{credentials},
			InsecureAddressDiscovery: *insecure,
			DialTimeout:              *dial,
		})
		if err != nil {
			return trace.Wrap(err)
		}
		defer func() { _ = connection.Close() }()
		w.client = connection
	}
	return chosen.run(ctx, w, flags.Args()[1:])
}

// describe gives an error's class as other people's programs see it.
func describe(err error) map[string]any {
	return map[string]any{"class": class(err), "message": trace.UserMessage(err)}
}

func class(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "DeadlineExceeded"
	case errors.Is(err, context.Canceled):
		return "Canceled"
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
		return "NotImplemented"
	case trace.IsConnectionProblem(err):
		return "ConnectionProblem"
	default:
		return "Unknown"
	}
}

// list is a flag that takes texts with commas between, or may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	if text != "" {
		*l = append(*l, strings.Split(text, ",")...)
	}
	return nil
}

// pairs is a flag that takes KEY=VALUE and may be repeated.
type pairs map[string]string

func (p *pairs) String() string { return fmt.Sprint(map[string]string(*p)) }

func (p *pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q is not KEY=VALUE", text)
	}
	if *p == nil {
		*p = pairs{}
	}
	(*p)[key] = value
	return nil
}

// one takes the only argument of a command.
func one(arguments []string, what string) (string, error) {
	if len(arguments) != 1 {
		return "", trace.BadParameter("expected one argument: %s", what)
	}
	return arguments[0], nil
}
