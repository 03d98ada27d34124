// Command original plays the original's own tsh and tctl against our servers: the package that
// they are built on, and call by call what each of their commands was seen to ask for.
//
//	original [flags] roads              every road to the Auth Service, one after the other
//	original [flags] login              sign in over HTTP as tsh does, and write an identity file
//	original [flags] tsh [COMMAND…]     the calls of tsh's commands; none given: all that only read
//	original [flags] tctl [COMMAND…]    the same for tctl
//
// It prints one JSON object for each call and exits with 1 if one of them was not answered as the
// original's command needs it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client"
	"github.com/gravitational/teleport/api/client/proxy"
)

// What no command waits longer for. A call that takes as long hangs.
const patience = 20 * time.Second

// stage is what commands are played on.
type stage struct {
	out *json.Encoder
	// Where things are.
	proxyAddress, authAddress, cluster string
	profileDir, identity               string
	// Who calls, and for what.
	user, password, code, id, roles, file string
	upgrade                               bool
	proxy                                 *proxy.Client
	clt                                   *client.Client
	// Calls that were not answered as they should be.
	wrong int
}

func main() {
	stage := &stage{out: json.NewEncoder(os.Stdout)}
	if err := run(stage, os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		_ = stage.out.Encode(map[string]any{"error": class(err), "message": trace.UserMessage(err)})
		os.Exit(1)
	}
	if stage.wrong > 0 {
		os.Exit(1)
	}
}

func run(s *stage, arguments []string) error {
	flags := flag.NewFlagSet("original", flag.ContinueOnError)
	flags.StringVar(&s.proxyAddress, "proxy", "", "address of the proxy")
	flags.StringVar(&s.authAddress, "auth", "", "address of the Auth Service")
	flags.StringVar(&s.cluster, "cluster", "", "name of the cluster")
	flags.StringVar(&s.profileDir, "profile", "", "profile `directory` of tsh")
	flags.StringVar(&s.identity, "identity", "", "identity `file`")
	flags.StringVar(&s.user, "user", "", "whom it is about")
	flags.StringVar(&s.password, "password", "", "password, to sign in")
	flags.StringVar(&s.code, "code", "", "one-time code, to sign in")
	flags.StringVar(&s.id, "id", "", "the access request it is about")
	flags.StringVar(&s.roles, "roles", "", "the role it is about")
	flags.StringVar(&s.file, "out", "", "identity file to write")
	flags.BoolVar(&s.upgrade, "upgrade", false, "expect a load balancer that has to be passed by an upgrade")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	switch flags.Arg(0) {
	case "roads":
		return roads(ctx, s)
	case "login":
		return login(ctx, s)
	case "tsh":
		return withTsh(ctx, s, func() error { return play(ctx, s, tsh, flags.Args()[1:]) })
	case "tctl":
		return withTctl(ctx, s, func() error { return play(ctx, s, tctl, flags.Args()[1:]) })
	default:
		flags.Usage()
		return fmt.Errorf("%w: no command %q", flag.ErrHelp, flags.Arg(0))
	}
}
