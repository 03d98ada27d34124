package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gravitational/trace"

	accessmonitoringrulesv1 "github.com/gravitational/teleport/api/gen/proto/go/teleport/accessmonitoringrules/v1"
	"github.com/gravitational/teleport/api/types"
)

// How long the plugin gives its start, the first event of its watch, and each event.
const (
	startBudget = 10 * time.Second
	initBudget  = 15 * time.Second
	eventBudget = 5 * time.Second
)

// pluginSequence plays what the published Mattermost plugin does against the cluster, call by
// call. Instead of posting it invents posts.
func pluginSequence(ctx context.Context, w *world, arguments []string) error {
	flags := flag.NewFlagSet("plugin-sequence", flag.ContinueOnError)
	name := flags.String("plugin", "mattermost", "name of the plugin")
	events := flags.Int("events", 0, "stop after so many events; 0: never")
	until := flags.String("until", "", "stop at a resolution: APPROVED, DENIED, PROMOTED or EXPIRED")
	oneKind := flags.Bool("one-kind", false, "watch requests alone, as plugins before 16 do")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	p := &plugin{world: w, name: *name}

	start, cancel := context.WithTimeout(ctx, startBudget)
	defer cancel()
	answer, err := w.client.Ping(start)
	if err != nil {
		return trace.Wrap(err)
	}
	if major, _, _ := strings.Cut(answer.ServerVersion, "."); strings.HasPrefix(answer.ServerVersion, "v") || major == "" {
		return trace.BadParameter("the server's version %q is no semantic version", answer.ServerVersion)
	}
	if err := p.step("ping", map[string]any{
		"cluster": answer.ClusterName, "version": answer.ServerVersion, "proxy": answer.ProxyPublicAddr,
		"links": answer.GetServerFeatures().GetAdvancedAccessWorkflows(),
	}); err != nil {
		return err
	}

	asked := types.Watch{Kinds: []types.WatchKind{{Kind: types.KindAccessRequest}}}
	if !*oneKind {
		asked.Kinds = append(asked.Kinds, types.WatchKind{Kind: types.KindAccessMonitoringRule})
		asked.AllowPartialSuccess = true
	}
	watcher, err := w.client.NewWatcher(ctx, asked)
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = watcher.Close() }()
	accepted, err := p.first(watcher)
	if err != nil {
		return err
	}
	if slices.Contains(accepted, types.KindAccessMonitoringRule) {
		if err := p.rules(start); err != nil {
			return err
		}
	}

	for seen := 0; *events == 0 || seen < *events; seen++ {
		select {
		case event := <-watcher.Events():
			resolution, err := p.handle(ctx, event)
			if err != nil {
				return err
			}
			if *until != "" && resolution == *until {
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
	return nil
}

type plugin struct {
	*world
	name string
	// Posts invented so far.
	posts int
}

func (p *plugin) step(name string, members map[string]any) error {
	object := map[string]any{"step": name}
	maps.Copy(object, members)
	return p.say(object)
}

// first waits for the event that opens the stream and says which kinds were accepted.
func (p *plugin) first(watcher types.Watcher) ([]string, error) {
	select {
	case event := <-watcher.Events():
		if event.Type != types.OpInit {
			return nil, trace.ConnectionProblem(nil, "the first event is %v", event.Type)
		}
		status, ok := event.Resource.(types.WatchStatus)
		if !ok {
			return nil, trace.BadParameter("the first event does not say which kinds were accepted")
		}
		kinds := []string{}
		for _, kind := range status.GetKinds() {
			kinds = append(kinds, kind.Kind)
		}
		if !slices.Contains(kinds, types.KindAccessRequest) {
			return nil, trace.AccessDenied("requests may not be watched, only %v", kinds)
		}
		return kinds, p.step("init", map[string]any{"kinds": kinds})
	case <-watcher.Done():
		return nil, trace.Wrap(watcher.Error())
	case <-time.After(initBudget):
		return nil, trace.ConnectionProblem(nil, "no first event within %v", initBudget)
	}
}

// rules lists the rules that name the plugin. An error here ends the real plugin.
func (p *plugin) rules(ctx context.Context) error {
	token, found := "", 0
	for {
		rules, next, err := p.client.AccessMonitoringRulesClient().ListAccessMonitoringRulesWithFilter(ctx,
			&accessmonitoringrulesv1.ListAccessMonitoringRulesWithFilterRequest{
				PageSize:         1000,
				PageToken:        token,
				Subjects:         []string{types.KindAccessRequest},
				NotificationName: p.name,
			})
		if err != nil {
			return trace.Wrap(err)
		}
		found += len(rules)
		if next == "" {
			return p.step("rules", map[string]any{"count": found})
		}
		token = next
	}
}

// handle does what one event asks for, within its budget.
func (p *plugin) handle(ctx context.Context, event types.Event) (resolution string, err error) {
	ctx, cancel := context.WithTimeout(ctx, eventBudget)
	defer cancel()
	if event.Resource == nil || event.Resource.GetKind() != types.KindAccessRequest {
		return "", p.step("other event", told(event))
	}
	id := event.Resource.GetName()
	switch event.Type {
	case types.OpPut:
		request, ok := event.Resource.(types.AccessRequest)
		if !ok {
			return "", trace.BadParameter("the event does not carry the request")
		}
		if request.GetState() == types.RequestState_PENDING {
			return "", p.pending(ctx, request)
		}
		if err := p.reviews(ctx, request); err != nil {
			return "", err
		}
		resolution = request.GetState().String()
		return resolution, p.resolve(ctx, id, resolution, request.GetResolveReason())
	case types.OpDelete:
		return "EXPIRED", p.resolve(ctx, id, "EXPIRED", "")
	default:
		return "", trace.BadParameter("unexpected event %v", event.Type)
	}
}

// pending claims a new request, posts, and remembers the posts; for one it knows it adds what
// reviews are new.
func (p *plugin) pending(ctx context.Context, request types.AccessRequest) error {
	// Both are for the text alone, and the plugin can do without them.
	if _, err := p.client.GetUser(ctx, request.GetUser(), false); err != nil {
		if err := p.step("no user", describe(err)); err != nil {
			return err
		}
	}
	logins := map[string][]string{}
	for _, name := range request.GetRoles() {
		role, err := p.client.GetRole(ctx, name)
		if trace.IsAccessDenied(err) {
			if err := p.step("no logins", describe(err)); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return trace.Wrap(err)
		}
		logins[name] = role.GetLogins(types.Allow)
	}

	notes, err := notesOf(ctx, p.world, types.KindAccessRequest, request.GetName(), p.name)
	if err != nil {
		return err
	}
	if len(notes) > 0 {
		return p.reviews(ctx, request)
	}
	set := map[string]string{
		"user":           request.GetUser(),
		"roles":          strings.Join(request.GetRoles(), ","),
		"resources":      "",
		"request_reason": request.GetRequestReason(),
		"reviews_count":  strconv.Itoa(len(request.GetReviews())),
		"resolution":     "",
		"resolve_reason": "",
	}
	if len(logins) > 0 {
		encoded, err := json.Marshal(logins)
		if err != nil {
			return trace.Wrap(err)
		}
		set["logins_by_role"] = string(encoded)
	}
	expect := map[string]string{}
	for key := range set {
		expect[key] = ""
	}
	err = p.client.UpdatePluginData(ctx, p.update(request.GetName(), set, expect))
	if trace.IsCompareFailed(err) {
		return p.step("claimed by another", map[string]any{"id": request.GetName()})
	}
	if err != nil {
		return trace.Wrap(err)
	}
	if err := p.step("claimed", map[string]any{"id": request.GetName(), "user": request.GetUser(), "roles": request.GetRoles()}); err != nil {
		return err
	}
	// A second claim must lose.
	if err := p.client.UpdatePluginData(ctx, p.update(request.GetName(), set, expect)); !trace.IsCompareFailed(err) {
		return trace.BadParameter("a second claim got %v", err)
	}

	p.posts++
	post := fmt.Sprintf("channel/post%d", p.posts)
	now, err := p.change(ctx, request.GetName(), func(map[string]string) map[string]string {
		return map[string]string{"messages": post}
	})
	if err != nil {
		return err
	}
	if value, there := now["resources"]; there {
		return trace.BadParameter("a note set to nothing is there, with the value %q", value)
	}
	return p.step("posted", map[string]any{"id": request.GetName(), "messages": now["messages"]})
}

// reviews replies to the post once for each new review.
func (p *plugin) reviews(ctx context.Context, request types.AccessRequest) error {
	var old int
	_, err := p.change(ctx, request.GetName(), func(notes map[string]string) map[string]string {
		old, _ = strconv.Atoi(notes["reviews_count"])
		if count := len(request.GetReviews()); count > old {
			return map[string]string{"reviews_count": strconv.Itoa(count)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := request.GetReviews()
	for i := old; i < len(all); i++ {
		if err := p.step("review", map[string]any{
			"id": request.GetName(), "author": all[i].Author, "state": all[i].ProposedState.String(), "reason": all[i].Reason,
		}); err != nil {
			return err
		}
	}
	return nil
}

// resolve notes how it ended, once.
func (p *plugin) resolve(ctx context.Context, id, resolution, reason string) error {
	known, already := false, false
	now, err := p.change(ctx, id, func(notes map[string]string) map[string]string {
		known, already = len(notes) > 0, notes["resolution"] != ""
		if !known || already {
			return nil
		}
		return map[string]string{"resolution": resolution, "resolve_reason": reason}
	})
	if err != nil {
		return err
	}
	if !known || already {
		return p.step("nothing to resolve", map[string]any{"id": id, "resolution": resolution})
	}
	return p.step("resolved", map[string]any{
		"id": id, "resolution": resolution, "reason": reason, "messages": now["messages"],
	})
}

// change writes notes on the condition that the old values of the keys are still there, and
// tries again when they are not, with a growing pause.
func (p *plugin) change(ctx context.Context, id string, next func(map[string]string) map[string]string) (map[string]string, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, time.Second) {
		notes, err := notesOf(ctx, p.world, types.KindAccessRequest, id, p.name)
		if err != nil {
			return nil, err
		}
		set := next(notes)
		if set == nil {
			return notes, nil
		}
		expect := map[string]string{}
		for key := range set {
			expect[key] = notes[key]
		}
		err = p.client.UpdatePluginData(ctx, p.update(id, set, expect))
		if err == nil {
			return notesOf(ctx, p.world, types.KindAccessRequest, id, p.name)
		}
		if !trace.IsCompareFailed(err) {
			return nil, trace.Wrap(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, trace.Wrap(ctx.Err())
		}
	}
}

func (p *plugin) update(id string, set, expect map[string]string) types.PluginDataUpdateParams {
	return types.PluginDataUpdateParams{
		Kind: types.KindAccessRequest, Resource: id, Plugin: p.name, Set: set, Expect: expect,
	}
}
