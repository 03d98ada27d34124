package main

import (
	"context"
	"time"

	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
)

// provoke makes calls that must fail and says which class each failure has. It needs somebody
// who may read and write roles and users.
func provoke(ctx context.Context, w *world, _ []string) error {
	const nobody = "00000000-0000-4000-8000-000000000000"
	scratch, err := types.NewRole("peer-errors", types.RoleSpecV6{})
	if err != nil {
		return trace.Wrap(err)
	}
	attempts := []struct {
		call, class string
		try         func() error
	}{
		{"GetRole of none", "NotFound", func() error {
			_, err := w.client.GetRole(ctx, "no-such-role")
			return err
		}},
		{"GetUser of none", "NotFound", func() error {
			_, err := w.client.GetUser(ctx, "nobody@example.com", false)
			return err
		}},
		{"DeleteUser of none", "NotFound", func() error {
			return w.client.DeleteUser(ctx, "nobody@example.com")
		}},
		{"CreateRole twice", "AlreadyExists", func() error {
			if _, err := w.client.CreateRole(ctx, scratch); err != nil && !trace.IsAlreadyExists(err) {
				return err
			}
			_, err := w.client.CreateRole(ctx, scratch)
			return err
		}},
		{"UpdateRole with a stale revision", "CompareFailed", func() error {
			stale, err := w.client.GetRole(ctx, scratch.GetName())
			if err != nil {
				return err
			}
			stale.SetRevision(nobody)
			_, err = w.client.UpdateRole(ctx, stale)
			return err
		}},
		{"SubmitAccessReview of none", "NotFound", func() error {
			_, err := w.client.SubmitAccessReview(ctx, types.AccessReviewSubmission{
				RequestID: nobody,
				Review:    types.AccessReview{ProposedState: types.RequestState_APPROVED, Created: time.Now().UTC()},
			})
			return err
		}},
		{"SetAccessRequestState to none", "BadParameter", func() error {
			return w.client.SetAccessRequestState(ctx, types.AccessRequestUpdate{RequestID: nobody})
		}},
		{"GetPluginData of another kind", "BadParameter", func() error {
			_, err := w.client.GetPluginData(ctx, types.PluginDataFilter{Kind: "role"})
			return err
		}},
		{"ListAccessRequests of too many", "BadParameter", func() error {
			_, err := w.client.ListAccessRequests(ctx, &proto.ListAccessRequestsRequest{Limit: 1_000_000})
			return err
		}},
		{"an unserved call", "NotImplemented", func() error {
			_, err := w.client.GetUserGroup(ctx, "none")
			return err
		}},
		{"watch without kinds", "AccessDenied", func() error {
			watcher, err := w.client.NewWatcher(ctx, types.Watch{})
			if err != nil {
				return err
			}
			defer func() { _ = watcher.Close() }()
			select {
			case <-watcher.Events():
				return nil
			case <-watcher.Done():
				return watcher.Error()
			}
		}},
	}
	wrong := 0
	for _, attempt := range attempts {
		err := attempt.try()
		result := map[string]any{"call": attempt.call, "expected": attempt.class}
		if err == nil {
			result["class"] = "none"
		} else {
			result["class"], result["message"] = class(err), trace.UserMessage(err)
		}
		if result["class"] != attempt.class {
			wrong++
		}
		if err := w.say(result); err != nil {
			return err
		}
	}
	if err := w.client.DeleteRole(ctx, scratch.GetName()); err != nil && !trace.IsNotFound(err) {
		return trace.Wrap(err)
	}
	if wrong > 0 {
		return trace.BadParameter("%d calls failed with another class than expected", wrong)
	}
	return nil
}
