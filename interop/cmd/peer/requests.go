package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
)

// state reads a state in the words that people use.
func state(word string) (types.RequestState, error) {
	switch strings.ToUpper(word) {
	case "APPROVE", "APPROVED":
		return types.RequestState_APPROVED, nil
	case "DENY", "DENIED":
		return types.RequestState_DENIED, nil
	case "PENDING":
		return types.RequestState_PENDING, nil
	case "PROMOTED":
		return types.RequestState_PROMOTED, nil
	case "", "NONE":
		return types.RequestState_NONE, nil
	default:
		return 0, trace.BadParameter("no state %q", word)
	}
}

// shown is a request with its state as a word beside it.
func shown(request types.AccessRequest) map[string]any {
	return map[string]any{"id": request.GetName(), "state": request.GetState().String(), "request": request}
}

// uuid makes a random one: the creating client has to send one, the server replaces it.
func uuid() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", trace.Wrap(err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

func request(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("request", flag.ContinueOnError)
	var roles, reviewers list
	flags.Var(&roles, "roles", "roles to ask for")
	flags.Var(&reviewers, "reviewers", "suggested reviewers")
	user := flags.String("user", "", "for whom; empty: the caller")
	reason := flags.String("reason", "", "why")
	dry := flags.Bool("dry-run", false, "validate alone")
	length := flags.Duration("max-duration", 0, "how long")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *user == "" {
		caller, err := w.client.GetCurrentUser(ctx)
		if err != nil {
			return trace.Wrap(err)
		}
		*user = caller.GetName()
	}
	id, err := uuid()
	if err != nil {
		return err
	}
	wanted, err := types.NewAccessRequest(id, *user, roles...)
	if err != nil {
		return trace.Wrap(err)
	}
	wanted.SetRequestReason(*reason)
	wanted.SetSuggestedReviewers(reviewers)
	wanted.SetDryRun(*dry)
	if *length > 0 {
		wanted.SetMaxDuration(time.Now().UTC().Add(*length))
	}
	created, err := w.client.CreateAccessRequestV2(ctx, wanted)
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(shown(created))
}

func requests(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("requests", flag.ContinueOnError)
	id := flags.String("id", "", "one request")
	user := flags.String("user", "", "of one user")
	word := flags.String("state", "", "in one state")
	limit := flags.Int("limit", 0, "page size")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	wanted, err := state(*word)
	if err != nil {
		return err
	}
	found, err := w.client.ListAllAccessRequests(ctx, &proto.ListAccessRequestsRequest{
		Filter: &types.AccessRequestFilter{ID: *id, User: *user, State: wanted},
		Limit:  int32(*limit), //nolint:gosec // a page size
	})
	if err != nil {
		return trace.Wrap(err)
	}
	for _, request := range found {
		if err := w.say(shown(request)); err != nil {
			return err
		}
	}
	return nil
}

func review(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("review", flag.ContinueOnError)
	id := flags.String("id", "", "the request")
	word := flags.String("state", "APPROVED", "approved or denied")
	author := flags.String("author", "", "who reviews; empty: the caller")
	reason := flags.String("reason", "", "why")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	proposed, err := state(*word)
	if err != nil {
		return err
	}
	updated, err := w.client.SubmitAccessReview(ctx, types.AccessReviewSubmission{
		RequestID: *id,
		Review: types.AccessReview{
			Author:        *author,
			ProposedState: proposed,
			Reason:        *reason,
			Created:       time.Now().UTC(),
		},
	})
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(shown(updated))
}

func setState(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("set-state", flag.ContinueOnError)
	id := flags.String("id", "", "the request")
	word := flags.String("state", "", "approved or denied")
	reason := flags.String("reason", "", "why")
	var roles list
	flags.Var(&roles, "roles", "only these of the requested roles")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	wanted, err := state(*word)
	if err != nil {
		return err
	}
	update := types.AccessRequestUpdate{RequestID: *id, State: wanted, Reason: *reason, Roles: roles}
	if err := w.client.SetAccessRequestState(ctx, update); err != nil {
		return trace.Wrap(err)
	}
	return w.say(map[string]any{"id": *id, "state": wanted.String()})
}

func deleteRequest(ctx context.Context, w *world, arguments []string) error {
	id, err := one(arguments, "id")
	if err != nil {
		return err
	}
	if err := w.client.DeleteAccessRequest(ctx, id); err != nil {
		return trace.Wrap(err)
	}
	return w.say(map[string]any{"deleted": id})
}

func capabilities(ctx context.Context, w *world, _ []string) error {
	found, err := w.client.GetAccessCapabilities(ctx, types.AccessCapabilitiesRequest{
		RequestableRoles:   true,
		SuggestedReviewers: true,
	})
	if err != nil {
		return trace.Wrap(err)
	}
	return w.say(found)
}

func watch(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("watch", flag.ContinueOnError)
	var kinds list
	var filter pairs
	flags.Var(&kinds, "kinds", "kinds to watch")
	flags.Var(&filter, "filter", "filter of all of them, KEY=VALUE")
	partial := flags.Bool("partial", false, "some of the kinds are enough")
	count := flags.Int("count", 0, "stop after so many events beside the first; 0: never")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	asked := types.Watch{AllowPartialSuccess: *partial}
	for _, kind := range kinds {
		asked.Kinds = append(asked.Kinds, types.WatchKind{Kind: kind, Filter: filter})
	}
	watcher, err := w.client.NewWatcher(ctx, asked)
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = watcher.Close() }()
	seen := -1
	for {
		select {
		case event := <-watcher.Events():
			if err := w.say(told(event)); err != nil {
				return err
			}
			if seen++; *count > 0 && seen >= *count {
				return nil
			}
		case <-watcher.Done():
			if err := watcher.Error(); err != nil {
				return trace.Wrap(err)
			}
			return trace.ConnectionProblem(nil, "the stream has ended")
		case <-ctx.Done():
			return trace.Wrap(ctx.Err())
		}
	}
}

// told is an event as one object.
func told(event types.Event) map[string]any {
	object := map[string]any{"type": strings.ToUpper(event.Type.String())}
	if status, ok := event.Resource.(types.WatchStatus); ok {
		kinds := []string{}
		for _, kind := range status.GetKinds() {
			kinds = append(kinds, kind.Kind)
		}
		object["kinds"] = kinds
	} else if event.Resource != nil {
		object["kind"] = event.Resource.GetKind()
		object["name"] = event.Resource.GetName()
		object["resource"] = event.Resource
		if request, ok := event.Resource.(types.AccessRequest); ok {
			object["state"] = request.GetState().String()
			object["reviews"] = len(request.GetReviews())
		}
	}
	return object
}

func pluginData(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("plugindata", flag.ContinueOnError)
	kind := flags.String("kind", types.KindAccessRequest, "kind of the owner")
	resource := flags.String("resource", "", "name of the owner")
	plugin := flags.String("plugin", "mattermost", "whose notes")
	var set, expect pairs
	flags.Var(&set, "set", "write KEY=VALUE")
	flags.Var(&expect, "expect", "only if KEY is VALUE now")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if set != nil || expect != nil {
		err := w.client.UpdatePluginData(ctx, types.PluginDataUpdateParams{
			Kind: *kind, Resource: *resource, Plugin: *plugin, Set: set, Expect: expect,
		})
		if err != nil {
			return trace.Wrap(err)
		}
	}
	notes, err := notesOf(ctx, w, *kind, *resource, *plugin)
	if err != nil {
		return err
	}
	return w.say(map[string]any{"data": notes})
}

// notesOf reads one plugin's notes beside one resource; none are an empty map.
func notesOf(ctx context.Context, w *world, kind, resource, plugin string) (map[string]string, error) {
	found, err := w.client.GetPluginData(ctx, types.PluginDataFilter{Kind: kind, Resource: resource, Plugin: plugin})
	if err != nil {
		return nil, trace.Wrap(err)
	}
	for _, data := range found {
		if entry := data.Entries()[plugin]; entry != nil {
			return entry.Data, nil
		}
	}
	return map[string]string{}, nil
}
