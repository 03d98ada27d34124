package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/gravitational/trace"

	"github.com/gravitational/teleport/api/client/proto"
	"github.com/gravitational/teleport/api/types"
)

// The call that follows every command with a status block.
var alerts = call{"A.GetClusterAlerts", fine, func(ctx context.Context, s *stage) error {
	_, err := s.clt.GetClusterAlerts(ctx, types.GetClusterAlertsRequest{})
	return trace.Wrap(err)
}}

// The call that HTTP commands begin with.
var webPing = call{"GET /webapi/ping", fine, discover("/webapi/ping")}

var tsh = []command{
	{name: "login", calls: []call{
		webPing, {"ALPN test", fine, alpnTest}, {"GET /webapi/find", fine, discover("/webapi/find")},
		{"Trust.GetCertAuthorities", fine, hostAuthorities},
		{"A.GetAccessCapabilities", fine, func(ctx context.Context, s *stage) error {
			_, err := s.clt.GetAccessCapabilities(ctx, types.AccessCapabilitiesRequest{User: s.user})
			return trace.Wrap(err)
		}},
		alerts,
	}},
	{name: "login --request-id", named: true, calls: []call{
		webPing, {"A.ListAccessRequests", fine, listRequests}, {"A.GenerateUserCerts", fine, reissue(true)},
	}},
	{name: "login --request-id, pending", named: true, calls: []call{
		webPing, {"A.ListAccessRequests", fine, listRequests}, {"A.WatchEvents", fine, watch},
		{"A.ListAccessRequests", fine, listRequests}, {"A.GenerateUserCerts", "AccessDenied", reissue(true)},
	}},
	{name: "status", calls: []call{alerts}},
	{name: "version", calls: []call{webPing}},
	{name: "request ls", calls: []call{{"A.ListAccessRequests", fine, func(ctx context.Context, s *stage) error {
		_, err := s.clt.GetAccessRequests(ctx, types.AccessRequestFilter{})
		return trace.Wrap(err)
	}}}},
	{name: "request show", named: true, calls: []call{{"A.ListAccessRequests", fine, listRequests}}},
	{name: "request create --nowait", named: true, calls: []call{
		{"A.CreateAccessRequestV2", fine, ask}, {"A.ListAccessRequests", fine, listRequests}, alerts,
	}},
	{name: "request create", named: true, calls: []call{
		{"A.CreateAccessRequestV2", fine, ask}, {"A.ListAccessRequests", fine, listRequests}, {"A.WatchEvents", fine, watch},
		{"A.ListAccessRequests", fine, listRequests},
	}},
	{name: "request review", named: true, calls: []call{{"A.SubmitAccessReview", fine, func(ctx context.Context, s *stage) error {
		_, err := s.clt.SubmitAccessReview(ctx, types.AccessReviewSubmission{
			RequestID: s.id,
			Review: types.AccessReview{
				Author: s.user, ProposedState: types.RequestState_APPROVED, Reason: "looks right", Created: time.Now().UTC(),
			},
		})
		return trace.Wrap(err)
	}}}},
	{name: "request drop", named: true, calls: []call{{"A.GenerateUserCerts", fine, reissue(false)}, alerts}},
	{name: "request search --kind=node", calls: []call{{"A.ListResources", fine, func(ctx context.Context, s *stage) error {
		found, err := s.clt.ListResources(ctx, proto.ListResourcesRequest{
			ResourceType: types.KindNode, Namespace: "default", Limit: 100, UseSearchAsRoles: true,
		})
		if err != nil {
			return trace.Wrap(err)
		}
		return must(len(found.Resources) == 0 && found.NextKey == "", "found %v", found)
	}}}},
	{name: "ls", calls: []call{{"A.ListUnifiedResources", fine, func(ctx context.Context, s *stage) error {
		found, err := s.clt.ListUnifiedResources(ctx, &proto.ListUnifiedResourcesRequest{
			Kinds: []string{types.KindNode}, Limit: 1000, SortBy: types.SortBy{Field: types.ResourceMetadataName},
		})
		if err != nil {
			return trace.Wrap(err)
		}
		return must(len(found.Resources) == 0 && found.NextKey == "", "found %v", found)
	}}}},
	{name: "apps ls", calls: []call{{"A.ListResources", fine, func(ctx context.Context, s *stage) error {
		_, err := s.clt.ListResources(ctx, proto.ListResourcesRequest{
			ResourceType: types.KindAppServer, Namespace: "default", Limit: 100,
		})
		return trace.Wrap(err)
	}}}},
	{name: "clusters", calls: []call{{"Pres.ListRemoteClusters", fine, remoteClusters}}},
	{name: "mfa ls", calls: []call{{"A.GetMFADevices", fine, func(ctx context.Context, s *stage) error {
		found, err := s.clt.GetMFADevices(ctx, &proto.GetMFADevicesRequest{})
		if err != nil {
			return trace.Wrap(err)
		}
		return must(len(found.Devices) == 1 && found.Devices[0].GetTotp() != nil, "found %v", found.Devices)
	}}}},
	{name: "recordings ls", calls: []call{{"A.GetSessionEvents", fine, func(ctx context.Context, s *stage) error {
		found, next, err := s.clt.SearchSessionEvents(ctx, time.Now().Add(-24*time.Hour), time.Now(), 50, types.EventOrderDescending, "")
		if err != nil {
			return trace.Wrap(err)
		}
		return must(len(found) == 0 && next == "", "found %v", found)
	}}}},
	{name: "ssh", calls: []call{
		{"Transport.ProxySSH", unserved, func(ctx context.Context, s *stage) error {
			_, _, err := s.proxy.DialHost(ctx, "node:22", s.cluster, nil)
			if err != nil && class(trace.Unwrap(err)) == unserved || class(err) == "ConnectionProblem" {
				return trace.NotImplemented("%s", err)
			}
			return trace.Wrap(err)
		}},
		{"A.CreateAuthenticateChallenge", fine, func(ctx context.Context, s *stage) error {
			_, err := s.clt.CreateAuthenticateChallenge(ctx, &proto.CreateAuthenticateChallengeRequest{
				Request: &proto.CreateAuthenticateChallengeRequest_ContextUser{ContextUser: &proto.ContextUser{}},
				MFARequiredCheck: &proto.IsMFARequiredRequest{Target: &proto.IsMFARequiredRequest_Node{
					Node: &proto.NodeLogin{Node: "node", Login: "root"},
				}},
			})
			return trace.Wrap(err)
		}},
		{"A.GetSSHTargets", fine, func(ctx context.Context, s *stage) error {
			found, err := s.clt.GetSSHTargets(ctx, &proto.GetSSHTargetsRequest{Host: "node", Port: "22"})
			if err != nil {
				return trace.Wrap(err)
			}
			return must(len(found.Servers) == 0, "found %v", found.Servers)
		}},
	}},
}

func remoteClusters(ctx context.Context, s *stage) error {
	found, next, err := s.clt.ListRemoteClusters(ctx, 0, "")
	if err != nil {
		return trace.Wrap(err)
	}
	return must(len(found) == 0 && next == "", "found %v", found)
}

// listRequests reads the request that it is about.
func listRequests(ctx context.Context, s *stage) error {
	found, err := s.clt.GetAccessRequests(ctx, types.AccessRequestFilter{ID: s.id})
	if err != nil {
		return trace.Wrap(err)
	}
	return must(len(found) == 1 && found[0].GetName() == s.id, "found %v", found)
}

// ask makes a request as tsh makes it, and is about it from then on.
func ask(ctx context.Context, s *stage) error {
	wanted, err := types.NewAccessRequest(uuid.NewString(), s.user, s.roles)
	if err != nil {
		return trace.Wrap(err)
	}
	wanted.SetRequestReason("incident 42")
	made, err := s.clt.CreateAccessRequestV2(ctx, wanted)
	if err != nil {
		return trace.Wrap(err)
	}
	s.id = made.GetName()
	if err := s.out.Encode(map[string]any{"id": s.id}); err != nil {
		return trace.Wrap(err)
	}
	return must(made.GetState() == types.RequestState_PENDING, "the request is %s", made.GetState())
}

// watch waits until a watch for the request is open, as tsh does before it reads it again.
func watch(ctx context.Context, s *stage) error {
	filter := types.AccessRequestFilter{User: s.user}
	watcher, err := s.clt.NewWatcher(ctx, types.Watch{
		Name: "access-request-tsh", Kinds: []types.WatchKind{{Kind: types.KindAccessRequest, Filter: filter.IntoMap()}},
	})
	if err != nil {
		return trace.Wrap(err)
	}
	defer func() { _ = watcher.Close() }()
	select {
	case event := <-watcher.Events():
		return must(event.Type == types.OpInit, "the watch began with %s", event.Type)
	case <-watcher.Done():
		return trace.Wrap(watcher.Error())
	case <-ctx.Done():
		return trace.Wrap(ctx.Err())
	}
}

// reissue asks for certificates with the request in them, or without any.
func reissue(with bool) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		sshKey, tlsKey, err := fresh()
		if err != nil {
			return err
		}
		wanted := proto.UserCertsRequest{
			Username: s.user, SSHPublicKey: sshKey, TLSPublicKey: tlsKey, Expires: soon(), RouteToCluster: s.cluster,
		}
		if with {
			wanted.AccessRequests = []string{s.id}
		} else {
			wanted.DropAccessRequests = []string{"*"}
		}
		issued, err := s.clt.GenerateUserCerts(ctx, wanted)
		if err != nil {
			return trace.Wrap(err)
		}
		return must(len(issued.SSH) > 0 && len(issued.TLS) > 0, "a certificate is missing")
	}
}
